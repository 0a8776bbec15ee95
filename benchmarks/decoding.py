"""Every registered method on the bundled family: speed, passes, and where the time goes.

python -m benchmarks.decoding [method …] > benchmarks/results/decoding.jsonl

A row a method, at its defaults, medians over the prompts (a tale, a look-up, a sum):

tokens_a_second      new tokens of the answer over the run's seconds
passes_a_token       forward passes of all models over those tokens
positions_a_token    positions computed, over those tokens
outside              share of the run's time in which no model computed
beside_greedy        its seconds over greedy decoding's for as many tokens, in turns

and for methods that claim to be lossless, at temperature 0:

equals_greedy        of how many prompts it wrote the greedy text
passes_saved         share of the greedy text's target passes that it did not need
"""

from __future__ import annotations

import json
import statistics
import sys
from typing import Any

import torch

from benchmarks.measure import emit, environment, ratio, side_by_side
from explorer.decoding import decode
from explorer.models.library import Library
from explorer.registry import Method, all_methods
from explorer.trace import EvalEvent, Trace

PROMPTS = (
    "Once upon a time there was a miller who had three sons, and when he died",
    "<|lookup|>drum: 25\nbarrel: 68\nchain: 86\nwheel: 82\nharp: 41<|question|>chain<|answer|>",
    "<|sum|>46 + 37<|answer|>",
)
TOKENS = 60
REPEATS = 3


def main(wanted: list[str]) -> None:
    torch.set_num_threads(1)  # as the app's worker does for models of this size
    library = Library()
    models = {name: library.get(name) for name in ("target", "draft")}
    print(json.dumps(environment()), flush=True)
    for method in all_methods().values():
        if not wanted or method.id in wanted:
            emit(method.id, **speed(method, models), **losslessness(method, models))


def run(method: str, models: dict[str, Any], prompt: str, **params: Any) -> Trace:
    roles = all_methods()[method].models
    others = {role: models["draft"] for role in roles if role != "target"}
    return decode(
        models["target"], prompt, method, max_new_tokens=TOKENS, seed=1, **others, **params
    )


def speed(method: Method, models: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, list[float]] = {}
    for prompt in PROMPTS:
        trace = run(method.id, models, prompt)
        assert trace.done is not None
        totals = trace.done.totals
        tokens = max(1, len(trace.token_ids))
        computing = sum(e.took_ms for e in trace.events if isinstance(e, EvalEvent)) / 1000
        for name, figure in (
            ("tokens_a_second", tokens / totals["seconds"]),
            ("passes_a_token", totals["passes"] / tokens),
            ("positions_a_token", totals["rows"] / tokens),
            ("outside", 1 - computing / totals["seconds"]),
        ):
            found.setdefault(name, []).append(figure)
    sides = side_by_side(
        {
            "method": lambda: run(method.id, models, PROMPTS[0]),
            "greedy": lambda: run("greedy", models, PROMPTS[0]),
        },
        REPEATS,
    )
    medians = {name: statistics.median(figures) for name, figures in found.items()}
    return {**medians, "beside_greedy": ratio(sides["method"], sides["greedy"])}


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
    main(sys.argv[1:])
