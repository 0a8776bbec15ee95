"""Rounds of guesses as the pictures of speculation read them."""

from __future__ import annotations

from dataclasses import dataclass, field

from explorer.trace import ChoiceEvent, MarkEvent
from visualizers.reading import Reading


@dataclass(slots=True)
class Level:
    """The guesses that were judged below one node, and the token the target added there."""

    depth: int  # 1 = directly behind the text
    judged: list[MarkEvent] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return any(mark.mark == "accepted" for mark in self.judged)


@dataclass(slots=True)
class Round:
    """One step in which guesses were made or judged.

    `root` is the end of the text before it; `nodes` are those below it that were guessed, judged
    or committed in this step, parents first; `levels` the judged depths from the root on.
    """

    number: int
    step: int
    root: int
    nodes: list[int]
    levels: list[Level]
    committed: list[int]
    depth: int  # how deep the guesses went

    @property
    def judged(self) -> list[MarkEvent]:
        return [mark for level in self.levels for mark in level.judged]


def rounds(reading: Reading) -> list[Round]:
    """All rounds of a run; none where nobody guesses."""
    fold = reading.fold
    found: list[Round] = []
    head = 0
    for step in reading.steps:
        judged = reading.marked(step, "accepted", "rejected")
        committed = [m.node for m in reading.marked(step, "emitted")]
        guesses = [n for n in reading.born_at[step] if reading.is_guess(n)]
        if judged or guesses:
            here = {*guesses, *(m.node for m in judged), *reading.born_at[step], *committed}
            nodes = _below(reading, head, here)
            below = set(nodes)
            base = fold.nodes[head].depth
            levels: dict[int, Level] = {}
            for mark in judged:
                story = fold.nodes[mark.node]
                level = levels.setdefault(story.parent, Level(story.depth - base))
                level.judged.append(mark)
            depth = max((fold.nodes[n].depth - base for n in guesses if n in below), default=0)
            ordered = sorted(levels.values(), key=lambda level: level.depth)
            found.append(Round(len(found) + 1, step, head, nodes, ordered, committed, depth))
        head = committed[-1] if committed else head
    return found


def residual_law(reading: Reading, parent: int, step: int) -> ChoiceEvent | None:
    """The law of the token that replaced what was rejected below `parent` in this step."""
    for choice in reversed(reading.fold.choices.get(parent, [])):
        if choice.step == step and "residual" in choice.removed_mass:
            return choice
    return None


def _below(reading: Reading, root: int, nodes: set[int]) -> list[int]:
    """Those of the nodes that hang below `root`, and what they hang on: earlier guesses, too."""
    found: set[int] = set()
    for n in nodes:
        path = []
        while n > root and n not in found:
            path.append(n)
            n = reading.fold.nodes[n].parent
        if n == root or n in found:
            found.update(path)
    return sorted(found)
