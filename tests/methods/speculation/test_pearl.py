"""PEARL: its order of judging keeps the law, and side by side it is never slower than in turns."""

import pytest
from oracle import Walk, endless, exact_law, play, table_law, total_variation
from tiny import Tiny

import explorer.methods.speculation.pearl as module
from explorer.models.table import TableLM
from explorer.randomness import Seeded
from explorer.run import Prompt
from explorer.verification import Verdict

PROMPT = Prompt("", (3, 1, 4, 1, 5))


@pytest.mark.parametrize(("gamma", "length"), [(1, 4), (2, 4), (3, 3), (4, 3)])
def test_it_follows_the_target(pair, gamma, length):
    law = exact_law("pearl", {"gamma": gamma}, pair, length)
    assert total_variation(law, table_law(pair["target"], length)) < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_the_greedy_text_of_a_network(seed):
    target, draft = Tiny(seed, eos=(12,)), Tiny(seed, eos=(12,), noise=0.05)
    models = {"target": target.model, "draft": draft.model}
    plain = play("greedy", {}, {"target": target.model}, Walk(), 24, PROMPT)
    run = play("pearl", {"filters": "temperature=0"}, models, Walk(), 24, PROMPT)
    assert run.tree.tokens(run.head) == plain.tree.tokens(plain.head)


def pair_of(seed, weight):
    target = endless(TableLM(5, seed))
    return {"target": target, "draft": endless(TableLM(5, seed + 50, like=(target, weight)))}


def noted(events, name):
    return [e.value for e in events if e.kind == "note" and e.name == name]


@pytest.mark.parametrize("weight", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("gamma", [2, 4])
def test_no_guesses_wait_or_all_but_one_and_the_clock_is_no_later_than_serial(weight, gamma):
    for seed in range(4):
        events = []
        params = {"gamma": gamma, "cost": 1 / gamma, "filters": "temperature=0"}
        models = pair_of(seed, weight)
        play("pearl", params, models, Walk(), 30, record=events)
        tail = gamma  # near the token limit there is no room for all
        assert set(noted(events, "waiting")[:-tail]) <= {0, gamma - 1}
        serial = play("speculative_sampling", {"gamma": gamma, "filters": "temperature=0"},
                      models, Walk(), 30)  # fmt: skip
        rounds = serial.totals()["steps"]
        assert noted(events, "side by side")[-1] <= rounds * (gamma * params["cost"] + 1) + 1e-9
        assert noted(events, "side by side")[-1] < noted(events, "one after another")[-1]


def test_a_perfect_draft_never_pauses():
    """The first tick gives one token, every other one γ."""
    models = pair_of(1, 0.0)
    run = play("pearl", {"gamma": 4}, models, Seeded(3), 41)
    assert run.totals()["steps"] == 1 + 40 // 4


def test_going_on_without_pre_verify_is_caught(pair, monkeypatch):
    """Negative control: the first token behind the text is believed."""
    honest = module.chain

    def believing_first(run, law, guesses):
        if law.node == run.head:
            run.accept(guesses[0].node)
            return Verdict(accepted=guesses[0])
        return honest(run, law, guesses)

    monkeypatch.setattr(module, "chain", believing_first)
    law = exact_law("pearl", {"gamma": 2}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.01
