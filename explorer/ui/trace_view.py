"""The part of the page that shows a run: its text, its steps, its pictures, its totals.

One `gr.HTML` with a constant template. The script builds everything with `createElement` and
`textContent`, so that no text of a model, a person or an import is ever read as markup or code.

What the page does with it:

    view = trace_view(fetch)
    button.click(generate, …, outputs=view)     # generate yields the chunks of `live_chunks`
    demo.load(lambda: {"run": run_id, "load": True, "owner": token}, outputs=view)

Value, Python to browser: one small thing at a time, each replaces the one before.

    {"run", "seq", "at", "tokens", "status", "done", …}   a chunk of a run that streams: the text
        keeps its first `at` tokens, `tokens` come behind them (see `live_chunks`). A chunk that
        was lost is noticed, and the text is fetched.
    {"run": id, "load": true}    show a kept run; with "step": n at that step
    {"run": id, "load": true, "live": true}   show a run that somebody else's chunks will follow
    {"error": sentence}          nothing can be shown, and why
    None                         the empty state

Any of them may have "pass": {…}, such as an owner's token or a share id. The script keeps it and
sends it back as a part of each question, and nowhere else.

Question, browser to Python: `fetch({**pass, "run": id, "want": "overview"})`, perhaps with
"picture": the id of a picture that should come with it; or "want" is "picture", "table" or
"opens". It returns what `pictures_payload` returns; what it raises as an
`ExplorerError` is shown as a sentence. Whoever asks may ask for anything: `fetch` checks.

Events, browser to Python: `view.select(f)`: a token was pressed; `gr.EventData` has `run`, `node`,
`step` and `place`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gradio as gr
import orjson

from explorer.errors import ExplorerError
from explorer.ui.live import live_chunks
from explorer.ui.payload import pictures_payload
from visualizers.style import looks

__all__ = ["live_chunks", "pictures_payload", "trace_view"]

ASSETS = Path(__file__).parents[2] / "assets"
SCRIPTS = (
    "elements",
    "scales",
    "tooltip",
    "text",
    "steps",
    "marks",
    "charts",
    "table",
    "pictures",
    "totals",
    "trace_view",
)
OOPS = "This could not be read; the server's log says more."

log = logging.getLogger(__name__)

Fetch = Callable[[dict[str, Any]], dict[str, Any]]


def trace_view(fetch: Fetch, **kwargs: Any) -> gr.HTML:
    """The component; `kwargs` go to `gr.HTML` (`elem_id`, `render`, `visible`, …).

    Args:
        fetch: answers the browser's questions, as described above.
    """

    def answer(question: dict[str, Any]) -> str:
        # One JSON string: a server function's plain answer is walked by a slow encoder.
        return orjson.dumps(_answer(fetch, question)).decode()

    plotly = _plotly_js()
    gr.set_static_paths([plotly])
    return gr.HTML(
        value=None,
        html_template='<section class="trace-view" aria-label="The run"></section>',
        js_on_load=_script(plotly),
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


def _script(plotly: Path) -> str:
    """The script of the component: its constants, then its files in one scope.

    The style sheet travels with the script because `css_template` would be compiled and set anew
    at each chunk.
    """
    constants = {
        "CSS": (ASSETS / "css" / "trace_view.css").read_text(encoding="utf-8"),
        "LOOKS": looks(),
        "PLOTLY": f"/gradio_api/file={plotly.as_posix()}",
    }
    lines = [f"const {name} = {json.dumps(value)};" for name, value in constants.items()]
    for name in SCRIPTS:
        lines.append((ASSETS / "js" / f"{name}.js").read_text(encoding="utf-8"))
    return "\n".join(lines)


def _plotly_js() -> Path:
    """plotly.js as the plotly package has it; plotly itself need not be imported for that."""
    spec = find_spec("plotly")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js"
