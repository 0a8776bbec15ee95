"""Components of ours: an empty element that a script of `assets/js` fills.

Their templates are constant. Text goes in by `textContent` alone, so that no prompt, token, title
or name is ever read as markup or as a template.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

ASSETS = Path(__file__).parents[2] / "assets"


def part(name: str, value: Any = None, **more: Any) -> gr.HTML:
    """The component whose script is `assets/js/<name>.js`, with `part-<name>` as its id.

    What `make.js` has stands before it.
    """
    return gr.HTML(
        value,
        html_template="<div></div>",
        js_on_load=script("make.js") + script(f"{name}.js"),
        elem_id=f"part-{name}",
        apply_default_css=False,
        **more,
    )


def script(name: str) -> str:
    return (ASSETS / "js" / name).read_text(encoding="utf-8")


def detail(wish: gr.EventData) -> dict[str, Any]:
    """What a script sent along with an event. Anybody can send anything."""
    return wish._data if isinstance(wish._data, dict) else {}
