"""The caching view: unknown nodes are computed in one pass with a tree mask, known ones only cost
the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from explorer.errors import MethodError
from explorer.models.anatomy import Alteration
from explorer.models.rows import RowCache, Visibility
from explorer.tree import ROOT, TokenTree
from explorer.view import Work

if TYPE_CHECKING:
    from explorer.models.network import Network, PassResult, Source

LEAST_WORTH_COMPACTING = 128
FULL = Alteration()


@dataclass(slots=True)
class Prefix:
    """A prompt that was computed before: its cache rows and the states at its last token."""

    cache: RowCache
    state: Tensor
    hidden: dict[int, Tensor]


class RowStore:
    """The cache rows that a view and its variants share.

    Prompt tokens are counted as nodes too, from -(P-1) to 0, the root being the last of them. A
    row belongs to one (reading, node); reading 0 is the full one.
    """

    def __init__(self, network: Network, tree: TokenTree, prompt_ids: list[int]) -> None:
        self.network = network
        self.tree = tree
        self.encoder_decoder = network.encoder_decoder
        self.source: Source | None = None
        self.prompt_ids = prompt_ids
        if self.encoder_decoder:
            self.source = network.encode_source(prompt_ids)
            self.prompt_ids = [network.text.decoder_start]
        self.first = 1 - len(self.prompt_ids)
        self.cache = RowCache(len(network.anatomy.blocks))
        self.sees = Visibility()
        self.owners: list[tuple[int, int]] = []  # row -> (reading, node)
        self.rows: dict[tuple[int, int], int] = {}
        self._readings = 0
        self._checked_at = 0

    def new_reading(self) -> int:
        """A number for one more view of these rows; the full reading is the first, 0."""
        self._readings += 1
        return self._readings - 1

    def parent(self, node: int) -> int | None:
        if node == self.first:
            return None
        return node - 1 if node <= ROOT else self.tree.parent(node)

    def token(self, node: int) -> int:
        return self.prompt_ids[node - self.first] if node <= ROOT else self.tree.token(node)

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

    def row(self, reading: int, node: int, shared: bool) -> int | None:
        """The row in which a reading finds an ancestor: the full reading's first, if shared."""
        if shared and (row := self.rows.get((0, node))) is not None:
            return row
        return self.rows.get((reading, node))

    def compact(self) -> list[tuple[int, int]]:
        """Drop the rows of dead nodes once they outweigh the living. Returns the dropped owners."""
        count = len(self.owners)
        if count < max(LEAST_WORTH_COMPACTING, 2 * self._checked_at):
            return []
        alive = self.tree.alive
        living = [row for row, (_, node) in enumerate(self.owners) if node <= ROOT or alive(node)]
        if 2 * len(living) > count:
            self._checked_at = len(living)
            return []
        return self._keep(living)

    def forget(self, nodes: Sequence[int]) -> None:
        """Drop the rows of these nodes and of all below them."""
        gone = {below for node in nodes for below in self.tree.subtree(node) if below > ROOT}
        self._keep([row for row, (_, node) in enumerate(self.owners) if node not in gone])

    def _keep(self, kept: list[int]) -> list[tuple[int, int]]:
        survivors = set(kept)
        dropped = [owner for row, owner in enumerate(self.owners) if row not in survivors]
        self.cache.select(kept)
        self.sees.select(kept)
        self.owners = [self.owners[row] for row in kept]
        self.rows = {owner: row for row, owner in enumerate(self.owners)}
        self._checked_at = len(kept)
        return dropped


class TreeView:
    """One reading of the tree by a network; see `explorer.view.View`."""

    def __init__(
        self,
        network: Network,
        tree: TokenTree,
        prompt_ids: list[int],
        name: str,
        hidden: tuple[int, ...],
        how: Alteration = FULL,
        full: TreeView | None = None,
    ) -> None:
        self.name = name
        self._network = network
        self._tree = tree
        self._layers = hidden
        self._how = how
        self._full = full
        self._store = full._store if full else RowStore(network, tree, prompt_ids)
        self._reading = self._store.new_reading()
        self._state: dict[int, Tensor] = {}  # node -> what its last block gave, (d,)
        self._hidden: dict[int, dict[int, Tensor]] = {layer: {} for layer in hidden}
        self._passes = 0
        self._rows = 0
        self._prefilled = False

    def __call__(self, nodes: Sequence[int]) -> Tensor:
        if not nodes:
            raise MethodError("A view was asked for no node at all.")
        self._prefill()
        asked = list(dict.fromkeys(nodes))
        unknown = [node for node in asked if node not in self._state]
        computed = self._compute(unknown) if unknown else None
        if computed is not None and unknown == list(nodes):
            return computed
        known = [node for node in asked if node not in set(unknown)]
        parts = [computed] if computed is not None else []
        if known:
            parts.append(self._network.head(torch.stack([self._state[n] for n in known])))
        place = {node: i for i, node in enumerate([*unknown, *known])}
        return torch.cat(parts)[[place[node] for node in nodes]]

    def hidden(self, nodes: Sequence[int], layer: int) -> Tensor:
        if layer not in self._hidden:
            raise MethodError(f"Layer {layer} was not declared when {self.name!r} was opened.")
        self._prefill()
        if unknown := [n for n in dict.fromkeys(nodes) if n not in self._state]:
            self._compute(unknown)
        return torch.stack([self._hidden[layer][node] for node in nodes])

    def work(self) -> Work:
        return Work(self._passes, self._rows, len(self._store.owners))

    def forget(self, nodes: Sequence[int]) -> None:
        self._store.forget(nodes)
        for top in nodes:
            for node in self._tree.subtree(top):
                self._drop(node)

    def variant(
        self,
        *,
        skip: Sequence[str] = (),
        upto: int | None = None,
        heads: Sequence[tuple[int, int]] = (),
        shared: bool = True,
    ) -> TreeView:
        how = Alteration(frozenset(skip), upto, tuple(heads), shared)
        self._network.anatomy.check(how)
        name = f"{self.name} ({how})"
        return TreeView(self._network, self._tree, [], name, self._layers, how, self._full or self)

    def _prefill(self) -> None:
        """The prompt: taken over from an earlier view, or computed. Not counted as a pass."""
        if self._prefilled:
            return
        self._prefilled = True
        if self._full and self._how.shared:
            self._full._prefill()
            return
        store = self._store
        prompt = list(range(store.first, ROOT + 1))
        # Only a whole prompt is taken over, so that a run's bits do not depend on earlier runs.
        key = (tuple(store.prompt_ids), self._layers)
        reusable = self._full is None and store.source is None
        prefix = self._network.kept_prefix(key) if reusable else None
        if prefix is None:
            result = self._pass(prompt, [ROOT])
            last = {layer: states[-1] for layer, states in result.hidden.items()}
            cache = RowCache(len(self._network.anatomy.blocks))
            if reusable:
                cache.copy_from(store.cache, len(prompt))
            prefix = Prefix(cache, result.state[-1], last)
            if reusable:
                self._network.keep_prefix(key, prefix)
        else:
            store.claim(self._reading, prompt, shared=True)
            store.cache.copy_from(prefix.cache, len(prompt))
        self._state[ROOT] = prefix.state
        for layer, state in prefix.hidden.items():
            self._hidden[layer][ROOT] = state

    def _compute(self, unknown: Sequence[int]) -> Tensor:
        """Computes unknown nodes and what is missing above them; logits `(len(unknown), V)`."""
        store = self._store
        for reading, node in store.compact():
            if reading == self._reading:
                self._drop(node)
        wanted = set(unknown)
        for node in unknown:
            above = store.parent(node)
            while above is not None and above not in wanted and not self._has_row(above):
                wanted.add(above)
                above = store.parent(above)
        nodes = sorted(wanted)  # parents are born before their children
        result = self._pass(nodes, unknown)
        self._passes += 1
        self._rows += len(nodes)
        self._state.update(zip(nodes, result.state, strict=True))
        for layer, states in result.hidden.items():
            self._hidden[layer].update(zip(nodes, states, strict=True))
        return result.logits

    def _has_row(self, node: int) -> bool:
        return self._store.row(self._reading, node, self._how.shared) is not None

    def _pass(self, nodes: list[int], asked: Sequence[int]) -> PassResult:
        """One forward pass over `nodes`, parents first."""
        store, network = self._store, self._network
        deepest = max(map(store.position, nodes))
        if deepest >= network.context_length:
            raise MethodError(
                f"Position {deepest} lies outside the context of {network.context_length} tokens."
            )
        index = {node: i for i, node in enumerate(nodes)}
        return network.forward(
            [store.token(node) for node in nodes],
            store.claim(self._reading, nodes, self._how.shared),
            store.sees,
            store.cache,
            [index[node] for node in asked],
            self._how,
            self._layers,
            store.source,
        )

    def _drop(self, node: int) -> None:
        self._state.pop(node, None)
        for states in self._hidden.values():
            states.pop(node, None)
