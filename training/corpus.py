"""Prose from a folder of plain-text books: documents, groups, and the books held out.

A book is a file `<group>__<Title>.txt`, paragraphs separated by blank lines. Collections keep the
headings of their tales in capitals; there a new document begins, so that the model learns how tales
end. Other books are one document each.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from training.errors import TrainingError

GROUPS = ("fairy", "children", "youth")

# One whole book of each group, none of which has a second version among the other books.
HELD_OUT = frozenset(
    {
        "fairy__Indian_Fairy_Tales",
        "children__The_Princess_and_the_Goblin",
        "youth__The_Call_of_the_Wild",
    }
)

# Sections shorter than this are title pages, dedications and tables of contents.
MIN_DOCUMENT_CHARS = 600
MAX_HEADING_CHARS = 70


@dataclass(frozen=True)
class Book:
    """One book: `name` is the file's stem, `documents` its texts in order."""

    name: str
    group: str
    documents: tuple[str, ...]

    @property
    def held_out(self) -> bool:
        return self.name in HELD_OUT


def is_heading(paragraph: str) -> bool:
    """True for a short line of capitals, such as `THE BRONZE RING` or `XII. THE GOLDEN GOOSE`."""
    letters = [c for c in paragraph if c.isalpha()]
    return (
        len(paragraph) <= MAX_HEADING_CHARS
        and "\n" not in paragraph
        and len(letters) >= 3
        and all(c.isupper() for c in letters)
        and not paragraph.endswith((",", ";", ":", "!", "?"))
    )


def split_documents(text: str) -> tuple[str, ...]:
    """Cut a book at its headings in capitals; drop the headings and what is too short to read."""
    paragraphs = [p.strip() for p in re.split(r"\n\s*\n", text.replace("\r\n", "\n"))]
    documents: list[list[str]] = [[]]
    for paragraph in filter(None, paragraphs):
        if is_heading(paragraph):
            documents.append([])
        else:
            documents[-1].append(paragraph)
    joined = ("\n\n".join(part) for part in documents)
    return tuple(d for d in joined if len(d) >= MIN_DOCUMENT_CHARS)


def read_books(texts: Path) -> Iterator[Book]:
    """Books of `texts` (a folder with `corpora/` inside, or the folder of books itself), by name.

    Raises TrainingError if the folder is absent or holds no book of a known group.
    """
    if not texts.is_dir():
        raise TrainingError(
            f"The text folder '{texts}' does not exist. Give a folder of books named "
            f"<group>__<Title>.txt with --texts (groups: {', '.join(GROUPS)})."
        )
    folder = texts / "corpora" if (texts / "corpora").is_dir() else texts
    paths = [p for p in sorted(folder.glob("*__*.txt")) if p.stem.split("__")[0] in GROUPS]
    if not paths:
        raise TrainingError(
            f"The text folder '{folder}' holds no book. Expected files named "
            f"<group>__<Title>.txt, with a group among {', '.join(GROUPS)}."
        )
    for path in paths:
        text = path.read_text(encoding="utf-8")
        yield Book(path.stem, path.stem.split("__")[0], split_documents(text))
