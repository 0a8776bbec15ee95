"""What the searches and the methods against repetition are for, measured on the bundled target.

python -m benchmarks.searches --texts ../shared/data > benchmarks/results/searches.jsonl

keywords    sentences from the words of CommonGen's dev set: how many of the words come (in the
            form they are given in), how many texts have them all, and log-probability a token
lattice     texts in a lattice and the mean log-probability of those read out, beside the hypotheses
            of a beam search that reads as many prefixes (what is read out comes to the positions)
repetition  repeated 1- to 4-grams on held-out prose, method by method, beside the human text
curse       length and log-probability of the most probable finished text, from 1 to 64 beams
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from benchmarks import phenomena
from benchmarks.measure import emit, environment
from explorer.decoding import make_request, run_request
from explorer.models.library import Library
from explorer.registry import all_methods
from explorer.trace import NoteEvent, Trace
from explorer.tree import TokenTree
from explorer.view import LanguageModel, token_logps
from training.corpus import read_books
from training.export import load_tokenizer

PARTS = ("keywords", "lattice", "repetition", "curse")
KEYWORD_TOKENS = 24
LATTICE_TOKENS = 40
LATTICE_BUDGETS = (4, 8)
BEGINNING = "Once upon a time"
PLAIN = {"greedy": "greedy", "top-p 0.9": "sample", "beam 4": "beam_search"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path, default=Path("../shared/data"), metavar="FOLDER")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some parts of it")
    parser.add_argument("--prompts", type=int, default=50, help="held-out prompts of each part")
    parser.add_argument("--sets", type=int, default=12, help="sets of keywords")
    parser.add_argument("--tokens", type=int, default=64, help="new tokens of the repetition table")
    parser.add_argument("--widest", type=int, default=64, help="beams at most of the curse")
    args = parser.parse_args()
    torch.set_num_threads(1)  # as the app's worker does for models of this size
    target = Library().get("target")
    print(json.dumps(environment()), flush=True)
    rows = {
        "keywords": lambda: keywords(target, read_sets(args.texts, args.sets)),
        "lattice": lambda: lattices(target, prose(args.texts, target, args.prompts)[:4]),
        "repetition": lambda: repetition(
            target, prose(args.texts, target, args.prompts, args.tokens), args.tokens
        ),
        "curse": lambda: curse(target, args.prompts // 5 or 1, args.widest),
    }
    for part in args.only:
        for row in rows[part]():
            emit(part, **row)


def run(target: LanguageModel, method: str, prompt: str, tokens: int, **params: Any) -> Trace:
    request, chosen, parsed = make_request(
        method=method, prompt=prompt, params=params, max_new_tokens=tokens, seed=1
    )
    return run_request(request, chosen, parsed, {"target": target})


# Keywords ----------------------------------------------------------------------------------------


def read_sets(texts: Path, count: int) -> list[list[str]]:
    """The first sets of words, without the letters that say what kind of word it is."""
    lines = (texts / "evals/commongen/commongen.dev.jsonl").read_text(encoding="utf-8").splitlines()
    sets = [json.loads(line)["concept_set"] for line in lines[:count]]
    return [[word.rsplit("_", 1)[0] for word in s.split("#")] for s in sets]


def keywords(target: LanguageModel, sets: Sequence[Sequence[str]]) -> Iterator[dict[str, Any]]:
    """One row a search: four hypotheses, the grid four in each row, dynamic allocation twelve."""
    ways = {
        "beam_search": lambda words: {},
        "grid_beam_search": lambda words: {"phrases": ";".join(words)},
        "dynamic_beam_allocation": lambda words: {"phrases": ";".join(words), "num_beams": 12},
        "neurologic": lambda words: {"clauses": ";".join(words), "prune_factor": 4096},
        "neurologic_a_star": lambda words: {"clauses": ";".join(words), "prune_factor": 4096},
    }
    for method, params in ways.items():
        had, nats, passes = [], [], []
        for words in sets:
            phrases = [f" {word}" for word in words]
            trace = run(target, method, BEGINNING, KEYWORD_TOKENS, **params(phrases))
            had.append([phrase in trace.text for phrase in phrases])
            nats.append(own_logp(target, trace) / max(1, len(trace.token_ids)))
            assert trace.done is not None
            passes.append(trace.done.totals["rows"])
        yield {
            "method": method,
            "sets": len(sets),
            "words_that_came": mean(mean(row) for row in had),
            "all_words_came": mean(all(row) for row in had),
            "logp_a_token": mean(nats),
            "positions": mean(passes),
        }


def own_logp(target: LanguageModel, trace: Trace) -> float:
    """The log-probability in nats that the target gives the whole text."""
    tree = TokenTree()
    path = tree.extend(0, trace.token_ids)
    view = target.open(tree, trace.header.prompt_ids, "target")
    return sum(token_logps(view([0, *path[:-1]]), trace.token_ids))


# Lattices ----------------------------------------------------------------------------------------


def lattices(target: LanguageModel, prompts: Sequence[str]) -> Iterator[dict[str, Any]]:
    """At each budget: a beam so wide, and lattices that read no more prefixes."""
    for budget in LATTICE_BUDGETS:
        for merge in ("beam", "none", "rcb", "zip"):
            texts, nats, passes = [], [], []
            for prompt in prompts:
                if merge == "beam":
                    params: dict[str, Any] = {"num_beams": budget, "length_penalty": 0.75}
                    trace = run(target, "beam_search", prompt, LATTICE_TOKENS, **params)
                else:
                    params = {"num_beams": budget, "merge": merge, "texts": budget}
                    trace = run(target, "lattice", prompt, LATTICE_TOKENS, **params)
                assert trace.done is not None
                outputs = trace.done.outputs
                noted = [e for e in trace.events
                         if isinstance(e, NoteEvent) and e.name == "texts"]  # fmt: skip
                counts = [x for e in noted if isinstance(x := e.value, float)]
                texts.append(10 ** counts[-1] if counts else float(len(outputs)))
                nats.append(mean(o.score * len(o.token_ids) ** 0.75 / len(o.token_ids)
                                 for o in outputs if o.score is not None))  # fmt: skip
                passes.append(trace.done.totals["rows"])
            yield {
                "way": merge,
                "budget": budget,
                "prompts": len(prompts),
                "texts": mean(texts),
                "logp_a_token": mean(nats),
                "positions": mean(passes),
            }


# Repetition --------------------------------------------------------------------------------------


def prose(texts: Path, target: LanguageModel, count: int, behind: int = 0) -> list[Any]:
    """Held-out beginnings of prose; with `behind`, pairs of them and the human tokens behind."""
    tokenizer = load_tokenizer(Path("assets/models/target"))
    length = phenomena.PROMPT_TOKENS
    books = list(read_books(texts))
    rows = phenomena.stretches(books, tokenizer, length + behind, count)
    begun = [target.decode(row[:length]) for row in rows]
    if not behind:
        return begun
    return [(text, row[length:]) for text, row in zip(begun, rows, strict=True)]


def repetition(
    target: LanguageModel, rows: Sequence[tuple[str, list[int]]], tokens: int
) -> Iterator[dict[str, Any]]:
    """Shares of repeated n-grams: people, plain ways, and every method against repetition."""
    against = [m.id for m in all_methods().values() if m.family == "repetition"]
    yield {"way": "human", "prompts": len(rows), **_repeated([ids for _, ids in rows])}
    for way, method in {**PLAIN, **{method: method for method in against}}.items():
        params: dict[str, Any] = {"filters": "top_p=0.9"} if method == "sample" else {}
        written = [run(target, method, text, tokens, **params).token_ids for text, _ in rows]
        yield {"way": way, "prompts": len(rows), **_repeated(written)}


def _repeated(texts: Sequence[list[int]]) -> dict[str, float]:
    shares = {}
    for n in (1, 2, 3, 4):
        long = [ids for ids in texts if len(ids) >= n]
        shares[f"repeated_{n}_grams"] = mean(phenomena.repeated_share(ids, n) for ids in long)
    return shares


# The beam-search curse ---------------------------------------------------------------------------


def curse(target: LanguageModel, prompts: int, widest: int) -> Iterator[dict[str, Any]]:
    """As beams grow, ever more probable texts, ever shorter ones."""
    widths = [width for width in (1, 2, 4, 8, 16, 32, 64) if width <= widest]
    yield from phenomena.beams(target, phenomena.beam_prompts(prompts), widths)


if __name__ == "__main__":
    main()
