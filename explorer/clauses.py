"""Clauses that a text must meet: each asks for one of several phrases, or that one is absent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from explorer.errors import InputError, shown
from explorer.phrases import phrase_tokens
from explorer.registry import Params, param
from explorer.run import Run

NOT, OR, AND = "!", "|", ";"


class ClauseParams(Params):
    """What a text must hold, and what it must not."""

    clauses: str = param(
        "",
        "Clauses",
        "What the text must hold, with semicolons between; | between what will do as well, and "
        "! before what must not come: “ dog| puppy;! cat”.",
        unit="text",
        max_length=2000,
    )


@dataclass(frozen=True, slots=True)
class Literal:
    """A phrase that is wanted, or not."""

    text: str
    tokens: tuple[int, ...]
    wanted: bool

    @property
    def written(self) -> str:
        """As it stands in the field."""
        return self.text if self.wanted else NOT + self.text


Present = frozenset[Literal]  # whose phrases stand in a text


@dataclass(frozen=True, slots=True)
class Clauses:
    """All of these must be met, each by one of its literals."""

    clauses: tuple[tuple[Literal, ...], ...]

    def __len__(self) -> int:
        return len(self.clauses)

    def after(self, present: Present, tokens: Sequence[int]) -> Present:
        """What stands in a text of these tokens, where `present` is what did before its last."""
        new = {x for clause in self.clauses for x in clause if ends_with(tokens, x.tokens)}
        return present | new if new - present else present

    def met(self, present: Present) -> frozenset[int]:
        """The numbers of the clauses that are met."""
        return frozenset(
            i
            for i, clause in enumerate(self.clauses)
            if any((x in present) == x.wanted for x in clause)
        )

    @property
    def names(self) -> list[str]:
        """The clauses as they are told."""
        return [
            " or ".join(("" if x.wanted else "no ") + f"“{x.text}”" for x in clause)
            for clause in self.clauses
        ]

    def stands(self, present: Present, tokens: Sequence[int]) -> list[tuple[int, int]]:
        """Of each clause the tokens that stand at the end of the text or in it, and all it takes.

        Of several phrases the furthest counts; what is absent, as wanted, is one of one.
        """
        met = self.met(present)
        found = []
        for i, clause in enumerate(self.clauses):
            wanted = [(begun(tokens, x.tokens), len(x.tokens)) for x in clause if x.wanted]
            have, whole = max(wanted, key=lambda part: part[0] / part[1], default=(0, 1))
            found.append((whole if i in met else have, whole))
        return found

    def broken(self, present: Present) -> bool:
        """Whether one of them cannot be met any more."""
        return any(all(not x.wanted and x in present for x in clause) for clause in self.clauses)

    def open(self, present: Present) -> list[Literal]:
        """The phrases that would meet a clause which is not met."""
        met = self.met(present)
        unmet = (clause for i, clause in enumerate(self.clauses) if i not in met)
        return [x for clause in unmet for x in clause if x.wanted]

    def forbidden(self, present: Present, tokens: Sequence[int]) -> Iterator[int]:
        """The tokens behind which a clause could not be met any more."""
        for clause in self.clauses:
            for x in clause:
                last = x.tokens[-1]
                if not x.wanted and self.broken(self.after(present, (*tokens, last))):
                    yield last


def ends_with(tokens: Sequence[int], phrase: Sequence[int]) -> bool:
    return len(phrase) <= len(tokens) and tuple(tokens[len(tokens) - len(phrase) :]) == phrase


def begun(tokens: Sequence[int], phrase: tuple[int, ...]) -> int:
    """How many tokens of a phrase the text ends with, as many as can be, but not all."""
    return next(n for n in range(len(phrase) - 1, -1, -1) if ends_with(tokens, phrase[:n]))


def clauses_of(run: Run, text: str) -> Clauses:
    """The clauses that are written in a text.

    Raises:
        InputError: a phrase cannot be written, a clause contradicts others, or what is wanted does
            not fit into the new text.
    """
    written = text.split(AND) if text else []
    clauses = tuple(tuple(_literal(run, x) for x in clause.split(OR)) for clause in written)
    alone = [clause[0] for clause in clauses if len(clause) == 1]
    for text, clause in zip(written, clauses, strict=True):
        against = [next((x for x in alone if _contradict(x, y)), None) for y in clause]
        if all(against):
            others = " and ".join(dict.fromkeys(shown(x.written) for x in against if x))
            raise InputError(
                f"clauses: {shown(text)} cannot be met beside {others}: what is wanted holds what "
                "is forbidden."
            )
    room = min(run.limit, run.models["target"].room(len(run.prompt.ids)))
    least = max((min(len(x.tokens) for x in c) for c in clauses if all(x.wanted for x in c)),
                default=0)  # fmt: skip
    if least > room:
        raise InputError(f"clauses: one needs {least} tokens; the new text has at most {room}.")
    return Clauses(clauses)


def _literal(run: Run, text: str) -> Literal:
    phrase = text.removeprefix(NOT)
    tokens = phrase_tokens(run.models["target"], phrase, "clauses")
    return Literal(phrase, tokens, not text.startswith(NOT))


def _contradict(x: Literal, y: Literal) -> bool:
    """Whether no text can meet both: the wanted one holds the one that must not come."""
    if x.wanted == y.wanted:
        return False
    wanted, not_wanted = (x, y) if x.wanted else (y, x)
    return _within(not_wanted.tokens, wanted.tokens)


def _within(short: tuple[int, ...], long: tuple[int, ...]) -> bool:
    return any(ends_with(long[:i], short) for i in range(len(long) + 1))
