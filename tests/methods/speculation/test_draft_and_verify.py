"""Draft & Verify: any set of sublayers keeps the law, and the threshold moves as it should."""

import random

import pytest
from oracle import Walk, exact_law, play, table_law, total_variation
from rules import believing
from tiny import Tiny

import explorer.methods.speculation.draft_and_verify as module
from explorer.errors import InputError
from explorer.methods.speculation.draft_and_verify import Controller
from explorer.randomness import Seeded
from explorer.run import Prompt
from explorer.skipping import inner_sublayers

PROMPT = Prompt("", (3, 1, 4, 1, 5))


@pytest.mark.parametrize("skip", ["", "1", "0.mlp, 3", "0, 1, 2, 3, 4, 5, 6, 7"])
@pytest.mark.parametrize(("length", "threshold"), [(1, 0.0), (2, 0.0), (3, 0.6)])
def test_it_follows_the_target(pair, skip, length, threshold):
    params = {"skip": skip, "length": length, "threshold": threshold}
    law = exact_law("draft_and_verify", params, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) < 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_the_greedy_text_of_a_network_whatever_is_left_out(seed):
    tiny = Tiny(seed, eos=(12,), blocks=4)
    plain = play("greedy", {}, {"target": tiny.model}, Walk(), 24, PROMPT)
    chance = random.Random(seed)
    names = inner_sublayers(4)
    skip = ",".join(chance.sample(names, chance.randrange(1, len(names))))
    params = {"skip": skip, "filters": "temperature=0", "threshold": 0.0}
    run = play("draft_and_verify", params, {"target": tiny.model}, Walk(), 24, PROMPT)
    assert run.tree.tokens(run.head) == plain.tree.tokens(plain.head)


def test_with_nothing_left_out_all_guesses_stand():
    tiny = Tiny(1, eos=(12,), blocks=4)
    # Two blocks have no inner sublayers, so nothing is left out of them.
    whole = Tiny(1, eos=(12,), blocks=2)
    for model, all_stand in ((tiny.model, False), (whole.model, True)):
        events = []
        params = {"threshold": 0.0, "length": 3}
        play("draft_and_verify", params, {"target": model}, Seeded(0), 20, PROMPT, events)
        marks = [e.mark for e in events if e.kind == "mark"]
        assert ("rejected" not in marks) == all_stand
        assert "accepted" in marks


def test_the_threshold_rises_when_guesses_fall_and_never_falls_after_a_full_draft():
    controller = Controller(0.5, 0.9, 0.1)
    controller.after(4, 0, full=True)
    assert controller.th == pytest.approx(0.9 * 0.5 + 0.1 * 0.6)
    sure = Controller(0.5, 0.9, 0.1, mean=1.0)
    sure.after(8, 8, full=True)
    assert sure.th == 0.5
    sure.after(3, 3, full=False)
    assert sure.th == pytest.approx(0.9 * 0.5 + 0.1 * 0.4)


def test_sublayers_that_do_not_exist_are_refused_with_a_sentence(pair):
    with pytest.raises(InputError, match="a block from 0 to 11, alone or followed by"):
        play("draft_and_verify", {"skip": "12"}, pair, Walk())
    with pytest.raises(InputError, match="write blocks and sublayers with commas"):
        play("draft_and_verify", {"skip": "all"}, pair, Walk())


def test_believing_the_skipped_network_is_caught(pair, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "chain", believing)
    law = exact_law("draft_and_verify", {"skip": "1, 2, 3, 4, 5"}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.01


def test_dropping_a_doubtful_guess_is_caught(pair, monkeypatch):
    """Negative control, trap (b)."""
    honest = module.chain

    def picky(run, law, guesses):
        unsure = guesses and float(guesses[0].q[guesses[0].token]) < 0.5
        return honest(run, law, () if unsure else guesses)

    monkeypatch.setattr(module, "chain", picky)
    law = exact_law("draft_and_verify", {"skip": "1, 2, 3, 4, 5", "length": 1}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.01
