"""Where a word stands in a run's tree, and what became of each place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from explorer.errors import InputError
from visualizers.fates import fate
from visualizers.odds import odds
from visualizers.reading import Reading
from visualizers.words import number, probability

MOST_HITS = 50
MOST_CHARACTERS = 200
SHOWN_END = 48  # characters of the path that a hit shows
BLANK = str.maketrans("↵⇥␣", "   ")


@dataclass(frozen=True, slots=True)
class Found:
    """The best hits, how many there are of all, and where there is none a sentence that says so."""

    hits: list[dict[str, Any]]
    total: int
    sentence: str


def find(reading: Reading, words: object) -> Found:
    """The tokens at which a text ends in the tree, upper and lower case being one.

    A hit is a token that holds the text, or the last one of several along a path that do. The
    best come first: those of the emitted text, those that are the whole token, the most probable
    beside the text, the latest.

    A hit: node, token, ending (the end of its path), class, sentence (why it died, or how it
    stands), step (when that was decided), born (step), odds (its path's probability as a share of
    the text's of the same length, in words; empty where it is not known).

    Raises:
        InputError: no text, or too long a one.
    """
    if not isinstance(words, str):
        raise InputError("What is to be found is no text.")
    wanted = " ".join(_folded(words).split())
    if len(wanted) > MOST_CHARACTERS:
        raise InputError(
            f"The text has {len(wanted)} characters; at most {MOST_CHARACTERS} are searched for."
        )
    if not wanted:
        return Found([], 0, "")
    found = _places(reading, wanted)
    beside = odds(reading)

    def rank(node: int) -> tuple[bool, bool, float, int]:
        known = beside[node]
        whole = _folded(reading.token(reading.fold.nodes[node].token)).strip() == wanted
        likely = -float("inf") if known is None else known
        return (node not in reading.emitted_at, not whole, -likely, -node)

    found.sort(key=rank)
    return Found(
        [_hit(reading, node) for node in found[:MOST_HITS]],
        len(found),
        "" if found else _nothing(reading, words.strip()),
    )


def _places(reading: Reading, wanted: str) -> list[int]:
    """The nodes in whose token an occurrence ends."""
    before = len(wanted) - 1  # characters of the path that may belong to one
    folded = lru_cache(maxsize=None)(_folded)
    prompt = folded("".join(map(reading.token, reading.prompt_ids)))
    tails = [prompt[-before:] if before else ""]
    found = []
    for story in reading.fold.nodes[1:]:
        here = tails[story.parent] + folded(reading.token(story.token))
        if wanted in here:
            found.append(story.id)
        tails.append(here[-before:] if before else "")
    return found


def _folded(text: str) -> str:
    return text.translate(BLANK).casefold()


def _hit(reading: Reading, node: int) -> dict[str, Any]:
    story, end = reading.fold.nodes[node], fate(reading, node)
    nats = odds(reading)[node]
    return {
        "node": node,
        "token": reading.alone(story.token),
        "ending": reading.ending(node, SHOWN_END),
        "class": end.cls,
        "sentence": end.sentence,
        "step": end.step,
        "born": story.born,
        "odds": "" if nats is None else number(probability(min(nats, 700.0)), 2),
    }


def _nothing(reading: Reading, words: str) -> str:
    """Nothing was found: but was it perhaps looked at, and never taken up?"""
    said = f"No token of the {len(reading.fold.nodes) - 1} in this tree has “{words}”."
    wanted = _folded(words).strip()
    for named in reading.choices_at:
        for _, choice in named:
            for token in choice.tokens:
                if wanted in _folded(reading.token(token)):
                    return (
                        f"{said} It was among the candidates at step {choice.step + 1}, behind "
                        f"{reading.quote(choice.node)}, and was not taken up there."
                    )
    return said
