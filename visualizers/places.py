"""The lattice of a run: which nodes stand for which others at each step, and how many texts run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from explorer.lattice import Lattice
from explorer.trace import MarkEvent
from visualizers.odds import token_logp
from visualizers.reading import Reading

ALIVE = ("kept", "accepted", "finished", "emitted", "forced", "merged")


class Places:
    """Of each node that ever went on: since when it is in the lattice, and as which node.

    since  node -> the step from which it, or something behind it, went on
    merged  node -> the step in which it was merged, and the node as which it goes on
    ends  the nodes at which a text ended, with the step
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        nodes = reading.fold.nodes
        self.since: dict[int, int] = {0: 0}
        self.merged: dict[int, tuple[int, int]] = {}
        self.merges: list[MarkEvent] = []
        self.ends: dict[int, int] = {}
        for node in nodes[1:]:
            for mark in node.marks:
                if mark.mark not in ALIVE:
                    continue
                self.since[node.id] = min(mark.step, self.since.get(node.id, mark.step))
                if mark.into is not None:
                    self.merged[node.id] = (mark.step, mark.into)
                    self.merges.append(mark)
                # A text that is read out of the lattice may be cut where others go on.
                if mark.mark == "finished" and node.id not in self.merged:
                    self.ends.setdefault(node.id, mark.step)
        for node in reversed(nodes[1:]):  # what is behind a node needs it
            if node.id in self.since:
                here = self.since[node.id]
                self.since[node.parent] = min(here, self.since.get(node.parent, here))
        self.merges.sort(key=lambda mark: (mark.step, mark.ms))

    def life(self, node: int) -> list[tuple[int, int]]:
        """As which node this one is seen, from which step on, in the order of the steps."""
        found = [(self.since[node], node)]
        while node in self.merged:
            step, node = self.merged[node]
            step = max(step, found[-1][0])
            if found[-1][0] == step:
                found.pop()
            found.append((step, node))
        return found

    def until(self, node: int) -> int | None:
        """The step from which a node is another's; None if it stays itself."""
        return self.merged[node][0] if node in self.merged else None

    def by_step(self) -> Iterator[tuple[int, Lattice]]:
        """The lattice at the end of each step in which it changed; always the same object."""
        lattice = Lattice()
        coming: dict[int, list[int]] = {}
        for node in sorted(self.since):
            coming.setdefault(self.since[node], []).append(node)
        merges = list(self.merges)
        ends = sorted(self.ends.items(), key=lambda end: end[1])
        for step in sorted({*coming, *(m.step for m in merges), *self.ends.values()}):
            for node in coming.get(step, []):
                if node:
                    story = self._reading.fold.nodes[node]
                    logp = token_logp(self._reading, node)
                    lattice.add(node, story.parent, story.token, logp or 0.0)
            while merges and merges[0].step <= step:
                mark = merges.pop(0)
                lattice.merge(mark.node, mark.into or 0)
            while ends and ends[0][1] <= step:
                lattice.end(ends.pop(0)[0])
            yield step, lattice


@lru_cache(maxsize=8)
def places(reading: Reading) -> Places:
    return Places(reading)


@lru_cache(maxsize=8)
def lattice_of(reading: Reading) -> Lattice:
    """The lattice at the end of the run, or as far as it is."""
    lattice = Lattice()
    for _, known in places(reading).by_step():
        lattice = known
    return lattice


def count_words(texts: int) -> str:
    """A number of texts, of which there may be very many."""
    return (
        f"{texts:,}" if texts < 10**9 else f"{texts:.3g}" if texts < 10**300 else "10^300 or more"
    )
