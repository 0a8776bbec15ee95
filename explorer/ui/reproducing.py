"""The part of the page that says how the shown run is made again.

Any script opens and closes it with `document.dispatchEvent(new CustomEvent("reproduce"))`.
"""

from __future__ import annotations

import secrets
from typing import Any

import gradio as gr

from explorer.errors import ExplorerError
from explorer.reproduce import recipes
from explorer.ui.parts import part
from explorer.ui.service import Service
from explorer.ui.tab import Tab


def reproduction(
    service: Service, owner: Any, tab: Any, current: Any, every: dict[str, Any]
) -> gr.HTML:
    """Places it; what it shows is of the run in `current`, and goes when another comes."""
    panel = part("reproduce")

    def ways(token: str, tab: Tab) -> dict[str, Any]:
        run_id = tab.current.get("run", "")
        told = {"asked": secrets.token_hex(4)}  # so that the same answer is news once more
        try:
            return {**told, "ways": recipes(service.trace(run_id, tab.visitor(token)))}
        except ExplorerError as error:
            return {**told, "sentence": str(error)}

    panel.select(ways, [owner, tab], [panel], **every)
    current.change(lambda: None, None, [panel], **every)
    return panel
