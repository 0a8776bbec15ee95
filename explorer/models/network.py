"""A transformers network as a language model that opens views of a token tree."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from explorer.errors import InputError, MethodError
from explorer.models.anatomy import Alteration, Anatomy
from explorer.models.lean import LeanLlama
from explorer.models.masks import MaskMaker
from explorer.models.repairs import repair_of
from explorer.models.replay import ReplayView
from explorer.models.rows import RowCache, Visibility
from explorer.models.small import SmallLlama
from explorer.models.text import Text
from explorer.models.tree_view import Known, Prefix, TreeView
from explorer.trace.events import Value
from explorer.tree import Mixture, TokenTree
from explorer.view import View

Reading = Literal["tree", "tree, one mask for all layers", "replay"]
KEPT_PROMPTS = 8
KEPT_READINGS = 4  # whole trees of earlier runs, for those that branch from them


@dataclass(slots=True)
class Source:
    """The encoded prompt of an encoder-decoder `(1, m, d)` and its cross-attention cache."""

    states: Tensor
    cross: DynamicCache


@dataclass(slots=True)
class PassResult:
    """What one forward pass gave: logits `(k, V)` of the asked rows, last states `(n, d)`."""

    logits: Tensor
    state: Tensor
    hidden: dict[int, Tensor]


class Network:
    """A causal or encoder-decoder network of `transformers`, its tokenizer and how to read it.

    `reading` says how trees are read: in one pass with tree masks, or by replaying each path
    where a comparison at load showed that this architecture cannot be read as a tree. Of the
    `lean` passes the first that fits takes the place of the network's own.
    """

    def __init__(
        self,
        net: nn.Module,
        text: Text,
        model_id: str,
        revision: str = "",
        reading: Reading = "tree",
        lean: Sequence[type[LeanLlama]] = (SmallLlama, LeanLlama),
    ) -> None:
        self.net = net.eval()
        self.text = text
        self.model_id = model_id
        self.revision = revision
        self.anatomy = Anatomy(net)
        self.depth = len(self.anatomy.blocks)
        config = self.anatomy.config
        self.vocab_size: int = config.vocab_size
        self.context_length: int = getattr(config, "max_position_embeddings", None) or 4096
        self.eos_ids = text.eos_ids
        self.encoder_decoder: bool = net.config.is_encoder_decoder
        self._lean = next((way(net) for way in lean if way.fits(net)), None)
        self._repair = repair_of(net)
        prefix = "decoder_" if self.encoder_decoder else ""
        known = signature(net.forward).parameters
        name = f"{prefix}position_ids"
        self._positions_argument = name if name in known else None
        self._takes_embeddings = f"{prefix}inputs_embeds" in known
        self._kept: OrderedDict[tuple[Any, ...], Prefix | Source] = OrderedDict()
        self._readings: deque[TreeView] = deque(maxlen=KEPT_READINGS)
        self.set_reading(reading)

    @property
    def device(self) -> torch.device:
        return self.net.device

    @property
    def dtype(self) -> torch.dtype:
        return self.net.dtype

    def set_reading(self, reading: Reading) -> None:
        """Choose how trees are read (the probe at load does)."""
        self.reading = reading
        one = reading == "tree, one mask for all layers"
        self._masks = MaskMaker(self.anatomy.config, one_for_all=one, dtype=self.dtype)
        self._kept.clear()
        self._readings.clear()

    def open(
        self,
        tree: TokenTree,
        prompt_ids: Sequence[int],
        name: str,
        hidden: Sequence[int] = (),
        begun: int = 0,
    ) -> View:
        """A view of `tree` behind a prompt, whose last `begun` tokens continue a typed one.

        Raises:
            InputError: the prompt is empty, longer than the context, or a layer does not exist.
        """
        ids = list(prompt_ids)
        if not ids:
            raise InputError("The prompt is empty: at least one token is needed.")
        if len(ids) >= self.context_length:
            raise InputError(
                f"The prompt has {len(ids)} tokens; {self.model_id} can read "
                f"{self.context_length - 1} before the first new one."
            )
        for layer in hidden:
            if not 0 <= layer <= self.depth:
                raise InputError(f"There is no layer {layer}: from 0 to {self.depth}.")
        if self.reading == "replay":
            return ReplayView(self, tree, ids, name, tuple(hidden), begun=begun)
        view = TreeView(self, tree, ids, name, tuple(hidden), begun=begun)
        self._readings.append(view)
        return view

    def room(self, prompt_length: int, begun: int = 0) -> int:
        """New tokens that fit behind a prompt of so many tokens, the begun ones among them."""
        return self.context_length - (1 + begun if self.encoder_decoder else prompt_length)

    def check_position(self, position: int) -> None:
        """Raises a MethodError where a text would outgrow the context."""
        if position >= self.context_length:
            raise MethodError(
                f"Position {position} lies outside the context of {self.context_length} tokens."
            )

    # The one primitive -------------------------------------------------------------------------

    @torch.no_grad()
    def forward(
        self,
        given: Sequence[int | Mixture],
        rows: range,
        sees: Visibility,
        cache: RowCache,
        asked: Sequence[int],
        how: Alteration,
        hidden: Sequence[int] = (),
        source: Source | None = None,
    ) -> PassResult:
        """One pass over tokens and mixtures of them, which take the cache rows `rows`.

        `asked` are indices into what is given whose logits are wanted; `hidden` the layers whose
        states are; `source` what an encoder-decoder's decoder looks at.
        """
        if self._lean and not hidden and not how.heads and (tokens := _tokens_alone(given)):
            logits, state = self._lean(tokens, rows, sees, cache, asked, how)
            return PassResult(logits.float(), state, {})
        positions = sees.positions()
        query = positions[rows.start : rows.stop]
        mask = self._masks.make(sees.mask(rows), query, positions, self.device)
        arguments: dict[str, Any] = {"use_cache": True, **self.inputs([given])}
        if hidden:
            arguments["output_hidden_states"] = True
        if source is not None:
            arguments |= {
                "decoder_attention_mask": mask,
                "encoder_outputs": (source.states,),
                "past_key_values": EncoderDecoderCache(cache, source.cross),
            }
        else:
            arguments |= {
                "attention_mask": mask,
                "past_key_values": cache,
                "logits_to_keep": torch.tensor(list(asked), device=self.device),
            }
        if self._positions_argument:
            arguments[self._positions_argument] = torch.from_numpy(query)[None].to(self.device)
        with (
            self.anatomy.altered(how),
            self._repaired(query, positions),
            self.anatomy.last_state() as last,
        ):
            out = self.net(**arguments)
        logits = out.logits[0] if source is None else out.logits[0, list(asked)]
        states = out.decoder_hidden_states if source is not None else out.hidden_states
        return PassResult(
            logits.float(),
            last[0][0],
            {layer: states[layer][0] for layer in hidden},
        )

    @torch.no_grad()
    def inputs(self, texts: Sequence[Sequence[int | Mixture]]) -> dict[str, Tensor]:
        """The network's argument for texts of equal length: their tokens' ids, or, where one has a
        mixture, embeddings `(n, length, d)`.

        Raises:
            MethodError: the network takes ids alone.
        """
        prefix = "decoder_" if self.encoder_decoder else ""
        plain = [tokens for text in texts if (tokens := _tokens_alone(text))]
        if len(plain) == len(texts):
            return {f"{prefix}input_ids": torch.tensor(plain, device=self.device)}
        if not self._takes_embeddings:
            raise MethodError(f"{self.model_id} reads tokens alone, no mixtures of them.")
        rows = [torch.stack([self._embedded(one) for one in text]) for text in texts]
        return {f"{prefix}inputs_embeds": torch.stack(rows)}

    def _embedded(self, given: int | Mixture) -> Tensor:
        """What the network is given for a token or a mixture, `(d,)`."""
        shares = given.shares if isinstance(given, Mixture) else ((given, 1.0),)
        reader = self.net.get_decoder() if self.encoder_decoder else self.net
        tokens, weights = zip(*shares, strict=True)
        e = reader.get_input_embeddings()(torch.tensor(tokens, device=self.device))
        return torch.tensor(weights, device=self.device, dtype=e.dtype) @ e

    @torch.no_grad()
    def head(self, state: Tensor) -> Tensor:
        """Logits `(n, V)` from what the last block gave, `(n, d)`."""
        if self._lean:
            return self._lean.head(state).float()
        # Texts of one token each, so that more states than the context has positions fit.
        states = state[:, None]
        ids = torch.zeros(len(state), 1, dtype=torch.long, device=self.device)
        with self.anatomy.head_only(states):
            if self.encoder_decoder:
                encoded = (torch.zeros_like(states),)
                out = self.net(decoder_input_ids=ids, encoder_outputs=encoded, use_cache=False)
            else:
                out = self.net(input_ids=ids, use_cache=False)
        return out.logits[:, 0].float()

    @torch.no_grad()
    def encode_source(self, ids: Sequence[int]) -> Source:
        """What the decoder of an encoder-decoder looks at, for one prompt."""
        key = ("source", *ids)
        if (source := self.kept(key)) is None:
            out = self.net.get_encoder()(input_ids=torch.tensor([list(ids)], device=self.device))
            source = Source(out.last_hidden_state, DynamicCache())
            self.keep(key, source)
        return source

    def _repaired(self, query: np.ndarray, key: np.ndarray) -> AbstractContextManager[None]:
        if self._repair is None:
            return nullcontext()
        told = (torch.from_numpy(positions).to(self.device) for positions in (query, key))
        return self._repair(self.net, *told)

    # Prompts kept between runs -----------------------------------------------------------------

    def kept(self, key: tuple[Any, ...]) -> Any:
        """The `Prefix` or `Source` that an earlier view left under that key, None if none did."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, key: tuple[Any, ...], computed: Prefix | Source) -> None:
        """Keep what a prompt gave for the next view; what was not used for longest goes."""
        self._kept[key] = computed
        while len(self._kept) > KEPT_PROMPTS:
            self._kept.popitem(last=False)

    def longest_known(self, view: TreeView) -> Known | None:
        """The most that an earlier view knows of what stands before this one's tree."""
        found = [known for other in self._readings if other is not view
                 if (known := other.known_of(view))]  # fmt: skip
        return max(found, key=lambda known: len(known.rows), default=None)

    # Text --------------------------------------------------------------------------------------

    def encode(self, text: str) -> list[int]:
        return self.text.encode(text)

    def encode_chat(self, text: str) -> list[int]:
        return self.text.encode_chat(text)

    def decode(self, token_ids: Sequence[int], after: Sequence[int] = ()) -> str:
        return self.text.decode(token_ids, () if self.encoder_decoder else after)

    def token_text(self, token_id: int) -> str:
        return self.text.token_text(token_id)

    def keys(self) -> Tensor:
        head = self.net.get_output_embeddings() or self.net.get_input_embeddings()
        weight: Tensor = head.weight.detach()
        return weight

    def describe(self) -> dict[str, Value]:
        return {
            "id": self.model_id,
            "revision": self.revision,
            "class": type(self.net).__name__,
            "dtype": str(self.dtype).removeprefix("torch."),
            "device": str(self.device),
            "reading": self.reading,
            "eos_ids": sorted(self.eos_ids),
            "parameters": sum(p.numel() for p in self.net.parameters()),
            "attention": self.anatomy.config._attn_implementation,
        }


def _tokens_alone(given: Sequence[int | Mixture]) -> list[int]:
    """The tokens, where nothing but tokens is given; else none."""
    tokens = [one for one in given if isinstance(one, int)]
    return tokens if len(tokens) == len(given) else []
