"""Tiny random networks of many families, random trees, and the oracle of both: each path alone.

The weights are blown up so that the laws are peaky: with the small weights of a fresh network a
wrong mask would hide below any tolerance.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from functools import cache
from itertools import groupby
from types import SimpleNamespace
from typing import Any

import torch
import transformers as hf
from torch import Tensor, nn

from explorer.models.lean import LeanLlama
from explorer.models.network import Network, PassResult
from explorer.models.small import SmallLlama
from explorer.tree import ROOT, TokenTree

VOCABULARY, CONTEXT, BLOCKS, HEADS = 61, 512, 4, 4
WINDOW = 8  # shorter than every text of the tests
TOLERANCE = 1e-4
DECODER_START = 0
PROMPT = [3, 14, 15, 9, 2, 6, 53, 5, 8]

USUAL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": HEADS,
    "max_position_embeddings": CONTEXT,
}
GROUPED = USUAL | {"num_key_value_heads": 2}
USUAL_FALCON = {name: size for name, size in USUAL.items() if name != "intermediate_size"}
BART = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": BLOCKS,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": HEADS,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": CONTEXT,
}

CONFIGS: dict[str, Callable[[], hf.PreTrainedConfig]] = {
    "Llama": lambda: hf.LlamaConfig(**GROUPED),
    "Llama, lean in torch": lambda: hf.LlamaConfig(**GROUPED),
    "Llama, not lean": lambda: hf.LlamaConfig(**GROUPED),
    "Qwen 3": lambda: hf.Qwen3Config(**GROUPED, head_dim=8),
    "GPT-2": lambda: hf.GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=BLOCKS, n_head=HEADS, n_positions=CONTEXT
    ),
    "OPT": lambda: hf.OPTConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        word_embed_proj_dim=32,
        ffn_dim=64,
        num_hidden_layers=BLOCKS,
        num_attention_heads=HEADS,
        max_position_embeddings=CONTEXT,
    ),
    "GPT-NeoX": lambda: hf.GPTNeoXConfig(**USUAL),
    "Gemma 3": lambda: hf.Gemma3TextConfig(
        **GROUPED,
        head_dim=8,
        sliding_window=WINDOW,
        layer_types=["sliding_attention", "full_attention"] * (BLOCKS // 2),
    ),
    "Mistral": lambda: hf.MistralConfig(**GROUPED, sliding_window=WINDOW),
    "Mixtral": lambda: hf.MixtralConfig(**GROUPED, num_local_experts=4, num_experts_per_tok=2),
    "Bloom": lambda: hf.BloomConfig(
        vocab_size=VOCABULARY, hidden_size=32, n_layer=BLOCKS, n_head=HEADS
    ),
    "T5": lambda: hf.T5Config(
        vocab_size=VOCABULARY, d_model=32, d_kv=8, d_ff=64, num_layers=BLOCKS, num_heads=HEADS
    ),
    "BART": lambda: hf.BartConfig(**BART),
    "Marian": lambda: hf.MarianConfig(**BART, pad_token_id=60),
    "GPT-Neo": lambda: hf.GPTNeoConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_layers=BLOCKS,
        num_heads=HEADS,
        attention_types=[[["global", "local"], BLOCKS // 2]],
        window_size=WINDOW,
        max_position_embeddings=CONTEXT,
    ),
    "MPT": lambda: hf.MptConfig(
        vocab_size=VOCABULARY, d_model=32, n_layers=BLOCKS, n_heads=HEADS, max_seq_len=CONTEXT
    ),
    "Falcon": lambda: hf.FalconConfig(**USUAL_FALCON),
    "Falcon, ALiBi": lambda: hf.FalconConfig(**USUAL_FALCON, alibi=True),
    "Mamba": lambda: hf.MambaConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=BLOCKS, state_size=8
    ),
}
FALLS_BACK = {"Mamba"}
LEAN = {"Llama, lean in torch": [LeanLlama], "Llama, not lean": []}  # else the first that fits
READ_AS_TREES = [name for name in CONFIGS if name not in FALLS_BACK]
ENCODER_DECODERS = {"T5", "BART", "Marian"}
EVERY_LEAN = [SmallLlama, LeanLlama]
SHARPNESS = {"T5": 2, "Mamba": 3}  # these grow peaky sooner


def build(name: str, attention: str | None = None) -> nn.Module:
    """A network of that family with random, peaky weights; the same at every call."""
    config = CONFIGS[name]()
    auto = hf.AutoModelForSeq2SeqLM if name in ENCODER_DECODERS else hf.AutoModelForCausalLM
    torch.manual_seed(0)
    net = auto.from_config(config, **({"attn_implementation": attention} if attention else {}))
    sharpness = SHARPNESS.get(name, 5)
    with torch.no_grad():
        for weight in net.parameters():
            # Norms and biases stray from 1 and 0, so that leaving one out is noticed.
            if weight.dim() > 1:
                weight.mul_(sharpness)
            else:
                weight.add_(torch.randn_like(weight) / 10)
    return net.eval()


@cache
def network(name: str) -> Network:
    """The network of that family, built once a test session and never changed."""
    reading = "replay" if name in FALLS_BACK else "tree"
    return wrapped(build(name), reading, name)


def wrapped(net: nn.Module, reading: str = "tree", name: str = "") -> Network:
    """A network without a tokenizer, read by the lean pass that goes with the family's name."""
    text = SimpleNamespace(eos_ids=frozenset(), decoder_start=DECODER_START)
    return Network(net, text, "tiny", reading=reading, lean=LEAN.get(name, EVERY_LEAN))


def random_tree(size: int, seed: int = 0, first: int = ROOT) -> TokenTree:
    """A tree of `size` nodes, each below any earlier one that is not above `first`."""
    tree = TokenTree()
    grow(tree, size, seed, first)
    return tree


def grow(tree: TokenTree, size: int, seed: int = 0, first: int = ROOT) -> None:
    """Adds random nodes until the tree has `size`."""
    chance = random.Random(seed)
    while len(tree) < size:
        tree.add(chance.randrange(first, len(tree)), chance.randrange(VOCABULARY))


@torch.no_grad()
def alone(net: nn.Module, prompt: Sequence[int], paths: Sequence[Sequence[int]]) -> Tensor:
    """Logits `(n, V)` after paths of one length, by a plain call: no cache, no mask of ours."""
    if net.config.is_encoder_decoder:
        source = torch.tensor([prompt] * len(paths))
        target = torch.tensor([[DECODER_START, *path] for path in paths])
        return net(input_ids=source, decoder_input_ids=target, use_cache=False).logits[:, -1]
    texts = torch.tensor([[*prompt, *path] for path in paths])
    return net(input_ids=texts, use_cache=False).logits[:, -1]


def each_alone(
    net: nn.Module, tree: TokenTree, nodes: Sequence[int], prompt: Sequence[int] = PROMPT
) -> Tensor:
    """Logits `(n, V)` of each node's path alone behind the prompt."""
    found = {}
    for _, group in groupby(sorted(set(nodes), key=tree.depth), tree.depth):
        level = list(group)
        paths = [tree.tokens(node) for node in level]
        found |= zip(level, alone(net, prompt, paths), strict=True)
    return torch.stack([found[node] for node in nodes])


def apart(got: Tensor, want: Tensor) -> float:
    """The largest difference between two tables of logits."""
    assert got.shape == want.shape
    return float((got - want).abs().max())


def passes_of(network: Network) -> list[int]:
    """A list that grows by one entry, the number of its tokens, at every pass of the network."""
    passes: list[int] = []
    forward = network.forward

    def counted(tokens: Sequence[int], *args: Any) -> PassResult:
        passes.append(len(tokens))
        return forward(tokens, *args)

    network.forward = counted
    return passes


# The altered networks, made by taking them apart rather than by hooks. --------------------------


def blocks_of(net: nn.Module) -> tuple[nn.Module, str]:
    """Who owns the decoder's list of blocks, and under which name."""
    owner = net.get_decoder()
    for name, child in owner.named_children():
        if isinstance(child, nn.ModuleList) and len(child) == BLOCKS:
            return owner, name
    raise AssertionError("no list of blocks")


def without_blocks(net: nn.Module, left_out: Sequence[int]) -> nn.Module:
    """A copy of the network in which these blocks do not exist."""
    net = copy.deepcopy(net)
    owner, name = blocks_of(net)
    kept = [i for i in range(BLOCKS) if i not in left_out]
    setattr(owner, name, nn.ModuleList(getattr(owner, name)[i] for i in kept))
    owner.config.num_hidden_layers = len(kept)
    if "layer_types" in vars(owner.config) and (types := owner.config.layer_types):
        owner.config.layer_types = [types[i] for i in kept]
    return net


def block_of(net: nn.Module, block: int) -> nn.Module:
    """One of the decoder's blocks."""
    owner, name = blocks_of(net)
    return getattr(owner, name)[block]


def with_silent_head(net: nn.Module, block: int, head: int) -> nn.Module:
    """A copy in which one head's columns of the attention's output projection are zero."""
    net = copy.deepcopy(net)
    projection = first_module(block_of(net, block), PROJECTIONS)
    weight = projection.weight.data
    if isinstance(projection, nn.Linear):  # GPT-2's Conv1D has its inputs in rows already
        weight = weight.T
    width = len(weight) // HEADS
    weight[head * width : (head + 1) * width] = 0
    return net


def with_silent_part(net: nn.Module, block: int, part: str) -> nn.Module:
    """A copy in which a sublayer's weights are all zero, and so is what it adds."""
    net = copy.deepcopy(net)
    for weight in first_module(block_of(net, block), PARTS[part]).parameters():
        weight.data.zero_()
    return net


def first_module(block: nn.Module, paths: Sequence[str]) -> nn.Module:
    """The block's module at the first of these paths that it has."""
    there = dict(block.named_modules())
    return next(there[path] for path in paths if path in there)


PARTS = {
    "attention": (
        "self_attn",
        "attn",
        "attention",
        "self_attention",
        "layer.0.SelfAttention",
    ),
    "mlp": ("mlp", "ffn", "layer.2.DenseReluDense", "fc2"),
}
PROJECTIONS = (
    "self_attn.o_proj",
    "self_attn.out_proj",
    "attn.c_proj",
    "attn.out_proj",
    "attn.attention.out_proj",
    "attention.dense",
    "self_attention.dense",
    "layer.0.SelfAttention.o",
)
