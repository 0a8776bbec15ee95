"""Verification rules V1 to V5: one round on a random pair of laws must leave the target's law.

Every rule runs on a real `Run` over tables; draws and coins are walked, so the laws are exact.
"""

from __future__ import annotations

import pytest
import torch
from oracle import Walk, exact_law, play, table_law, total_variation, toy_pair

import explorer.verification as verification
from explorer.models.table import TableLM
from explorer.randomness import Seeded
from explorer.verification import (
    Guess,
    Verdict,
    chain,
    greedy_match,
    independent_drafts,
    residual,
    sample_and_match,
    verify,
    without,
    without_replacement,
)


def speculation(rule, propose):
    """A method that proposes children of the root by `propose(run, law) -> guesses`."""

    def decode(run, params):
        root = run.root
        for _ in run.steps():
            guesses = {}
            if run.remaining > 1:
                (law,) = run.laws((), run.draft([root]), [root], stream="draft")
                guesses = {root: propose(run, law)}
            nodes = list(dict.fromkeys([root, *(g.node for g in guesses.get(root, ()))]))
            laws = dict(zip(nodes, run.laws((), run.target(nodes), nodes), strict=True))
            root = run.emit(verify(run, root, laws, guesses, rule))

    return decode


def one_draw(run, law):
    x = run.choose(law)
    return [Guess(run.add(law.node, x, by="draft"), x, law.probs)]


def most_probable(k):
    def propose(run, law):
        top = law.probs.topk(k).indices.tolist()
        return [Guess(run.add(law.node, x, by="draft"), x) for x in top]

    return propose


def independent(k):
    return lambda run, law: [guess for _ in range(k) for guess in one_draw(run, law)]


def distinct(k):
    def propose(run, law):
        guesses, tried = [], []
        while len(guesses) < k and (q := without(law.probs, tried)).sum() > 0:
            x = run.draw(q)
            guesses.append(Guess(run.add(law.node, x, by="draft"), x, law.probs))
            tried.append(x)
        return guesses

    return propose


EXACT = {
    "V2, one draw": (chain, one_draw),
    "V3, no child": (sample_and_match, most_probable(0)),
    "V3, two most probable": (sample_and_match, most_probable(2)),
    "V4, two draws": (independent_drafts, independent(2)),
    "V4, three draws": (independent_drafts, independent(3)),
    "V5, two distinct": (without_replacement, distinct(2)),
    "V5, all tokens": (without_replacement, distinct(3)),
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_rule_keeps_the_targets_law(name, seed):
    pair = toy_pair(seed, vocab_size=3)
    law = exact_law(speculation(*EXACT[name]), None, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) < 1e-12


@pytest.mark.parametrize("rule", [chain, independent_drafts, without_replacement])
def test_top_k_children_judged_as_if_they_had_been_drawn_are_caught(rule):
    """Negative control, trap (d)."""

    def pretend(run, law):
        return [Guess(g.node, g.token, law.probs) for g in most_probable(1)(run, law)]

    pair = toy_pair(0, vocab_size=3)
    law = exact_law(speculation(rule, pretend), None, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.01


def test_independent_coins_and_the_longest_accepted_are_caught():
    """Negative control, trap (c): every guess is judged against p, none against the residual."""

    def each_alone(run, law, guesses):
        for guess in guesses:
            if verification._accepts(run, guess, law.probs, guess.q):
                return Verdict(accepted=guess)
        r = residual(law.probs, guesses[0].q) if guesses else law.probs
        return Verdict(token=run.choose(law.changed(r, "residual")))

    pair = toy_pair(0, vocab_size=3)
    law = exact_law(speculation(each_alone, independent(2)), None, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.01


def test_merging_equal_draws_is_caught():
    """Negative control, trap (f): a token that was drawn twice must be tried twice."""

    def merged(run, law, guesses):
        return independent_drafts(run, law, list({g.token: g for g in guesses}.values()))

    pair = toy_pair(0, vocab_size=5)  # with three tokens the residual is often a single token
    law = exact_law(speculation(merged, independent(2)), None, pair, 2)
    assert total_variation(law, table_law(pair["target"], 2)) > 0.001


@pytest.mark.parametrize(
    "propose", [most_probable(0), most_probable(1), most_probable(3), one_draw]
)
def test_greedy_match_is_greedy_for_any_guesses(propose):
    for seed in range(10):
        pair = toy_pair(seed)
        fast = play(speculation(greedy_match, propose), None, pair, Walk(), 4)
        plain = play("greedy", {}, pair, Walk(), 4)
        assert fast.tree.tokens(fast.head) == plain.tree.tokens(plain.head)


def test_the_algebra_of_the_residual():
    """Σ_w q(w) min(1, p/q)(w) 1{w = v} + (1 - β) residual(v) = p(v), for random laws."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        p, q = (torch.rand(6, generator=generator, dtype=torch.float64) for _ in range(2))
        p, q = p / p.sum(), q / q.sum()
        beta = torch.minimum(p, q).sum()
        total = torch.minimum(p, q) + (1 - beta) * residual(p, q)
        assert torch.allclose(total, p, atol=1e-12)
        assert beta == pytest.approx(float(1 - 0.5 * (p - q).abs().sum()), abs=1e-12)


def test_a_residual_of_equal_laws_is_the_law_itself():
    p = torch.tensor([0.25, 0.75], dtype=torch.float64)
    assert torch.equal(residual(p, p.clone()), p)


def test_what_was_tried_has_no_share_left():
    q = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    assert without(q, [0]).tolist() == pytest.approx([0, 0.6, 0.4])
    assert without(q, []).tolist() == pytest.approx(q.tolist())
    assert without(q, [0, 1, 2]).sum() == 0
    assert q.tolist() == [0.5, 0.3, 0.2]


def test_every_verdict_says_what_it_rests_on():
    pair = toy_pair(0)
    events = []
    for seed in range(8):
        play("speculative_sampling", {"gamma": 3}, pair, Seeded(seed), 4, record=events)
    judged = [e for e in events if e.kind == "mark" and e.mark in ("accepted", "rejected")]
    assert {e.mark for e in judged} == {"accepted", "rejected"}
    for event in judged:
        n = event.numbers
        assert n["ratio"] == pytest.approx(n["p"] / n["q"])
        assert (n["u"] < min(1, n["ratio"])) == (event.mark == "accepted")
        assert ("left" in n) == (event.mark == "rejected")


def test_a_rejection_says_how_much_of_the_residual_it_leaves():
    """The mass of [p - q]+ at the first sibling: the chance that it falls."""
    pair, fell = toy_pair(1), 0
    p, q = (pair[role].logits((1, 2)).double().softmax(-1) for role in ("target", "draft"))
    for seed in range(20):
        events = []
        play("speculative_tree", {"branching": (2,)}, pair, Seeded(seed), 2, record=events)
        first = next(e for e in events if e.kind == "mark")
        if first.mark == "rejected":
            fell += 1
            left = float((p - q).clamp(min=0).sum())
            assert first.numbers["left"] == pytest.approx(left, abs=1e-6)
    assert fell


def test_an_accepted_end_token_ends_the_text():
    """Nothing is added behind it, and guesses below it are not judged."""
    table = TableLM(3, 0)
    table.logits = lambda prefix: torch.tensor([50.0, 0.0, 0.0])
    run = play("speculative_sampling", {"gamma": 3}, {"target": table, "draft": table}, Walk(), 4)
    assert run.tree.tokens(run.head) == [0]
    assert run.end().reason == "eos"
