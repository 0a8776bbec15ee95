"""From events to a state: when each node was born, what became of it, and the text at each step.

Written once, here; every picture, page and comparison reads its result. Incremental, so that a
live view and a replay are the same code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from explorer.trace.events import (
    AnyEvent,
    ChoiceEvent,
    DoneEvent,
    EvalEvent,
    MarkEvent,
    NodeEvent,
    NoteEvent,
    Number,
    ViewEvent,
)

OPEN = "open"


@dataclass(slots=True)
class NodeStory:
    """What happened to one node: birth, every mark, and the fate that the last mark gave it."""

    id: int
    parent: int
    token: int | None
    by: str
    depth: int
    born: int
    marks: list[MarkEvent] = field(default_factory=list)
    into: int | None = None  # the node as which it goes on, if it was merged
    children: list[int] = field(default_factory=list)
    entropy: dict[str, float] = field(default_factory=dict)
    mixture: tuple[tuple[int, float], ...] = ()  # (token, share), where several stand here

    def fate(self, step: int | None = None) -> str:
        """The mark that stood at the end of `step` (default: of the run); "open" if none did."""
        for mark in reversed(self.marks):
            if step is None or mark.step <= step:
                return mark.mark
        return OPEN


class Fold:
    """The state of a run after some of its events."""

    def __init__(self) -> None:
        self.nodes: list[NodeStory] = [NodeStory(0, -1, None, "prompt", 0, 0)]
        self.views: dict[str, ViewEvent] = {}
        self.prompt_logps: dict[str, list[Number]] = {}  # view -> of its prompt behind the first
        self.evals: list[EvalEvent] = []
        self.choices: dict[int, list[ChoiceEvent]] = {}
        self.notes: dict[str, list[NoteEvent]] = {}
        self.emitted: list[MarkEvent] = []
        self.done: DoneEvent | None = None
        self.step = 0
        self._kept: dict[int, list[int]] = {}
        self._decided: set[int] = set()  # nodes behind which the text's next token is known

    def feed_all(self, events: Iterable[AnyEvent]) -> Fold:
        for event in events:
            self.feed(event)
        return self

    def feed(self, event: AnyEvent) -> None:
        """Take one event into the state. Events come in the order of the run."""
        self.step = max(self.step, event.step)
        match event:
            case NodeEvent():
                parent = self.nodes[event.parent]
                parent.children.append(event.id)
                story = NodeStory(
                    event.id, event.parent, event.token, event.by, parent.depth + 1, event.step
                )
                if event.mixed:
                    story.mixture = tuple(zip(event.mixed, event.shares or [], strict=True))
                self.nodes.append(story)
            case MarkEvent():
                self.nodes[event.node].marks.append(event)
                if event.into is not None:
                    self.nodes[event.node].into = event.into
                if event.mark == "emitted":
                    self.emitted.append(event)
                    self._decided.add(self.nodes[event.node].parent)
                elif event.mark == "kept":
                    self._kept.setdefault(event.step, []).append(event.node)
            case EvalEvent():
                self.evals.append(event)
                if event.prompt_logps:
                    self.prompt_logps[event.view] = event.prompt_logps
                for node, entropy in zip(event.nodes, event.entropies, strict=False):
                    # Who reads on behind the text's next token had no say in it.
                    if node not in self._decided:
                        self.nodes[node].entropy[event.view] = entropy
            case ChoiceEvent():
                self.choices.setdefault(event.node, []).append(event)
            case NoteEvent():
                self.notes.setdefault(event.name, []).append(event)
            case ViewEvent():
                self.views[event.name] = event
            case DoneEvent():
                self.done = event

    def path(self, node: int) -> list[int]:
        """The nodes from below the root down to `node`."""
        found = []
        while node > 0:
            found.append(node)
            node = self.nodes[node].parent
        return found[::-1]

    def tokens(self, node: int) -> list[int]:
        """The token ids from the end of the prompt down to `node`; virtual nodes have none."""
        tokens = (self.nodes[n].token for n in self.path(node))
        return [token for token in tokens if token is not None]

    def text_at(self, step: int | None = None) -> list[int]:
        """The nodes of the text that stood at the end of `step` (default: of the run)."""
        return [mark.node for mark in self.emitted if step is None or mark.step <= step]

    def frontier_at(self, step: int | None = None) -> list[int]:
        """The nodes that the last marking up to `step` kept, in the order of their marks."""
        steps = [s for s in self._kept if step is None or s <= step]
        return list(self._kept[max(steps)]) if steps else []
