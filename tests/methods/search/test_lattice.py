"""The lattice: its texts, their scores and their number are what enumeration says."""

import math
from itertools import combinations

import pytest
import torch
from oracle import (
    PROMPT,
    Walk,
    exact_law,
    most_probable,
    play,
    text_logp,
    total_variation,
    toy_pair,
)  # fmt: skip

import explorer.methods.search.lattice as module
from explorer.errors import InputError
from explorer.lattice import Lattice
from explorer.models.table import EOS, TableLM
from explorer.randomness import Seeded

LENGTH = 7
WHOLE = {"k": 4, "min_length": 0, "num_beams": 64, "length_penalty": 0.0, "texts": 64}


def short_sighted(seed, order=2, vocab_size=4):
    """A table whose next token depends on the last `order` tokens alone, and that never ends."""
    table = TableLM(vocab_size, seed)
    known = table.logits

    def logits(prefix):
        return known(tuple(prefix)[-order:]).index_fill(0, torch.tensor(EOS), -1e4)

    table.logits = logits
    return table


def searched(table, monkeypatch, length=LENGTH, **values):
    """A run, its lattice, and what was recorded."""
    found, events = [], []

    class Watched(Lattice):
        def __init__(self):
            super().__init__()
            found.append(self)

    monkeypatch.setattr(module, "Lattice", Watched)
    params = {"k": 2, "min_length": 0, "length_penalty": 0.0, "num_beams": 3, **values}
    run = play("lattice", params, {"target": table}, Walk(), length, record=events)
    run.end()
    return run, found[0], events


def off_by(table, lattice):
    """By how much a text's score on its edges is off, at most."""
    return max(abs(way.logp - text_logp(table, way.tokens)) for way in lattice.texts())


def test_where_the_last_tokens_are_all_that_matters_the_edges_are_exact(monkeypatch):
    for seed in range(6):
        table = short_sighted(seed)
        _, lattice, events = searched(table, monkeypatch, n=3)
        assert any(e.kind == "mark" and e.mark == "merged" for e in events)
        assert off_by(table, lattice) < 1e-4


def test_merging_what_ends_in_too_few_tokens_is_caught(monkeypatch):
    """Negative control: one token of two that matter."""
    tables = map(short_sighted, range(6))
    assert max(off_by(table, searched(table, monkeypatch, n=1)[1]) for table in tables) > 0.1


def test_the_answers_have_the_targets_own_scores_even_where_the_edges_err(monkeypatch):
    for seed in range(6):
        table = toy_pair(seed)["target"]
        for merge in ("none", "rcb", "zip"):
            run, _, _ = searched(table, monkeypatch, n=1, merge=merge, length_penalty=0.75)
            outputs = run.end().outputs
            assert len({tuple(o.token_ids) for o in outputs}) == len(outputs)
            for output in outputs:
                want = text_logp(table, output.token_ids) / len(output.token_ids) ** 0.75
                assert output.score == pytest.approx(want, abs=1e-4)
            assert [o.score for o in outputs] == sorted((o.score for o in outputs), reverse=True)


@pytest.mark.parametrize("merge", ["rcb", "zip"])
def test_the_texts_are_counted_and_none_has_two_ways(merge, monkeypatch):
    for seed in range(8):
        _, lattice, _ = searched(toy_pair(seed)["target"], monkeypatch, n=1 + seed % 3, merge=merge)
        texts = [way.tokens for way in lattice.texts()]
        assert lattice.onward()[0] == len(texts) == len(set(texts))
        assert len(lattice.order()) == len(lattice.places), "there is no way in a circle"


def test_without_merging_the_texts_are_those_that_were_read(monkeypatch):
    for seed in range(6):
        table = toy_pair(seed)["target"]
        run, lattice, events = searched(table, monkeypatch, merge="none")
        done = [e.node for e in events if e.kind == "mark" and e.mark == "finished"]
        read = {tuple(run.tree.tokens(node)) for node in done}
        assert {way.tokens for way in lattice.texts()} == read
        assert not any(e.kind == "mark" and e.mark == "merged" for e in events)
        assert off_by(table, lattice) < 1e-4


def test_merging_makes_more_texts_of_as_many_passes(monkeypatch):
    def texts(seed, merge):
        return searched(short_sighted(seed), monkeypatch, 10, merge=merge, n=2, num_beams=3)[
            1
        ].onward()[0]

    for seed in range(4):
        none, rcb = texts(seed, "none"), texts(seed, "rcb")
        assert rcb > 5 * none
    assert any(texts(seed, "zip") != texts(seed, "rcb") for seed in range(4))


def test_with_all_tokens_and_all_passes_the_best_text_is_the_best_of_all(monkeypatch):
    for seed in range(5):
        table = toy_pair(seed, vocab_size=4)["target"]
        for complete in (True, False):
            values = {**WHOLE, "merge": "none", "complete": complete}
            run, lattice, _ = searched(table, monkeypatch, 4, **values)
            assert lattice.onward()[0] == 1 + 3 + 9 + 27 + 81
            assert tuple(run.tree.tokens(run.head)) == most_probable(table, 4)


def test_the_first_text_is_the_greedy_one(monkeypatch):
    for seed in range(6):
        pair = toy_pair(seed)
        greedy = play("greedy", {}, pair, Walk(), LENGTH)
        run, _, events = searched(pair["target"], monkeypatch, merge="none")
        first = next(e.node for e in events if e.kind == "mark" and e.mark == "finished")
        assert run.tree.tokens(first) == greedy.tree.tokens(greedy.head)


def test_no_more_prefixes_are_read_than_the_budget_allows(monkeypatch):
    for budget in (1, 2, 3):
        values = {"num_beams": budget, "texts": 1, "pick": "best", "merge": "none"}
        _, lattice, events = searched(short_sighted(1), monkeypatch, **values)
        read = [e for e in events if e.kind == "eval" and e.rows]
        assert len(read) <= budget * LENGTH
        assert lattice.onward()[0] >= 1


def test_what_ends_alike_is_one_place_unless_they_may_not_be_merged(monkeypatch):
    for seed in range(6):
        run, lattice, _ = searched(short_sighted(seed), monkeypatch, n=2, shift=2, texts=1)
        alike = {}
        for node in lattice.places:
            if node in run.tree.path(run.head):
                continue  # read out behind the search
            ending = (*PROMPT.ids, *run.tree.tokens(node))[-2:]
            alike.setdefault(ending, []).append(node)
        for nodes in alike.values():
            for a, b in combinations(nodes, 2):
                near = abs(run.tree.depth(a) - run.tree.depth(b)) <= 2
                assert not (near and lattice.fits(a, b)), (seed, a, b)


def told(events):
    return [e.value for e in events if e.kind == "note" and e.name == "statistics"]


def test_what_a_budget_was_used_for_is_said(monkeypatch):
    _, _, events = searched(short_sighted(1), monkeypatch, merge="none", num_beams=1)
    assert told(events)[0] == "7 prefixes were read, and the budget is used up: 7 wait"
    table = toy_pair(1, vocab_size=3)["target"]
    _, _, events = searched(table, monkeypatch, 2, merge="none", k=3, num_beams=64)
    assert told(events)[0] == "3 prefixes were read"


def test_a_budget_for_no_whole_text_leaves_the_longest_prefix(monkeypatch):
    """Breadth first, one prefix for each token: nothing comes to the limit."""
    values = {"merge": "none", "num_beams": 1, "complete": False, "length_penalty": -3.0}
    run, lattice, events = searched(short_sighted(1), monkeypatch, **values)
    assert not lattice.ends
    assert told(events)[-1] == "no text came to its end: the answer is the longest prefix"
    (output,) = run.end().outputs
    assert output.score is None
    assert len(output.token_ids) == max(map(run.tree.depth, lattice.places))


def test_texts_at_equal_distances_are_the_numbered_ones(monkeypatch):
    _, lattice, _ = searched(short_sighted(2), monkeypatch, n=2)
    every = [way.tokens for way in lattice.texts()]
    want = [every[(2 * i + 1) * len(every) // 10] for i in range(5)]
    assert [way.tokens for way in lattice.evenly(5)] == want
    assert len(lattice.evenly(10**6)) == len(every)


DRAWN = {"k": 2, "min_length": 0, "length_penalty": 0.0, "num_beams": 3, "n": 1, "shift": 0}
TABLES = [toy_pair(seed)["target"] for seed in range(3)]


def law_of_one(table, pick):
    return exact_law("lattice", {**DRAWN, "pick": pick, "texts": 1}, {"target": table}, 5)


def alike(lattice):
    return {way.tokens: 1 / lattice.onward()[0] for way in lattice.texts()}


def as_probable(lattice):
    total = sum(math.exp(way.logp) for way in lattice.texts())
    return {way.tokens: math.exp(way.logp) / total for way in lattice.texts()}


@pytest.mark.parametrize(("pick", "wanted"), [("uniform", alike), ("probable", as_probable)])
def test_a_drawn_text_follows_its_law_over_all_texts(pick, wanted, monkeypatch):
    for table in TABLES:
        _, lattice, events = searched(table, monkeypatch, 5, **DRAWN)
        assert any(e.kind == "mark" and e.mark == "merged" for e in events)
        assert total_variation(law_of_one(table, pick), wanted(lattice)) < 1e-12


@pytest.mark.parametrize("pick", ["uniform", "probable"])
def test_going_on_by_any_step_alike_is_caught(pick, monkeypatch):
    """Negative control: from each place all that leads to an end has the same chance."""
    real = [law_of_one(table, pick) for table in TABLES]
    name = "_by_number" if pick == "uniform" else "_by_probability"
    chances = getattr(Lattice, name)

    def any_alike(lattice):
        found = chances(lattice)
        return {p: [(x > 0) / sum(y > 0 for y in xs) for x in xs] for p, xs in found.items()}

    monkeypatch.setattr(Lattice, name, any_alike)
    planted = [law_of_one(table, pick) for table in TABLES]
    assert max(map(total_variation, real, planted)) > 0.1


def test_texts_are_drawn_one_by_one_and_may_come_again(monkeypatch):
    table = TABLES[0]
    _, lattice, _ = searched(table, monkeypatch, 4, **DRAWN)
    ranked = sorted(alike(lattice), key=lambda text: -text_logp(table, text))
    n = len(ranked)
    better = {text: (n - i) / n for i, text in enumerate(ranked)}  # chance to be no better
    want = {text: better[text] ** 2 - (better[text] - 1 / n) ** 2 for text in ranked}
    law = exact_law("lattice", {**DRAWN, "pick": "uniform", "texts": 2}, {"target": table}, 4)
    assert total_variation(law, want) < 1e-12


def test_drawn_texts_are_the_seeds(monkeypatch):
    def texts(seed):
        values = {**DRAWN, "pick": "uniform", "texts": 4}
        outputs = play("lattice", values, {"target": TABLES[0]}, Seeded(seed), LENGTH).end().outputs
        return [o.token_ids for o in outputs]

    assert texts(1) == texts(1)
    assert any(texts(1) != texts(seed) for seed in range(2, 5))


def test_a_lattice_without_a_whole_text_has_none_to_draw(monkeypatch):
    values = {"merge": "none", "num_beams": 1, "complete": False, "length_penalty": -3.0}
    run, lattice, _ = searched(short_sighted(1), monkeypatch, **values, pick="uniform")
    assert not lattice.ends
    assert len(run.end().outputs) == 1


def test_a_text_behind_a_long_way_is_cut_at_the_limit(monkeypatch):
    for seed in range(6):
        run, _, _ = searched(short_sighted(seed), monkeypatch, n=1, pick="evenly", shift=5)
        assert all(len(o.token_ids) <= LENGTH for o in run.end().outputs)


def test_tokens_that_read_the_same_come_once(monkeypatch):
    table = toy_pair(0)["target"]
    monkeypatch.setattr(table, "token_text", lambda t: ["∎", "a", " A", "b", "c"][t])
    run, _, _ = searched(table, monkeypatch, k=5, merge="none")
    for node in range(len(run.tree)):
        tokens = {run.tree.token(child) for child in run.tree.children(node)}
        assert not {1, 2} <= tokens


def test_prompt_and_limit_meet_in_the_first_tokens(monkeypatch):
    """The last n tokens of a short text are partly the prompt's."""
    table = short_sighted(3)
    run, _, events = searched(table, monkeypatch, n=4)
    whole = [
        (*PROMPT.ids, *run.tree.tokens(e.node))[-4:]
        for e in events
        if e.kind == "mark" and e.mark == "merged" and e.why == "ends alike"
    ]
    into = [
        (*PROMPT.ids, *run.tree.tokens(e.into))[-4:]
        for e in events
        if e.kind == "mark" and e.mark == "merged" and e.why == "ends alike"
    ]
    assert whole and whole == into


def test_a_judge_ranks_by_its_own_scores():
    for seed in range(4):
        pair = toy_pair(seed)
        models = {"target": pair["target"], "judge": pair["draft"]}
        values = {"k": 3, "min_length": 0, "n": 2, "rank_by": "judge"}
        outputs = play("lattice", values, models, Walk(), LENGTH).end().outputs
        want = [text_logp(pair["draft"], o.token_ids) / len(o.token_ids) ** 0.75 for o in outputs]
        assert [o.score for o in outputs] == pytest.approx(want, abs=1e-4)
        assert want == sorted(want, reverse=True)


def test_a_judge_that_is_missing_is_a_sentence():
    with pytest.raises(InputError, match="rank_by = judge is not allowed without a second model"):
        play("lattice", {"rank_by": "judge"}, {"target": toy_pair()["target"]}, Walk())
