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
"picture": the id of a picture that should come with it; or "want" is another of those that
`pictures_payload` lists. It returns what that returns; what it raises as an
`ExplorerError` is shown as a sentence. Whoever asks may ask for anything: `fetch` checks.

Events, browser to Python: `view.select(f)`: a person wants a branch; `gr.EventData` has `run`, and
`act` and so on as `explorer.ui.branching` says. {"run": id, "refused": sentence} answers one that
cannot be.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.ui.chips import filters
from explorer.ui.component import Fetch, component
from explorer.ui.live import live_chunks
from explorer.ui.payload import pictures_payload

__all__ = ["live_chunks", "pictures_payload", "trace_view"]

SCRIPTS = (
    "preferences",
    "elements",
    "asking",
    "scales",
    "tooltip",
    "text",
    "actions",
    "steps",
    "marks",
    "charts",
    "table",
    "find",
    "story",
    "tree",
    "chips",
    "exports",
    "pictures",
    "totals",
    "sheets",
    "trace_view",
)


def trace_view(fetch: Fetch, **kwargs: Any) -> gr.HTML:
    """The component; `kwargs` go to `gr.HTML` (`elem_id`, `render`, `visible`, …).

    Args:
        fetch: answers the browser's questions, as described above.
    """
    template = '<section class="trace-view" aria-label="The run"></section>'
    sheets = ["trace_view", "chips"]
    return component("trace", template, SCRIPTS, sheets, fetch, {"FILTERS": filters()}, **kwargs)
