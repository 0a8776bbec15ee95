"""Large components of ours: an empty element, filled by several files of `assets/js` in one scope.

A component asks questions of Python through `server.answer`; two of them may share files, each in
a scope of its own.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gradio as gr
import orjson

from explorer.errors import ExplorerError
from explorer.ui.parts import ASSETS, script
from visualizers.style import looks

OOPS = "This could not be read; the server's log says more."

log = logging.getLogger(__name__)

Fetch = Callable[[dict[str, Any]], dict[str, Any]]


def component(
    name: str,
    template: str,
    scripts: Sequence[str],
    styles: Sequence[str],
    fetch: Fetch,
    facts: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> gr.HTML:
    """The component; `kwargs` go to `gr.HTML` (`elem_id`, `render`, `visible`, …).

    Args:
        name: what the ids of its elements begin with.
        template: its constant markup.
        scripts: names of files in `assets/js`, in the order of their scope.
        styles: names of files in `assets/css`. They travel with the script, because
            `css_template` would be compiled and set anew at each change of the value.
        fetch: answers the browser's questions. Whoever asks may ask for anything: it checks. What
            it raises as an `ExplorerError` is shown as a sentence.
        facts: what else the scripts know, by the name of a constant.
    """

    def answer(question: dict[str, Any]) -> str:
        # One JSON string: a server function's plain answer is walked by a slow encoder.
        return orjson.dumps(_answer(fetch, question)).decode()

    plotly = _plotly_js()
    gr.set_static_paths([plotly])
    constants = {
        "NAME": name,
        "SHEETS": {sheet: _sheet(sheet) for sheet in styles},
        "LOOKS": looks(),
        "PLOTLY": f"/gradio_api/file={plotly.as_posix()}",
        **(facts or {}),
    }
    lines = [f"const {key} = {json.dumps(value)};" for key, value in constants.items()]
    return gr.HTML(
        value=None,
        html_template=template,
        js_on_load="\n".join([*lines, *(script(f"{file}.js") for file in scripts)]),
        server_functions=[answer],
        apply_default_css=False,
        **kwargs,
    )


def _answer(fetch: Fetch, question: Any) -> dict[str, Any]:
    if not isinstance(question, dict):
        return {"error": "This is no question about a run."}
    try:
        return fetch(question)
    except ExplorerError as error:
        return {"error": str(error)}
    except Exception:
        log.exception("The page asked for something that failed")
        return {"error": OOPS}


def _sheet(name: str) -> str:
    return (ASSETS / "css" / f"{name}.css").read_text(encoding="utf-8")


def _plotly_js() -> Path:
    """plotly.js as the plotly package has it; plotly itself need not be imported for that."""
    spec = find_spec("plotly")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js"
