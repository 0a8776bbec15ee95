"""Contrastive decoding follows its formula, and its limits are what the formula says."""

from math import log

import pytest
import torch
from oracle import (
    PROMPT,
    Walk,
    enumerate_law,
    exact_law,
    play,
    table_law,
    total_variation,
    toy_pair,
)

from explorer.models.table import TableLM
from explorer.sampling import MinP, parse_chain


def formula(pair, alpha, form, beta=0.5, tau=1.0, prompt=PROMPT):
    """The score of the papers, in the plainest way."""

    def logits(text):
        prefix = (*prompt.ids, *text)
        expert = torch.log_softmax(pair["target"].logits(prefix), -1)
        amateur = torch.log_softmax(pair["amateur"].logits(prefix) / tau, -1)
        score = expert - amateur if form == "difference" else (1 + beta) * expert - beta * amateur
        head = [v for v in range(len(expert)) if expert[v] >= expert.max() + log(alpha)]
        return torch.tensor(
            [float(score[v]) if v in head else -torch.inf for v in range(len(expert))]
        )

    return logits


@pytest.mark.parametrize("form", ["difference", "one_plus_beta"])
@pytest.mark.parametrize("alpha", [0.02, 0.3])
@pytest.mark.parametrize("chain", ["none", "temperature=0.7"])
def test_the_output_follows_the_formula(form, alpha, chain, pair):
    params = {"form": form, "alpha": alpha, "beta": 0.8, "amateur_temperature": 0.7}
    law = exact_law("contrastive_decoding", params | {"filters": chain}, pair, 3)
    want = enumerate_law(formula(pair, alpha, form, 0.8, 0.7), 3, parse_chain(chain))
    assert total_variation(law, want) < 1e-6


def test_alpha_one_is_the_targets_greedy_text():
    for seed in range(8):
        pair = toy_pair(seed)
        contrast = play("contrastive_decoding", {"alpha": 1.0}, pair, Walk(), 4)
        greedy = play("greedy", {}, pair, Walk(), 4)
        assert contrast.tree.tokens(contrast.head) == greedy.tree.tokens(greedy.head)


def test_beta_zero_samples_the_target_on_the_min_p_set(pair):
    params = {"form": "one_plus_beta", "beta": 0.0, "alpha": 0.2, "filters": "none"}
    law = exact_law("contrastive_decoding", params, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3, [MinP(p=0.2)])) < 1e-6


def test_a_uniform_amateur_changes_no_ranking():
    target = TableLM(5, 4)
    flat = TableLM(5, 4, peak=0.0)
    models = {"target": target, "amateur": flat}
    contrast = play("contrastive_decoding", {"alpha": 0.001}, models, Walk(), 4)
    greedy = play("greedy", {}, models, Walk(), 4)
    assert contrast.tree.tokens(contrast.head) == greedy.tree.tokens(greedy.head)


def test_an_amateur_that_is_the_target_only_leaves_the_mask(pair):
    same = {"target": pair["target"], "amateur": pair["target"]}
    params = {"form": "one_plus_beta", "alpha": 0.2, "filters": "none"}
    law = exact_law("contrastive_decoding", params, same, 3)
    assert total_variation(law, table_law(pair["target"], 3, [MinP(p=0.2)])) < 1e-6


def test_a_forgotten_mask_is_caught(pair):
    """Negative control: without plausibility the law is another one."""
    params = {"form": "difference", "alpha": 1e-9, "filters": "none"}
    law = exact_law("contrastive_decoding", params, pair, 3)
    assert total_variation(law, enumerate_law(formula(pair, 0.3, "difference"), 3)) > 0.01


def test_what_the_mask_removed_is_recorded(pair):
    events = []
    play("contrastive_decoding", {"alpha": 0.5}, pair, Walk(), 3, record=events)
    choices = [e for e in events if e.kind == "choice"]
    causes = {cause for e in choices for cause in e.removed_by}
    assert "plausibility" in causes
    assert all(0 <= e.removed_mass["plausibility"] <= 1 for e in choices)
