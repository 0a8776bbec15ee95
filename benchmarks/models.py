"""What the bundled models can do, on data held out from their training; one JSON line a figure.

    python -m benchmarks.models --texts ../shared/data > benchmarks/results/models.jsonl

Prose is measured in bits per character, beside a 5-gram model trained on the same books with the
same tokens, and beside another small model if the text folder has one. Tasks are answered greedily
from held-out seeds. Phenomena, speculation and steering have modules of their own. Every line
carries machine and versions.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from benchmarks import phenomena, speculation, steering
from benchmarks.measure import environment
from explorer.errors import ExplorerError
from explorer.models.heads import read_head
from explorer.models.loading import load_model
from training.corpus import Book, read_books
from training.errors import TrainingError
from training.evaluate import ngram_bits, score_books
from training.scoring import is_right, side
from training.tasks import TASKS, Example, example
from training.world import HELD_OUT_SEEDS

NEIGHBOUR = "models/stories260K"
MAX_ANSWER_TOKENS = 96
BATCH = 24
LOADS = 5
# Only every other passage contradicts a fact, and the shares of who wins are of these alone.
READINGS = 4

# Run in a process of its own, so that nothing is loaded before.
LOADING = """
import json, time
started = time.perf_counter()
import torch, transformers
from explorer.models import library, network
torch.set_num_threads({threads})

def resident_mb():
    with open("/proc/self/status", encoding="utf-8") as lines:
        return next(int(l.split()[1]) for l in lines if l.startswith("VmRSS")) / 1024

imported, before = time.perf_counter(), resident_mb()
transformers.LlamaForCausalLM, transformers.AutoTokenizer  # imported when they are first named
named = time.perf_counter()
models = library.Library()
models.get("target"), models.get("draft")
print(json.dumps({{
    "import_seconds": imported - started,
    "first_use_seconds": named - imported,
    "load_seconds": time.perf_counter() - named,
    "load_mb": resident_mb() - before,
    "resident_mb": resident_mb(),
}}))
"""


def load(folder: Path):
    """Model and tokenizer of a folder, in float32."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32
    ).eval()
    return model, AutoTokenizer.from_pretrained(folder, local_files_only=True)


def loading(models: Path, threads: int) -> Iterator[dict]:
    """Seconds and memory for target and draft: medians of fresh processes.

    Beside them those of imports, and of what transformers imports when its Llama is first used.
    """
    environment = {**os.environ, "EXPLORER_MODELS_FOLDER": str(models)}
    told: list[dict[str, float]] = []
    for _ in range(LOADS):
        said = subprocess.run(
            [sys.executable, "-c", LOADING.format(threads=threads)],
            env=environment, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        told.append(json.loads(said.splitlines()[-1]))
    for name in told[0]:
        value = statistics.median(figures[name] for figures in told)
        yield {"measure": name, "model": "target+draft", "n": LOADS, "value": value}


def prose(models: dict[str, Path], books: Sequence[Book]) -> Iterator[dict]:
    """Bits per character of every model on every held-out book."""
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
            examples = held_out_examples(kind, READINGS * n if kind == "reading" else n)
            outputs = []
            for start in range(0, len(examples), BATCH):
                prompts = [e.prompt for e in examples[start : start + BATCH]]
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


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models")
    parser.add_argument("--texts", type=Path, default=Path("../shared/data"))
    parser.add_argument("--models", type=Path, default=Path("assets/models"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tasks", type=int, default=48, help="examples of each task")
    parser.add_argument("--prompts", type=int, default=10, help="prompts of each phenomenon")
    parser.add_argument("--timed", type=int, default=4, help="prompts of each kind that are timed")
    parser.add_argument("--repeats", type=int, default=3, help="times that each is timed")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some parts of it")
    return parser.parse_args(argv)


PARTS = ("loading", "prose", "tasks", "repetition", "beams", "acceptance", "speculation",
         "steering", "heads")  # fmt: skip


def measure(part: str, args: argparse.Namespace, books: Sequence[Book]) -> Iterator[dict]:
    """The figures of one part; books are read once for all of them."""
    ours = {name: args.models / name for name in ("target", "draft")}
    if part == "loading":
        return loading(args.models, args.threads)
    if part == "prose":
        neighbour = args.texts / NEIGHBOUR
        others = {neighbour.name: neighbour} if neighbour.is_dir() else {}
        return prose({**ours, **others}, books)
    if part == "tasks":
        return tasks(ours, args.tasks)
    target, tokenizer = load(ours["target"])
    if part == "repetition":
        return phenomena.repetition(target, tokenizer, books, args.prompts)
    if part == "acceptance":
        return phenomena.acceptance(target, load(ours["draft"])[0], tokenizer, books, args.prompts)
    if part == "steering":
        experts = tuple(load(args.models / name)[0] for name in ("cheerful", "gloomy"))
        return steering.steering(target, experts, tokenizer, books, 5 * args.prompts)
    networks = {name: load_model(str(folder)) for name, folder in ours.items()}
    if part == "beams":
        return phenomena.beams(networks["target"], phenomena.PASSAGES)
    if part == "speculation":
        return speculation.speculation(networks, tokenizer, books, args.timed, args.repeats)
    head = read_head(args.models / "reward-head", networks["target"])
    return steering.best_of(target, head, tokenizer, books, args.prompts)


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    where = {name: value for name, value in environment().items() if name != "row"}
    where["machine"] = f"{where.pop('processor')}, {os.cpu_count()} cores"
    try:
        books = list(read_books(args.texts))
        for figure in chain.from_iterable(measure(part, args, books) for part in args.only):
            print(json.dumps({**figure, "value": round(figure["value"], 4), **where}), flush=True)
    except (TrainingError, ExplorerError) as error:
        print(f"benchmarks.models: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
