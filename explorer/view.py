"""A view: one language model's reading of the token tree.

`view(nodes)` returns the next-token logits after each node. A view is opened by a model on a
tree, behind a prompt; any number of views may read the same tree.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from explorer.trace.events import Value
from explorer.tree import TokenTree


@dataclass(frozen=True, slots=True)
class Work:
    """What one question to a view cost."""

    passes: int
    rows: int
    cached: int


class View(Protocol):
    """A model's reading of a tree."""

    name: str

    def __call__(self, nodes: Sequence[int]) -> Tensor:
        """Next-token logits after each node: `(len(nodes), V)`, float32, in the order asked.

        What is not known yet (nodes and their ancestors) is computed in one forward pass.
        """
        ...

    def work(self) -> Work:
        """Totals since the view was opened."""
        ...

    def prompt_logps(self) -> list[float]:
        """Log-probability in nats of each prompt token behind the first, given those before it.

        Empty where the view does not predict its prompt: an encoder-decoder's.
        """
        ...

    def prompt_rows(self) -> int:
        """Positions of the prompt that this view had to compute; the others were taken over."""
        ...

    def forget(self, nodes: Sequence[int]) -> None:
        """Drop what is kept for these nodes; asking again computes them anew."""
        ...

    def hidden(self, nodes: Sequence[int], layer: int) -> Tensor:
        """Hidden states `(len(nodes), d)` after block `layer` (declared when the view was opened).

        Layer 0 is the embedding, L the last block after the final norm.
        """
        ...

    def prompt_hidden(self, layer: int) -> Tensor:
        """Hidden states `(P, d)` of the tokens that stand before the tree; the root's is the last.

        Those of the prompt, or of the one start token of an encoder-decoder.
        """
        ...

    def variant(
        self,
        *,
        skip: Sequence[str] = (),
        upto: int | None = None,
        heads: Sequence[tuple[int, int]] = (),
        shared: bool = True,
    ) -> View:
        """A cheaper or altered reading of the same tree.

        `skip` names sublayers to leave out ("3", "3.attention", "3.mlp"), `upto` stops after that
        many blocks, `heads` silences (block, head) pairs. A shared variant reads what the full
        view knows of a node's ancestors, and its own computation of the rest; one that is not
        shared computes everything, the prompt too, in its own way.
        """
        ...


@runtime_checkable
class LanguageModel(Protocol):
    """What a run needs of a model."""

    model_id: str
    vocab_size: int
    eos_ids: frozenset[int]
    context_length: int
    depth: int  # blocks; hidden states are of the layers 0 to here

    def open(
        self,
        tree: TokenTree,
        prompt_ids: Sequence[int],
        name: str,
        hidden: Sequence[int] = (),
        begun: int = 0,
    ) -> View:
        """A view of the tree behind a prompt, whose last `begun` tokens continue a typed one.

        What an earlier view computed of a prompt with such tokens is taken over.
        """
        ...

    def room(self, prompt_length: int, begun: int = 0) -> int:
        """New tokens that fit behind a prompt of so many tokens, the begun ones among them."""
        ...

    def keys(self) -> Tensor:
        """The vector of each token `(V, d)`: its product with the last state is the logit."""
        ...

    def describe(self) -> dict[str, Value]:
        """What a trace keeps of the model: id, revision, dtype, device, class, and so on."""
        ...

    def encode(self, text: str) -> list[int]:
        """Token ids of a prompt, with the model's rule for a beginning token applied."""
        ...

    def encode_chat(self, text: str) -> list[int]:
        """Token ids of one user message in the model's chat template, and the answer's opening.

        Raises:
            InputError: the model has no template.
        """
        ...

    def decode(self, token_ids: Sequence[int], after: Sequence[int] = ()) -> str:
        """Text that the token ids add behind those of `after`; special tokens are left out."""
        ...

    def token_text(self, token_id: int) -> str:
        """One token as it may be shown alone; bytes that are no character yet appear as ⟨e2⟩."""
        ...


Report = Callable[["RecordingView", Sequence[int], Tensor, Work, float], None]


class RecordingView:
    """Hands questions on to a view and tells `report` about each: nodes, logits, cost, time."""

    def __init__(self, view: View, report: Report) -> None:
        self._view = view
        self._report = report
        self.name = view.name

    def __call__(self, nodes: Sequence[int]) -> Tensor:
        before, started = self._view.work(), time.perf_counter()
        logits = self._view(nodes)
        after, took = self._view.work(), time.perf_counter() - started
        spent = Work(after.passes - before.passes, after.rows - before.rows, after.cached)
        self._report(self, nodes, logits, spent, took * 1000)
        return logits

    def work(self) -> Work:
        return self._view.work()

    def prompt_logps(self) -> list[float]:
        return self._view.prompt_logps()

    def prompt_rows(self) -> int:
        return self._view.prompt_rows()

    def forget(self, nodes: Sequence[int]) -> None:
        self._view.forget(nodes)

    def hidden(self, nodes: Sequence[int], layer: int) -> Tensor:
        return self._view.hidden(nodes, layer)

    def prompt_hidden(self, layer: int) -> Tensor:
        return self._view.prompt_hidden(layer)

    def variant(
        self,
        *,
        skip: Sequence[str] = (),
        upto: int | None = None,
        heads: Sequence[tuple[int, int]] = (),
        shared: bool = True,
    ) -> RecordingView:
        inner = self._view.variant(skip=skip, upto=upto, heads=heads, shared=shared)
        return RecordingView(inner, self._report)


def token_logps(logits: Tensor, tokens: Sequence[int]) -> list[float]:
    """Log-probability of one token in each row of `(n, V)` logits."""
    index = torch.tensor(list(tokens), device=logits.device)[:, None]
    return torch.log_softmax(logits, -1).gather(1, index)[:, 0].tolist()


def entropies(logits: Tensor) -> list[float]:
    """Entropy in nats of each row of `(n, V)` logits."""
    logp = torch.log_softmax(logits, -1)
    # Impossible tokens count 0 · (a large number), not 0 · ∞.
    return (logp.exp() * -logp.clamp(min=-1e4)).sum(-1).tolist()
