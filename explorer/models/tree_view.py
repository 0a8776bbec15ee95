"""The caching view: unknown nodes are computed in one pass with a tree mask, known ones only cost
the head."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from explorer.errors import MethodError
from explorer.models.anatomy import Alteration
from explorer.models.row_store import RowStore
from explorer.models.rows import RowCache
from explorer.tree import ROOT, TokenTree
from explorer.view import Work, token_logps

if TYPE_CHECKING:
    from explorer.models.network import Network, PassResult

PROMPT_CHUNK = 128  # logits of a long prompt would not fit into memory all at once
FULL = Alteration()


@dataclass(slots=True)
class Prefix:
    """A prompt that was computed before: its cache rows, the last block's state at its last token,
    the declared layers' hidden states of all its tokens, and how probable it was."""

    cache: RowCache
    state: Tensor
    hidden: dict[int, Tensor]
    logps: list[float]  # of its tokens behind the first

    def known(self) -> Known:
        rows = range(self.cache.end)
        return Known(self.cache, rows, self.state, self.hidden, self.logps)


@dataclass(slots=True)
class Known:
    """What is known of a text's first tokens, one for each of `rows` in `cache`.

    `state` is the last block's at the last of them `(d,)`, `hidden` the declared layers' states of
    all, `logps` of those behind the first. Where `state` is missing, `logps` has one more: that of
    the token that follows.
    """

    cache: RowCache
    rows: Sequence[int]
    state: Tensor | None
    hidden: dict[int, Tensor]
    logps: list[float]


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
        begun: int = 0,
    ) -> None:
        self.name = name
        self._network = network
        self._tree = tree
        self._layers = hidden
        self._how = how
        self._full = full
        self._store = full._store if full else RowStore(network, tree, prompt_ids, begun)
        self._reading = self._store.new_reading(how.shared)
        self._state: dict[int, Tensor] = {}  # node -> what its last block gave, (d,)
        self._hidden: dict[int, dict[int, Tensor]] = {layer: {} for layer in hidden}
        self._passes = 0
        self._rows = 0
        self._compactions = 0  # of the store, as far as this view has followed them
        self._prefilled = False
        self._logps: list[float] = []
        self._prompt_hidden: dict[int, Tensor] = {}
        self._prompt_rows = 0

    def __call__(self, nodes: Sequence[int]) -> Tensor:
        self._prefill()
        unknown = self._unknown(nodes)
        parts = [self._compute(unknown)] if unknown else []
        if unknown == list(nodes):
            return parts[0]
        new = set(unknown)
        known = list(dict.fromkeys(node for node in nodes if node not in new))
        if known:
            parts.append(self._network.head(torch.stack([self._state[n] for n in known])))
        place = {node: i for i, node in enumerate([*unknown, *known])}
        return torch.cat(parts)[[place[node] for node in nodes]]

    def hidden(self, nodes: Sequence[int], layer: int) -> Tensor:
        self._check_declared(layer)
        self._prefill()
        if unknown := self._unknown(nodes):
            self._compute(unknown)
        return torch.stack([self._hidden[layer][node] for node in nodes])

    def prompt_hidden(self, layer: int) -> Tensor:
        self._check_declared(layer)
        self._prefill()
        whole = self._full if self._full and self._how.shared else self
        return whole._prompt_hidden[layer]

    def work(self) -> Work:
        return Work(self._passes, self._rows, len(self._store.owners))

    def prompt_logps(self) -> list[float]:
        self._prefill()
        return self._full.prompt_logps() if self._full and self._how.shared else self._logps

    def prompt_rows(self) -> int:
        self._prefill()
        return self._full.prompt_rows() if self._full and self._how.shared else self._prompt_rows

    def known_of(self, other: TreeView) -> Known | None:
        """What this view knows of the text that stands before another one's tree.

        That is as much of its own prompt and of one path of its tree as says the same.
        """
        store, ids = self._store, other._store.prompt_ids
        same = 0
        for mine, theirs in zip(store.prompt_ids, ids, strict=False):
            if mine != theirs:
                break
            same += 1
        related = self._layers == other._layers and (
            not store.encoder_decoder or store.given == other._store.given
        )
        whole = same == len(store.prompt_ids)
        if not self._prefilled or not related or not (whole or same > 1):
            return None
        if not whole:
            # Of places inside the prompt no state is kept: the last of them is computed again.
            rows = [store.rows[0, node] for node in range(store.first, store.first + same - 1)]
            inside = {layer: h[: same - 1] for layer, h in self._prompt_hidden.items()}
            return Known(store.cache, rows, None, inside, self._logps[: same - 1])
        path = [ROOT]
        for token in ids[same:]:
            child = self._tree.find(path[-1], token)
            if child is None or child not in self._state or (0, child) not in store.rows:
                break
            path.append(child)
        nodes = [*range(store.first, ROOT), *path]
        logps = list(self._logps)
        if len(path) > 1:
            before = torch.stack([self._state[node] for node in path[:-1]])
            logps += token_logps(self._network.head(before), ids[same : same + len(path) - 1])
        hidden = {
            layer: torch.cat([h, *(self._hidden[layer][node][None] for node in path[1:])])
            for layer, h in self._prompt_hidden.items()
        }
        rows = [store.rows[0, node] for node in nodes]
        return Known(store.cache, rows, self._state[path[-1]], hidden, logps)

    def forget(self, nodes: Sequence[int]) -> None:
        """See `View.forget`. The prompt, the root with it, is never forgotten."""
        gone = {node for top in nodes for node in self._tree.subtree(top)} - {ROOT}
        self._store.forget(self._reading, gone)
        self._drop(gone)

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

    def _check_declared(self, layer: int) -> None:
        if layer not in self._hidden:
            raise MethodError(f"Layer {layer} was not declared when {self.name!r} was opened.")

    def _prefill(self) -> None:
        """What stands before the tree: taken over from earlier views as far as they know it, the
        rest computed. Not counted as a pass."""
        if self._prefilled:
            return
        self._prefilled = True
        if self._full and self._how.shared:
            self._full._prefill()
            return
        store = self._store
        prompt = list(range(store.first, ROOT + 1))
        known = None
        if store.begun and self._full is None:
            known = self._network.longest_known(self)
        if known is None:
            known = self._typed(prompt[: len(prompt) - store.begun])
        else:
            self._take_over(known, prompt)
        if len(known.rows) < len(prompt):
            known = self._read_on(known, prompt)
        assert known.state is not None
        self._logps = known.logps
        self._state[ROOT] = known.state
        self._prompt_hidden = known.hidden
        for layer, states in known.hidden.items():
            self._hidden[layer][ROOT] = states[-1]

    def _typed(self, prompt: list[int]) -> Known:
        """The prompt that a person typed: an earlier view's, or computed.

        Only a whole one is taken over, so that a run's bits do not depend on earlier runs.
        """
        store, network = self._store, self._network
        key = (store.given, self._layers)
        reusable = self._full is None
        if (prefix := network.kept(key) if reusable else None) is not None:
            known: Known = prefix.known()
            self._take_over(known, prompt)
            return known
        # Logits of a short prompt come out of the same pass.
        result = self._pass(prompt, prompt if len(prompt) <= PROMPT_CHUNK else prompt[-1:])
        self._prompt_rows += len(prompt)
        cache = RowCache(len(network.anatomy.blocks))
        logps = self._prompt_logps(result, store.prompt_ids[1 : len(prompt)])
        # A copy, so that what is kept does not hold on to the states of the whole prompt.
        prefix = Prefix(cache, result.state[-1].clone(), result.hidden, logps)
        if reusable:
            cache.claim(len(prompt))
            cache.copy_from(store.cache, range(store.cache.begin, store.cache.end))
            network.keep(key, prefix)
        return Known(store.cache, range(len(prompt)), prefix.state, prefix.hidden, logps)

    def _take_over(self, known: Known, prompt: list[int]) -> None:
        self._store.claim(self._reading, prompt[: len(known.rows)], shared=True)
        self._store.cache.copy_from(known.cache, known.rows)

    def _read_on(self, known: Known, prompt: list[int]) -> Known:
        """Compute what is not known of the tokens before the tree."""
        count = len(known.rows)
        rest = prompt[count:]
        result = self._pass(rest, rest if len(rest) <= PROMPT_CHUNK else [ROOT])
        self._prompt_rows += len(rest)
        ids = self._store.prompt_ids
        logps = list(known.logps)
        if known.state is not None:
            logps += token_logps(self._network.head(known.state[None]), [ids[count]])
        logps += self._prompt_logps(result, ids[count + 1 :])
        hidden = {
            layer: torch.cat([states, result.hidden[layer]])
            for layer, states in known.hidden.items()
        }
        rows = range(len(prompt))
        return Known(self._store.cache, rows, result.state[-1].clone(), hidden, logps)

    def _prompt_logps(self, result: PassResult, following: Sequence[int]) -> list[float]:
        """How probable the tokens behind each of a pass were, but its last."""
        if not following:
            return []
        if len(result.logits) > len(following):
            return token_logps(result.logits[:-1], following)
        found: list[float] = []
        for at in range(0, len(following), PROMPT_CHUNK):
            tokens = following[at : at + PROMPT_CHUNK]
            found += token_logps(self._network.head(result.state[at : at + len(tokens)]), tokens)
        return found

    def _unknown(self, nodes: Sequence[int]) -> list[int]:
        """The distinct nodes that are not known yet, in the order asked.

        Where there are any a pass is due, and before a pass the rows are tidied. That may drop
        dead nodes that were known, so it comes before they are counted.
        """
        if not nodes:
            raise MethodError("A view was asked for no node at all.")
        if all(node in self._state for node in nodes):
            return []
        self._store.compact()
        if self._compactions != self._store.compactions:
            self._compactions = self._store.compactions
            self._drop([node for node in self._state if not self._tree.alive(node)])
        return [node for node in dict.fromkeys(nodes) if node not in self._state]

    def _compute(self, unknown: Sequence[int]) -> Tensor:
        """Computes unknown nodes and what is missing above them; logits `(len(unknown), V)`."""
        store = self._store
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
        network.check_position(max(map(store.position, nodes)))
        index = {node: i for i, node in enumerate(nodes)}
        given = [store.stands_at(node) for node in nodes]
        rows = store.claim(self._reading, nodes, self._how.shared)
        try:
            return network.forward(
                given,
                rows,
                store.sees,
                store.cache,
                [index[node] for node in asked],
                self._how,
                self._layers,
                store.source,
            )
        except BaseException:
            store.withdraw(rows)
            raise

    def _drop(self, nodes: Iterable[int]) -> None:
        for kept in (self._state, *self._hidden.values()):
            for node in nodes:
                kept.pop(node, None)
