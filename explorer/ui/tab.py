"""What the server knows of one browser tab."""

from __future__ import annotations

import threading
from typing import Any

from explorer.ui.service import Visitor
from explorer.ui.sessions import ALL

PAGE = 25  # runs that are listed at once


class Tab:
    """Where a visitor stands: what is open, and which of their runs are listed.

    A `gr.State` gives every handler of a tab the same object, as long as none returns it. So each
    sees what another press has changed meanwhile, and not what stood there when it was called.
    Whoever reads the tab for an answer holds `turn` until the answer is made: answers come one
    after the other, and none takes back what was pressed before it.
    """

    def __init__(self) -> None:
        self.share = ""  # the share id in the address
        self.current: dict[str, Any] = {}  # "run", and "with" for the one beside it
        self.search = ""
        self.session = ALL
        self.shown = PAGE
        self.look: object = None  # the latest watching of a run: an older one ends itself
        self.turn = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> Tab:
        """Gradio gives each tab a copy of the first one; a lock has none."""
        return Tab()

    def visitor(self, token: str) -> Visitor:
        return Visitor(token, self.share)

    def open(self, run_id: str, beside: object = None, **more: Any) -> dict[str, Any]:
        """Show another run, or two; returns what they are."""
        pair = {"with": beside} if isinstance(beside, str) and beside else {}
        self.current = {"run": run_id, **pair, **more}
        return self.current
