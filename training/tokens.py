"""Tokenized text on disk: one array per source, documents closed by the end token."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerFast

from training.corpus import Book
from training.errors import TrainingError
from training.tasks import draw_example
from training.world import HELD_OUT_SEEDS

HELD_OUT = "held_out"
WORLD = "world"
# With the books as large as they are, a third of their weighted tokens: a quarter of the mixture.
WORLD_EXAMPLES = 55_000


def encode_documents(tokenizer: PreTrainedTokenizerFast, documents: list[str]) -> np.ndarray:
    """Token ids of all documents in one row, an end token after each; (n,) uint16."""
    end = tokenizer.eos_token_id
    rows = tokenizer(documents, verbose=False)["input_ids"]
    return np.concatenate([np.array([*row, end], dtype=np.uint16) for row in rows])


def write_tokens(tokenizer: PreTrainedTokenizerFast, books: Iterable[Book], folder: Path) -> dict:
    """Write `<group>.npy` of the training books and `held_out.npy`; return the counts by source."""
    by_source: dict[str, list[str]] = defaultdict(list)
    for book in books:
        by_source[HELD_OUT if book.held_out else book.group].extend(book.documents)
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for name, documents in sorted(by_source.items()):
        ids = encode_documents(tokenizer, documents)
        np.save(folder / f"{name}.npy", ids)
        counts[name] = {
            "documents": len(documents),
            "characters": sum(map(len, documents)),
            "tokens": len(ids),
        }
    return counts


def write_world_tokens(
    tokenizer: PreTrainedTokenizerFast, folder: Path, examples: int = WORLD_EXAMPLES
) -> dict:
    """Write `world.npy`: the tasks of the first `examples` seeds; return its counts."""
    if examples > HELD_OUT_SEEDS:
        raise TrainingError(f"At most {HELD_OUT_SEEDS:,} examples: later seeds are held out.")
    texts = [draw_example(seed).text for seed in range(examples)]
    ids = encode_documents(tokenizer, texts)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{WORLD}.npy", ids)
    return {"documents": examples, "characters": sum(map(len, texts)), "tokens": len(ids)}


def read_tokens(folder: Path, name: str) -> np.ndarray:
    """The array `name` of `folder`, memory-mapped."""
    path = folder / f"{name}.npy"
    if not path.is_file():
        raise TrainingError(
            f"There are no tokens at '{path}'. Run `python -m training tokens` first."
        )
    return np.load(path, mmap_mode="r")
