"""A toy language model whose every law is known: logits from a seeded table.

With five tokens and four steps it has exactly 341 texts, so any method's output law can be
enumerated and compared (`tests/oracle.py`).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from explorer.errors import InputError, MethodError
from explorer.models.anatomy import Alteration
from explorer.trace.events import Value
from explorer.tree import Mixture, TokenTree
from explorer.view import Work, token_logps

EOS = 0
HIDDEN = 8
CONTEXT = 64
BLOCKS = 12  # that a variant can leave out, as if there were any; as many as our target's


class TableLM:
    """Logits of each prefix are drawn from a generator that is seeded by the prefix.

    Token 0 ends a text; the others are the letters a, b, c, … `peak` scales the logits: larger
    smaller entropy. `like` = (another table, w) makes a draft that resembles its target:
    logits = (1 - w) · target's + w · own.

    Behind a mixture of tokens the logits are the mean of those behind each, by their shares; of a
    mixture further up only the token with the largest share counts.
    """

    def __init__(
        self,
        vocab_size: int = 5,
        seed: int = 0,
        peak: float = 1.5,
        like: tuple[TableLM, float] | None = None,
    ) -> None:
        self.model_id = f"table-{vocab_size}-{seed}"
        self.vocab_size = vocab_size
        self.eos_ids = frozenset({EOS})
        self.context_length = CONTEXT
        self.depth = BLOCKS
        self._seed = seed
        self._peak = peak
        self._like = like
        self._known: dict[tuple[int, ...], Tensor] = {}

    def logits_behind(self, given: Sequence[int | Mixture]) -> Tensor:
        """Next-token logits `(V,)` after tokens and mixtures of them."""
        before = [_heaviest(one) for one in given[:-1]]
        last = given[-1:]
        if not last or isinstance(last[0], int):
            return self.logits([*before, *map(_heaviest, last)])
        return sum(share * self.logits([*before, token]) for token, share in last[0].shares)

    def logits(self, prefix: Sequence[int]) -> Tensor:
        """Next-token logits `(V,)` after a prefix of token ids."""
        key = tuple(prefix)
        if key not in self._known:
            generator = np.random.default_rng([self._seed, len(key), *key])
            own = self._peak * torch.from_numpy(generator.standard_normal(self.vocab_size)).float()
            if self._like is not None:
                other, weight = self._like
                own = (1 - weight) * other.logits(key) + weight * own
            self._known[key] = own
        return self._known[key]

    def altered(self, how: Alteration) -> TableLM:
        """The table that a variant reads."""
        missing = sum(1.0 if "." not in name else 0.5 for name in how.skip) + len(how.heads) / 8
        missing += BLOCKS - how.upto if how.upto is not None else 0
        # Python's own hash of a text differs from process to process.
        seed = zlib.crc32(f"{self._seed} {how}".encode())
        return TableLM(self.vocab_size, seed, self._peak, (self, min(1.0, missing / BLOCKS)))

    def open(
        self,
        tree: TokenTree,
        prompt_ids: Sequence[int],
        name: str,
        hidden: Sequence[int] = (),
        begun: int = 0,
    ) -> TableView:
        return TableView(self, tree, tuple(prompt_ids), name)

    def room(self, prompt_length: int, begun: int = 0) -> int:
        """New tokens that fit behind a prompt of so many tokens."""
        return self.context_length - prompt_length

    def keys(self) -> Tensor:
        """Vectors `(V, 8)` without a meaning: a table multiplies nothing."""
        generator = np.random.default_rng([self._seed, self.vocab_size])
        return torch.from_numpy(generator.standard_normal((self.vocab_size, HIDDEN))).float()

    def describe(self) -> dict[str, Value]:
        about = {"id": self.model_id, "class": "TableLM", "dtype": "float32", "device": "cpu"}
        return {**about, "eos_ids": [EOS]}

    def encode(self, text: str) -> list[int]:
        try:
            ids = ["abcdefghijklmnopqrstuvwxyz".index(c) + 1 for c in text]
        except ValueError:
            ids = [self.vocab_size]
        if any(i >= self.vocab_size for i in ids):
            last = self.token_text(self.vocab_size - 1)
            raise InputError(f"The toy table reads the letters a to {last} alone.")
        return ids

    def encode_chat(self, text: str) -> list[int]:
        raise InputError("The toy table has no chat template: turn the template off.")

    def decode(self, token_ids: Sequence[int], after: Sequence[int] = ()) -> str:
        return "".join(self.token_text(i) for i in token_ids if i != EOS)

    def token_text(self, token_id: int) -> str:
        return "∎" if token_id == EOS else chr(ord("a") + token_id - 1)


class TableView:
    """A table's reading of a tree; see `explorer.view.View`."""

    def __init__(
        self, model: TableLM, tree: TokenTree, prompt_ids: tuple[int, ...], name: str
    ) -> None:
        self.name = name
        self._model = model
        self._tree = tree
        self._prompt_ids = prompt_ids
        self._seen: set[int] = {0}
        self._passes = 0
        self._rows = 0

    def __call__(self, nodes: Sequence[int]) -> Tensor:
        if not nodes:
            raise MethodError("A view was asked for no node at all.")
        unknown = set(nodes) - self._seen
        if unknown:
            self._passes += 1
            self._rows += len(unknown)
            self._seen |= unknown
        tree, prompt = self._tree, self._prompt_ids
        paths = [[*prompt, *map(tree.given, tree.path(node))] for node in nodes]
        return torch.stack([self._model.logits_behind(path) for path in paths])

    def hidden(self, nodes: Sequence[int], layer: int) -> Tensor:
        """A seeded random unit vector a prefix, `(len(nodes), 8)`."""
        return torch.stack([seeded_state(layer, self._prefix(node)) for node in nodes])

    def prompt_hidden(self, layer: int) -> Tensor:
        beginnings = [self._prompt_ids[:i] for i in range(1, len(self._prompt_ids) + 1)]
        return torch.stack([seeded_state(layer, prefix) for prefix in beginnings])

    def work(self) -> Work:
        return Work(self._passes, self._rows, len(self._seen))

    def prompt_logps(self) -> list[float]:
        ids = self._prompt_ids
        if len(ids) < 2:
            return []
        before = torch.stack([self._model.logits(ids[:i]) for i in range(1, len(ids))])
        return token_logps(before, ids[1:])

    def prompt_rows(self) -> int:
        return 0  # a table looks its laws up

    def forget(self, nodes: Sequence[int]) -> None:
        self._seen -= set(nodes)

    def variant(
        self,
        *,
        skip: Sequence[str] = (),
        upto: int | None = None,
        heads: Sequence[tuple[int, int]] = (),
        shared: bool = True,
    ) -> TableView:
        """A table that is the farther from the whole one the more is left out."""
        how = Alteration(frozenset(skip), upto, tuple(heads), shared)
        how.check_names(BLOCKS)
        return TableView(
            self._model.altered(how), self._tree, self._prompt_ids, f"{self.name} ({how})"
        )

    def _prefix(self, node: int) -> tuple[int, ...]:
        return (*self._prompt_ids, *self._tree.tokens(node))


def seeded_state(layer: int, prefix: Sequence[int]) -> Tensor:
    """A unit vector `(8,)` that is random, and always the same behind the same prefix."""
    generator = np.random.default_rng([layer, len(prefix), *prefix])
    state = torch.from_numpy(generator.standard_normal(HIDDEN)).float()
    return state / state.norm()


def _heaviest(given: int | Mixture) -> int:
    """The token that stands there, or that has the largest share of what does."""
    return given if isinstance(given, int) else max(given.shares, key=lambda share: share[1])[0]
