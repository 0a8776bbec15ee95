"""The part of the page that shows two runs side by side.

One `gr.HTML` with a constant template; its style is the trace view's, and what the two share are
the same files.

Value, Python to browser:

    {"run", "with", "pass": {…}}   compare these; "pass" as in `explorer.ui.trace_view`
    None                           nothing is compared, and nothing is shown

Question, browser to Python: `fetch({**pass, "run", "with", "want"})`, see
`explorer.ui.comparing.compared`. While one of the two goes on it is asked again, at most once a
second.

Events, browser to Python: `view.select(f)` with `action` "close", or "open" and `run`.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.ui.component import Fetch, component

SCRIPTS = (
    "preferences",
    "elements",
    "asking",
    "scales",
    "tooltip",
    "text",
    "marks",
    "table",
    "exports",
    "joint",
    "sheets",
    "compare",
)


def compare_view(fetch: Fetch, **kwargs: Any) -> gr.HTML:
    """The component; `kwargs` go to `gr.HTML`.

    Args:
        fetch: answers the browser's questions, as described above.
    """
    template = '<section class="trace-view compare-view" aria-label="Two runs" hidden></section>'
    return component("compare", template, SCRIPTS, ["trace_view", "compare"], fetch, **kwargs)
