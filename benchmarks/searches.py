"""What the searches and the methods against repetition are for, measured on the bundled target.

python -m benchmarks.searches --texts ../shared/data --only best_first curse

best_first  prefixes that best-first search reads, beside a beam search that is as wide
curse       length, log-probability and repetition of the most probable finished text, from 1 to 64
            beams; exact search tells, where it finishes, how often a beam missed the optimum
lattice     texts in a lattice and the mean log-probability of those read out, beside the hypotheses
            of a beam search that reads as many prefixes (what is read out comes to the positions)
repetition  repeated and distinct 1- to 4-grams on held-out prose, method by method, beside the
            human text; and on questions of Spec-Bench, of all its kinds
keywords    sentences from the words of CommonGen's dev set: how many of the words come (in the
            form they are given in), how many texts have them all, and log-probability a token

Rows are appended to the file; what stands there is not measured again, so that it can be stopped
and gone on with. The environment's row names the target by the fingerprint of its files.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from benchmarks import phenomena
from benchmarks.measure import Rows
from benchmarks.phenomena import SENTENCE_TOKENS
from explorer.decoding import make_request, run_request
from explorer.models.library import Library
from explorer.ngrams import repeated_share
from explorer.registry import all_methods
from explorer.trace import DoneEvent, NoteEvent, Trace
from explorer.tree import TokenTree
from explorer.view import LanguageModel, token_logps
from training.corpus import read_books
from training.export import load_tokenizer

RESULTS = Path("benchmarks/results/searches.jsonl")
KEYWORD_TOKENS = 24
BLOCK = 20  # sets of keywords in a row
LATTICE_TOKENS = 40
QUESTION_TOKENS = 512
LATTICE_BUDGETS = (4, 8)
LATTICE_PROMPTS = 4
BEGINNING = "Once upon a time"
WIDTHS = (1, 2, 4, 8, 16, 32, 64)
PREFIXES = 1000  # that exact search may read for one prompt
PLAIN: dict[str, tuple[str, dict[str, Any]]] = {
    "greedy": ("greedy", {}),
    "greedy, DRY": ("greedy", {"filters": "dry=0.8"}),
    "top-p 0.9": ("sample", {"filters": "top_p=0.9"}),
    "beam 4": ("beam_search", {}),
    "fsd, vectors": ("fsd", {"form": "vector", "n": 2, "alpha": 0.45}),
}

# What tells a row from the others of its part, and how its figures are measured.
Part = Iterator[tuple[dict[str, Any], Callable[[], dict[str, Any]]]]


def main() -> None:
    args = arguments()
    torch.set_num_threads(1)  # as the app's worker does for models of this size
    target: Any = Library().get("target")
    rows = Rows(args.out, target=target.revision)
    parts: dict[str, Callable[[], Part]] = {
        "best_first": lambda: best_first(target, args),
        "curse": lambda: curse(target, args, rows),
        "lattice": lambda: lattices(target, prose(args, target)[:LATTICE_PROMPTS]),
        "repetition": lambda: repetition(target, args),
        "keywords": lambda: keywords(target, args, rows),
    }
    for name in args.only or parts:
        for key, figures in parts[name]():
            rows.measure(name, figures, **key)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path, default=Path("../shared/data"), metavar="FOLDER")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FILE")
    names = ("best_first", "curse", "lattice", "repetition", "keywords")
    parser.add_argument("--only", nargs="+", choices=names, help="some parts of it")
    parser.add_argument("--prompts", type=int, default=50, help="held-out prompts for repetition")
    parser.add_argument("--tasks", type=int, default=10, help="prompts of best_first and curse")
    parser.add_argument("--sets", type=int, default=100, help="sets of keywords")
    parser.add_argument("--tokens", type=int, default=64, help="new tokens of the repetition table")
    parser.add_argument("--widest", type=int, default=64, help="beams at most of the curse")
    return parser.parse_args()


def run(
    target: LanguageModel,
    method: str,
    prompt: str,
    tokens: int,
    record: bool = False,
    **params: Any,
) -> Trace:
    request, chosen, parsed = make_request(
        method=method, prompt=prompt, params=params, max_new_tokens=tokens, seed=1
    )
    return run_request(request, chosen, parsed, {"target": target}, record=record)


def done(trace: Trace) -> DoneEvent:
    assert trace.done is not None
    return trace.done


# Best first --------------------------------------------------------------------------------------


def kinds(target: LanguageModel, args: argparse.Namespace) -> dict[str, list[str]]:
    """Prompts whose texts end within a few dozen tokens, and prompts whose texts go on."""
    return {
        "sentences from words": phenomena.sentence_prompts(args.tasks),
        "prose": prose(args, target)[: args.tasks],
    }


def best_first(target: LanguageModel, args: argparse.Namespace) -> Part:
    """Prefixes read for one answer and for all k, beside a beam search that ranks by sums."""
    for kind, prompts in kinds(target, args).items():
        for k in (2, 4, 8):
            yield (
                {"prompts": kind, "beams": k},
                lambda k=k, prompts=prompts: calls(target, prompts, k),
            )


def calls(target: LanguageModel, prompts: Sequence[str], k: int) -> dict[str, Any]:
    ways: dict[str, tuple[str, dict[str, Any]]] = {
        "beam": ("beam_search", {"length_penalty": 0.0}),
        "one_answer": ("best_first_beam_search", {}),
        "all_answers": ("best_first_beam_search", {"num_answers": k}),
    }
    read: dict[str, list[float]] = {way: [] for way in ways}
    nats: dict[str, list[float]] = {way: [] for way in ways}
    for prompt in prompts:
        for way, (method, params) in ways.items():
            trace = run(target, method, prompt, SENTENCE_TOKENS, num_beams=k, **params)
            read[way].append(done(trace).totals["rows"])
            nats[way].append(done(trace).outputs[0].score or 0.0)
    total = {way: sum(figures) for way, figures in read.items()}
    pairs = zip(nats["beam"], nats["one_answer"], strict=True)
    return {
        "n": len(prompts),
        **{f"prefixes_{way}": total[way] / len(prompts) for way in ways},
        "saved_one_answer": 1 - total["one_answer"] / total["beam"],
        "saved_all_answers": 1 - total["all_answers"] / total["beam"],
        "as_probable_a_text": mean(abs(a - b) < 1e-3 for a, b in pairs),
    }


# The beam-search curse ---------------------------------------------------------------------------


def curse(target: LanguageModel, args: argparse.Namespace, rows: Rows) -> Part:
    """As beams grow, ever more probable texts, ever shorter ones; and what is the optimum."""
    for kind, prompts in kinds(target, args).items():
        if kind != "prose":  # where texts go on there is no end to an exact search
            yield (
                {"prompts": kind, "beams": "exact"},
                lambda prompts=prompts: optima(target, prompts),
            )
        for width in WIDTHS:
            if width <= args.widest:
                yield (
                    {"prompts": kind, "beams": width},
                    (
                        lambda kind=kind, prompts=prompts, width=width: most_probable(
                            target, prompts, width, rows.find("curse", prompts=kind, beams="exact")
                        )
                    ),
                )


def optima(target: LanguageModel, prompts: Sequence[str]) -> dict[str, Any]:
    """Exact search behind a beam of 16; a log-probability is None where nothing was proved."""
    found, read, lengths = [], [], []
    for prompt in prompts:
        trace = run(
            target, "exact_map", prompt, SENTENCE_TOKENS, True, num_beams=16, budget=PREFIXES
        )
        (verdict,) = [e.value for e in trace.events
                      if isinstance(e, NoteEvent) and e.name == "verdict"]  # fmt: skip
        proved = str(verdict).startswith("proved")
        found.append(done(trace).outputs[0].score if proved else None)
        read.append(done(trace).totals["rows"])
        if proved:
            lengths.append(len(trace.token_ids))
    return {
        "n": len(prompts),
        "proved": len(lengths),
        "prefixes": mean(read),
        "tokens_where_proved": mean(lengths) if lengths else None,
        "log_probabilities": found,
    }


def most_probable(
    target: LanguageModel, prompts: Sequence[str], width: int, exact: dict[str, Any] | None
) -> dict[str, Any]:
    texts, nats = [], []
    for prompt in prompts:
        trace = run(
            target, "beam_search", prompt, SENTENCE_TOKENS,
            num_beams=width, length_penalty=0.0,
        )  # fmt: skip
        texts.append(trace.token_ids)
        nats.append(done(trace).outputs[0].score or 0.0)
    found = {
        "n": len(prompts),
        "tokens": mean(map(len, texts)),
        "log_probability": mean(nats),
        **ngrams(texts, (1, 4)),
    }
    if exact is None:
        return found
    pairs = zip(nats, exact["log_probabilities"], strict=True)
    missed = [ours < best - 1e-3 for ours, best in pairs if best is not None]
    return found | {"missed_the_optimum": f"{sum(missed)} of {len(missed)}"}


# Lattices ----------------------------------------------------------------------------------------


def lattices(target: LanguageModel, prompts: Sequence[str]) -> Part:
    """At each budget: a beam so wide, and lattices that read no more prefixes."""
    for budget in LATTICE_BUDGETS:
        for way in ("beam", "none", "rcb", "zip"):
            yield (
                {"way": way, "budget": budget},
                lambda way=way, budget=budget: paths(target, prompts, way, budget),
            )


def paths(target: LanguageModel, prompts: Sequence[str], way: str, budget: int) -> dict[str, Any]:
    beam: dict[str, Any] = {"num_beams": budget, "length_penalty": 0.75}
    merging: dict[str, Any] = {"num_beams": budget, "merge": way, "texts": budget}
    texts, nats, read = [], [], []
    for prompt in prompts:
        if way == "beam":
            trace = run(target, "beam_search", prompt, LATTICE_TOKENS, **beam)
            texts.append(float(len(done(trace).outputs)))
        else:
            trace = run(target, "lattice", prompt, LATTICE_TOKENS, True, **merging)
            counts = [e.value for e in trace.events
                      if isinstance(e, NoteEvent) and e.name == "texts"]  # fmt: skip
            texts.append(10 ** float(str(counts[-1])))
        outputs = done(trace).outputs
        nats.append(mean(o.score * len(o.token_ids) ** -0.25
                         for o in outputs if o.score is not None))  # fmt: skip
        read.append(done(trace).totals["rows"])
    return {
        "n": len(prompts),
        "texts": mean(texts),
        "logp_a_token": mean(nats),
        "positions": mean(read),
    }


# Repetition --------------------------------------------------------------------------------------


def prose(args: argparse.Namespace, target: LanguageModel) -> list[str]:
    """Held-out beginnings of prose."""
    return [target.decode(row[: phenomena.PROMPT_TOKENS]) for row in held_out(args, 0)]


def held_out(args: argparse.Namespace, behind: int) -> list[list[int]]:
    """Tokens of held-out prose: those of a prompt, and so many behind."""
    tokenizer = load_tokenizer(Path("assets/models/target"))
    length = phenomena.PROMPT_TOKENS + behind
    return phenomena.stretches(list(read_books(args.texts)), tokenizer, length, args.prompts)


def repetition(target: LanguageModel, args: argparse.Namespace) -> Part:
    """n-grams of people, of plain ways, and of every method against repetition."""
    texts = held_out(args, args.tokens)
    human = [row[phenomena.PROMPT_TOKENS :] for row in texts]
    common = {"prompts": "prose", "n": len(texts), "tokens": args.tokens}
    yield {"way": "human", **common}, lambda: ngrams(human)
    prompts = {
        "prose": [target.decode(row[: phenomena.PROMPT_TOKENS]) for row in texts],
        "Spec-Bench": questions(args, target),
    }
    against = [m.id for m in all_methods().values() if m.family == "repetition"]
    ways = {**PLAIN, **{method: (method, {}) for method in against}}
    for (kind, some), (way, (method, params)) in product(prompts.items(), ways.items()):
        yield (
            {"way": way, "prompts": kind, "n": len(some), "tokens": args.tokens},
            lambda method=method, params=params, some=some: ngrams(
                [run(target, method, text, args.tokens, **params).token_ids for text in some]
            ),
        )


def questions(args: argparse.Namespace, target: LanguageModel) -> list[str]:
    """First turns of Spec-Bench, evenly spaced: some of every kind, and of long ones the end."""
    lines = (args.texts / "evals/spec_bench/question.jsonl").read_text("utf-8").splitlines()
    places = [i * len(lines) // args.prompts for i in range(args.prompts)]
    texts = [json.loads(lines[place])["turns"][0] for place in places]
    return [target.decode(target.encode(text)[-QUESTION_TOKENS:]) for text in texts]


def ngrams(texts: Sequence[list[int]], orders: Sequence[int] = (1, 2, 3, 4)) -> dict[str, float]:
    """Of each order the share repeated within a text, and the share distinct over all of them."""
    shares: dict[str, float] = {}
    for n in orders:
        repeated = [share for ids in texts if (share := repeated_share(ids, n)) is not None]
        shares[f"repeated_{n}_grams"] = mean(repeated) if repeated else 0.0
        grams = [gram for ids in texts for gram in zip(*(ids[i:] for i in range(n)), strict=False)]
        shares[f"distinct_{n}"] = len(set(grams)) / max(1, len(grams))
    return shares


# Keywords ----------------------------------------------------------------------------------------


def keywords(target: LanguageModel, args: argparse.Namespace, rows: Rows) -> Part:
    """Twelve hypotheses, in the grid four in each row; looking ahead is measured on one block.

    A row a search and a block of sets, and where all blocks are there, one for all of them.
    """
    wide = {"num_beams": 12}
    ways: dict[str, Callable[[str], dict[str, Any]]] = {
        "beam_search": lambda words: wide,
        "grid_beam_search": lambda words: {"phrases": words},
        "dynamic_beam_allocation": lambda words: {"phrases": words, **wide},
        "neurologic": lambda words: {"clauses": words, "prune_factor": 4096, **wide},
    }
    ahead = {"neurologic_a_star": lambda words: ways["neurologic"](words) | {"steps": 3}}
    sets = read_sets(args.texts, args.sets)
    starts = range(0, len(sets), BLOCK)
    for start in starts:
        for method, params in {**ways, **({} if start else ahead)}.items():
            block = sets[start : start + BLOCK]
            yield (
                {"method": method, "first": start, "n": len(block)},
                (
                    lambda method=method, params=params, block=block: coverage(
                        target, method, params, block
                    )
                ),
            )
    for method in ways:
        blocks = [rows.find("keywords", method=method, first=start) for start in starts]
        yield (
            {"method": method, "first": "all", "n": len(sets)},
            (
                lambda blocks=blocks: {
                    name: sum(b[name] * b["n"] for b in blocks) / sum(b["n"] for b in blocks)
                    for name in ("words_that_came", "all_words_came", "logp_a_token", "positions")
                }
            ),
        )


def read_sets(texts: Path, count: int) -> list[list[str]]:
    """The first sets of words, without the letters that say what kind of word it is."""
    lines = (texts / "evals/commongen/commongen.dev.jsonl").read_text(encoding="utf-8").splitlines()
    sets = [json.loads(line)["concept_set"] for line in lines[:count]]
    return [[word.rsplit("_", 1)[0] for word in s.split("#")] for s in sets]


def coverage(
    target: LanguageModel,
    method: str,
    params: Callable[[str], dict[str, Any]],
    sets: Sequence[Sequence[str]],
) -> dict[str, Any]:
    had, nats, read = [], [], []
    for words in sets:
        phrases = [f" {word}" for word in words]
        trace = run(target, method, BEGINNING, KEYWORD_TOKENS, **params(";".join(phrases)))
        had.append([phrase in trace.text for phrase in phrases])
        nats.append(own_logp(target, trace) / max(1, len(trace.token_ids)))
        read.append(done(trace).totals["rows"])
    return {
        "words_that_came": mean(mean(row) for row in had),
        "all_words_came": mean(all(row) for row in had),
        "logp_a_token": mean(nats),
        "positions": mean(read),
    }


def own_logp(target: LanguageModel, trace: Trace) -> float:
    """The log-probability in nats that the target gives the whole text."""
    tree = TokenTree()
    path = tree.extend(0, trace.token_ids)
    view = target.open(tree, trace.header.prompt_ids, "target")
    return sum(token_logps(view([0, *path[:-1]]), trace.token_ids))


if __name__ == "__main__":
    main()
