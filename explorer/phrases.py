"""Phrases that a text must hold: their tokens, and how far a hypothesis has come with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from explorer.errors import InputError, shown
from explorer.records import Constraints, Standing
from explorer.registry import Note, Params, param
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.view import LanguageModel


class PhraseParams(Params):
    """What a text must hold."""

    phrases: str = param(
        "",
        "Phrases",
        "What the text must hold, with semicolons between.",
        unit="text",
        max_length=2000,
    )


class ConstrainedBeamParams(Params):
    """What the searches for wanted phrases have in common: a width, lengths compared, filters."""

    num_beams: int = param(
        4, "Beams", "Hypotheses kept at every step.", symbol="B", unit="hypotheses", ge=1, le=64
    )
    length_penalty: float = param(
        1.0, "Length penalty", "Exponent of the length that divides a finished sum.",
        symbol="α", ge=-3.0, le=5.0,
    )  # fmt: skip
    filters: FilterChain = param(
        (), "Filters", "Chain applied to each hypothesis' log-probabilities.", unit="chain"
    )


def own_tokens(model: LanguageModel, text: str) -> list[int]:
    """A text's tokens without what the tokenizer puts in front of it and behind."""
    ids = model.encode(text)
    if ids and ids[-1] in model.eos_ids:
        ids = ids[:-1]
    front = model.encode("")
    return ids[len(front) :] if front and ids[: len(front)] == front else ids


def phrase_tokens(model: LanguageModel, phrase: str, field: str) -> tuple[int, ...]:
    """The tokens that write a phrase, which was given in that field.

    Raises:
        InputError: it has no tokens, holds an end token, or the tokenizer cannot write it.
    """
    tokens = own_tokens(model, phrase) if phrase else []
    if not tokens or model.eos_ids & set(tokens):
        raise InputError(
            f"{field}: {shown(phrase)} is not allowed: it must have tokens, none of which ends "
            "the text."
        )
    # A special token is no text to `decode`, an unknown character has its token's name alone.
    written = model.decode(tokens), "".join(map(model.token_text, tokens))
    if phrase.strip() not in [text.strip() for text in written]:
        raise InputError(
            f"{field}: {shown(phrase)} is not allowed: the target's tokenizer cannot write it; "
            f"what comes nearest is {shown(written[0] or written[1])}."
        )
    return tuple(tokens)


def phrases_of(run: Run, text: str) -> tuple[tuple[int, ...], ...]:
    """The tokens of phrases that are written with semicolons between them.

    Raises:
        InputError: one cannot be written, two are the same, or they do not fit into the new text.
    """
    model = run.models["target"]
    phrases: list[tuple[int, ...]] = []
    for phrase in text.split(";") if text else []:
        tokens = phrase_tokens(model, phrase, "phrases")
        if tokens in phrases:
            raise InputError(f"phrases: {shown(phrase)} stands there twice; once is enough.")
        phrases.append(tokens)
    room = min(run.limit, model.room(len(run.prompt.ids)))
    if (needed := sum(map(len, phrases))) > room:
        raise InputError(f"phrases: they need {needed} tokens; the new text has at most {room}.")
    return tuple(phrases)


CONSTRAINTS = Note(
    "constraints", "What each hypothesis has of what is wanted", "record", drawn_as="constraints"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """Which of the phrases a hypothesis holds, and how much of another one it has begun."""

    phrases: tuple[tuple[int, ...], ...]
    met: frozenset[int] = frozenset()
    begun: int | None = None
    tokens: int = 0  # of the one begun

    @property
    def covered(self) -> int:
        """Tokens of phrases that stand there."""
        return sum(len(self.phrases[i]) for i in self.met) + self.tokens

    @property
    def stands(self) -> list[tuple[int, int]]:
        """Of each phrase the tokens that stand there, and all that it has."""
        have = [self.tokens if i == self.begun else 0 for i in range(len(self.phrases))]
        return [
            (len(phrase) if i in self.met else have[i], len(phrase))
            for i, phrase in enumerate(self.phrases)
        ]

    @property
    def complete(self) -> bool:
        return len(self.met) == len(self.phrases)

    @property
    def needed(self) -> dict[int, int]:
        """The next token of each phrase that may come now: phrase -> token."""
        if self.begun is not None:
            return {self.begun: self.phrases[self.begun][self.tokens]}
        return {i: phrase[0] for i, phrase in enumerate(self.phrases) if i not in self.met}

    def with_next_of(self, i: int) -> Progress:
        """After the next token of phrase `i`."""
        if self.tokens + 1 == len(self.phrases[i]):
            return Progress(self.phrases, self.met | {i})
        return Progress(self.phrases, self.met, i, self.tokens + 1)

    def after(self, token: int) -> Progress:
        """After any token: it goes on with a phrase, breaks one off, or begins one."""
        if self.begun is not None and self.needed[self.begun] == token:
            return self.with_next_of(self.begun)
        broken = Progress(self.phrases, self.met)
        first = (i for i, needed in broken.needed.items() if needed == token)
        i = next(first, None)
        return broken if i is None else broken.with_next_of(i)


def note_progress(run: Run, phrases: str, placed: Iterable[tuple[int, Progress]]) -> None:
    """Note what each running hypothesis, (node, progress), has; declared as `CONSTRAINTS`."""
    if phrases:
        standing = [Standing(node=n, bank=p.covered, stands=p.stands) for n, p in placed]
        record = Constraints(wanted=phrases.split(";"), hypotheses=standing)
        run.note(CONSTRAINTS.name, record.model_dump(mode="json"))
