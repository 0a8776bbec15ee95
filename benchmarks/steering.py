"""Does `cheerful − gloomy` change the mood of what the target writes, and do the heads know?

The judge is held out: a naive Bayes classifier of sentences from the training books, labelled by
their words (mood_words.py). It has seen none of the passages that the experts were tuned on;
how often it is right on those is measured too.
"""

from __future__ import annotations

import itertools
import math
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import torch

from benchmarks.mood_words import count, words
from benchmarks.phenomena import stretches
from explorer.models.heads import Head
from training import moods
from training.corpus import Book
from training.rewards import reward
from training.samples import write_on
from training.world import HELD_OUT_SEEDS

WEIGHTS = (-2.0, 0.0, 2.0)
# Of the target, before the experts speak: as in DExperts (Liu et al. 2021), and so wide that it
# leaves them something where the target is sure.
NUCLEI = (0.9, 0.999)
NEW_TOKENS = 48
PROMPT_TOKENS = 32
BEST_OF = 8


class MoodJudge:
    """ln of how much more likely a text is among cheerful sentences than among gloomy ones."""

    def __init__(self, books: Sequence[Book]) -> None:
        counts = {True: Counter[str](), False: Counter[str]()}
        for book in books:
            if book.held_out or book.group == "youth":
                continue
            for sentence in re.split(r"[.!?]", " ".join(book.documents)):
                told = words(sentence)
                cheerful, gloomy = count(told)
                if bool(cheerful) != bool(gloomy):
                    counts[bool(cheerful)].update(told)
        known = {w for w, n in (counts[True] + counts[False]).items() if n >= 5}
        totals = {side: sum(seen[w] + 1 for w in known) for side, seen in counts.items()}
        self._weight = {
            w: math.log((counts[True][w] + 1) / totals[True])
            - math.log((counts[False][w] + 1) / totals[False])
            for w in known
        }

    def __call__(self, text: str) -> float:
        return sum(self._weight.get(w, 0.0) for w in words(text))


@torch.no_grad()
def steered(
    target,
    experts: tuple,
    prompts: list[list[int]],
    weight: float,
    length: int,
    nucleus: float,
) -> list[list[int]]:
    """Continuations drawn from the target's nucleus with `weight · (cheerful − gloomy)` added.

    Rows are of one length, so no padding is needed.
    """
    draw = torch.Generator().manual_seed(0)
    ids = torch.tensor(prompts)
    models, caches = (target, *experts), [None, None, None]
    given = ids
    for _ in range(length):
        scores = []
        for i, model in enumerate(models):
            out = model(input_ids=given, past_key_values=caches[i], use_cache=True)
            caches[i] = out.past_key_values
            scores.append(out.logits[:, -1].float().log_softmax(-1))
        base, cheerful, gloomy = scores
        ranked, order = base.exp().sort(descending=True)
        outside = ranked.cumsum(-1) - ranked >= nucleus
        base = base.masked_fill(outside.gather(-1, order.argsort(-1)), -torch.inf)
        law = (base + weight * (cheerful - gloomy)).softmax(-1)
        given = torch.multinomial(law, 1, generator=draw)
        ids = torch.cat((ids, given), -1)
    return ids[:, len(prompts[0]) :].tolist()


def neutral_openings(tokenizer, n: int) -> list[list[int]]:
    """First sentences of plain passages behind the tag of a plain story, cut to one length."""
    draw = random.Random(HELD_OUT_SEEDS)
    tag, end = moods.MOOD_TAGS["plain"], tokenizer.eos_token
    texts = [f"{end}{tag} {moods.passage(draw, 'plain')}" for _ in range(n)]
    return [tokenizer(text)["input_ids"][:20] for text in texts]


def steering(target, experts: tuple, tokenizer, books: Sequence[Book], n: int) -> Iterator[dict]:
    """How many neutral prompts the judge finds cheerful at weights −2, 0 and 2, and how many flip.

    Flipped is a prompt whose plain continuation is not cheerful and whose steered one is.
    """
    judge = MoodJudge(books)
    draw = random.Random(HELD_OUT_SEEDS + 1)
    sides = [
        (judge(moods.passage(draw, mood)) > 0) == (mood == "cheerful")
        for mood in ("cheerful", "gloomy")
        for _ in range(200)
    ]
    yield {"measure": "judge_accuracy", "model": "naive Bayes", "n": len(sides),
           "value": sum(sides) / len(sides)}  # fmt: skip
    openings = {
        "plain openings": neutral_openings(tokenizer, n),
        "held-out books": stretches(books, tokenizer, PROMPT_TOKENS, n),
    }
    for nucleus, (text, prompts) in itertools.product(NUCLEI, openings.items()):
        found = {
            weight: [
                judge(tokenizer.decode(row, skip_special_tokens=True)) > 0
                for row in steered(target, experts, prompts, weight, NEW_TOKENS, nucleus)
            ]
            for weight in WEIGHTS
        }
        common = {"model": "target+cheerful-gloomy", "text": text,
                  "nucleus": nucleus}  # fmt: skip
        for weight, cheerful in found.items():
            yield {"measure": "judged_cheerful", **common, "weight": weight, "n": len(prompts),
                   "value": sum(cheerful) / len(prompts)}  # fmt: skip
        could = [after for before, after in zip(found[0.0], found[2.0], strict=True) if not before]
        if could:
            yield {"measure": "flipped_to_cheerful", **common, "weight": 2.0, "n": len(could),
                   "value": sum(could) / len(could)}  # fmt: skip


def best_of(target, head: Head, tokenizer, books: Sequence[Book], n: int) -> Iterator[dict]:
    """The rule's reward of single samples, and of the best of eight by the reward head."""
    plain, best = [], []
    for i, prompt in enumerate(stretches(books, tokenizer, PROMPT_TOKENS, n)):
        rows, states = write_on(
            target, [prompt] * BEST_OF, PROMPT_TOKENS + NEW_TOKENS, torch.Generator().manual_seed(i)
        )
        scores = head.score(torch.from_numpy(states[:, PROMPT_TOKENS:]))
        texts = tokenizer.batch_decode(rows[:, PROMPT_TOKENS:].tolist(), skip_special_tokens=True)
        rewards = [reward(text, tokenizer.decode(prompt)) for text in texts]
        plain += rewards
        best.append(rewards[int(scores.argmax())])
    for way, rewards in (("one sample", plain), (f"best of {BEST_OF} by the head", best)):
        yield {"measure": "reward", "model": "target+reward-head", "way": way, "n": len(rewards),
               "value": sum(rewards) / len(rewards)}  # fmt: skip
