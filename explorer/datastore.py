"""A text that is looked things up in: where an ending stood in it, and what followed there.

A datastore has passages, which blank lines divide; nothing that is found reaches over their ends.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log
from pathlib import Path

from explorer.errors import InputError
from explorer.phrases import own_tokens
from explorer.registry import Params, param
from explorer.view import LanguageModel

TALES = Path(__file__).parents[1] / "assets" / "texts" / "tales.txt"
K1, B = 1.2, 0.75  # of Okapi BM25: how soon repetition saturates, how much length counts
LONGEST_ENDING = 32  # tokens by which the places are sorted; a longer ending is not looked for


class DatastoreParams(Params):
    """Where is looked."""

    text: str = param(
        "", "Datastore", "The text that is looked things up in, blank lines between its passages; "
        "if empty, a small book of tales that comes with the program.", unit="text",
        max_length=200_000,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Token `at` of a passage; what follows an ending begins there."""

    passage: int
    at: int


def passages_of(model: LanguageModel, text: str) -> list[tuple[int, ...]]:
    """The passages of a text as tokens; without a text those of the bundled tales.

    Of the tales only those are there that the model can write: a toy table knows but a few letters.

    Raises:
        InputError: the text has no passage of two tokens.
    """
    passages = []
    for passage in (text or TALES.read_text(encoding="utf-8")).split("\n\n"):
        try:
            tokens = tuple(own_tokens(model, passage.strip()))
        except InputError:
            if text:
                raise
            continue
        if len(tokens) > 1:
            passages.append(tokens)
    if text and not passages:
        raise InputError(
            "text is not allowed: a datastore needs a passage of at least two tokens. Leave it "
            "empty for the tales that come with the program."
        )
    return passages


class Datastore:
    """Passages and an array of all their places, sorted by what follows there."""

    def __init__(self, passages: Sequence[Sequence[int]]) -> None:
        self.passages = [tuple(passage) for passage in passages]
        places = [Place(i, at) for i, some in enumerate(self.passages) for at in range(len(some))]
        self._places = sorted(places, key=self._key)
        self._keys = [self._key(place) for place in self._places]

    def __len__(self) -> int:
        """Tokens of all passages."""
        return len(self._places)

    def find(self, ending: Sequence[int]) -> list[Place]:
        """Every place behind that ending, in the order of the text."""
        wanted = tuple(ending)
        begin = bisect_left(self._keys, wanted)
        # Behind all keys that begin with it: no token is as large as infinity.
        end = bisect_right(self._keys, (*wanted, float("inf")))
        behind = (Place(p.passage, p.at + len(wanted)) for p in self._places[begin:end])
        return sorted(behind, key=lambda p: (p.passage, p.at))

    def successors(self, ending: Sequence[int]) -> Counter[int]:
        """How often each token stands behind that ending."""
        return Counter(token for place in self.find(ending) for token in self.following(place, 1))

    def following(self, place: Place, length: int) -> tuple[int, ...]:
        """Up to `length` tokens from there on, within the passage."""
        return self.passages[place.passage][place.at : place.at + length]

    def longest_match(
        self, text: Sequence[int], longest: int, shortest: int
    ) -> tuple[int, list[Place]]:
        """The tokens of the longest ending of `text` that stands here before some token, and where.

        (0, []) where not even the ending of `shortest` tokens does.
        """
        for n in range(min(longest, len(text), LONGEST_ENDING), shortest - 1, -1):
            found = [p for p in self.find(text[-n:]) if p.at < len(self.passages[p.passage])]
            if found:
                return n, found
        return 0, []

    def _key(self, place: Place) -> tuple[float, ...]:
        return self.following(place, LONGEST_ENDING)


def most_frequent(paths: Iterable[Sequence[int]], nodes: int) -> list[tuple[int, ...]]:
    """The beginnings of the paths that most of them share, at most `nodes`, most frequent first.

    With each its own beginnings are there too, before it.
    """
    counts = Counter(tuple(path[:n]) for path in paths for n in range(1, len(path) + 1))
    # The sort is stable, so of equals the shorter and the one that came first is the first.
    ranked = sorted(counts, key=lambda path: (-counts[path], len(path)))
    return ranked[:nodes]


def datastore_of(model: LanguageModel, text: str) -> Datastore:
    """The datastore of a text's passages, or of the bundled tales'; see `passages_of`."""
    return _sorted(tuple(passages_of(model, text)))


_sorted = lru_cache(maxsize=4)(Datastore)


def ranked_passages(passages: Sequence[Sequence[int]], query: Sequence[int]) -> list[int]:
    """The passages' numbers, those first that have most of the query's tokens (Okapi BM25)."""
    counts = [Counter(passage) for passage in passages]
    mean = sum(map(len, passages)) / max(len(passages), 1)

    def score(i: int) -> float:
        total = 0.0
        for token in set(query):
            n = sum(1 for other in counts if other[token])
            rarity = log((len(passages) - n + 0.5) / (n + 0.5) + 1)
            often, long = counts[i][token], len(passages[i]) / mean
            total += rarity * often * (K1 + 1) / (often + K1 * (1 - B + B * long))
        return total

    return sorted(range(len(passages)), key=score, reverse=True)
