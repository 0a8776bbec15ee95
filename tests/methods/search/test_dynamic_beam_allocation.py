"""Dynamic beam allocation: places that add up, texts that hold the phrases, beams without any."""

import itertools

import pytest
from oracle import Walk, all_texts, play, text_logp, toy_pair
from test_grid_beam_search import WANTED, holds

import explorer.methods.search.dynamic_beam_allocation as module
from explorer.phrases import Progress

LENGTH = 6


def searched(table, wanted, k, length=LENGTH, alpha=1.0, record=None, **values):
    values |= {"phrases": wanted, "num_beams": k, "length_penalty": alpha}
    models = {"target": table}
    run = play("dynamic_beam_allocation", values, models, Walk(), length, record=record)
    return run.end().outputs


def test_without_phrases_it_is_beam_search():
    for seed in range(10):
        pair = toy_pair(seed)
        beam = play("beam_search", {"num_beams": 3}, pair, Walk(), LENGTH).end().outputs
        ours = searched(pair["target"], "", 3)
        assert [(o.token_ids, o.score) for o in ours] == [(o.token_ids, o.score) for o in beam]


def all_hold(k=4):
    return all(
        holds(output.token_ids, tokens)
        for seed in range(8)
        for wanted, tokens in WANTED.items()
        for output in searched(toy_pair(seed)["target"], wanted, k)
    )


def test_every_answer_holds_the_phrases():
    assert all_hold()


def test_a_broken_phrase_that_goes_on_later_is_caught(monkeypatch):
    """Negative control."""
    right = Progress.after

    def patient(self, token):
        waits = self.begun is not None and self.needed[self.begun] != token
        return self if waits else right(self, token)

    monkeypatch.setattr(Progress, "after", patient)
    assert not all_hold()


@pytest.mark.parametrize("wanted", WANTED)
def test_with_many_places_it_is_the_best_text_that_holds_the_phrases(wanted):
    for seed in range(4):
        table = toy_pair(seed, vocab_size=4)["target"]
        texts = [text for text in all_texts(4, 4) if holds(text, WANTED[wanted])]
        best = max(texts, key=lambda text: text_logp(table, text))
        assert tuple(searched(table, wanted, 64, 4, 0.0)[0].token_ids) == best


def test_it_holds_the_phrases_wherever_a_grid_of_as_many_a_row_does():
    for seed in range(6):
        table = toy_pair(seed)["target"]
        for (wanted, tokens), k in itertools.product(WANTED.items(), (1, 2, 4)):
            values = {"phrases": wanted, "num_beams": k}
            grid = play("grid_beam_search", values, {"target": table}, Walk(), LENGTH).end()
            if holds(grid.outputs[0].token_ids, tokens):
                assert holds(searched(table, wanted, k)[0].token_ids, tokens), (seed, wanted, k)


def test_the_places_add_up_and_no_bank_has_more_than_it_can_fill():
    for B, sizes in itertools.product((1, 4, 9), itertools.product((0, 1, 5), repeat=3)):
        places = module.allocation(B, sizes)
        assert sum(places) == min(B, sum(sizes))
        assert all(0 <= n <= size for n, size in zip(places, sizes, strict=True))
    assert module.allocation(8, [9, 9, 9]) == [2, 2, 4]
    assert module.allocation(8, [9, 1, 0]) == [7, 1, 0]
    assert module.allocation(9, [0, 9, 9]) == [0, 6, 3]


def test_the_beams_of_every_step_are_shared_out_among_the_banks(monkeypatch):
    shared, events = [], []
    real = module.allocation
    monkeypatch.setattr(module, "allocation", lambda *a: shared.append(real(*a)) or shared[-1])
    searched(toy_pair(1)["target"], "a;b", 4, record=events)
    kept = [e for e in events if e.kind == "mark" and e.mark == "kept"]
    assert len(shared) > 2
    for step, places in enumerate(shared):
        covered = [e.numbers["covered"] for e in kept if e.step == step]
        assert len(covered) == sum(places) <= 4
        assert places == [covered.count(c) for c in range(3)]


@pytest.mark.parametrize("method", ["dynamic_beam_allocation", "grid_beam_search"])
def test_what_each_hypothesis_has_of_each_phrase_is_noted(method):
    events = []
    values = {"phrases": "ab;c", "num_beams": 4}
    play(method, values, {"target": toy_pair(1)["target"]}, Walk(), 6, record=events)
    noted = {e.step: e.value for e in events if e.kind == "note" and e.name == "constraints"}
    assert len(noted) > 2
    for step, value in noted.items():
        kept = [e for e in events if e.kind == "mark" and e.mark == "kept" and e.step == step]
        assert value["wanted"] == ["ab", "c"]
        assert {x["node"] for x in value["hypotheses"]} == {e.node for e in kept}
        for x in value["hypotheses"]:
            assert [whole for _, whole in x["stands"]] == [2, 1]
            assert x["bank"] == sum(have for have, _ in x["stands"])


def test_where_the_phrases_cannot_come_the_richest_bank_answers():
    table = toy_pair(1)["target"]
    events = []
    (output, *_) = searched(table, "abab", 2, 4, record=events, filters="top_k=1")
    missing = [e.value for e in events if e.kind == "note" and e.name == "missing"]
    assert missing and missing[0].endswith("of 4 tokens of the phrases did not come")
    assert len(output.token_ids) <= 4


def test_a_phrase_that_is_broken_off_begins_again():
    start = Progress(((1, 2, 3), (2,)))
    begun = start.after(1).after(2)
    assert (begun.covered, begun.begun) == (2, 0)
    assert begun.after(3).met == {0}
    broken = begun.after(2)
    assert (broken.covered, broken.met) == (1, {1})
    assert begun.after(1).covered == 1
