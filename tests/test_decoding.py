"""The library's one call, the traces it returns, and what it refuses."""

from __future__ import annotations

import itertools

import pytest

import explorer
from explorer.decoding import make_request, run_request
from explorer.errors import InputError, UnknownName
from explorer.models.table import TableLM
from explorer.registry import get_method
from explorer.trace import Fold


@pytest.fixture
def toy():
    return TableLM(5, 1)


def test_decode_returns_the_whole_trace(toy):
    trace = explorer.decode(toy, "ab", method="beam_search", num_beams=3, max_new_tokens=4)
    assert trace.header.params["num_beams"] == 3
    assert trace.header.prompt_ids == [1, 2]
    assert trace.header.models == {"target": "table-5-1"}
    assert trace.done is not None
    assert trace.text == toy.decode(trace.token_ids)
    assert len({e.node for e in trace.events if e.kind == "mark"}) > 1


def test_a_trace_tells_once_how_probable_its_prompt_was(toy):
    trace = explorer.decode(toy, "abc", "sample", max_new_tokens=4)
    told = [event.prompt_logps for event in trace.events if event.kind == "eval"]
    want = [toy.logits(ids).log_softmax(-1)[after] for ids, after in (([1], 2), ([1, 2], 3))]
    assert told[0] == pytest.approx([float(logp) for logp in want])
    assert not any(told[1:])


def test_the_same_seed_gives_the_same_text_and_another_seed_another(toy):
    def texts(seed):
        return [
            explorer.decode(toy, p, "sample", seed=seed, max_new_tokens=8).token_ids
            for p in ("a", "b", "c", "ab", "abc")
        ]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


def test_a_summary_says_what_it_cost(toy):
    summary = explorer.decode(toy, "ab", max_new_tokens=4).summary()
    wanted = {"text", "token_ids", "finish_reason", "steps", "target_passes", "nodes", "seconds"}
    assert wanted <= set(summary)
    assert summary["steps"] == len(summary["token_ids"])


def test_a_run_that_breaks_off_keeps_what_it_had(toy):
    request, method, params = make_request(method="greedy", prompt="ab", max_new_tokens=4)
    events = []

    class Breaks(Exception):
        pass

    def listener(event):
        events.append(event)
        if event.kind == "choice" and event.step == 1:
            raise Breaks

    table = TableLM(5, 1)
    table.logits((1, 2))
    table._known[1, 2][0] = -50.0  # so that there is a second step
    with pytest.raises(Breaks):
        run_request(request, method, params, {"target": table}, listener=listener)
    assert events[-1].kind == "done"
    assert events[-1].reason == "failed"
    assert [e.kind for e in events].count("done") == 1
    assert Fold().feed_all(events).text_at()


def test_the_context_ends_a_run_with_its_own_reason(toy):
    toy.context_length = 5
    for length in range(3):
        for text in itertools.product(range(1, 5), repeat=length):
            toy.logits((1, 2, *text))[0] = -50.0  # it would not end by itself
    trace = explorer.decode(toy, "ab", max_new_tokens=40)
    assert len(trace.token_ids) == 3
    assert trace.done.reason == "context"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"method": "beam_serch"}, "did you mean 'beam_search'"),
        ({"prompt": ""}, "empty"),
        ({"prompt": "  \n"}, "empty"),
        ({"prompt": "a" * 100_000}, "at most"),
        ({"prompt": "a\x00b"}, "control character"),
        ({"prompt": "a\x1b[31m"}, "control character"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"max_new_tokens": 10**9}, "at most 1024"),
        ({"max_new_tokens": "many"}, "max_new_tokens"),
        ({"seed": "seven"}, "seed"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"params": {"num_beams": 0}, "method": "beam_search"}, "num_beams"),
        ({"params": {"num_beams": "four"}, "method": "beam_search"}, "num_beams"),
        ({"params": {"beams": 4}, "method": "beam_search"}, "no parameter"),
        ({"params": {"filters": "top_q=1"}, "method": "sample"}, "top_p"),
        ({"params": {"filters": "top_p=7"}, "method": "sample"}, "top_p"),
        ({"models": {"draft": "draft"}}, "no model of greedy in the role"),
    ],
)
def test_wrong_input_gets_a_sentence(wrong, says):
    values = {"method": "greedy", "prompt": "ab"} | wrong
    with pytest.raises(InputError) as refused:
        make_request(**values)
    sentence = str(refused.value)
    assert says in sentence
    assert sentence.endswith(".") and not sentence.endswith("..")
    assert len(sentence) < 400


@pytest.mark.parametrize(
    ("method", "role", "sentence"),
    [
        ("speculative_sampling", "draft", "the draft has no name; speculative_sampling needs one"),
        ("lattice", "judge", "the judge has no name; lattice takes one or none: leave"),
    ],
)
def test_a_role_with_nobody_is_named(toy, method, role, sentence):
    with pytest.raises(InputError, match=f"^models: {sentence}"):
        explorer.decode(toy, "ab", method, **{role: " "})


def test_an_unknown_method_lists_those_there_are():
    with pytest.raises(UnknownName, match="beam_search"):
        get_method("no such thing")


def test_of_many_names_those_that_look_alike_are_listed():
    names = [f"method_{i}" for i in range(30)] + ["beam_search", "diverse_beam_search"]
    sentence = str(UnknownName("method", "beam_serch", names))
    assert "did you mean 'beam_search'?" in sentence
    assert "diverse_beam_search" in sentence
    assert sentence.endswith("and 20 more.")
    assert str(UnknownName("role", "x", ["b", "a"])).endswith("Known: a, b.")


def test_a_run_goes_on_behind_the_tokens_it_is_given(toy):
    whole = explorer.decode(toy, "dd", max_new_tokens=6)
    assert len(whole.token_ids) == 6
    branch = explorer.decode(toy, "dd", max_new_tokens=4, begun=whole.token_ids[:2])
    assert branch.token_ids == whole.token_ids
    assert branch.text == whole.text
    assert branch.header.begun == whole.token_ids[:2]
    assert branch.header.prompt_ids == [4, 4]
    (view,) = (event for event in branch.events if event.kind == "view")
    assert (view.prompt_ids, view.begun) == ([4, 4, *whole.token_ids[:2]], 2)


@pytest.mark.parametrize(
    ("begun", "sentence"),
    [
        ([7], "no token 7 to begin with: table-5-1 has tokens up to 4"),
        ([1, 0], "has an end token: behind it nothing follows"),
        ([-1], "begun"),
        ([1] * 70, "72 tokens"),
    ],
)
def test_what_cannot_be_begun_with_is_a_sentence(toy, begun, sentence):
    with pytest.raises(InputError, match=sentence):
        explorer.decode(toy, "ab", begun=begun)


def test_more_cannot_be_forced_than_is_begun(toy):
    with pytest.raises(InputError, match="forced = 2 is not allowed"):
        make_request(method="greedy", prompt="ab", begun=(1,), forced=2)
