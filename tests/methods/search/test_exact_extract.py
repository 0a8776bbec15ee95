"""Exact extraction equals scoring every span by itself, in a pass for each token of the passage."""

import pytest
from oracle import PROMPT, Walk, play, text_logp, toy_pair

import explorer.methods.search.exact_extract as module
from explorer.errors import InputError
from explorer.models.table import EOS

PASSAGE = "abcadbcdab"
IDS = [1, 2, 3, 1, 4, 2, 3, 4, 1, 2]


def extracted(table, length=20, **values):
    values = {"passage": PASSAGE, "max_span": 4} | values
    run = play("exact_extract", values, {"target": table}, Walk(), length)
    return run, [(tuple(o.token_ids), o.score) for o in run.end().outputs]


def every_span(table, most, normalise=False):
    """Score of each span and its end token, by itself."""
    spans = {tuple(IDS[i:j]) for i in range(len(IDS)) for j in range(i + 1, len(IDS) + 1)}
    texts = [(*span, EOS) for span in spans if len(span) <= most]
    return {t: text_logp(table, t) / (len(t) if normalise else 1) for t in texts}


def is_best(seed, **values):
    table = toy_pair(seed)["target"]
    scores = every_span(table, 4, values.get("normalise", False))
    want = max(scores, key=scores.get)
    text, score = extracted(table, **values)[1][0]
    return text == want and score == pytest.approx(scores[want], abs=1e-5)


@pytest.mark.parametrize("normalise", [False, True])
def test_no_span_scores_higher(normalise):
    assert all(is_best(seed, normalise=normalise) for seed in range(20))


def test_a_pass_for_each_token_of_the_passage_is_enough():
    run, _ = extracted(toy_pair(0)["target"])
    assert run.totals()["target_passes"] <= len(IDS)


def test_the_answers_are_the_best_spans_of_different_beginnings():
    for seed in range(5):
        table = toy_pair(seed)["target"]
        scores = every_span(table, 4)
        best = {}
        for text, score in scores.items():
            for i in range(len(IDS)):
                if tuple(IDS[i : i + len(text) - 1]) == text[:-1]:
                    best[i] = max(best.get(i, (score, text)), (score, text))
        want = sorted({text: score for score, text in best.values()}.items(), key=lambda x: -x[1])
        found = extracted(table)[1]
        assert [text for text, _ in found] == [text for text, _ in want[:5]]


def test_dividing_by_the_length_unasked_is_caught(monkeypatch):
    """Negative control."""

    class Free(module.FinishedPool):
        def score(self, total, length):
            return super().score(total, length) / length

    monkeypatch.setattr(module, "FinishedPool", Free)
    assert not all(is_best(seed) for seed in range(20))


def test_a_run_that_is_stopped_has_the_best_so_far_and_says_so():
    table = toy_pair(0)["target"]
    for read in (3, len(IDS)):
        stop, events = iter([False] * read + [True]).__next__, []
        values = {"passage": PASSAGE, "max_span": 4}
        run = play("exact_extract", values, {"target": table}, Walk(), 20, record=events, stop=stop)
        (verdict,) = [e.value for e in events if e.kind == "note" and e.name == "verdict"]
        starts = [tuple(IDS[i : i + 4]) for i in range(read)]
        texts = [tuple(o.token_ids)[:-1] for o in run.end().outputs]
        assert all(any(start[: len(t)] == t for start in starts) for t in texts)
        if read < len(IDS):
            assert verdict == "not proved: 3 of 10 beginnings read, the run was stopped"
        else:
            assert verdict == "proved: 10 of 10 beginnings read"


def test_a_passage_without_tokens_is_refused_with_the_field():
    with pytest.raises(InputError, match="passage is not allowed"):
        play("exact_extract", {"passage": "a"}, {"target": ends_only()}, Walk(), 5)


def test_a_passage_of_blanks_is_refused_with_the_field():
    table = toy_pair(0)["target"]
    table.encode = lambda text: [1] * len(text)
    with pytest.raises(InputError, match="passage is not allowed: it holds nothing"):
        play("exact_extract", {"passage": " \n"}, {"target": table}, Walk(), 5)


def ends_only():
    """A model that reads every passage as an end token."""
    table = toy_pair(0)["target"]
    table.encode = lambda text: [EOS]
    return table


def test_the_prompt_is_the_passage_where_none_is_given():
    _, found = extracted(toy_pair(0)["target"], passage="")
    spans = [PROMPT.ids[i:j] for i in range(2) for j in range(i + 1, 3)]
    assert all(text[:-1] in spans for text, _ in found)


def greedy_span(table, most, length):
    """Token by token: what is best of what the passage goes on with, and of ending there."""
    text = []
    while len(text) < length:
        places = [i for i in range(len(IDS)) if IDS[i : i + len(text)] == text]
        may = {IDS[i + len(text)] for i in places if i + len(text) < len(IDS)}
        may = may if len(text) < most else set()
        logits = table.logits((*PROMPT.ids, *text))
        text.append(max(may | ({EOS} if text else set()), key=lambda v: float(logits[v])))
        if text[-1] == EOS:
            break
    return tuple(text)


@pytest.mark.parametrize("length", [3, 20])
def test_what_greedy_decoding_would_have_answered_is_noted(length):
    fell_short = 0
    for seed in range(12):
        table, events = toy_pair(seed)["target"], []
        values = {"passage": PASSAGE, "max_span": 4}
        run = play("exact_extract", values, {"target": table}, Walk(), length, record=events)
        (told,) = [e.value for e in events if e.kind == "note" and e.name == "greedy"]
        text = greedy_span(table, 4, length)
        score, best = text_logp(table, text), run.end().outputs[0].score
        behind = "the best" if score > best - 1e-5 else f"{best - score:.3g} less than the best"
        assert told == f"{behind}, with {score:.4g}: “{table.decode(text)}”"
        fell_short += "less than the best" in told
    assert fell_short
