"""Assisted generation: the schedule and the passes of `transformers`, and the target's law."""

import pytest
from oracle import Walk, endless, exact_law, play, table_law, total_variation
from tiny import Tiny

import explorer.methods.speculation.assisted as module
import explorer.verification as verification
from explorer.models.table import TableLM
from explorer.randomness import Seeded
from explorer.run import Prompt

PROMPT = Prompt("", (3, 1, 4, 1, 5))


@pytest.mark.parametrize("schedule", ["constant", "heuristic"])
@pytest.mark.parametrize("threshold", [0.0, 0.6])
def test_it_is_the_assisted_generation_of_transformers(schedule, threshold):
    rounds = 0
    for seed in range(6):
        target, draft = Tiny(seed, eos=(12,)), Tiny(seed, eos=(12,), noise=0.05)
        params = {
            "num_assistant_tokens": 4,
            "schedule": schedule,
            "confidence_threshold": threshold,
            "filters": "temperature=0",
        }
        models = {"target": target.model, "draft": draft.model}
        run = play("assisted", params, models, Walk(), 24, PROMPT)
        draft.net.generation_config.num_assistant_tokens = 4
        draft.net.generation_config.num_assistant_tokens_schedule = schedule
        draft.net.generation_config.assistant_confidence_threshold = threshold
        with target.counted() as passes:
            (ids,), _ = target.generate(
                PROMPT.ids, do_sample=False, max_new_tokens=24, assistant_model=draft.net
            )
        assert run.tree.tokens(run.head) == ids
        assert run.totals()["steps"] == len(passes)
        rounds += len(passes)
    assert rounds < 6 * 24


def test_the_heuristic_grows_while_all_stands():
    target = endless(TableLM(4, 2))
    events = []
    params = {"num_assistant_tokens": 1, "schedule": "heuristic", "confidence_threshold": 0.0}
    run = play(
        "assisted", params, {"target": target, "draft": target}, Seeded(1), 12, record=events
    )
    most = [e.value for e in events if e.kind == "note"]
    assert most == [1 + 2 * i for i in range(len(most))]
    assert run.totals()["steps"] == len(most) > 1


def test_a_draft_ends_behind_the_doubtful_guess_not_before_it(pair):
    events = []
    play("assisted", {"confidence_threshold": 1.0}, pair, Seeded(2), 8, record=events)
    guessed = [e for e in events if e.kind == "node" and e.by == "draft"]
    rounds = {e.step for e in guessed}
    assert guessed
    assert len(guessed) == len(rounds)  # one each, though every one is doubtful


def test_dropping_a_doubtful_guess_is_caught(pair, monkeypatch):
    """Negative control, trap (b)."""
    honest = verification.chain

    def picky(run, law, guesses):
        if guesses and float(guesses[0].q[guesses[0].token]) < 0.4:
            return verification.Verdict(token=run.choose(law))
        return honest(run, law, guesses)

    monkeypatch.setattr(module, "chain", picky)
    law = exact_law("assisted", {}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.01
