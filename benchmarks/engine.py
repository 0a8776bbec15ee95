"""How fast the engine is, beside `model.generate` on the same network in the same process.

python -m benchmarks.engine > benchmarks/results/engine.jsonl
"""

from __future__ import annotations

import cProfile
import json
import pstats
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import GenerationConfig

from benchmarks.measure import emit, environment, ratio, side_by_side
from explorer.models.loading import load_model
from explorer.models.network import Network
from explorer.randomness import Seeded
from explorer.registry import get_method
from explorer.run import Limits, Prompt, Run
from explorer.trace import AnyEvent, Fold, MarkEvent, NodeEvent
from explorer.tree import ROOT, TokenTree

PROMPT = "Once upon a time there was a miller who had three sons, and when he died"
TOKENS = 96
REPEATS = 9
ROWS = (1, 2, 4, 5, 8, 16)


def main() -> None:
    network = load_model("target")
    network.eos_ids = network.text.eos_ids = frozenset()  # every run has all its tokens
    print(json.dumps(environment()), flush=True)
    beside_generate(network)
    passes(network)
    recording(network)
    alive_nodes(network)
    folding()
    profile(network)


def decoder(
    network: Network, method: str, record: bool = True, tokens: int = TOKENS, **params: Any
) -> Callable[[], list[AnyEvent]]:
    """A run of a method from the prompt to its end, recorded into a list or not at all."""
    chosen = get_method(method)
    parsed = chosen.parse(params)
    prompt = Prompt(PROMPT, tuple(network.encode(PROMPT)))

    def run() -> list[AnyEvent]:
        events: list[AnyEvent] = []
        given = Run(
            {"target": network},
            prompt,
            Seeded(0),
            Limits(max_new_tokens=tokens),
            record=events.append if record else None,
            law_bytes=2 * 2**20,
        )
        chosen.decode(given, parsed)
        given.end()
        return events

    return run


def beside_generate(network: Network) -> None:
    """Tokens a second of greedy and beam search, fully recorded, against `generate`."""
    ids = torch.tensor([network.encode(PROMPT)])

    def generate(beams: int) -> Callable[[], Any]:
        config = GenerationConfig(
            max_new_tokens=TOKENS, num_beams=beams, do_sample=False, pad_token_id=0
        )
        return lambda: network.net.generate(ids, generation_config=config)

    bars = {1: 1.0, 8: 1.1, 32: 1.2}
    for beams, bar in bars.items():
        ours = (
            decoder(network, "greedy")
            if beams == 1
            else decoder(network, "beam_search", num_beams=beams)
        )
        network.net.generation_config = GenerationConfig(pad_token_id=0)
        repeats = REPEATS if beams < 32 else 5
        seconds = side_by_side({"ours": ours, "generate": generate(beams)}, repeats)
        emit(
            "greedy" if beams == 1 else f"{beams} beams",
            tokens_a_second=TOKENS / statistics.median(seconds["ours"]),
            generate_tokens_a_second=TOKENS / statistics.median(seconds["generate"]),
            ratio=ratio(seconds["generate"], seconds["ours"]),
            bar=bar,
        )


def passes(network: Network) -> None:
    """Processor milliseconds of one pass over so many tokens, beside the network's own pass."""
    own = Network(network.net, network.text, "own", lean=())
    for model, name in ((network, "lean"), (own, "own")):
        tree = TokenTree()
        view = model.open(tree, network.encode(PROMPT), name)
        view([ROOT])
        tip, milliseconds = ROOT, {}
        for rows in ROWS:
            taken = []
            for _ in range(REPEATS):
                chain = tree.extend(tip, [100 + i for i in range(rows)])
                started = time.process_time()
                view(chain)
                taken.append(1000 * (time.process_time() - started))
                tip = chain[-1]
            milliseconds[str(rows)] = statistics.median(taken)
        over_one = {rows: ms / milliseconds["1"] for rows, ms in milliseconds.items()}
        emit(f"{name} pass", milliseconds_by_rows=milliseconds, over_one_row=over_one)


def recording(network: Network) -> None:
    """What recording everything costs over recording nothing."""
    settings: dict[str, dict[str, Any]] = {
        "greedy": {},
        "sample": {"filters": "temperature=0.8,top_p=0.95"},
        "beam_search": {"num_beams": 8},
    }
    for method, params in settings.items():
        loud = decoder(network, method, True, **params)
        quiet = decoder(network, method, False, **params)
        seconds = side_by_side({"loud": loud, "quiet": quiet}, REPEATS)
        cost = ratio(seconds["loud"], seconds["quiet"])
        emit(f"recording {method}", cost_over_none=cost - 1, bar=0.1)


def alive_nodes(network: Network) -> None:
    """Milliseconds to read 8 new nodes when so many others are alive, to 5,000."""
    tree = TokenTree()
    view = network.open(tree, network.encode(PROMPT), "target")
    tips = [0]
    points = []
    while len(tree) < 5000:
        # 40 branches side by side, each a chain.
        tips = [tree.add(tip, 100 + i) for i, tip in enumerate(tips if len(tips) > 1 else [0] * 40)]
        view(tips)
        if len(tree) > 500 * (len(points) + 1):
            times = []
            for k in range(9):
                fresh = [tree.add(tip, 1000 + k) for tip in tips[:8]]
                elapsed = side_by_side({"ask": lambda fresh=fresh: view(fresh)}, 1, warm=0)
                times += elapsed["ask"]
            points.append((len(tree), 1000 * statistics.median(times)))
    half, full = points[len(points) // 2 - 1], points[-1]
    emit(
        "nodes alive",
        milliseconds_by_nodes={str(n): ms for n, ms in points},
        growth_of_nodes=full[0] / half[0],
        growth_of_time=full[1] / half[1],
        bar="time grows at most as nodes do",
    )


def folding() -> None:
    """Folding a trace of 5,000 nodes, each with two marks."""
    events: list[AnyEvent] = []
    for node in range(1, 5001):
        events.append(
            NodeEvent(
                step=node // 8, ms=0.0, id=node, parent=max(0, node - 8), token=1, by="target"
            )
        )
        events.append(MarkEvent(step=node // 8, ms=0.0, node=node, mark="kept"))
        if node > 8:
            events.append(
                MarkEvent(step=node // 8, ms=0.0, node=node - 8, mark="pruned", numbers={"m": 1.0})
            )
    seconds = side_by_side({"fold": lambda: Fold().feed_all(events)}, REPEATS)["fold"]
    emit("fold 5,000 nodes", milliseconds=1000 * statistics.median(seconds), bar=100)


def profile(network: Network) -> None:
    """Where a greedy step's time goes, by the function that spends it, recording included."""
    run = decoder(network, "greedy")
    run()
    profiler = cProfile.Profile()
    profiler.enable()
    run()
    profiler.disable()
    stats = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    whole = max(cumulative for _, _, _, cumulative, _ in stats.values())
    wanted = {
        "network pass": ("network.py", "forward"),
        "of it matrix products": ("~", "<built-in method torch._C._nn.linear>"),
        "of it attention": ("~", "<built-in method torch._C._nn.scaled_dot_product_attention>"),
        "view's bookkeeping": ("row_store.py", "claim"),
        "laws": ("run.py", "laws"),
        "choices recorded": ("recorder.py", "choices"),
        "questions recorded": ("recorder.py", "eval"),
        "nodes and marks": ("run.py", "emit"),
    }
    shares = {}
    for name, (file, function) in wanted.items():
        spent = [
            cumulative
            for (path, _, called), (_, _, _, cumulative, _) in stats.items()
            if path.endswith(file) and called == function
        ]
        shares[name] = max(spent) / whole
    emit("profile of greedy, share of the run (profiled)", **shares)


if __name__ == "__main__":
    sys.exit(main())
