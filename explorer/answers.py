"""Answers found in texts, and votes for them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pydantic import ValidationInfo, field_validator

from explorer.errors import InputError
from explorer.records import Vote
from explorer.registry import Note, Params, param
from explorer.run import Run

# A sign counts where no word stands before it; commas where they part thousands.
NUMBER = re.compile(r"(?:(?<![\w.])-)?[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?")
ENDS = re.compile(r"[.!?;\n]")

VOTE_NOTES = (
    Note("votes", "The vote of each text: its answer, and what it weighs",
         shape="record", drawn_as="votes"),
)  # fmt: skip


class AnswerParams(Params):
    """Where the answer stands in a text."""

    answer: Literal["auto", "number", "marker", "text"] = param(
        "auto",
        "Answer",
        "number: the last number; marker: what follows the marker in its sentence; text: the whole "
        "text; auto: the last number where a text has one, else the whole text.",
    )
    marker: str = param(
        "",
        "Marker",
        "Words behind which the answer stands, for instance “The answer is”; for answer = marker.",
        unit="text",
        validate_default=True,
        max_length=100,
    )

    @field_validator("marker")
    @classmethod
    def _needed(cls, marker: str, info: ValidationInfo) -> str:
        if info.data.get("answer") == "marker" and not marker.strip():
            raise ValueError("with answer = marker, give the words behind which the answer stands")
        return marker


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is compared with others, and the characters of the text it was read from."""

    text: str
    start: int
    end: int


def find_answer(text: str, kind: str, marker: str = "") -> Answer | None:
    """The answer in a text, None where there is none."""
    if kind == "number":
        numbers = list(NUMBER.finditer(text))
        if not numbers:
            return None
        found = numbers[-1]
        plain = format(Decimal(found[0].replace(",", "")).normalize(), "f")
        return Answer(plain, *found.span())
    if kind == "marker":
        places = list(re.finditer(re.escape(marker), text, re.IGNORECASE))
        behind = answer_behind(text, places[-1].end()) if places else None
        return behind if behind and behind.text else None
    return _stripped(text, 0, len(text))


def answer_behind(text: str, start: int) -> Answer:
    """The rest of the sentence from a place on."""
    closed = ENDS.search(text, start)
    return _stripped(text, start, closed.start() if closed else len(text))


def _stripped(text: str, start: int, end: int) -> Answer:
    words = text[start:end]
    start += len(words) - len(words.lstrip())
    return Answer(words.strip(), start, start + len(words.strip()))


def find_answers(texts: Sequence[str], p: AnswerParams) -> list[Answer | None]:
    """The answers of several texts, looked for in the same way in all of them.

    Raises:
        InputError: none of them has one.
    """
    kind: str = p.answer
    if kind == "auto":
        kind = "number" if any(NUMBER.search(text) for text in texts) else "text"
    found = [find_answer(text, kind, p.marker) for text in texts]
    if not any(found):
        wanted = "a number" if kind == "number" else f"words behind the marker {p.marker!r}"
        raise InputError(
            f"answer = {p.answer} finds nothing to vote on: none of the {len(texts)} texts has "
            f"{wanted}. Allow for longer texts, or take answer = text."
        )
    return found


@dataclass(frozen=True, slots=True)
class Ballot:
    """One text's vote: the node it ends at, its answer (None: it abstains), and its weight."""

    node: int
    answer: str | None
    weight: float = 1.0


def vote(run: Run, ballots: Sequence[Ballot]) -> list[tuple[int, float]]:
    """One text for each answer with the answer's votes, the winner first; ties to the earlier.

    The text is the one with the largest weight among those that gave the answer, the earliest of
    equals. Methods that vote declare `VOTE_NOTES`.
    """
    votes: dict[str, float] = {}
    speaker: dict[str, Ballot] = {}
    for ballot in ballots:
        cast = Vote(answer=ballot.answer, weight=ballot.weight)
        run.note("votes", cast.model_dump(), ballot.node)
        if ballot.answer is None:
            run.prune([ballot.node], why="no answer")
            continue
        votes[ballot.answer] = votes.get(ballot.answer, 0.0) + ballot.weight
        best = speaker.setdefault(ballot.answer, ballot)
        if ballot.weight > best.weight:
            speaker[ballot.answer] = ballot
        run.finish(ballot.node, ballot.weight, why=f"answers {_short(ballot.answer)}")
    ranked = sorted(votes, key=lambda answer: -votes[answer])
    return [(speaker[answer].node, votes[answer]) for answer in ranked]


def _short(answer: str) -> str:
    """An answer on one line, and no longer than one is that was meant to be voted on."""
    return textwrap.shorten(answer, 30, placeholder="…") or "nothing"
