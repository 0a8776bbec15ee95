"""Which cache row belongs to which node of a tree, for a view and the variants that share them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from explorer.models.rows import RowCache, Visibility
from explorer.tree import ROOT, Mixture, TokenTree

if TYPE_CHECKING:
    from explorer.models.network import Network, Source

LEAST_WORTH_COMPACTING = 128


class RowStore:
    """The cache rows that a view and its variants share.

    Prompt tokens are counted as nodes too, from -(P-1) to 0, the root being the last of them. A
    row belongs to one (reading, node); reading 0 is the full one.
    """

    def __init__(
        self, network: Network, tree: TokenTree, prompt_ids: list[int], begun: int
    ) -> None:
        self.network = network
        self.tree = tree
        self.encoder_decoder = network.encoder_decoder
        self.source: Source | None = None
        self.given = tuple(prompt_ids[: len(prompt_ids) - begun])
        self.begun = begun
        self.prompt_ids = prompt_ids
        if self.encoder_decoder:
            self.source = network.encode_source(self.given)
            taken_over = prompt_ids[len(self.given) :]
            self.prompt_ids = [network.text.decoder_start, *taken_over]
        self.first = 1 - len(self.prompt_ids)
        self.cache = RowCache(len(network.anatomy.blocks))
        self.sees = Visibility()
        self.owners: list[tuple[int, int]] = []  # row -> (reading, node)
        self.rows: dict[tuple[int, int], int] = {}
        self.compactions = 0
        self._shared: list[bool] = []  # reading -> does it read the full reading's rows?
        self._checked_at = 0

    def new_reading(self, shared: bool) -> int:
        """A number for one more view of these rows; the full reading is the first, 0."""
        self._shared.append(shared)
        return len(self._shared) - 1

    def parent(self, node: int) -> int | None:
        if node == self.first:
            return None
        return node - 1 if node <= ROOT else self.tree.parent(node)

    def stands_at(self, node: int) -> int | Mixture:
        return self.prompt_ids[node - self.first] if node <= ROOT else self.tree.given(node)

    def position(self, node: int) -> int:
        return node - self.first if node <= ROOT else self.tree.depth(node) - self.first

    def claim(self, reading: int, nodes: Sequence[int], shared: bool) -> range:
        """Rows for these nodes; parents stand before children or are in the store already."""
        for node in nodes:
            parent = self.parent(node)
            above = -1 if parent is None else self.row(reading, parent, shared)
            assert above is not None
            row = self.sees.add(above, self.position(node))
            self.owners.append((reading, node))
            self.rows[reading, node] = row
        return self.cache.claim(len(nodes))

    def withdraw(self, rows: range) -> None:
        """Give up the rows claimed last, whose pass failed: nothing may stand on them."""
        self._keep(list(range(rows.start)))

    def row(self, reading: int, node: int, shared: bool) -> int | None:
        """The row in which a reading finds an ancestor: the full reading's first, if shared."""
        if shared and (row := self.rows.get((0, node))) is not None:
            return row
        return self.rows.get((reading, node))

    def compact(self) -> None:
        """Drop the rows that nothing needs any more, once they outweigh the others."""
        count = len(self.owners)
        if count < max(LEAST_WORTH_COMPACTING, 2 * self._checked_at):
            return
        needed = self._needed()
        self._checked_at = len(needed)
        if 2 * len(needed) <= count:
            self._keep(needed)
            self.compactions += 1

    def _needed(self) -> list[int]:
        """Rows of living nodes, less those whose place the full reading's row has taken; and all
        that a needed row stands on."""
        needed = [False] * len(self.owners)
        for row in reversed(range(len(needed))):
            reading, node = self.owners[row]
            replaced = reading > 0 and self._shared[reading] and (0, node) in self.rows
            if (node <= ROOT or self.tree.alive(node)) and not replaced:
                needed[row] = True
            if needed[row] and (above := self.sees.parent(row)) >= 0:
                needed[above] = True
        return [row for row, keep in enumerate(needed) if keep]

    def forget(self, reading: int, gone: set[int]) -> None:
        """Drop a reading's rows of these nodes; they hold whole subtrees."""
        # Others stand on the full reading's rows, so theirs go with them.
        self._keep(
            [
                row
                for row, (owner, node) in enumerate(self.owners)
                if node not in gone or reading not in (0, owner)
            ]
        )
        self._checked_at = len(self.owners)

    def _keep(self, kept: list[int]) -> None:
        self.cache.select(kept)
        self.sees.select(kept)
        self.owners = [self.owners[row] for row in kept]
        self.rows = {owner: row for row, owner in enumerate(self.owners)}
