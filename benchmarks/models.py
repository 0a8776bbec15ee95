"""What the bundled models can do, on data held out from their training; one JSON line a figure.

    python -m benchmarks.models --texts ../shared/data > benchmarks/results/models.jsonl

Prose is measured in bits per character, beside a 5-gram model trained on the same books with the
same tokens, and beside another small model if the text folder has one. Tasks are answered greedily
from held-out seeds. Every line carries machine and versions.
"""

import argparse
import itertools
import json
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from training.corpus import read_books
from training.errors import TrainingError
from training.evaluate import ngram_bits, score_books
from training.scoring import is_right, side
from training.tasks import TASKS, Example, example
from training.world import HELD_OUT_SEEDS

NEIGHBOUR = "models/stories260K"
REPETITION_TOKENS = 200
PROMPT_TOKENS = 48
MAX_ANSWER_TOKENS = 96


def load(folder: Path):
    """Model and tokenizer of a folder, in float32."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32
    ).eval()
    return model, AutoTokenizer.from_pretrained(folder, local_files_only=True)


def prose(models: dict[str, Path], texts: Path) -> Iterator[dict]:
    """Bits per character of every model on every held-out book."""
    books = list(read_books(texts))
    held_out = [b for b in books if b.held_out]
    for name, folder in models.items():
        model, tokenizer = load(folder)
        context = min(1024, model.config.max_position_embeddings)
        by_book, together = score_books(
            model, tokenizer, held_out, context=context, stride=context // 2
        )
        for book, value in {**by_book, "all": together}.items():
            yield {"measure": "bits_per_character", "model": name, "book": book, "value": value}
    _, tokenizer = load(models["target"])
    for book, value in ngram_bits(books, tokenizer).items():
        yield {"measure": "bits_per_character", "model": "5-gram", "book": book, "value": value}


@torch.no_grad()
def continue_greedily(model, tokenizer, prompts: list[str], max_new_tokens: int) -> list[str]:
    """What the model writes after each prompt, up to its end token."""
    batch = tokenizer(prompts, padding=True, return_tensors="pt")
    out = model.generate(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        max_new_tokens=max_new_tokens,
        do_sample=False,
        pad_token_id=tokenizer.pad_token_id,
    )
    answers = out[:, batch["input_ids"].shape[1] :].tolist()
    end = tokenizer.eos_token_id
    return [
        tokenizer.decode(row[: row.index(end)] if end in row else row, skip_special_tokens=True)
        for row in answers
    ]


def held_out_examples(kind: str, n: int) -> list[Example]:
    return [example(kind, HELD_OUT_SEEDS + i) for i in range(n)]


def tasks(models: dict[str, Path], n: int) -> Iterator[dict]:
    """Greedy accuracy of every model on every task with one right answer."""
    for name, folder in models.items():
        model, tokenizer = load(folder)
        for kind in TASKS:
            if kind in ("mood", "dialogue"):  # many right answers
                continue
            examples = held_out_examples(kind, n)
            outputs = []
            for start in range(0, n, 25):
                prompts = [e.prompt for e in examples[start : start + 25]]
                outputs += continue_greedily(model, tokenizer, prompts, MAX_ANSWER_TOKENS)
            pairs = list(zip(examples, outputs, strict=True))
            if kind == "reading":
                conflicts = [(e, o) for e, o in pairs if e.meta["truth"] != e.meta["told"]]
                sides = Counter(side(e, o) for e, o in conflicts)
                for which in ("passage", "fact", "neither"):
                    yield {
                        "measure": "conflict_share",
                        "model": name,
                        "won_by": which,
                        "n": len(conflicts),
                        "value": sides[which] / len(conflicts),
                    }
                pairs = [(e, o) for e, o in pairs if e.meta["truth"] == e.meta["told"]]
            groups: dict[str, list[bool]] = {}
            for e, o in pairs:
                label = f"{kind}_{e.meta['digits']}_digits" if kind == "sum" else kind
                groups.setdefault(label, []).append(is_right(e, o))
            for label, right in groups.items():
                yield {
                    "measure": "greedy_accuracy",
                    "model": name,
                    "task": label,
                    "n": len(right),
                    "value": sum(right) / len(right),
                }


def repeated_share(ids: list[int], n: int = 4) -> float:
    """Share of the n-grams of `ids` that occurred before in it."""
    grams = list(zip(*(ids[i:] for i in range(n)), strict=False))
    return 1 - len(set(grams)) / len(grams)


@torch.no_grad()
def repetition(models: dict[str, Path], texts: Path, n: int) -> Iterator[dict]:
    """Repeated 4-grams in 200 tokens: greedy, ten beams, top-p 0.9, and the human text itself."""
    held_out = [b for b in read_books(texts) if b.held_out]
    documents = itertools.islice(
        (d for row in itertools.zip_longest(*(b.documents for b in held_out)) for d in row if d), n
    )
    model, tokenizer = load(models["target"])
    ways = {
        "greedy": {"do_sample": False},
        "beam_10": {"do_sample": False, "num_beams": 10},
        "top_p_0.9": {"do_sample": True, "top_p": 0.9, "top_k": 0},
    }
    shares: dict[str, list[float]] = {way: [] for way in (*ways, "human")}
    for document in documents:
        ids = tokenizer(document, verbose=False)["input_ids"][: PROMPT_TOKENS + REPETITION_TOKENS]
        if len(ids) < PROMPT_TOKENS + REPETITION_TOKENS:
            continue
        shares["human"].append(repeated_share(ids[PROMPT_TOKENS:]))
        prompt = torch.tensor([ids[:PROMPT_TOKENS]])
        for way, options in ways.items():
            torch.manual_seed(0)
            out = model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=REPETITION_TOKENS,
                min_new_tokens=REPETITION_TOKENS,
                pad_token_id=tokenizer.pad_token_id,
                **options,
            )
            shares[way].append(repeated_share(out[0, PROMPT_TOKENS:].tolist()))
    for way, values in shares.items():
        yield {
            "measure": "repeated_4grams",
            "model": "target" if way != "human" else "human",
            "way": way,
            "n": len(values),
            "value": sum(values) / len(values),
        }


def loading(models: dict[str, Path]) -> Iterator[dict]:
    """Seconds to load target and draft, in this process, after the libraries are imported."""
    started = time.perf_counter()
    for name in ("target", "draft"):
        load(models[name])
    yield {"measure": "load_seconds", "model": "target+draft",
           "value": time.perf_counter() - started}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models")
    parser.add_argument("--texts", type=Path, default=Path("../shared/data"))
    parser.add_argument("--models", type=Path, default=Path("assets/models"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tasks", type=int, default=100, help="examples of each task")
    parser.add_argument("--texts-continued", type=int, default=10, help="texts for repetition")
    parts = ("loading", "prose", "tasks", "repetition")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, help="some parts of it")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    where = {
        "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores, {args.threads} threads",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    ours = {name: args.models / name for name in ("target", "draft")}
    others = {"stories260K": args.texts / NEIGHBOUR} if (args.texts / NEIGHBOUR).is_dir() else {}
    try:
        measures = {
            "loading": lambda: loading(ours),
            "prose": lambda: prose({**ours, **others}, args.texts),
            "tasks": lambda: tasks(ours, args.tasks),
            "repetition": lambda: repetition(ours, args.texts, args.texts_continued),
        }
        for figure in itertools.chain.from_iterable(measures[part]() for part in args.only):
            print(json.dumps({**figure, "value": round(figure["value"], 4), **where}), flush=True)
    except TrainingError as error:
        print(f"benchmarks.models: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
