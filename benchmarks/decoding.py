"""Every registered method on the bundled family: speed, passes, and where the time goes.

python -m benchmarks.decoding [method …] [--out FILE]

A row a method, at its defaults, over three prompts together (a tale, a look-up, a sum). Seconds are
of processor time, with one thread, so that what else runs on the machine counts for little:

tokens_a_second      new tokens of the answer over the run's seconds
passes_a_token       forward passes of all models over those tokens
positions_a_token    positions computed, over those tokens
outside              share of the run's time in which no model computed
seconds              for 60 tokens behind the tale
beside_greedy        its seconds over greedy decoding's for as many tokens, in turns
beside_transformers  its tokens a second over those of the same call of `generate`, in turns, where
                     a call is equal; a run takes over the prompt's reading, `generate` does not

and for methods that claim to be lossless, at temperature 0:

equals_greedy        of how many prompts it wrote the greedy text
passes_saved         share of the greedy text's target passes that it did not need

Rows are appended to the file; a method that stands there is not measured again.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from transformers import GenerationConfig

from benchmarks.measure import Rows, ratio, side_by_side
from explorer.decoding import decode
from explorer.models.library import Library
from explorer.registry import Generate, Method, all_methods
from explorer.trace import EvalEvent, Trace

RESULTS = Path("benchmarks/results/decoding.jsonl")
PROMPTS = (
    "Once upon a time there was a miller who had three sons, and when he died",
    "<|lookup|>drum: 25\nbarrel: 68\nchain: 86\nwheel: 82\nharp: 41<|question|>chain<|answer|>",
    "<|sum|>46 + 37<|answer|>",
)
TOKENS = 60
REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("methods", nargs="*", metavar="method")
    args = parser.parse_args()
    torch.set_num_threads(1)  # as the app's worker does for models of this size
    library = Library()
    models: dict[str, Any] = {name: library.get(name) for name in ("target", "draft")}
    rows = Rows(args.out, target=models["target"].revision)
    with patch.object(time, "perf_counter", time.process_time):  # also inside of a run
        measure(args.methods, models, rows)


def measure(methods: Sequence[str], models: dict[str, Any], rows: Rows) -> None:
    for method in all_methods().values():
        if not methods or method.id in methods:
            rows.measure(
                method.id,
                lambda method=method: {**speed(method, models), **losslessness(method, models)},
            )


def run(method: str, models: dict[str, Any], prompt: str, **params: Any) -> Trace:
    roles = all_methods()[method].models
    others = {role: models["draft"] for role in roles if role != "target"}
    return decode(
        models["target"], prompt, method, max_new_tokens=TOKENS, seed=1, **others, **params
    )


def speed(method: Method, models: dict[str, Any]) -> dict[str, Any]:
    run(method.id, models, PROMPTS[2])  # what is imported or opened once is no part of a run
    traces = [run(method.id, models, prompt) for prompt in PROMPTS]
    totals = [trace.done.totals for trace in traces if trace.done]
    tokens = sum(max(1, len(trace.token_ids)) for trace in traces)
    seconds, passes, rows = (sum(t[name] for t in totals) for name in ("seconds", "passes", "rows"))
    events = (event for trace in traces for event in trace.events)
    computing = sum(e.took_ms for e in events if isinstance(e, EvalEvent)) / 1000
    ours = {
        "tokens_a_second": tokens / seconds,
        "passes_a_token": passes / tokens,
        "positions_a_token": rows / tokens,
        "outside": 1 - computing / seconds,
    }
    sides: dict[str, Callable[[], Any]] = {
        "method": lambda: run(method.id, models, PROMPTS[0]),
        "greedy": lambda: run("greedy", models, PROMPTS[0]),
    }
    call = method.generate(method.parse({}))
    if call is not None:
        sides["transformers"] = lambda: generated(call, models)
    times = side_by_side(sides, REPEATS)
    ours["seconds"] = statistics.median(times["method"])
    ours["beside_greedy"] = ratio(times["method"], times["greedy"])
    if call is not None:
        tokens_apart = len(traces[0].token_ids) / generated(call, models)
        ours["beside_transformers"] = tokens_apart * ratio(times["transformers"], times["method"])
    return ours


def generated(call: Generate, models: dict[str, Any]) -> int:
    """The new tokens that `generate` writes with the same networks."""
    networks = {name: model.net for name, model in models.items()}
    eos = sorted(models["target"].eos_ids)
    for network in networks.values():
        network.generation_config = GenerationConfig(eos_token_id=eos, pad_token_id=0)
    options: dict[str, Any] = {"max_new_tokens": TOKENS, **call.options}
    if call.assistant:
        for name, value in call.assistant.items():
            setattr(networks["draft"].generation_config, name, value)
        options["assistant_model"] = networks["draft"]
    ids = torch.tensor([models["target"].encode(PROMPTS[0])])
    torch.manual_seed(1)
    written = networks["target"].generate(ids, attention_mask=torch.ones_like(ids), **options)
    return int(written.shape[1] - ids.shape[1])


def losslessness(method: Method, models: dict[str, Any]) -> dict[str, Any]:
    if "lossless" not in method.claims:
        return {}
    equal, saved = 0, []
    for prompt in PROMPTS:
        plain = run("greedy", models, prompt)
        fast = run(method.id, models, prompt, filters="temperature=0")
        assert plain.done is not None
        assert fast.done is not None
        equal += plain.token_ids == fast.token_ids
        passes = fast.done.totals["target_passes"] / plain.done.totals["target_passes"]
        saved.append(1 - passes)
    return {
        "equals_greedy": f"{equal} of {len(PROMPTS)}",
        "passes_saved": statistics.median(saved),
    }


if __name__ == "__main__":
    main()
