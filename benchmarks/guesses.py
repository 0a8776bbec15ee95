"""Every method that guesses beside plain decoding of the same target: what each gains, and where.

python -m benchmarks.guesses --texts ../shared/data [method …] > benchmarks/results/guesses.jsonl

Held-out prompts, half prose, half tasks in turns, at temperature 0 and 1, all in one process. A
method runs at its defaults but for the temperature. One row a method, temperature and kind of text:

gain                 its tokens a second over those of plain decoding, the median over prompts
tokens_a_pass        new tokens over the target's passes behind the prompt, the bonus token counted
accepted             share of the judged guesses that were accepted; null where none was judged
nodes_a_token        guesses that entered the tree, over new tokens
outside              share of the time in which no model computed
outside_ms_a_round   the same in milliseconds a round, and
outside_us_a_node    in microseconds a node of the tree
equal                of how many prompts it wrote the plain text (temperature 0 alone)

Beside them `transformers`' own assisted generation and prompt lookup with the same models; their
time has the reading of the prompt in it, which ours keeps from run to run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from benchmarks.measure import emit, environment
from benchmarks.speculation import PLAIN, Pair, prompts_of
from explorer.decoding import make_request, run_request
from explorer.models.library import Library
from explorer.registry import all_methods
from explorer.trace import EvalEvent, MarkEvent, Trace
from training.corpus import read_books
from training.tasks import TASKS

TEMPERATURES = (0, 1)
THEIRS = {
    "transformers assisted": {"assistant": True},
    "transformers prompt lookup": {"prompt_lookup_num_tokens": 10},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path, default=Path("../shared/data"), metavar="FOLDER")
    parser.add_argument("--prompts", type=int, default=64, help="half prose, half tasks")
    parser.add_argument("--tokens", type=int, default=128, help="new tokens of each")
    parser.add_argument("methods", nargs="*", metavar="method")
    args = parser.parse_args()
    torch.set_num_threads(1)  # as the app's worker does for models of this size
    library = Library()
    pair = {name: library.get(name) for name in ("target", "draft")}
    texts = dict(held_out(args.texts, pair, args.prompts // 2))
    print(json.dumps({**environment(), "tokens": args.tokens, "prompts": args.prompts}), flush=True)
    ways = [m.id for m in all_methods().values() if m.family == "speculation"] + list(THEIRS)
    for way in args.methods or ways:
        for temperature in TEMPERATURES:
            for kind, prompts in texts.items():
                told = beside_plain(pair, way, temperature, prompts, args.tokens)
                emit(way, temperature=temperature, text=kind, **told)


def held_out(folder: Path, pair: Pair, count: int) -> Iterator[tuple[str, list[str]]]:
    """Prompts of prose, and of all kinds of tasks in turns."""
    tokenizer = pair["target"].text.tokenizer
    books = list(read_books(folder))
    yield "prose", prompts_of("prose", books, tokenizer, 2, count)
    each = [prompts_of(kind, books, tokenizer, 2, -(-count // len(TASKS))) for kind in TASKS]
    yield "tasks", [prompt for row in zip(*each, strict=True) for prompt in row][:count]


def beside_plain(
    pair: Pair, way: str, temperature: int, prompts: Sequence[str], tokens: int
) -> dict[str, Any]:
    """One way against plain decoding on each prompt in turns, and what it did."""
    gains, equal, traces = [], 0, []
    for seed, prompt in enumerate(prompts):
        plain = timed(lambda p=prompt, s=seed: decode(pair, None, temperature, p, tokens, s))
        if way in THEIRS:
            took = timed(lambda p=prompt, s=seed: generate(pair, way, temperature, p, tokens, s))
        else:
            took = timed(lambda p=prompt, s=seed: decode(pair, way, temperature, p, tokens, s))
            traces.append(decode(pair, way, temperature, prompt, tokens, seed, record=True))
        gains.append(plain[0] / took[0])
        equal += plain[1] == took[1]
    told: dict[str, Any] = {"gain": statistics.median(gains), "n": len(prompts)}
    if temperature == 0:
        told["equal"] = equal
    return told | (figures(traces) if traces else {})


def timed(run: Callable[[], Any]) -> tuple[float, list[int]]:
    """Seconds a new token and the tokens, of the second of two runs: all is warm then."""
    run()
    started = time.perf_counter()
    done = run()
    seconds = time.perf_counter() - started
    ids = done.token_ids if isinstance(done, Trace) else done
    return seconds / max(1, len(ids)), ids


def decode(
    pair: Pair,
    way: str | None,
    temperature: int,
    prompt: str,
    tokens: int,
    seed: int,
    record: bool = False,
) -> Trace:
    name, params = PLAIN[temperature]
    if way is not None:
        name, params = way, {"filters": "temperature=0" if temperature == 0 else "none"}
    request, method, parsed = make_request(
        method=name, prompt=prompt, params=params, seed=seed, max_new_tokens=tokens
    )
    models = {role: pair["target" if role == "target" else "draft"] for role in method.models}
    return run_request(request, method, parsed, models, record=record)


def generate(
    pair: Pair, way: str, temperature: int, prompt: str, tokens: int, seed: int
) -> list[int]:
    target, options = pair["target"], dict(THEIRS[way])
    if options.pop("assistant", False):
        options["assistant_model"] = pair["draft"].net
    sampled = {"do_sample": True, "top_k": 0} if temperature else {"do_sample": False}
    ids = torch.tensor([target.encode(prompt)])
    torch.manual_seed(seed)
    config = GenerationConfig(
        max_new_tokens=tokens, eos_token_id=sorted(target.eos_ids), pad_token_id=0, **sampled
    )
    out = target.net.generate(ids, generation_config=config, **options)
    return out[0, ids.shape[1] :].tolist()


def figures(traces: Sequence[Trace]) -> dict[str, Any]:
    """What recorded runs tell, summed over all."""
    totals = [trace.done.totals for trace in traces if trace.done]
    summed = {name: sum(t[name] for t in totals) for name in totals[0]}
    events = [event for trace in traces for event in trace.events]
    marks = [event.mark for event in events if isinstance(event, MarkEvent)]
    judged = marks.count("accepted") + marks.count("rejected")
    computing = sum(event.took_ms for event in events if isinstance(event, EvalEvent)) / 1000
    outside = summed["seconds"] - computing
    tokens = max(1, summed["tokens"])
    return {
        "tokens_a_pass": tokens / max(1, summed["target_passes"]),
        "accepted": marks.count("accepted") / judged if judged else None,
        "nodes_a_token": summed["nodes"] / tokens,
        "outside": outside / summed["seconds"],
        "outside_ms_a_round": 1000 * outside / max(1, summed["steps"]),
        "outside_us_a_node": 1e6 * outside / max(1, summed["nodes"]),
    }


if __name__ == "__main__":
    main()
