"""What notes hold that have a picture of their own: a record a kind, written by any method.

A method declares such a note with `drawn_as` of that kind and notes `Record(…).model_dump()`; what
draws it reads the value back with `Record.read`, which takes nothing else.
"""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, FiniteFloat, JsonValue, ValidationError


class Record(BaseModel):
    """Base of all records: frozen, finite numbers, and nothing undeclared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def read(cls, value: JsonValue) -> Self | None:
        """The record that a note holds; None where it holds something else."""
        try:
            return cls.model_validate(value)
        except ValidationError:
            return None


class Vote(Record):
    """One text's vote, noted at the node where the text ends; without an answer it abstains."""

    answer: str | None
    weight: FiniteFloat


class Standing(Record):
    """A hypothesis: its bank, and of each thing wanted (tokens that stand, tokens it takes)."""

    node: int
    bank: int
    stands: list[tuple[int, int]]


class Constraints(Record):
    """What is wanted of a text, and how far each running hypothesis has come with it."""

    wanted: list[str]
    hypotheses: list[Standing]


class Revisit(Record):
    """A candidate that leads back to what stands already, and what that costs it.

    `place` counts from the first new token, 0; the prompt's last is -1. The candidate's token is
    like the one there, and the last of so many `tokens` in a row that come again.
    """

    token: int
    place: int
    tokens: int
    cost: FiniteFloat


class Revisits(Record):
    """Those of a step's candidates that lead back, noted at the node that they follow."""

    candidates: list[Revisit]


class Utilities(Record):
    """How good each candidate is where each reference is right, both in the same order.

    `nodes` (n,) are where the texts end, `matrix` is (n, n) with a row for each candidate, and
    `means` (n,) what the candidates are ranked by.
    """

    nodes: list[int]
    matrix: list[list[FiniteFloat]]
    means: list[FiniteFloat]
