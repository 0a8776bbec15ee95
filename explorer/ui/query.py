"""What is typed into the search: words, and `method:`, `model:` and `tag:` with exact values.

    the fox method:beam_search tag:"lesson one"

The lists below the search write the same, so that there is one place that says what is looked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

KINDS = ("method", "model", "tag")
NARROWED = re.compile(r'(?<!\S)(method|model|tag):(?:"([^"]*)"|([^\s"]\S*))')


@dataclass(frozen=True, slots=True)
class Query:
    """Words that all have to occur, and exactly these, where there are any."""

    text: str = ""
    method: str | None = None
    model: str | None = None
    tag: str | None = None

    def narrowed(self, kind: str, value: str) -> Query:
        """The same with another value of one kind, or without it if that is empty."""
        if kind not in KINDS:
            return self
        return replace(self, **{kind: value or None})

    def __str__(self) -> str:
        parts = [self.text]
        for kind in KINDS:
            value = getattr(self, kind)
            if value is not None and '"' in value:
                parts.append(value)  # cannot be written so; as words it is found as well
            elif value is not None:
                parts.append(f'{kind}:"{value}"' if re.search(r"\s", value) else f"{kind}:{value}")
        return " ".join(part for part in parts if part)


def read_query(typed: str) -> Query:
    """What was typed. Of two values of a kind the later one counts."""
    found = {m[1]: m[2] if m[2] is not None else m[3] for m in NARROWED.finditer(typed)}
    rest = " ".join(NARROWED.sub(" ", typed).split())
    return Query(rest, **{kind: value for kind, value in found.items() if value})
