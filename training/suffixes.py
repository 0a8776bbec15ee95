"""Let the new heads of a widened deep model begin as induction heads that compare whole suffixes.

Heads that find the last token again (induction.py) are enough for a draft. In a list of which one
key is asked for, the colon before every value is the same, so a place has to be found by more than
one token. Here every token has a code, written into entries of the residual stream that nothing
else reads; the first layer adds the codes of the two tokens before, each turned once more, so that
these entries are a code of the last three; the second layer hands this sum on to the next place;
and a few heads of later layers compare the code of where the text ends with the codes of what stood
before each place, and say what stands there. A token that is common counts less in its code. How
loudly to say it, and when, is what has to be learnt.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from transformers import LlamaForCausalLM

from training.errors import TrainingError
from training.induction import keep_entries, keep_rows, size, whitening

CODE = 16  # entries of a code
EARLIER = 0.7  # what a token counts beside the one behind it
RARITY = (0.5, 1.5)  # bounds of a code's size, by how much the token tells, 1 on average
SHARE = 0.7  # of an entry's usual size in the stream, the size of a new one
FAST = 6  # frequencies that tell one place from the next
POSITION_SCORE = 150.0  # how much each frequency says for the right place
MATCH_SCORE = 24.0  # how much a place gets where all three tokens are the same
SAYING = (4, 6, 8)  # the layers whose new heads compare and say
LOUD = 0.1  # of an entry's usual size in the stream, what is said
NAMED = 32  # directions by which a saying head tells tokens apart
RIDGE = 0.01  # of a variance, what is added where something is read off by least squares


def own_entries(old_width: int) -> slice:
    """The stream's entries that belong to the circuit: two codes, and one for all tokens."""
    return slice(old_width, old_width + 2 * CODE + 1)


def _codes(called: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Codes (V, CODE) of what tokens are called, with entries of about 1, larger for rare ones."""
    codes = called / size(called).clamp(min=1e-6)[:, None]
    seen = torch.bincount(ids.flatten(), minlength=len(codes)) + 1.0
    shares = seen / seen.sum()
    return codes * (shares.log() / (shares.log() @ shares)).clamp(*RARITY)[:, None]


def _read_off(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The linear map (i, o) that takes rows of x (n, i) nearest to those of y (n, o)."""
    return torch.linalg.solve(x.T @ x + RIDGE * len(x) * torch.diag(x.var(0)), x.T @ y)


@dataclass(frozen=True)
class _Places:
    """Questions and answers by which one place of the text is told from all others.

    What they say for a place is the sum of the cosines of how far it is from the one asked for, in
    the fastest frequencies, less what lies halfway to the sum for its neighbours. So it is above
    zero for that place and below for any other, however large or small an answer is: in the second
    layer the stream is so large that an entry of a token's own tells little of its size.
    """

    turn: torch.Tensor  # how far each frequency turns at a step, (width / 2,)

    @property
    def _fast(self) -> torch.Tensor:
        return (torch.arange(len(self.turn)) < FAST).float()

    def answer(self, force: float) -> torch.Tensor:
        """What every place says of where it is, (width,)."""
        still = torch.zeros_like(self.turn)
        still[-1] = 1.0  # the slowest frequency hardly turns within the context
        return force**0.5 * torch.cat((self._fast + still, torch.zeros_like(self.turn)))

    def question(self, places: int, force: float) -> torch.Tensor:
        """What asks for the place so many before: the answer, turned back by as many."""
        back, halfway = places * self.turn, torch.zeros_like(self.turn)
        halfway[-1] = -(FAST + self.turn[:FAST].cos().sum()) / 2
        asked = torch.cat((self._fast * back.cos() + halfway, -self._fast * back.sin()))
        return force**0.5 * asked


class _Heads:
    """The two new heads of a layer, which share keys and values."""

    def __init__(self, layer: nn.Module, config) -> None:
        attention, width = layer.self_attn, config.head_dim
        queries, keys = config.num_attention_heads * width, config.num_key_value_heads * width
        self.first = slice(queries - 2 * width, queries - width)
        self.second = slice(queries - width, queries)
        self.shared = slice(keys - width, keys)
        self.norm = layer.input_layernorm.weight
        self.q, self.k = attention.q_proj.weight, attention.k_proj.weight
        self.v, output = attention.v_proj.weight, attention.o_proj.weight
        # Rows of what asks, answers and gives; columns of what is written.
        self.asks = self.q[self.first], self.q[self.second]
        self.answers, self.gives = self.k[self.shared], self.v[self.shared]
        self.writes = output[:, self.first], output[:, self.second]

    def clear(self) -> _Heads:
        for part in (*self.asks, self.answers, self.gives):
            part.zero_()
        return self


def keep_circuit(model: LlamaForCausalLM, old_width: int) -> None:
    """Let training leave alone how the circuit finds a place, and learn what is said of it.

    Muon moves every direction of a weight by as much, also those that the loss hardly feels: within
    a hundred updates, two in three of the places that the heads had found were lost.
    """
    keep_entries(model, own_entries(old_width))
    for i in (0, 1, *SAYING):
        heads = _Heads(model.model.layers[i], model.config)
        keep_rows(heads.q, heads.first)
        keep_rows(heads.k, heads.shared)
        keep_rows(heads.norm, own_entries(old_width))
        if i not in SAYING:
            keep_rows(heads.q, heads.second)
            keep_rows(heads.v, heads.shared)


def _stream(model: LlamaForCausalLM, ids: torch.Tensor, layer: int) -> torch.Tensor:
    """What a layer reads of the text, behind its norm: (n, d)."""
    states = model.model(ids, output_hidden_states=True).hidden_states[layer]
    return model.model.layers[layer].input_layernorm(states).flatten(0, 1)


@torch.no_grad()
def begin_copying(model: LlamaForCausalLM, old_width: int, ids: torch.Tensor) -> None:
    """Write the circuit into the last key-value head of the layers that it needs.

    The stream's entries from `old_width` on are new and zero (grow.py). On the text `ids` (B, C)
    the sizes of the others are measured, and how common tokens are. Raises TrainingError if too
    little is new.
    """
    config, own = model.config, own_entries(old_width)
    sharing = config.num_attention_heads // config.num_key_value_heads
    if config.num_hidden_layers <= SAYING[-1] or sharing != 2 or own.stop > config.hidden_size:
        raise TrainingError(
            f"Heads that compare suffixes are for a model of {SAYING[-1] + 1} layers or more whose "
            f"heads share keys by twos, with {own.stop - own.start} new entries in its stream."
        )
    code, before = (slice(old_width + i * CODE, old_width + (i + 1) * CODE) for i in (0, 1))
    same, old = own.stop - 1, slice(0, old_width)
    draw = torch.Generator().manual_seed(0)
    embedding, layers = model.model.embed_tokens.weight, model.model.layers
    states = model.model(ids, output_hidden_states=True).hidden_states
    sizes = [float(size(state[..., old]).mean()) for state in states[:-1]]
    usual = SHARE * float(size(embedding[:, old]).mean())

    for layer, layer_size in zip(layers, sizes, strict=True):
        attention, mlp = layer.self_attn, layer.mlp
        for reader in (attention.q_proj, attention.k_proj, attention.v_proj, mlp.gate_proj,
                       mlp.up_proj):  # fmt: skip
            reader.weight[:, own] = 0.0
        layer.input_layernorm.weight[own] = layer_size / usual
    # A token that nothing is said of, such as padding, may have no size.
    tokens = embedding[:, old] / size(embedding[:, old]).clamp(min=1e-6)[:, None]
    said = embedding[:, old] * model.model.norm.weight[old]
    model.model.norm.weight[own] = 0.0
    some = torch.linalg.qr(torch.randn(old_width, NAMED * len(SAYING), generator=draw))[0]
    names = some.T @ whitening(tokens)  # directions along which tokens differ alike
    embedding[:, code] = usual * _codes(tokens @ names[:CODE].T, ids)
    # An entry in the size of each token's others is the same for all behind the norm.
    embedding[:, same] = SHARE * size(embedding[:, old])

    # First layer: what stands one and two places before, turned once and twice.
    places = _Places(model.model.rotary_emb.inv_freq)
    force = POSITION_SCORE * config.head_dim**0.5
    once = torch.linalg.qr(torch.randn(CODE, CODE, generator=draw))[0] * EARLIER
    heads = _Heads(layers[0], config).clear()
    heads.answers[:, same] = places.answer(force)
    heads.gives[:CODE, code] = torch.eye(CODE)
    for back, asks, writes, turned in zip((1, 2), heads.asks, heads.writes, (once, once @ once),
                                          strict=True):  # fmt: skip
        asks[:, same] = places.question(back, force)
        writes[code, :CODE] = usual * turned

    # Second layer: all of it one place on.
    heads = _Heads(layers[1], config).clear()
    heads.answers[:, same] = places.answer(force)
    heads.asks[0][:, same] = places.question(1, force)
    heads.gives[:CODE, code] = torch.eye(CODE)
    whole = (1 + EARLIER**2 + EARLIER**4) ** 0.5  # the size of a code of three tokens
    heads.writes[0][before, :CODE] = usual / whole * torch.eye(CODE)

    # The layers that say: codes are compared in the slower half of the frequencies, which turn
    # little between two places. What stands at a place is read off the stream there; what is said
    # of it is the map that comes nearest to raising the logit of that token and of no other.
    slow = torch.arange(config.head_dim).view(2, -1)[:, -CODE // 2 :].flatten()
    force = (MATCH_SCORE * config.head_dim**0.5 / (CODE * whole)) ** 0.5 * torch.eye(CODE)
    for i, directions in zip(SAYING, names.split(NAMED), strict=True):
        heads = _Heads(layers[i], config).clear()
        stream, called = _stream(model, ids, i)[:, : own.stop], tokens @ directions.T
        heads.answers[slow, before] = force
        heads.asks[0][slow, code] = force
        given = _read_off(stream, called[ids.flatten()])
        answer = torch.linalg.pinv(said) @ torch.linalg.pinv(called).T
        answer *= LOUD * sizes[i] / float(size(called @ answer.T).mean())
        # Shared out alike, because Muon's steps are as long for a large weight as for a small one.
        balance = (torch.linalg.matrix_norm(answer, 2) / torch.linalg.matrix_norm(given, 2)) ** 0.5
        heads.gives[:NAMED, : own.stop] = balance * given.T
        heads.writes[0][old, :NAMED] = answer / balance
