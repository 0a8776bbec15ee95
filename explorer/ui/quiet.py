"""How every event of the page is handled."""

from __future__ import annotations

from typing import Any

from gradio.components import Component


def quiet(name: Component) -> dict[str, Any]:
    """No API, no signs of progress, no limit on how many at once.

    Events are not documented and not offered to clients; they are checked all the same. Gradio
    copies all properties of whatever could show the progress at every piece of a stream, shown or
    not: `name` is a small component that stands in for the outputs.
    """
    return {
        "api_visibility": "private",
        "show_progress": "hidden",
        "show_progress_on": [name],
        "concurrency_limit": None,
    }
