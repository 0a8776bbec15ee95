"""The part of the page that says whether the shown run is what its method claims.

Any script asks with `document.dispatchEvent(new CustomEvent("verify"))`.
"""

from __future__ import annotations

import secrets
from typing import Any

import gradio as gr

from explorer.errors import ExplorerError
from explorer.ui.parts import part
from explorer.ui.service import Service
from explorer.ui.tab import Tab


def verification(
    service: Service, owner: Any, tab: Any, current: Any, every: dict[str, Any]
) -> gr.HTML:
    """Places it; what it says is of the run in `current`, and goes when another comes."""
    panel = part("verify")

    def verdict(token: str, tab: Tab) -> dict[str, Any] | None:
        run_id = tab.current.get("run", "")
        told = {"asked": secrets.token_hex(4)}  # so that the same answer is news once more
        try:
            end = service.verify(run_id, tab.visitor(token))
        except ExplorerError as error:
            return {**told, "how": "failed", "sentence": str(error)}
        if tab.current.get("run", "") != run_id:
            return None  # meanwhile the page shows another run
        how = "failed" if end.status != "done" else {True: "holds", False: "fails"}.get(end.holds)
        return {**told, "how": how or "far", "sentence": end.sentence}

    panel.select(verdict, [owner, tab], [panel], **every)
    current.change(lambda: None, None, [panel], **every)
    return panel
