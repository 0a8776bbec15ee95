"""The trace view alone in an app: show a kept run or stream one, by name.

By hand, from the root: PYTHONPATH=. python tests/ui/trace_harness.py [port], then type the name
of a run.
"""

from __future__ import annotations

import sys
import time

import gradio as gr
from trace_runs import RUNS, Kept

from explorer.errors import InputError
from explorer.trace import Fold
from explorer.ui.trace_view import live_chunks, pictures_payload, trace_view
from explorer.worker import Batch

going: dict[str, Kept] = {}  # runs that stream, as far as they are


def kept(name: str) -> Kept:
    if name in going:
        return going[name]
    if name not in RUNS:
        raise InputError(f"There is no run {name!r}.")
    return RUNS[name]()


def fetch(question):
    if question.get("owner") != "secret":
        raise InputError("This run belongs to somebody else.")
    run = kept(question["run"])
    return pictures_payload(run.trace(), run.token_text, question)


def load(name):
    return {"run": name, "load": True, "pass": {"owner": "secret"}}


def batches(name, a_second):
    """The run's events, a batch each step, at a pace."""
    whole = RUNS[name]()
    here = going[name] = Kept(name, [], whole.token_text)
    try:
        began = time.monotonic()
        for seq, events in enumerate(whole.by_step()):
            here.events.extend(events)
            yield Batch(name, seq, list(events), here.trace().header if seq == 0 else None)
            time.sleep(max(0.0, began + (seq + 1) / a_second - time.monotonic()))
        yield Batch(name, seq + 1, [], None, whole.end)
    finally:
        del going[name]


def stream(name, a_second):
    for chunk in live_chunks(batches(name, a_second), Fold(), RUNS[name]().token_text):
        if name == "gaps" and chunk["seq"] in (5, 6, 40):
            continue  # lost on the way
        yield {**chunk, "pass": {"owner": "secret"}}


def build() -> gr.Blocks:
    with gr.Blocks(title="Trace view") as demo:
        with gr.Row():
            name = gr.Textbox(label="run", elem_id="name")
            pace = gr.Number(45, label="updates a second", elem_id="pace")
            show, go, none, wrong = (
                gr.Button(label, elem_id=label) for label in ("load", "stream", "clear", "wrong")
            )
        view = trace_view(fetch, elem_id="view")
        picked = gr.Textbox(label="picked", elem_id="picked")
        show.click(load, name, view, show_progress="hidden")
        go.click(stream, [name, pace], view, show_progress="hidden")
        none.click(lambda: None, None, view, show_progress="hidden")
        wrong.click(lambda: {"error": "This run was deleted."}, None, view, show_progress="hidden")

        def pick(event: gr.EventData):
            return f"{event.run} {event.act} {event.node}"

        view.select(pick, None, picked, show_progress="hidden")
    return demo


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 7861
    build().launch(server_port=port, quiet=True)
