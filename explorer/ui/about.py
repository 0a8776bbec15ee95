"""The panel that shows a method's page.

Any script opens it with `document.dispatchEvent(new CustomEvent("about", {detail: method id}))`.
`panel.select(f)`: the method was chosen there; `gr.EventData` has `method`, perhaps `preset`.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
import orjson

from explorer.errors import InputError
from explorer.method_page import method_page
from explorer.registry import get_method
from explorer.ui.parts import part


def about_panel() -> gr.HTML:
    return part("about", server_functions=[method_page_of])


def method_page_of(question: Any) -> str:
    """The page of the method that `about.js` asks for, as JSON."""
    name = question.get("method") if isinstance(question, dict) else ""
    try:
        return orjson.dumps(method_page(get_method(str(name)))).decode()
    except InputError as error:
        return orjson.dumps({"error": str(error)}).decode()
