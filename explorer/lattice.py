"""A lattice: a token tree some of whose nodes were merged, read as a graph of places.

A place stands for a tree node and all that were merged into it, and is named by the one that the
others went into. From place to place leads a token, so that every way from the root to an end is
a text; where ways meet, they multiply. Knows nothing about models: who builds it says how
probable each node's token was behind its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import exp, inf, isfinite, log

from explorer.tree import ROOT


@dataclass(frozen=True, slots=True)
class Step:
    """A token that leads to a place, and its log-probability in nats."""

    token: int | None
    to: int
    logp: float


@dataclass(frozen=True, slots=True)
class Way:
    """Steps one after another, and the sum of their log-probabilities."""

    steps: tuple[Step, ...] = ()
    logp: float = 0.0

    def then(self, *steps: Step) -> Way:
        return Way(self.steps + steps, self.logp + sum(step.logp for step in steps))

    @property
    def tokens(self) -> tuple[int | None, ...]:
        return tuple(step.token for step in self.steps)

    def score(self, alpha: float) -> float:
        """The sum over length ** α."""
        return float(self.logp / max(len(self.steps), 1) ** alpha)


@dataclass(slots=True)
class _Node:
    parent: int
    token: int | None
    logp: float
    children: list[int] = field(default_factory=list)


class Lattice:
    """Places, the tokens between them, and the ways through."""

    def __init__(self) -> None:
        self._nodes: dict[int, _Node] = {ROOT: _Node(-1, None, 0.0)}
        self._place: dict[int, int] = {ROOT: ROOT}
        self._members: dict[int, list[int]] = {ROOT: [ROOT]}
        self.ends: set[int] = set()

    def __contains__(self, node: int) -> bool:
        return node in self._nodes

    # Building ----------------------------------------------------------------------------------

    def add(self, node: int, parent: int, token: int | None, logp: float) -> None:
        """A tree node below one that is here; at first it is a place of its own."""
        self._nodes[node] = _Node(parent, token, logp)
        self._nodes[parent].children.append(node)
        self._place[node] = node
        self._members[node] = [node]

    def end(self, node: int) -> None:
        """A text may end at this node's place."""
        self.ends.add(self._place[node])

    def merge(self, node: int, into: int) -> None:
        """The place of `node`, with all that leads to it and on from it, becomes that of `into`."""
        gone, kept = self._place[node], self._place[into]
        if gone == kept:
            return
        moved = self._members.pop(gone)
        self._members[kept] += moved
        for member in moved:
            self._place[member] = kept
        if gone in self.ends:
            self.ends.remove(gone)
            self.ends.add(kept)

    def fits(self, node: int, into: int) -> bool:
        """Whether the two may be merged: no way may run in a circle, no text have two ways."""
        a, b = self._place[node], self._place[into]
        if a == b or self._reaches(a, b) or self._reaches(b, a):
            return False
        onward = {step.token: step.to for step in self.steps(b)}
        return all(onward.get(step.token, step.to) == step.to for step in self.steps(a))

    def twin(self, parent: int, token: int | None) -> int | None:
        """The place to which this token leads already from the parent's place."""
        return next((s.to for s in self.steps(self._place[parent]) if s.token == token), None)

    # Reading -----------------------------------------------------------------------------------

    @property
    def places(self) -> list[int]:
        return list(self._members)

    def place(self, node: int) -> int:
        """The node that this one's place is named by."""
        return self._place[node]

    def members(self, place: int) -> list[int]:
        """The tree nodes that a place stands for, its own first."""
        return list(self._members[place])

    def steps(self, place: int) -> list[Step]:
        """What leads on from a place, each token to each place once, the earliest first."""
        found: dict[tuple[int | None, int], Step] = {}
        for member in self._members[place]:
            for child in self._nodes[member].children:
                node, to = self._nodes[child], self._place[child]
                found.setdefault((node.token, to), Step(node.token, to, node.logp))
        return list(found.values())

    def order(self) -> list[int]:
        """The places, each behind all that lead to it."""
        onward = {place: self.steps(place) for place in self._members}
        waiting = dict.fromkeys(onward, 0)
        for steps in onward.values():
            for step in steps:
                waiting[step.to] += 1
        ready = [place for place, n in waiting.items() if n == 0]
        for place in ready:
            for step in onward[place]:
                waiting[step.to] -= 1
                if not waiting[step.to]:
                    ready.append(step.to)
        return ready

    def edges(self) -> int:
        return sum(len(self.steps(place)) for place in self._members)

    def onward(self) -> dict[int, int]:
        """For each place the number of ways from it to an end; the root's is that of all texts."""
        ways: dict[int, int] = {}
        for place in reversed(self.order()):
            ways[place] = (place in self.ends) + sum(ways[s.to] for s in self.steps(place))
        return ways

    def reaching(self) -> dict[int, int]:
        """For each place the number of ways from the root to it."""
        ways = dict.fromkeys(self._members, 0)
        ways[ROOT] = 1
        for place in self.order():
            for step in self.steps(place):
                ways[step.to] += ways[place]
        return ways

    def texts(self) -> Iterator[Way]:
        """Every way from the root to an end; there may be very many."""
        stack = [(ROOT, Way())]
        while stack:
            place, way = stack.pop()
            if place in self.ends:
                yield way
            stack += [(step.to, way.then(step)) for step in reversed(self.steps(place))]

    def evenly(self, n: int) -> list[Way]:
        """At most n texts at equal distances in the row of all: no text is preferred."""
        onward = self.onward()
        total = onward[ROOT]
        n = min(n, total)
        return [self._numbered((2 * i + 1) * total // (2 * n), onward) for i in range(n)]

    def drawn(
        self, n: int, draw: Callable[[list[float]], int], probable: bool = False
    ) -> list[Way]:
        """n texts drawn one by one, each of all alike likely; a text may come again.

        With `probable` a text's chance is in proportion to its probability on the edges. `draw`
        takes chances that sum to one and says which it is. No text is drawn where there is none.
        """
        chances = self._by_probability() if probable else self._by_number()
        return [self._fallen(chances, draw) for _ in range(n)] if self.ends else []

    def best(self, n: int, alpha: float) -> list[Way]:
        """The n best texts by score, best first; at each place the n best beginnings compete."""
        kept: dict[int, list[Way]] = {place: [] for place in self._members}
        kept[ROOT] = [Way()]
        for place in self.order():
            kept[place] = sorted(kept[place], key=lambda way: -way.score(alpha))[:n]
            for step in self.steps(place):
                kept[step.to] += [way.then(step) for way in kept[place]]
        complete = [way for place in self.ends for way in kept[place]]
        return sorted(complete, key=lambda way: -way.score(alpha))[:n]

    def best_through(self, place: int) -> Way | None:
        """The most probable text that runs through a place, None if no end can be reached."""
        order = self.order()
        before: dict[int, Way] = {ROOT: Way()}
        for here in order:
            if here in before:
                for step in self.steps(here):
                    way = before[here].then(step)
                    if step.to not in before or way.logp > before[step.to].logp:
                        before[step.to] = way
        behind: dict[int, Way] = {}
        for here in reversed(order):
            ways = [Way()] if here in self.ends else []
            for step in self.steps(here):
                if step.to in behind:
                    ways.append(Way().then(step, *behind[step.to].steps))
            if ways:
                behind[here] = max(ways, key=lambda way: way.logp)
        if place not in before or place not in behind:
            return None
        return before[place].then(*behind[place].steps)

    def ngrams(self, n: int) -> set[tuple[int | None, ...]]:
        """The n tokens in a row that occur in any text."""
        grams: dict[int, set[tuple[int | None, ...]]] = {place: {()} for place in self._members}
        for _ in range(n):
            grams = {
                place: {(s.token, *g) for s in self.steps(place) for g in grams[s.to]}
                for place in grams
            }
        return set().union(*grams.values())

    def _numbered(self, number: int, onward: dict[int, int]) -> Way:
        place, way = ROOT, Way()
        while True:
            number -= place in self.ends
            if number < 0:
                return way
            for step in self.steps(place):
                if number < onward[step.to]:
                    break
                number -= onward[step.to]
            place, way = step.to, way.then(step)

    def _by_number(self) -> dict[int, list[float]]:
        """For each place before texts: the share of them that ends here, then each step's."""
        onward = self.onward()
        return {
            place: [(place in self.ends) / ways, *(onward[s.to] / ways for s in self.steps(place))]
            for place, ways in onward.items()
            if ways
        }

    def _by_probability(self) -> dict[int, list[float]]:
        """As `_by_number`, but each text counts as much as it is probable."""
        chances: dict[int, list[float]] = {}
        behind: dict[int, float] = {}  # of each place the log of what all its texts sum up to
        for place in reversed(self.order()):
            parts = [0.0 if place in self.ends else -inf]
            parts += [step.logp + behind[step.to] for step in self.steps(place)]
            behind[place] = top = max(parts)
            if isfinite(top):
                shares = [exp(x - top) for x in parts]
                behind[place] += log(sum(shares))
                chances[place] = [share / sum(shares) for share in shares]
        return chances

    def _fallen(self, chances: dict[int, list[float]], draw: Callable[[list[float]], int]) -> Way:
        place, way = ROOT, Way()
        while (i := draw(chances[place])) > 0:  # 0 is to end here
            step = self.steps(place)[i - 1]
            place, way = step.to, way.then(step)
        return way

    def _reaches(self, start: int, goal: int) -> bool:
        found = {start}
        stack = [start]
        while stack:
            for step in self.steps(stack.pop()):
                if step.to == goal:
                    return True
                if step.to not in found:
                    found.add(step.to)
                    stack.append(step.to)
        return False
