"""The replaying view: every path is run alone and whole. Slow, and right for any architecture.

It is the fallback where a tree mask is not followed, and the oracle of the caching view.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from explorer.errors import MethodError
from explorer.models.anatomy import Alteration
from explorer.tree import ROOT, TokenTree
from explorer.view import Work, token_logps

if TYPE_CHECKING:
    from explorer.models.network import Network

KEPT_BYTES = 256 * 2**20  # of logits; the oldest go first


class ReplayView:
    """One reading of the tree, path by path; see `explorer.view.View`."""

    def __init__(
        self,
        network: Network,
        tree: TokenTree,
        prompt_ids: list[int],
        name: str,
        hidden: tuple[int, ...] = (),
        how: Alteration | None = None,
        begun: int = 0,
    ) -> None:
        self.name = name
        self._network = network
        self._tree = tree
        self._source_ids = prompt_ids[: len(prompt_ids) - begun]
        self._begun = prompt_ids[len(prompt_ids) - begun :]
        self._prompt_ids = prompt_ids
        self._layers = hidden
        self._how = how or Alteration()
        self._kept: dict[int, tuple[Tensor, dict[int, Tensor]]] = {}
        self._most = max(16, KEPT_BYTES // (4 * network.vocab_size))
        self._passes = 0
        self._rows = 0

    def __call__(self, nodes: Sequence[int]) -> Tensor:
        answers = self._answers(nodes)
        return torch.stack([answers[node][0] for node in nodes])

    def hidden(self, nodes: Sequence[int], layer: int) -> Tensor:
        self._check_declared(layer)
        answers = self._answers(nodes)
        return torch.stack([answers[node][1][layer] for node in nodes])

    @torch.no_grad()
    def prompt_hidden(self, layer: int) -> Tensor:
        self._check_declared(layer)
        if self._network.encoder_decoder:
            return self.hidden([ROOT], layer)
        ids = torch.tensor([self._prompt_ids], device=self._network.device)
        with self._network.anatomy.altered(self._how):
            out = self._network.net(input_ids=ids, use_cache=False, output_hidden_states=True)
        return out.hidden_states[layer][0]

    def _check_declared(self, layer: int) -> None:
        if layer not in self._layers:
            raise MethodError(f"Layer {layer} was not declared when {self.name!r} was opened.")

    def work(self) -> Work:
        return Work(self._passes, self._rows, 0)

    def prompt_rows(self) -> int:
        return len(self._prompt_ids)

    @torch.no_grad()
    def prompt_logps(self) -> list[float]:
        if self._network.encoder_decoder:
            return []
        ids = torch.tensor([self._prompt_ids], device=self._network.device)
        with self._network.anatomy.altered(self._how):
            out = self._network.net(input_ids=ids, use_cache=False)
        return token_logps(out.logits[0, :-1].float(), self._prompt_ids[1:])

    def forget(self, nodes: Sequence[int]) -> None:
        for top in nodes:
            for node in self._tree.subtree(top):
                self._kept.pop(node, None)

    def variant(
        self,
        *,
        skip: Sequence[str] = (),
        upto: int | None = None,
        heads: Sequence[tuple[int, int]] = (),
        shared: bool = True,
    ) -> ReplayView:
        # Nothing is cached, so a variant reads everything in its own way, shared or not.
        how = Alteration(frozenset(skip), upto, tuple(heads), shared=False)
        self._network.anatomy.check(how)
        name = f"{self.name} ({how})"
        return ReplayView(
            self._network,
            self._tree,
            self._prompt_ids,
            name,
            self._layers,
            how,
            len(self._begun),
        )

    def _answers(self, nodes: Sequence[int]) -> dict[int, tuple[Tensor, dict[int, Tensor]]]:
        if not nodes:
            raise MethodError("A view was asked for no node at all.")
        encoded = self._network.encoder_decoder
        first = len(self._begun) if encoded else len(self._prompt_ids) - 1
        self._network.check_position(first + max(map(self._tree.depth, nodes)))
        answers = {node: self._kept[node] for node in nodes if node in self._kept}
        unknown = sorted(set(nodes) - set(answers), key=self._tree.depth)
        for _, batch in groupby(unknown, self._tree.depth):
            answers |= self._run(list(batch))
        self._kept |= answers
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
        return answers

    @torch.no_grad()
    def _run(self, nodes: list[int]) -> dict[int, tuple[Tensor, dict[int, Tensor]]]:
        """Paths of one length, side by side."""
        network, tree = self._network, self._tree
        device = network.device
        arguments: dict[str, Any] = {"use_cache": False}
        if self._layers:
            arguments["output_hidden_states"] = True
        if network.encoder_decoder:
            start = [network.text.decoder_start, *self._begun]
            source = self._source_ids
            arguments["input_ids"] = torch.tensor([source] * len(nodes), device=device)
        else:
            start = self._prompt_ids
        paths = [[*start, *map(tree.given, tree.path(node))] for node in nodes]
        arguments |= network.inputs(paths)
        with network.anatomy.altered(self._how), network.anatomy.last_state():
            out = network.net(**arguments)
        self._passes += 1
        self._rows += sum(map(len, paths))
        states = out.decoder_hidden_states if network.encoder_decoder else out.hidden_states
        return {
            node: (
                out.logits[i, -1].float(),
                {layer: states[layer][i, -1] for layer in self._layers},
            )
            for i, node in enumerate(nodes)
        }
