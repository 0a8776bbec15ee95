"""Bits per character on held-out text: comparable between tokenizers, lower is better."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from training.corpus import Book
from training.ngram import KneserNey
from training.tokens import encode_documents


@torch.no_grad()
def token_nats(
    model, ids: np.ndarray, *, context: int, stride: int, batch_size: int = 4
) -> np.ndarray:
    """−ln p of ids[1:], each given at least `context − stride` tokens before it where they exist.

    Windows of `context` overlap by `context − stride`; only the new part of each is scored.
    ids: (n,); result: (n − 1,) float64.
    """
    model.eval()
    device = next(model.parameters()).device
    n = len(ids)
    nats = np.empty(n - 1)
    spans = []  # (window start, first position scored)
    scored = 1
    while scored < n:
        start = max(0, min(scored + stride, n) - context)
        spans.append((start, scored))
        scored = min(start + context, n)
    # A short text has short windows; those of full length are stacked.
    for i in range(0, len(spans), batch_size):
        part = spans[i : i + batch_size]
        width = min(context, n)
        rows = torch.from_numpy(np.stack([ids[s : s + width].astype(np.int64) for s, _ in part]))
        logits = model(input_ids=rows.to(device), use_cache=False).logits.float()
        losses = functional.cross_entropy(
            logits[:, :-1].transpose(1, 2), rows[:, 1:].to(device), reduction="none"
        ).cpu()
        for (start, first), row in zip(part, losses.numpy(), strict=True):
            nats[first - 1 : start + width - 1] = row[first - start - 1 :]
    return nats


def score_documents(
    model,
    tokenizer: PreTrainedTokenizerBase,
    documents: Iterable[str],
    *,
    context: int = 1024,
    stride: int = 512,
) -> tuple[float, int]:
    """Bits the model needs for `documents`, each opened by the BOS token, and their characters.

    The end of each document is not scored, so that models with and without an end token compare.
    """
    nats, characters = 0.0, 0
    for text in documents:
        ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        row = np.array([tokenizer.bos_token_id, *ids])
        nats += float(token_nats(model, row, context=context, stride=stride).sum())
        characters += len(text)
    return nats / math.log(2), characters


def score_books(
    model, tokenizer: PreTrainedTokenizerBase, books: Iterable[Book], **windows: int
) -> tuple[dict[str, float], float]:
    """Bits per character of each book, and of all together."""
    by_book, bits, characters = {}, 0.0, 0
    for book in books:
        b, c = score_documents(model, tokenizer, book.documents, **windows)
        by_book[book.name] = b / c
        bits, characters = bits + b, characters + c
    return by_book, bits / characters


def ngram_bits(
    books: Sequence[Book], tokenizer: PreTrainedTokenizerBase, order: int = 5
) -> dict[str, float]:
    """Bits per character of an n-gram model trained on the other books: each held-out book, `all`.

    The same tokens, and as with a neural model each document opens with the BOS token, and its end
    is not scored.
    """
    training = [list(b.documents) for b in books if not b.held_out]
    model = KneserNey(
        [encode_documents(tokenizer, documents) for documents in training], len(tokenizer), order
    )
    bits, characters = Counter(), Counter()
    for book in (b for b in books if b.held_out):
        for text in book.documents:
            ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
            p = model.probabilities(np.array([tokenizer.bos_token_id, *ids]))
            bits[book.name] -= float(np.log2(p[1:]).sum())
            characters[book.name] += len(text)
    by_book = {name: bits[name] / characters[name] for name in sorted(bits)}
    return {**by_book, "all": bits.total() / characters.total()}
