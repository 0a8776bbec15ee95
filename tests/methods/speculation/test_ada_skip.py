"""AdaSkip: its similarities are those of the network's own sublayers, and how far it lands."""

import pytest
import torch
from oracle import Walk, exact_law, play, table_law, total_variation
from tiny import Tiny

from explorer.methods.speculation.ada_skip import most_similar, similarities
from explorer.randomness import Seeded
from explorer.run import Limits, Prompt, Run
from explorer.skipping import inner_sublayers

PROMPT = Prompt("", (3, 1, 4, 1, 5))
BLOCKS = 4


def by_hooks(net, ids):
    """Cosines of each sublayer's input and output at every place, from within the network."""
    found = {}
    hooks = []
    for i, block in enumerate(net.model.layers):

        def keep(module, args, kwargs, output, i=i):
            found[i, "in"] = (args[0] if args else kwargs["hidden_states"])[0]
            found[i, "out"] = output[0] if isinstance(output, tuple) else output
            found[i, "out"] = found[i, "out"].reshape(found[i, "in"].shape)

        def middle(module, args, i=i):
            found[i, "middle"] = args[0][0]  # the norm before the feed-forward reads it

        hooks.append(block.register_forward_hook(keep, with_kwargs=True))
        hooks.append(block.post_attention_layernorm.register_forward_pre_hook(middle))
    with torch.no_grad():
        net(input_ids=torch.tensor([ids]))
    for hook in hooks:
        hook.remove()
    cosine = torch.nn.functional.cosine_similarity
    return torch.stack(
        [
            torch.stack(
                [cosine(found[i, a], found[i, b], dim=-1) for i in range(len(net.model.layers))]
            )
            for a, b in (("in", "middle"), ("middle", "out"))
        ]
    )  # (2, L, n)


def test_the_similarities_are_those_inside_the_network():
    tiny = Tiny(2, eos=(12,), blocks=BLOCKS)
    run = Run({"target": tiny.model}, PROMPT, Seeded(0), Limits(max_new_tokens=20))
    full = run.open("target", hidden=range(BLOCKS + 1))
    node, text = run.root, []
    for token in (7, 2, 9, 2):
        node = run.add(node, token)
        text.append(node)
    full(text)
    on_prompt, on_text = similarities(run, full, BLOCKS, text)
    inside = by_hooks(tiny.net, [*PROMPT.ids, 7, 2, 9, 2])
    P = len(PROMPT.ids)
    inner = slice(1, BLOCKS - 1)
    assert torch.allclose(on_prompt[:, inner], inside[:, inner, :P].mean(-1), atol=1e-4)
    assert torch.allclose(on_text[:, inner], inside[:, inner, P:].mean(-1), atol=1e-4)


def test_the_most_similar_are_left_out():
    names = inner_sublayers(4)
    table = torch.tensor([[1, 0.2, 0.9, 1], [1, 0.5, 0.9, 1]])
    assert most_similar(names, table, 3) == ["2.attention", "2.mlp", "1.mlp"]
    assert most_similar(names, table, 0) == []
    assert set(most_similar(names, table, 99)) == set(names)


def test_it_leaves_out_what_it_measured_and_notes_how_far_it_landed():
    tiny = Tiny(5, eos=(12,), blocks=BLOCKS)
    events = []
    params = {"left_out": 2, "window": 3, "filters": "temperature=0"}
    run = play("ada_skip", params, {"target": tiny.model}, Walk(), 12, PROMPT, events)
    noted = {e.name: e.value for e in events if e.kind == "note"}
    assert sum(map(sum, noted["left out"])) == 2
    text = run.tree.tokens(run.head)
    with torch.no_grad():
        logp = tiny.net(input_ids=torch.tensor([[*PROMPT.ids, *text]])).logits[0].log_softmax(-1)
    want = sum(float(logp[len(PROMPT.ids) - 1 + i, token]) for i, token in enumerate(text))
    assert noted["target logp"] == pytest.approx(want, abs=1e-3)


def test_with_nothing_left_out_it_is_the_target_and_otherwise_not(pair):
    target = table_law(pair["target"], 3)
    same = exact_law("ada_skip", {"left_out": 0, "window": 1}, pair, 3)
    assert total_variation(same, target) < 1e-12
    other = exact_law("ada_skip", {"left_out": 4, "window": 1}, pair, 3)
    assert total_variation(other, target) > 0.01


def test_taking_one_sublayer_for_the_other_is_caught():
    """Negative control: attention's and feed-forward's similarities are not alike."""
    tiny = Tiny(2, eos=(12,), blocks=BLOCKS)
    run = Run({"target": tiny.model}, PROMPT, Seeded(0), Limits(max_new_tokens=20))
    full = run.open("target", hidden=range(BLOCKS + 1))
    node = run.add(run.root, 7)
    on_prompt, _ = similarities(run, full, BLOCKS, [node])
    inside = by_hooks(tiny.net, [*PROMPT.ids, 7])[:, :, : len(PROMPT.ids)].mean(-1)
    assert not torch.allclose(on_prompt.flip(0)[:, 1:3], inside[:, 1:3], atol=1e-3)
