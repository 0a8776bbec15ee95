"""What can go wrong in the store, besides a value that is not allowed (`InputError`)."""

from __future__ import annotations

from explorer.errors import ExplorerError, InputError, shown


class NotThere(InputError):
    """There is nothing of that id for whoever asks.

    One sentence for "never made", "deleted" and "somebody else's": the difference would tell a
    stranger which ids exist.
    """

    def __init__(self, what: str, name: str) -> None:
        super().__init__(
            f"There is no {what} {shown(name)} for you: "
            "it was never here, was deleted, or is not shared with you (any more)."
        )


class StoreError(ExplorerError):
    """The database itself cannot be used: no place, no permission, locked or damaged."""
