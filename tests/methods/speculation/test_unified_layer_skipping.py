"""Unified layer skipping: which blocks stay, that it is the shortened network, how far it lands."""

import itertools

import pytest
import torch
from oracle import Walk, enumerate_law, exact_law, play, table_law, total_variation
from tiny import Tiny

from explorer.methods.speculation.unified_layer_skipping import kept_blocks
from explorer.models.anatomy import Alteration
from explorer.run import Prompt, Run

PROMPT = Prompt("", (3, 1, 4, 1, 5))


@pytest.mark.parametrize("L", [2, 3, 4, 12, 32])
@pytest.mark.parametrize("r", [1.0, 1.25, 2.0, 3.0, 100.0])
def test_as_many_blocks_stay_as_wanted_evenly_and_the_ends_among_them(L, r):
    kept = kept_blocks(L, r)
    assert len(kept) == min(L, max(2, round(L / r)))
    assert (kept[0], kept[-1]) == (0, L - 1)
    mirrored = [L - 1 - i for i in reversed(kept)]
    assert all(abs(a - b) <= 1 for a, b in zip(kept, mirrored, strict=True))
    gaps = [b - a for a, b in itertools.pairwise(kept)]
    assert max(gaps) - min(gaps) <= 1


def texts(seed):
    """The method's text, and that of the network whose two inner blocks were taken out."""
    tiny, short = Tiny(seed, eos=(12,), blocks=4), Tiny(seed, eos=(12,), blocks=4)
    short.net.model.layers = torch.nn.ModuleList([short.net.model.layers[i] for i in (0, 3)])
    for i, layer in enumerate(short.net.model.layers):
        layer.self_attn.layer_idx = i
    short.net.config.num_hidden_layers = 2
    params = {"speed_up": 2.0, "filters": "temperature=0"}
    run = play("unified_layer_skipping", params, {"target": tiny.model}, Walk(), 12, PROMPT)
    (want,), _ = short.generate(PROMPT.ids, do_sample=False, max_new_tokens=12)
    return run.tree.tokens(run.head), want


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_network_without_these_blocks(seed):
    text, want = texts(seed)
    assert text == want


def test_reading_what_the_whole_network_computed_is_caught(monkeypatch):
    """Negative control: the prompt is to be read by the shortened network, too."""
    honest = Run.variant

    def sharing(self, name, **how):
        return honest(self, name, **{**how, "shared": True})

    monkeypatch.setattr(Run, "variant", sharing)
    assert any(text != want for text, want in map(texts, range(4)))


def test_it_follows_the_law_of_what_is_left_and_not_the_targets(pair):
    table = pair["target"]
    gone = {str(i) for i in range(12) if i not in kept_blocks(12, 2.0)}
    left = table.altered(Alteration(frozenset(gone), shared=False))
    law = exact_law("unified_layer_skipping", {"speed_up": 2.0}, pair, 3)
    shortened = enumerate_law(lambda text: left.logits((1, 2, *text)), 3)
    assert total_variation(law, shortened) < 1e-12
    assert total_variation(law, table_law(table, 3)) > 0.05


def test_at_speed_up_one_it_is_the_target(pair):
    law = exact_law("unified_layer_skipping", {"speed_up": 1.0}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) < 1e-12


def test_the_texts_distance_from_the_target_is_noted(pair):
    events, table = [], pair["target"]
    run = play("unified_layer_skipping", {"speed_up": 2.0}, pair, Walk(), 4, record=events)
    want, prefix = 0.0, (1, 2)
    for token in run.tree.tokens(run.head):
        want += float(torch.log_softmax(table.logits(prefix), -1)[token])
        prefix = (*prefix, token)
    (noted,) = [e.value for e in events if e.kind == "note" and e.name == "target logp"]
    assert noted == pytest.approx(want, abs=1e-4)
