"""Beam search equals `transformers` in ids and scores, and brute force where it is exact."""

import itertools

import pytest
from oracle import Walk, all_texts, most_probable, play, text_logp, toy_pair
from tiny import Tiny

import explorer.methods.search.beam_search as module
from explorer.hypotheses import FinishedPool
from explorer.run import Prompt


def cut(ids, eos):
    """Without the padding behind the end token."""
    for i, token in enumerate(ids):
        if token in eos:
            return ids[: i + 1]
    return ids


@pytest.mark.parametrize("early_stopping", [False, True, "never"])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0, -0.5])
def test_beam_search_equals_transformers(length_penalty, early_stopping):
    ended = 0
    for seed, beams in itertools.product(range(6), (2, 3, 5)):
        eos = (0,) if seed % 2 else (0, 5)
        tiny = Tiny(seed, eos)
        prompt = Prompt("", (3, 1, 4))
        params = {
            "num_beams": beams,
            "length_penalty": length_penalty,
            "early_stopping": early_stopping,
        }
        run = play("beam_search", params, {"target": tiny.model}, Walk(), 12, prompt)
        outputs = run.end().outputs
        ids, out = tiny.generate(
            prompt.ids,
            do_sample=False,
            max_new_tokens=12,
            num_return_sequences=beams,
            **params,
        )
        assert [o.token_ids for o in outputs] == [cut(row, eos) for row in ids]
        assert [o.score for o in outputs] == pytest.approx(out.sequences_scores.tolist(), abs=1e-4)
        ended += outputs[0].token_ids[-1] in eos
    assert ended > 0  # otherwise the pool was never tried


def test_one_beam_is_greedy():
    for seed in range(10):
        pair = toy_pair(seed)
        greedy = play("greedy", {}, pair, Walk(), 4)
        beam = play("beam_search", {"num_beams": 1, "length_penalty": 0.0}, pair, Walk(), 4)
        first_end = greedy.tree.tokens(greedy.head)
        # A single beam goes on past an end token only if something better may follow.
        assert beam.tree.tokens(beam.head) == first_end or text_logp(
            pair["target"], beam.tree.tokens(beam.head)
        ) > text_logp(pair["target"], first_end)


def test_beams_without_limit_find_the_most_probable_text():
    for seed in range(8):
        pair = toy_pair(seed, vocab_size=4)
        params = {"num_beams": 64, "length_penalty": 0.0, "early_stopping": "never"}
        run = play("beam_search", params, pair, Walk(), 3)
        assert tuple(run.tree.tokens(run.head)) == most_probable(pair["target"], 3)


def test_finished_scores_are_the_sums_over_the_length():
    pair = toy_pair(3)
    run = play("beam_search", {"num_beams": 4, "length_penalty": 1.5}, pair, Walk(), 4)
    for output in run.end().outputs:
        want = text_logp(pair["target"], output.token_ids) / len(output.token_ids) ** 1.5
        assert output.score == pytest.approx(want, abs=1e-5)


def test_every_text_that_comes_out_is_a_complete_one():
    complete = set(all_texts(5, 4))
    run = play("beam_search", {"num_beams": 5}, toy_pair(1), Walk(), 4)
    assert all(tuple(o.token_ids) in complete for o in run.end().outputs)


def test_pruned_beams_lie_below_the_worst_that_was_kept():
    events = []
    play("beam_search", {"num_beams": 3}, toy_pair(2), Walk(), 4, record=events)
    margins = [
        e.numbers["margin"]
        for e in events
        if e.kind == "mark" and e.mark == "pruned" and "margin" in e.numbers
    ]
    assert margins
    assert all(margin >= 0 for margin in margins)


def test_a_pool_that_forgets_the_length_penalty_is_caught(monkeypatch):
    """Negative control: the equality with transformers must not survive a wrong score."""

    class Forgetful(FinishedPool):
        def score(self, logp, length):
            return logp

    monkeypatch.setattr(module, "FinishedPool", Forgetful)
    with pytest.raises(AssertionError):
        test_beam_search_equals_transformers(2.0, False)
