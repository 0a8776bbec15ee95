"""Records the examples: `python -m explorer.ui.record_examples [method …]`, or all of them.

To be run whenever the bundled models or a method change: an example must be what they really do.
One that comes out as it was is left as it is, so only what changed has a new file. What stands in
`examples.toml` under `notice` has to be read beside a new recording: it must still be true.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Sequence
from dataclasses import replace

import torch

from explorer.decoding import decode
from explorer.errors import TraceError
from explorer.trace import AnyEvent, ChoiceEvent, Trace
from explorer.ui.examples import EXAMPLES, Example, declared, read_recording, recording


def main(methods: Sequence[str]) -> None:
    torch.set_num_threads(1)  # the same sums on every machine, as far as that can be had
    for example in declared():
        if methods and example.method not in methods:
            continue
        trace = recorded(example)
        path = recording(EXAMPLES, example)
        try:
            same = _alike(read_recording(EXAMPLES, example), trace)
        except TraceError:
            same = False
        if not same:
            text = json.dumps(trace.to_dict(), ensure_ascii=False, separators=(",", ":"))
            path.write_bytes(gzip.compress(text.encode(), mtime=0))
        size = path.stat().st_size
        told = "as it was" if same else "new"
        print(f"{example.method}: {told}, {size:,} bytes, {trace.text!r}", flush=True)


def recorded(example: Example) -> Trace:
    """A run of an example by the bundled models."""
    trace = decode(
        "target",
        example.prompt,
        example.method,
        seed=example.seed,
        max_new_tokens=example.max_new_tokens,
        **example.params,
    )
    events = trace.events if example.laws else [_without_law(event) for event in trace.events]
    return Trace(trace.header.model_copy(update={"run_id": example.run_id}), events)


def _without_law(event: AnyEvent) -> AnyEvent:
    if not isinstance(event, ChoiceEvent):
        return event
    return replace(event, entered="", offset=0.0)


def _alike(old: Trace, new: Trace) -> bool:
    ours = {"created", "versions"}
    headers = [trace.header.model_dump(exclude=ours) for trace in (old, new)]
    return headers[0] == headers[1] and old.without_times() == new.without_times()


if __name__ == "__main__":
    main(sys.argv[1:])
