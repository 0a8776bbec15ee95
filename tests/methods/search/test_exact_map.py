"""Exact search finds the enumerated optimum, and says whether it has proved it."""

import pytest
from oracle import PROMPT, Walk, all_texts, most_probable, play, toy_pair
from test_uid_beam_search import KINDS, objective

import explorer.methods.search.exact_map as module

LENGTH = 4


def searched(table, length=LENGTH, **values):
    events = []
    run = play("exact_map", values, {"target": table}, Walk(), length, record=events)
    best = run.end().outputs[0]
    (verdict,) = [e.value for e in events if e.kind == "note" and e.name == "verdict"]
    return tuple(best.token_ids), best.score, verdict


def prefixes(verdict):
    return int(verdict.split("with ")[1].split()[0])


@pytest.mark.parametrize("beams", [0, 3])
def test_it_finds_the_most_probable_of_all_texts_and_proves_it(beams):
    for seed in range(15):
        table = toy_pair(seed)["target"]
        text, _, verdict = searched(table, num_beams=beams)
        assert text == most_probable(table, LENGTH)
        assert verdict.startswith("proved")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_it_finds_the_best_text_of_every_objective(kind, alpha):
    for seed in range(3):
        table = toy_pair(seed, vocab_size=4)["target"]

        def score(text, table=table):
            return objective(table, text, kind, 2.0) / len(text) ** alpha

        values = {"regulariser": kind, "weight": 2.0, "length_penalty": alpha}
        text, found, _ = searched(table, 3, **values)
        want = max(all_texts(4, 3), key=score)
        assert text == want
        assert found == pytest.approx(score(want), abs=1e-5)


def test_the_greedy_regulariser_with_a_large_weight_proves_the_greedy_text():
    for seed in range(8):
        pair = toy_pair(seed)
        greedy = play("greedy", {}, pair, Walk(), LENGTH)
        text, _, verdict = searched(pair["target"], regulariser="greedy", weight=1000.0)
        assert text == tuple(greedy.tree.tokens(greedy.head))
        assert verdict.startswith("proved")


def test_a_better_first_bound_saves_prefixes():
    tables = [toy_pair(seed)["target"] for seed in range(15)]
    with_beams = sum(prefixes(searched(table, num_beams=5)[2]) for table in tables)
    without = sum(prefixes(searched(table, num_beams=0)[2]) for table in tables)
    assert with_beams < without


def test_by_how_much_the_beam_search_had_missed_it_is_said():
    missed = 0
    for seed in range(15):
        pair = toy_pair(seed)
        plain = {"num_beams": 1, "length_penalty": 0.0, "weight": 0.0}
        beam = play("uid_beam_search", plain, pair, Walk(), LENGTH).end().outputs[0].score
        _, score, verdict = searched(pair["target"], num_beams=1)
        told = verdict.split("; the beam search ")[1]
        if score > beam:
            missed += 1
            assert told == f"had missed it by {score - beam:.3g}"
        else:
            assert told == "had found this text"
    assert 0 < missed < 15


def test_a_budget_that_runs_out_leaves_the_best_so_far_unproved():
    tables = [toy_pair(seed)["target"] for seed in range(15)]
    needed = {table: prefixes(searched(table, num_beams=0)[2]) for table in tables}
    table = max(tables, key=needed.get)
    text, score, verdict = searched(table, num_beams=0, budget=needed[table] - 1)
    assert verdict == f"not proved: {needed[table] - 1} prefixes read, the budget"
    assert text in all_texts(5, LENGTH)
    assert score <= searched(table)[1]
    assert searched(table, num_beams=0, budget=needed[table])[2].startswith("proved")


def test_a_search_that_never_found_a_complete_text_answers_with_its_prefix():
    goes_on = next(t for s in range(9) if (t := toy_pair(s)["target"]).logits(PROMPT.ids).argmax())
    text, score, _ = searched(goes_on, num_beams=0, budget=1, filters="top_k=1")
    assert (text, score) == ((), None)


def test_a_bound_that_is_too_tight_is_caught(monkeypatch):
    """Negative control: it turns back too soon, and would call the result proved."""

    class Tight(module.Prefix):
        @property
        def bound(self):
            return super().bound - 1.0

    monkeypatch.setattr(module, "Prefix", Tight)
    found = [(searched(toy_pair(seed)["target"], num_beams=0)[0], seed) for seed in range(15)]
    assert any(text != most_probable(toy_pair(seed)["target"], LENGTH) for text, seed in found)


def test_a_text_whose_second_reading_is_rounded_up_is_still_the_one_that_was_found(monkeypatch):
    search_evenly = module.search_evenly

    def rounded_down(run, p):
        return [(node, score - 1e-6) for node, score in search_evenly(run, p)]

    monkeypatch.setattr(module, "search_evenly", rounded_down)
    _, _, verdict = searched(toy_pair(0)["target"], num_beams=5)
    assert verdict.endswith("the beam search had found this text")
