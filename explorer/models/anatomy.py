"""Where a transformers network keeps its blocks, and how to read it in altered ways.

A network is altered by setting `forward` on instances of its own modules, or by hooks, for the
time of one pass. Patches live on the shared module: one pass at a time a network.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from explorer.errors import InputError, ModelError

ATTENTION_NAMES = ("self_attn", "attn", "attention", "self_attention")
# Where a block has no module for its MLP, silencing the last layer of it does the same.
MLP_NAMES = ("mlp", "ffn", "feed_forward", "block_sparse_moe", "moe", "fc2")
OUTPUT_NAMES = ("o_proj", "c_proj", "out_proj", "dense", "o")


@dataclass(frozen=True, slots=True)
class Alteration:
    """How a variant reads the network; see `View.variant`."""

    skip: frozenset[str] = frozenset()
    upto: int | None = None
    heads: tuple[tuple[int, int], ...] = ()
    shared: bool = True

    def check_names(self, depth: int) -> None:
        """Raises an InputError where `upto` or `skip` name what `depth` blocks do not have."""
        if self.upto is not None and not 1 <= self.upto <= depth:
            raise InputError(f"upto = {self.upto} is not allowed: from 1 to {depth} blocks.")
        for name in self.skip:
            index, _, part = name.partition(".")
            if not index.isdigit() or int(index) >= depth or part not in ("", "attention", "mlp"):
                raise InputError(
                    f"skip = {name!r} is not allowed: a block from 0 to {depth - 1}, "
                    "alone or followed by .attention or .mlp."
                )

    def __str__(self) -> str:
        parts = [f"without {', '.join(sorted(self.skip))}"] if self.skip else []
        parts += [f"up to block {self.upto}"] if self.upto is not None else []
        parts += [f"without heads {list(self.heads)}"] if self.heads else []
        return "; ".join(parts) or "unaltered"


class Anatomy:
    """The decoder blocks of a network, and what can be done to them."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.config = net.config.get_text_config(decoder=True)
        decoder = net.get_decoder() if net.config.is_encoder_decoder else net
        self.blocks = self._find_blocks(decoder)
        self._returns_tuple = self._block_returns_tuple()

    def _find_blocks(self, decoder: nn.Module) -> nn.ModuleList:
        names = ("num_decoder_layers", "decoder_layers", "num_hidden_layers")
        configs = (self.net.config, self.config)
        depth = next(d for name in names for c in configs if (d := getattr(c, name, None)))
        for module in decoder.modules():
            if isinstance(module, nn.ModuleList) and len(module) == depth:
                return module
        raise ModelError(f"No list of {depth} blocks found in {type(self.net).__name__}.")

    @torch.no_grad()
    def _block_returns_tuple(self) -> bool:
        """What a block must give where it is passed through: a state, or a tuple around it."""
        given: list[Any] = []
        handle = self.blocks[-1].register_forward_hook(lambda *call: given.append(call[-1]))
        token = torch.zeros(1, 1, dtype=torch.long, device=self.net.device)
        both = {"decoder_input_ids": token} if self.net.config.is_encoder_decoder else {}
        try:
            self.net(input_ids=token, use_cache=False, **both)
        finally:
            handle.remove()
        return isinstance(given[0], tuple)

    @contextmanager
    def last_state(self) -> Iterator[list[Tensor]]:
        """Collects what the last block hands to the final norm, `(1, n, d)`, during a pass."""
        collected: list[Tensor] = []

        def keep(module: nn.Module, args: Any, output: Any) -> None:
            collected.append(output[0] if isinstance(output, tuple) else output)

        handle = self.blocks[-1].register_forward_hook(keep)
        try:
            yield collected
        finally:
            handle.remove()

    @contextmanager
    def head_only(self, state: Tensor) -> Iterator[None]:
        """Makes a pass apply the final norm and the head to `state` `(1, n, d)`, nothing else.

        Always right, where `lm_head(norm(h))` would miss soft-capping or scaling.
        """
        with ExitStack() as stack:
            for index, block in enumerate(self.blocks):
                stack.enter_context(self._pass_through(block, state if index == 0 else None))
            yield

    @contextmanager
    def altered(self, how: Alteration) -> Iterator[None]:
        """Makes a pass read the network as a variant does."""
        with ExitStack() as stack:
            for block in self._left_out(how):
                stack.enter_context(self._pass_through(block))
            for name in sorted(s for s in how.skip if "." in s):
                index, part = name.split(".")
                stack.enter_context(self._silenced(self.blocks[int(index)], part))
            for index in sorted({block for block, _ in how.heads}):
                silent = [head for block, head in how.heads if block == index]
                stack.enter_context(self._without_heads(self.blocks[index], silent))
            yield

    def check(self, how: Alteration) -> None:
        """Raises an InputError where the network has no such block, sublayer or head."""
        depth = len(self.blocks)
        how.check_names(depth)
        for name in how.skip:
            index, _, part = name.partition(".")
            if part:
                self._part(self.blocks[int(index)], part)
            if int(index) == 0 and hasattr(self.blocks[0], "layer"):
                raise InputError("Block 0 of this model holds the position bias of all others.")
        for block, head in how.heads:
            if 0 <= block < depth:
                self._output_projection(self.blocks[block])  # raises where there are no heads
            heads = getattr(self.config, "num_attention_heads", 0)
            if not (0 <= block < depth and 0 <= head < heads):
                raise InputError(
                    f"heads = ({block}, {head}) is not allowed: blocks from 0 to {depth - 1}, "
                    f"heads from 0 to {heads - 1}."
                )

    def _left_out(self, how: Alteration) -> list[nn.Module]:
        upto = len(self.blocks) if how.upto is None else how.upto
        return [b for i, b in enumerate(self.blocks) if i >= upto or str(i) in how.skip]

    @contextmanager
    def _pass_through(self, block: nn.Module, state: Tensor | None = None) -> Iterator[None]:
        def forward(hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:
            out = hidden_states if state is None else state
            if not self._returns_tuple:
                return out
            if hasattr(block, "layer"):  # T5: (state, position bias, cross-attention bias)
                return out, *[args[i] if len(args) > i else None for i in (1, 4)]
            return out, None

        block.forward = forward
        try:
            yield
        finally:
            del block.forward

    @contextmanager
    def _silenced(self, block: nn.Module, part: str) -> Iterator[None]:
        """The sublayer adds nothing to the residual stream."""
        module = self._part(block, part)

        def mute(module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
            main = output[0] if isinstance(output, tuple) else output
            given = inspect.signature(module.forward).bind(*args, **kwargs).arguments
            # Bloom's sublayers add the residual themselves, so for them "nothing" is the residual.
            nothing = given.get("residual", torch.zeros_like(main))
            return (nothing, *output[1:]) if isinstance(output, tuple) else nothing

        handle = module.register_forward_hook(mute, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()

    @contextmanager
    def _without_heads(self, block: nn.Module, silent: Sequence[int]) -> Iterator[None]:
        """These heads contribute nothing to the attention's output projection."""

        def mask(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            mixed = args[0].clone()
            width = mixed.shape[-1] // self.config.num_attention_heads
            for head in silent:
                mixed[..., head * width : (head + 1) * width] = 0
            return (mixed, *args[1:])

        handle = self._output_projection(block).register_forward_pre_hook(mask)
        try:
            yield
        finally:
            handle.remove()

    def _output_projection(self, block: nn.Module) -> nn.Module:
        attention = self._part(block, "attention")
        for path, module in attention.named_modules():
            if path.split(".")[-1] in OUTPUT_NAMES:
                return module
        raise InputError(f"No output projection found in {type(attention).__name__}.")

    def _part(self, block: nn.Module, part: str) -> nn.Module:
        if hasattr(block, "layer"):  # T5 keeps its sublayers in a list: self, cross, feed-forward
            first = block.layer[0]
            inner = first.SelfAttention if part == "attention" else block.layer[-1].DenseReluDense
            return inner
        names = ATTENTION_NAMES if part == "attention" else MLP_NAMES
        for name in names:
            if hasattr(block, name):
                return getattr(block, name)
        raise InputError(f"{type(block).__name__} has no {part} sublayer that can be left out.")
