"""A folded trace, indexed by step as the visualizers read it.

What every picture must agree on is decided here once: how a node's text is shown, which class of
the visual language it has at which step, and which law a token came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from heapq import heapify, heappop, heappush

from explorer.trace import ChoiceEvent, EvalEvent, Fold, MarkEvent, NoteEvent
from visualizers.style import DEAD
from visualizers.words import VIRTUAL, show_text, tail

OWN = ("target", "prompt", "person")  # who proposes tokens that are no guesses
MOST_LAWS = 8
TAIL = 64  # characters: more than any quotation has
CLASS_OF_MARK = {
    "kept": "open",
    "pruned": "pruned",
    "accepted": "accepted",
    "rejected": "rejected",
    "merged": "merged",
    "finished": "finished",
    "forced": "forced",
}


class Reading:
    """What the visualizers ask of a fold.

    Args:
        fold: the run, or as much of it as has happened.
        token_text: a token's text as the model has it.
        notes: the quantities that the method declared (`header.notes`).
    """

    def __init__(
        self,
        fold: Fold,
        token_text: Callable[[int], str],
        notes: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self.fold = fold
        self.notes = notes
        self._show = lru_cache(maxsize=None)(lambda token: show_text(token_text(token)))
        self._alone = lru_cache(maxsize=None)(lambda token: show_text(token_text(token), True))

    @property
    def steps(self) -> range:
        return range(self.fold.step + 1)

    # Text --------------------------------------------------------------------------------------

    def token(self, token: int | None) -> str:
        """A token as it is shown within a text."""
        return VIRTUAL if token is None else self._show(token)

    def alone(self, token: int | None) -> str:
        """A token as it is shown by itself, spaces visible."""
        return VIRTUAL if token is None else self._alone(token)

    def text(self, nodes: Iterable[int]) -> str:
        return "".join(self.token(self.fold.nodes[n].token) for n in nodes)

    def ending(self, node: int, most: int = 24) -> str:
        """The end of the hypothesis that ends at `node`, prompt included, as sentences quote it."""
        return tail(self._tails[node], most)

    @cached_property
    def _tails(self) -> list[str]:
        """For each node the last characters of all that stands before its end."""
        found = ["".join(map(self.token, self.prompt_ids[-TAIL:]))[-TAIL:]]
        for node in self.fold.nodes[1:]:
            found.append((found[node.parent] + self.token(node.token))[-TAIL:])
        return found

    def quote(self, node: int) -> str:
        """The end of a hypothesis in quotation marks."""
        return f"“{self.ending(node).strip()}”"

    def quoted(self, nodes: Iterable[int]) -> str:
        """Some nodes' text in quotation marks, by itself."""
        text = self.text(nodes)
        return f"“{text.strip() or '␣' * len(text)}”"

    @cached_property
    def prompt_ids(self) -> list[int]:
        """The prompt of the target, or of whichever view there is."""
        views = self.fold.views
        view = views.get("target") or next(iter(views.values()), None)
        return view.prompt_ids if view else []

    def prompt_class(self, place: int) -> str:
        """Of a token of that prompt: typed, taken over from another run, or chosen by a person."""
        views = self.fold.views
        view = views.get("target") or next(iter(views.values()), None)
        behind = len(self.prompt_ids) - place  # 1: the last one
        if view is None or behind > view.begun:
            return "prompt"
        return "forced" if behind <= view.forced else "text"

    @cached_property
    def prompt_logps(self) -> list[float | int | None]:
        """For each token of that prompt its log-probability in nats; None where it is not known."""
        views = self.fold.views
        name = "target" if "target" in views else next(iter(views), "")
        known = self.fold.prompt_logps.get(name, [])
        return ([None] * len(self.prompt_ids) + known)[len(known) :]

    @cached_property
    def noted(self) -> dict[str, list[NoteEvent]]:
        """The notes by what is to draw them, as far as that was declared, in the run's order."""
        drawn_as = {note["name"]: note.get("drawn_as", "") for note in self.notes}
        found: dict[str, list[NoteEvent]] = {}
        for name, events in self.fold.notes.items():
            if drawn_as.get(name):
                found.setdefault(drawn_as[name], []).extend(events)
        return found

    # By step -----------------------------------------------------------------------------------

    @cached_property
    def born_at(self) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in self.steps]
        for node in self.fold.nodes[1:]:
            found[node.born].append(node.id)
        return found

    @cached_property
    def marks_at(self) -> list[list[MarkEvent]]:
        """The marks of each step in the order of the run, as far as times tell it."""
        found: list[list[MarkEvent]] = [[] for _ in self.steps]
        for node in self.fold.nodes:
            for mark in node.marks:
                found[mark.step].append(mark)
        for marks in found:
            marks.sort(key=lambda m: m.ms)
        return found

    def marked(self, step: int, *kinds: str) -> list[MarkEvent]:
        return [mark for mark in self.marks_at[step] if mark.mark in kinds]

    @cached_property
    def choices_at(self) -> list[list[tuple[str, ChoiceEvent]]]:
        """Name and event of each step's choices; a name is the same however far the run is."""
        found: list[list[tuple[str, ChoiceEvent]]] = [[] for _ in self.steps]
        for node, choices in self.fold.choices.items():
            for i, choice in enumerate(choices):
                found[choice.step].append((f"choice {node} {i}", choice))
        for named in found:
            named.sort(key=lambda pair: pair[1].ms)
        return found

    @cached_property
    def laws_at(self) -> list[list[tuple[str, ChoiceEvent]]]:
        """The choices of each step that can be looked at: those of the target's side first, then
        what was guessed; a wide search makes many alike, so only some."""
        guesses = self.guessers
        return [
            sorted(named, key=lambda pair: pair[1].stream in guesses)[:MOST_LAWS]
            for named in self.choices_at
        ]

    @cached_property
    def framed(self) -> set[str]:
        """The names of the choices that can be looked at."""
        return {name for named in self.laws_at for name, _ in named}

    @cached_property
    def evals_at(self) -> list[list[EvalEvent]]:
        found: list[list[EvalEvent]] = [[] for _ in self.steps]
        for event in self.fold.evals:
            found[event.step].append(event)
        return found

    # Guesses and laws --------------------------------------------------------------------------

    def is_guess(self, node: int) -> bool:
        """Whether somebody other than the target proposed it."""
        return self.fold.nodes[node].by not in OWN

    @cached_property
    def guessers(self) -> set[str]:
        return {node.by for node in self.fold.nodes[1:] if node.by not in OWN}

    def law(self, node: int) -> ChoiceEvent | None:
        """The choice in which the target's side took this token: the last one before it became
        text, or was born. None where the token is a guess, accepted by its own numbers."""
        story = self.fold.nodes[node]
        until = self.emitted_at.get(node, story.born)
        found = None
        for choice in self.fold.choices.get(story.parent, ()):
            if choice.step > until:
                break
            if story.token in choice.chosen and choice.stream not in self.guessers:
                found = choice
        return found

    @cached_property
    def emitted_at(self) -> dict[int, int]:
        """The step in which each node of the text became text."""
        return {mark.node: mark.step for mark in self.fold.emitted}

    # Classes -----------------------------------------------------------------------------------

    @cached_property
    def histories(self) -> list[list[tuple[int, str]]]:
        """For each node its classes as (step, class) from its birth on.

        A node has the class of its last mark, but: what is in the text stays text; and a
        hypothesis is pruned once all that continued it died.
        """
        nodes = self.fold.nodes
        own = ["prompt"] + ["open"] * (len(nodes) - 1)
        now = list(own)
        found: list[list[tuple[int, str]]] = [[] for _ in nodes]
        found[0].append((0, "prompt"))
        below = [0] * len(nodes)  # children so far
        alive = [0] * len(nodes)  # and those of them that are not dead
        guessing = False
        for step in self.steps:
            touched: list[int] = []
            for n in self.born_at[step]:
                guessing = guessing or self.is_guess(n)
                own[n] = now[n] = self._at_birth(n, guessing)
                found[n].append((step, now[n]))
                below[nodes[n].parent] += 1
                alive[nodes[n].parent] += 1
                touched += (n, nodes[n].parent)
            for mark in self.marks_at[step]:
                own[mark.node] = self._after(mark, own[mark.node])
                touched.append(mark.node)
            # A node is always younger than its parent, so deaths are handed up from the youngest.
            queue = [-n for n in set(touched)]
            heapify(queue)
            while queue:
                n = -heappop(queue)
                gone = own[n] == "open" and below[n] > 0 and alive[n] == 0
                cls = "pruned" if gone else own[n]
                if cls == now[n]:
                    continue
                parent = nodes[n].parent
                if parent >= 0 and (cls in DEAD) != (now[n] in DEAD):
                    alive[parent] += -1 if cls in DEAD else 1
                    heappush(queue, -parent)
                now[n] = cls
                if found[n][-1][0] == step:
                    found[n][-1] = (step, cls)
                else:
                    found[n].append((step, cls))
        return found

    def class_of(self, node: int, step: int | None = None) -> str:
        """A node's class at the end of a step (default: of the run)."""
        last = ""
        for since, cls in self.histories[node]:
            if step is None or since <= step:
                last = cls
        return last

    def _at_birth(self, node: int, guessing: bool) -> str:
        by = self.fold.nodes[node].by
        if by == "person":
            return "forced"
        # Where there are guesses, what the target adds itself is worth telling apart.
        return "guess" if by not in OWN else "added" if guessing else "open"

    def _after(self, mark: MarkEvent, before: str) -> str:
        if self.emitted_at.get(mark.node, mark.step + 1) < mark.step:
            return before  # what is text stays text
        if mark.mark == "emitted":
            return before if before in ("forced", "added") else "text"
        if mark.mark == "kept" and before in ("forced", "added"):
            return before  # alive is what it was already
        return CLASS_OF_MARK[mark.mark]


def text_class(cls: str) -> bool:
    """Whether a node of this class can be part of the text."""
    return cls in ("text", "added", "forced")
