"""Let the new heads of a widened model of two layers begin as induction heads.

Such a circuit takes long to form by itself, because each half of it is of no use without the other
(Olsson et al., "In-context Learning and Induction Heads", 2022). Its weights can be written down
instead. In the first layer one new head looks at the token before and one at the token itself; both
write which token that is into entries of the residual stream that nothing else reads. In the second
layer a new head looks for a place behind the same token as the present one, and takes along what
stands there, and says it a little. How loudly to say it, and when, is what has to be learnt.
"""

import torch
from transformers import LlamaForCausalLM

from training.errors import TrainingError

NAMED = 32  # entries that tell a token; it is found again by half of them
SHARE = 0.7  # of an entry's usual size in the stream, the size of a new one
FAST = 3  # frequencies that tell one place from the next
POSITION_SCORE = 20.0  # how much each frequency says for the right place, in the first layer
MATCH_SCORE = 24.0  # how much the right token gets, in the second
COPY_SCORE = 3.0  # how much what stood behind it gets in the end


def whitening(vectors: torch.Tensor) -> torch.Tensor:
    """The map (d, d) behind which the vectors (V, d) of all tokens differ alike everywhere."""
    values, axes = torch.linalg.eigh(vectors.T @ vectors / len(vectors))
    return axes * values.clamp(min=1e-3 * values.max()).rsqrt() @ axes.T


def token_names(vectors: torch.Tensor) -> torch.Tensor:
    """Directions (NAMED, d) along which the vectors (V, d) of all tokens differ alike."""
    draw = torch.Generator().manual_seed(0)
    some = torch.randn(vectors.shape[1], NAMED, generator=draw)
    return torch.linalg.qr(some)[0].T @ whitening(vectors)


def size(x: torch.Tensor) -> torch.Tensor:
    """The root of the mean square, as norms divide by it."""
    return x.square().mean(-1).sqrt()


def own_entries(old_width: int) -> slice:
    """The entries of the stream that belong to the circuit: names twice, and one for all tokens."""
    return slice(old_width, old_width + NAMED // 2 + NAMED + 1)


def keep_rows(weight: torch.Tensor, rows: slice) -> None:
    """Let training leave these rows of a weight as they are."""
    weight.register_hook(
        lambda gradient: gradient.index_fill(
            0, torch.arange(rows.start, rows.stop, device=gradient.device), 0
        )
    )


def keep_entries(model: LlamaForCausalLM, own: slice) -> None:
    """Let training leave alone what is written into the circuit's own entries of the stream.

    They are small beside the others, so that whatever else were written there would drown them
    within ten updates.
    """
    for layer in model.model.layers:
        keep_rows(layer.self_attn.o_proj.weight, own)
        keep_rows(layer.mlp.down_proj.weight, own)
    columns = torch.arange(own.start, own.stop)
    model.model.embed_tokens.weight.register_hook(
        lambda gradient: gradient.index_fill(1, columns.to(gradient.device), 0)
    )


def keep_circuit(model: LlamaForCausalLM, old_width: int) -> None:
    """Keep the circuit's entries; its heads find their way by what they read, and are trained."""
    keep_entries(model, own_entries(old_width))


@torch.no_grad()
def begin_copying(model: LlamaForCausalLM, old_width: int, ids: torch.Tensor) -> None:
    """Write the circuit into the last key-value head of both layers.

    The stream's entries from `old_width` on are new and zero (grow.py); on the text `ids` (B, C)
    the usual size of the others is measured. Raises TrainingError if too little is new.
    """
    config, width = model.config, model.config.head_dim
    sharing = config.num_attention_heads // config.num_key_value_heads
    compared = NAMED // 2
    own = own_entries(old_width)
    same = own.stop - 1  # the entry that is the same for all tokens
    if config.num_hidden_layers != 2 or sharing < 2 or own.stop > config.hidden_size:
        raise TrainingError(
            "Induction heads are for a model of two layers whose heads share keys by twos or more, "
            f"with {own.stop - own.start} new entries in its stream."
        )
    before, present = slice(old_width, old_width + compared), slice(old_width + compared, same)
    keys = slice(config.hidden_size // sharing - width, None)
    start = (config.num_attention_heads - sharing) * width
    one, other = slice(start, start + width), slice(start + width, start + 2 * width)
    first, second = model.model.layers
    embedding = model.model.embed_tokens.weight
    states = model.model(ids, output_hidden_states=True).hidden_states
    # Between attention and feed-forward the stream is smallest, and names must not fill it.
    name = SHARE * float(size(states[0]).mean())
    gains = (1 / SHARE, float(size(states[1]).mean()) / name)

    for layer, gain in zip((first, second), gains, strict=True):
        attention, mlp = layer.self_attn, layer.mlp
        for reader in (attention.q_proj, attention.k_proj, attention.v_proj, mlp.gate_proj,
                       mlp.up_proj):  # fmt: skip
            reader.weight[:, own] = 0.0
        for part, rows in ((attention.k_proj, keys), (attention.v_proj, keys),
                           (attention.q_proj, one)):  # fmt: skip
            part.weight[rows] = 0.0
        layer.input_layernorm.weight[own] = gain

    # First layer: where a token stands decides alone, by the fastest frequencies. Turned by one
    # place, the question of the head that looks at itself is that of the head that looks back. An
    # entry in the size of each token's others is the same for all behind the norm.
    attention = first.self_attn
    embedding[:, same] = SHARE * size(embedding)
    model.model.norm.weight[same] = 0.0
    turn = model.model.rotary_emb.inv_freq
    fast = (torch.arange(len(turn)) < FAST) * (POSITION_SCORE * width**0.5) ** 0.5
    here = torch.cat((fast, torch.zeros_like(turn)))
    attention.q_proj.weight[other] = 0.0
    attention.k_proj.weight[keys, same] = here
    attention.q_proj.weight[other, same] = here
    attention.q_proj.weight[one, same] = torch.cat((fast * turn.cos(), -fast * turn.sin()))
    tokens = first.input_layernorm(embedding)[:, :old_width]
    names = token_names(tokens)
    attention.v_proj.weight[keys][:NAMED, :old_width] = names / 3
    attention.o_proj.weight[before, one][:, :compared] = 3 * name * torch.eye(compared)
    attention.o_proj.weight[present, other][:, :NAMED] = 3 * name * torch.eye(NAMED)

    # Second layer: the names decide, in the slower half of the frequencies, which turn little
    # between the two places.
    attention = second.self_attn
    slow = torch.arange(width).view(2, -1)[:, -compared // 2 :].flatten()
    force = (MATCH_SCORE * width**0.5 / compared) ** 0.5 * torch.eye(compared)
    attention.k_proj.weight[keys][slow, before] = force
    attention.q_proj.weight[one][slow, present.start : present.start + compared] = force
    # What it says of a name: of all maps the one that comes nearest to raising the logit of that
    # token and of no other.
    attention.v_proj.weight[keys][:NAMED, present] = 3 * torch.eye(NAMED)
    called = tokens @ names.T
    said = embedding[:, :old_width] * model.model.norm.weight[:old_width]
    answer = torch.linalg.pinv(said) @ torch.linalg.pinv(called).T
    usual = float(((said @ answer) * called).sum(-1).mean())
    answer *= COPY_SCORE * float(size(states[1]).mean()) / usual
    attention.o_proj.weight[:old_width, one][:, :NAMED] = answer / 3
