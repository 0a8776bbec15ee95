"""Every method that guesses beside plain decoding of the same target: what each gains, and where.

python -m benchmarks.guesses --texts ../shared/data --minutes 30 [method …]

Held-out prompts, half prose, half tasks in turns, at temperature 0 and 1, a method for greedy texts
at 0 alone. A method runs at its defaults but for the temperature. Each run is kept in the file of
--runs; what stands there is not run again, so that a long measurement can be taken in pieces. A
prompt goes through all methods before the next one's turn, so that each method has seen the same
prompts wherever it ends. The file of --out sums up the runs: one row a method, temperature and kind
of text:

gain                 its tokens a second over those of plain decoding, the median over prompts; both
                     run directly after each other, timed by the processor's time of the process
gains                the least and the greatest of them
tokens_a_pass        new tokens over the target's passes behind the prompt, the bonus token counted
accepted             share of the judged guesses that were accepted; null where none was judged
nodes_a_token        guesses that entered the tree, over new tokens
outside              share of the time in which no model computed, everything being recorded
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
from functools import partial
from itertools import product
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from benchmarks.measure import Rows, environment, shortened
from benchmarks.speculation import PLAIN, Pair, prompts_of
from explorer.decoding import make_request, run_request
from explorer.models.library import Library
from explorer.registry import all_methods
from explorer.trace import EvalEvent, MarkEvent, Trace
from training.corpus import read_books
from training.tasks import TASKS

RESULTS = Path("benchmarks/results/guesses.jsonl")
TEMPERATURES = (0, 1)
SUMMED = (
    "tokens", "target_passes", "nodes", "steps", "seconds", "accepted", "judged", "outside",
)  # fmt: skip
THEIRS = {
    "transformers assisted": {"assistant": True},
    "transformers prompt lookup": {"prompt_lookup_num_tokens": 10},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path, default=Path("../shared/data"), metavar="FOLDER")
    parser.add_argument("--runs", type=Path, default=Path("build/guesses.jsonl"), metavar="FILE")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--prompts", type=int, default=64, help="half prose, half tasks")
    parser.add_argument("--tokens", type=int, default=128, help="new tokens of each")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no run after so many")
    parser.add_argument("methods", nargs="*", metavar="method")
    args = parser.parse_args()
    torch.set_num_threads(1)  # as the app's worker does for models of this size
    library = Library()
    pair = {name: library.get(name) for name in ("target", "draft")}
    texts = dict(held_out(args.texts, pair, args.prompts // 2))
    ways = [m.id for m in all_methods().values() if m.family == "speculation"] + list(THEIRS)
    args.runs.parent.mkdir(parents=True, exist_ok=True)
    revisions = {name: model.revision for name, model in pair.items()}
    rows, runs = Rows(args.runs, tokens=args.tokens, models=revisions), []
    ends = time.monotonic() + 60 * args.minutes
    count = min(map(len, texts.values()))  # the books may have fewer stretches than are asked for
    every = product(range(count), TEMPERATURES, texts, args.methods or ways)
    for prompt, temperature, text, way in every:
        if temperature and not draws(way):
            continue
        key = {"prompt": prompt, "temperature": temperature, "text": text, "way": way}
        measured = partial(
            beside_plain, pair, way, temperature, texts[text][prompt], args.tokens, prompt
        )
        if rows.find("run", **key) or time.monotonic() < ends:
            runs.append(rows.measure("run", measured, **key))
    lines = [environment() | {"tokens": args.tokens, "models": revisions}]
    for (way, temperature, text), some in grouped(runs):
        lines.append({"row": way, "temperature": temperature, "text": text, **summary(some)})
    args.out.write_text("".join(json.dumps(shortened(line)) + "\n" for line in lines))


def draws(way: str) -> bool:
    """Whether a way can draw its tokens, and is not for greedy texts alone."""
    return way in THEIRS or "filters" in all_methods()[way].params.model_fields


def grouped(
    runs: Sequence[dict[str, Any]],
) -> Iterator[tuple[tuple[str, int, str], list[dict[str, Any]]]]:
    """Runs by method, temperature and kind of text."""
    key = itemgetter("way", "temperature", "text")
    for of in dict.fromkeys(map(key, runs)):
        yield of, [run for run in runs if key(run) == of]


def held_out(folder: Path, pair: Pair, count: int) -> Iterator[tuple[str, list[str]]]:
    """Prompts of prose, and of all kinds of tasks in turns."""
    tokenizer = pair["target"].text.tokenizer
    books = list(read_books(folder))
    yield "prose", prompts_of("prose", books, tokenizer, 2, count)
    each = [prompts_of(kind, books, tokenizer, 2, -(-count // len(TASKS))) for kind in TASKS]
    yield "tasks", [prompt for row in zip(*each, strict=True) for prompt in row][:count]


def beside_plain(
    pair: Pair, way: str, temperature: int, prompt: str, tokens: int, seed: int
) -> dict[str, Any]:
    """One way against plain decoding on a prompt, directly after each other, and what it did."""

    def plain() -> list[int]:
        return decode(pair, None, temperature, prompt, tokens, seed).token_ids

    def guessing() -> list[int]:
        if way in THEIRS:
            return generate(pair, way, temperature, prompt, tokens, seed)
        return decode(pair, way, temperature, prompt, tokens, seed).token_ids

    told = {}
    if way in THEIRS:
        guessing()
    else:
        told = figures(decode(pair, way, temperature, prompt, tokens, seed, record=True))
    plain_seconds, plain_ids = timed(plain)
    seconds, ids = timed(guessing)
    return {"gain": plain_seconds / seconds, "equal": plain_ids == ids, **told}


def timed(run: Callable[[], list[int]]) -> tuple[float, list[int]]:
    """Seconds a new token, of this one thread, and the tokens."""
    started = time.process_time()
    ids = run()
    return (time.process_time() - started) / max(1, len(ids)), ids


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
        name, params = way, {}
        if draws(way):
            params["filters"] = "temperature=0" if temperature == 0 else "none"
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


def figures(trace: Trace) -> dict[str, float]:
    """What a recorded run tells."""
    assert trace.done is not None
    totals = trace.done.totals
    marks = [event.mark for event in trace.events if isinstance(event, MarkEvent)]
    computing = sum(e.took_ms for e in trace.events if isinstance(e, EvalEvent)) / 1000
    return {
        **{name: totals[name] for name in ("tokens", "target_passes", "nodes", "steps", "seconds")},
        "accepted": marks.count("accepted"),
        "judged": marks.count("accepted") + marks.count("rejected"),
        "outside": totals["seconds"] - computing,
    }


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A row of the table, over all prompts of a kind."""
    gains = [run["gain"] for run in runs]
    told: dict[str, Any] = {
        "gain": statistics.median(gains), "gains": [min(gains), max(gains)], "n": len(runs),
    }  # fmt: skip
    if runs[0]["temperature"] == 0:
        told["equal"] = sum(run["equal"] for run in runs)
    if runs[0]["way"] in THEIRS:
        return told
    total = {name: sum(run[name] for run in runs) for name in runs[0] if name in SUMMED}
    tokens, outside = max(1, total["tokens"]), total["outside"]
    return told | {
        "tokens_a_pass": tokens / max(1, total["target_passes"]),
        "accepted": total["accepted"] / total["judged"] if total["judged"] else None,
        "nodes_a_token": total["nodes"] / tokens,
        "outside": outside / total["seconds"],
        "outside_ms_a_round": 1000 * outside / max(1, total["steps"]),
        "outside_us_a_node": 1e6 * outside / max(1, total["nodes"]),
    }


if __name__ == "__main__":
    main()
