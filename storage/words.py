"""What a person writes on runs (titles, notes, tags), and what a search looks through."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from explorer.errors import InputError, shown

MOST_TITLE = 200
MOST_NOTE = 10_000
MOST_TAG = 50
MOST_TAGS = 30
MOST_SENTENCE = 1000
MOST_SEARCHED_TEXT = 100_000  # characters of a run's text that can be found
MOST_QUERY = 200


def title(text: str) -> str:
    """A title of one line, as it is kept.

    Raises:
        InputError: empty, too long, or no text.
    """
    return _line("title", text, MOST_TITLE)


def tag(text: str) -> str:
    """A tag of one line, as it is kept."""
    return _line("tag", text, MOST_TAG)


def note(text: str) -> str:
    """A note, as it is kept; it may be empty and have many lines."""
    return _checked("note", text, MOST_NOTE).strip()


def sentence(text: str) -> str:
    """How a run ended, as a file tells it and as it is kept; it may be empty.

    Raises:
        InputError: too long, or no text.
    """
    return " ".join(_checked("sentence", text, MOST_SENTENCE).split())


def sentence_of(text: str) -> str:
    """How a run ended, as a program told it, made such that `sentence` takes it.

    It may repeat what a library said, of any length and with any characters.
    """
    line = " ".join(storable(text[:MOST_SENTENCE]).split())
    return "".join("\ufffd" if unicodedata.category(c) == "Cc" else c for c in line)


def title_of(prompt: str) -> str:
    """The title of a run that nobody named: how its prompt begins."""
    line = " ".join(storable(prompt[:400]).split())
    return line if len(line) <= 80 else line[:79] + "…"


def storable(text: str) -> str:
    """Text without what a database refuses: NUL and lone surrogates (the trace keeps them)."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode()


def searched(*texts: str) -> str:
    """What a search looks through; upper and lower case are the same."""
    return storable("\n".join(texts)).casefold()


def query_words(text: str) -> list[str]:
    """The words that all have to occur.

    Raises:
        InputError: the query is too long.
    """
    return storable(_checked("search", text, MOST_QUERY)).casefold().split()


def distinct_tags(tags: Iterable[str]) -> list[str]:
    """Tags as they are kept, each once, in alphabetical order.

    Raises:
        InputError: one is not allowed, or there are too many.
    """
    found = sorted({tag(text) for text in tags})
    if len(found) > MOST_TAGS:
        raise InputError(f"{len(found)} tags are too many for one run: at most {MOST_TAGS}.")
    return found


def _line(what: str, text: str, most: int) -> str:
    line = " ".join(_checked(what, text, most).split())
    if not line:
        raise InputError(f"The {what} is empty: type at least one letter.")
    return line


def _checked(what: str, text: str, most: int) -> str:
    if not isinstance(text, str):
        raise InputError(f"The {what} {shown(text)} is no text.")
    if len(text) > most:
        raise InputError(f"The {what} has {len(text):,} characters; at most {most:,} are allowed.")
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and not character.isspace():
            raise InputError(f"The {what} holds the character {shown(character)}: leave it out.")
    return text
