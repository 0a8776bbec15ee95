"""Rows in which something returns, and only what returns counts.

From books a small model learns hardly any copying: what comes again there is too rare. Here a span
of a book, of its tokens shuffled, or of tokens at random is met again later in its row, or over and
over as in a text that has fallen into a loop. The only way to foretell it is to look back for the
last tokens and to read what followed them.
"""

import random
from collections.abc import Sequence

import numpy as np
import torch

from training.batches import Source

SPANS = (8, 200)  # tokens, short ones as likely as long ones
PERIODS = (3, 60)
FIRST_ORDINARY = 18  # ids below are the special tokens (tokenizer.py)

# Tokens and what foretelling each of them counts.
Row = tuple[list[int], list[float]]


def _length(draw: random.Random, bounds: tuple[int, int]) -> int:
    """Uniform in its logarithm."""
    low, high = bounds
    return round(low * (high / low) ** draw.random())


class Copies:
    """Rows of `context` + 1 tokens from the sources, `rows` a step; a function of seed and step."""

    def __init__(
        self, sources: Sequence[Source], vocab_size: int, *, context: int, rows: int, seed: int
    ) -> None:
        self.sources, self.vocab_size = sources, vocab_size
        self.context, self.rows, self.seed = context, rows, seed

    def _prose(self, draw: random.Random, length: int) -> list[int]:
        tokens = draw.choice(self.sources).tokens
        start = draw.randrange(len(tokens) - length)
        return tokens[start : start + length].tolist()

    def span(self, draw: random.Random, length: int) -> list[int]:
        """As a book has it, in another order, or of any tokens."""
        kind = draw.choice(("book", "book", "book", "book", "shuffled", "random"))
        if kind == "random":
            return [draw.randrange(FIRST_ORDINARY, self.vocab_size) for _ in range(length)]
        span = self._prose(draw, length)
        return draw.sample(span, length) if kind == "shuffled" else span

    def _return(self, draw: random.Random, room: int) -> Row:
        """Something, prose, and the same again."""
        span = self.span(draw, min(_length(draw, SPANS), room // 2))
        between = self._prose(draw, draw.randrange(room - 2 * len(span) + 1) // draw.choice((1, 4)))
        counts = [0.0] * (len(span) + len(between) + 1) + [1.0] * (len(span) - 1)
        return span + between + span, counts

    def _loop(self, draw: random.Random, room: int) -> Row:
        """Prose that runs into a loop."""
        before = self._prose(draw, draw.randrange(1, room // 4))
        period = self.span(draw, min(_length(draw, PERIODS), (room - len(before)) // 2))
        rest = room - len(before)
        again = (period * (rest // len(period) + 1))[:rest]
        known = len(before) + len(period) + 1
        return before + again, [0.0] * known + [1.0] * (room - known)

    def _row(self, step: int, row: int) -> Row:
        draw = random.Random(f"copies {self.seed} {step} {row}")
        if draw.random() < 0.25:
            return self._loop(draw, self.context + 1)
        ids: list[int] = []
        counts: list[float] = []
        while (room := self.context + 1 - len(ids)) >= 2 * SPANS[0]:
            more, count = self._return(draw, room)
            ids, counts = ids + more, counts + count
        return ids + self._prose(draw, room), counts + [0.0] * room

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of one step: token ids (B, C), the labels behind each of them, and what these count."""
        rows = [self._row(step, row) for row in range(self.rows)]
        ids = torch.from_numpy(np.array([row for row, _ in rows], dtype=np.int64))
        counts = torch.tensor([count for _, count in rows])
        return ids[:, :-1], ids[:, 1:], counts[:, 1:]


SCORED_SPANS, SCORED_TOKENS = 16, 64


@torch.no_grad()
def copied_right(model, held_out: np.ndarray) -> dict[str, float]:
    """How often a model's first choice is right in the second copy of a span.

    "random": the span is of any tokens; "prose": of the held-out books, where some of it is
    foretold anyhow.
    """
    draw = np.random.default_rng(0)
    starts = np.linspace(0, len(held_out) - SCORED_TOKENS, SCORED_SPANS).astype(int)
    size = (SCORED_SPANS, SCORED_TOKENS)
    spans = {
        "random": draw.integers(FIRST_ORDINARY, model.config.vocab_size, size),
        "prose": np.stack([held_out[s : s + SCORED_TOKENS] for s in starts]).astype(np.int64),
    }
    shares = {}
    for name, once in spans.items():
        ids = torch.from_numpy(np.concatenate((once, once), 1)).to(model.device)
        said = model(input_ids=ids, use_cache=False).logits.argmax(-1)
        right = said[:, SCORED_TOKENS:-1] == ids[:, SCORED_TOKENS + 1 :]
        shares[name] = round(float(right.float().mean()), 4)
    return shares
