"""What is found in a tree, and what is told of it, against the plainest reading of the events."""

from __future__ import annotations

import pytest
from picture_makers import Script, fold, last_step, toy_events, traces

from explorer.errors import InputError
from visualizers.fates import fate
from visualizers.find import MOST_HITS, find
from visualizers.reading import Reading
from visualizers.story import story
from visualizers.style import DEAD
from visualizers.words import number

WORDS = ["∎", " the", " King", "'s", " dau", "ghter", " end", "↵", " straße"]
each_run = pytest.mark.parametrize("name", list(traces()))


def spell(token):
    return WORDS[token]


def tale():
    """“the King's daughter”, where “King's” lost against “end” one step later."""
    s = Script(prompt=(1,))
    king, end = s.node(0, 2), s.node(0, 6)
    s.mark(king, "kept", logp=-1.0)
    s.mark(end, "kept", logp=-2.0)
    s.step = 1
    of = s.node(king, 3)
    dau = s.node(of, 4)
    ghter = s.node(dau, 5)
    s.mark(ghter, "pruned", "outranked", margin=0.25)
    s.step = 2
    s.mark(end, "finished", score=-0.5)
    s.mark(end, "emitted")
    s.done(end)
    return Reading(fold(s.events), spell)


@pytest.mark.parametrize(
    ("words", "nodes"),
    [("king", [1]), ("KING's dau", [4]), ("daughter", [5]), ("  Daughter ", [5]), ("the king", [1]),
     ("g", [1, 5]), ("e", [5, 2]), ("queen", []), ("", [])],
)  # fmt: skip
def test_words_are_found_where_they_end(words, nodes):
    found = find(tale(), words)
    assert sorted(hit["node"] for hit in found.hits) == sorted(nodes)
    assert found.total == len(nodes)
    assert bool(found.sentence) == (not nodes and bool(words))


def test_letters_that_grow_when_folded_are_found():
    s = Script(prompt=(1,))
    s.node(s.node(0, 8), 2)
    run = Reading(fold(s.events), spell)
    assert [hit["node"] for hit in find(run, "STRASSE king").hits] == [2]


def test_the_text_comes_first_then_whole_tokens():
    found = find(tale(), "e").hits
    assert found[0]["node"] == 2, "it is in the text"


@each_run
def test_every_place_is_found_and_no_other(name):
    events, token_text = traces()[name]
    run = Reading(fold(events), token_text)
    prompt = "".join(map(run.token, run.prompt_ids))
    for words in ("a", "ab", "b c", "the", "∎"):
        expected = 0
        for node in run.fold.nodes[1:]:
            whole = (prompt + run.text(run.fold.path(node.id))).replace("↵", " ").casefold()
            own = len(run.token(node.token).casefold())
            expected += words in whole[max(0, len(whole) - own - len(words) + 1) :]
        found = find(run, words)
        assert found.total == expected
        assert len(found.hits) == min(expected, MOST_HITS)


def test_what_was_a_candidate_only_is_said():
    s = Script(prompt=(1,))
    s.choice(0, [2, 5], [2])
    s.node(0, 2)
    run = Reading(fold(s.events), spell)
    assert "among the candidates at step 1" in find(run, "ghter").sentence
    assert "candidates" not in find(run, "straße").sentence


def test_what_is_no_text_or_too_long_is_refused():
    with pytest.raises(InputError, match="no text"):
        find(tale(), 7)
    with pytest.raises(InputError, match="at most 200"):
        find(tale(), "a" * 201)


# Fates ------------------------------------------------------------------------------------------


@each_run
def test_every_node_has_a_fate_with_the_numbers_of_its_last_mark(name):
    events, token_text = traces()[name]
    run = Reading(fold(events), token_text)
    for node in run.fold.nodes[1:]:
        end = fate(run, node.id)
        assert end.sentence.endswith(".")
        assert 0 <= end.step <= last_step(events)
        assert end.cls == run.class_of(node.id)
        deciding = node.marks[-1] if node.marks else None
        if deciding and deciding.mark in DEAD and node.id not in run.emitted_at:
            assert end.step == deciding.step
            assert f"{deciding.mark} at step {deciding.step + 1}" in end.sentence
            for name_, x in deciding.numbers.items():
                if name_ in ("margin", "p", "q", "u", "bound") and x is not None:
                    assert number(x) in end.sentence


def test_what_was_kept_and_left_without_heirs_is_told_by_the_last_of_them():
    end = fate(tale(), 1)
    assert end.step == 1
    assert "all that continued it had died" in end.sentence
    assert "That one was pruned at step 2: outranked by 0.25 nats" in end.sentence


def test_the_living_are_told_too():
    run = tale()
    assert fate(run, 2).sentence.endswith("It became text at step 3.")
    s = Script()
    n = s.node(0, 2, by="draft")
    open_run = Reading(fold(s.events), spell)
    assert fate(open_run, n).sentence == "It was guessed and never judged; the run goes on."


@each_run
def test_a_story_has_every_mark_but_repeated_ones(name):
    events, token_text = traces()[name]
    run = Reading(fold(events), token_text)
    for node in run.fold.nodes[1:]:
        told = story(run, node.id)
        steps = [event["step"] for event in told["events"]]
        assert steps[0] == node.born
        kinds = [m for m in node.marks if m.mark != "kept"]
        kept = len(node.marks) - len(kinds)
        assert len(kinds) + min(kept, 1) <= len(steps) - 1 <= len(node.marks)
        others = {e["node"] for e in told["beside"]} | {node.id}
        siblings = set(run.fold.nodes[node.parent].children)
        assert others <= siblings
        assert len(others) + told["more_beside"] == len(siblings)
        assert told["path"][-1] == node.id
        assert all(e["node"] != node.id for e in told["instead"])


def test_who_went_on_instead_is_told_best_first():
    events = toy_events("beam_search", {"num_beams": 4}, length=8)
    run = Reading(fold(events), spell)
    mark = next(m for n in run.fold.nodes for m in n.marks if m.mark == "pruned")
    kept = {m.node: m.numbers["logp"] for m in run.marked(mark.step, "kept")}
    told = story(run, mark.node)
    assert [e["node"] for e in told["instead"]] == sorted(kept, key=lambda n: -kept[n])
