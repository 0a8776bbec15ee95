"""What the compare view is told, without a browser: texts, the place where they part, refusals."""

from __future__ import annotations

from math import exp

import pytest

import explorer
from explorer.errors import InputError
from explorer.ui.comparing import (
    ONE_RUN,
    OTHER_PROMPT,
    OTHER_TOKENS,
    Compared,
    compared,
    parting,
    rows,
    same_tokens,
    together,
)
from explorer.ui.service import Place


class Shelf:
    """As much of a service as comparing asks for: runs by id, all over."""

    def __init__(self, *traces):
        self.traces = {trace.run_id: trace for trace in traces}

    def place(self, run_id, visitor):
        if run_id not in self.traces:
            raise InputError("There is no such run.")
        return Place(None, False)

    def trace(self, run_id, visitor):
        return self.traces[run_id]


def toy(method="greedy", prompt="ab", seed=0, tokens=8, **more):
    return explorer.decode("toy", prompt, method=method, seed=seed, max_new_tokens=tokens, **more)


def two(a, b):
    return [
        Compared(letter, t, Place(None, False), "") for letter, t in zip("AB", (a, b), strict=True)
    ]


def told(a, b, **more):
    return compared(Shelf(a, b), {"run": a.run_id, "with": b.run_id, **more})


def unlike():
    """A greedy run, and one with the same beginning that goes another way."""
    a = toy()
    for seed in range(50):
        b = toy("sample", seed=seed)
        if b.token_ids[:1] == a.token_ids[:1] and b.token_ids != a.token_ids:
            return a, b
    raise AssertionError("No seed goes another way.")


def test_equal_texts_have_no_difference():
    answer = told(toy(), toy("beam_search", num_beams=1))
    assert answer["parting"]["said"].startswith("No difference: both texts are the same, 5 tokens.")
    assert answer["parting"]["at"] == [None, None]
    assert answer["stretches"] == [[0, 0, 5]]
    assert answer["sentences"] == []


def test_the_place_where_they_part_is_told_with_what_each_gave_the_other():
    a, b = unlike()
    answer = told(a, b)
    (at, also), (of_a, of_b) = answer["parting"]["at"], answer["parting"]["of"]
    assert at == also
    assert a.token_ids[:at] == b.token_ids[:at]
    assert a.token_ids[at] != b.token_ids[at]
    one, _ = two(a, b)
    law = one.fold.choices[one.tokens[at - 1]["node"]][0]
    given = exp(law.final[law.tokens.index(b.token_ids[at])])
    assert f"A gave it {given:.3g}" in of_b
    assert "B gave it" in of_a
    assert [run["letter"] for run in answer["runs"]] == ["A", "B"]
    assert [t["token"] for t in answer["runs"][1]["tokens"]] == b.token_ids


def test_a_text_that_ends_earlier_parts_at_its_end():
    answer = told(toy(), toy(tokens=3))
    assert answer["parting"]["at"] == [3, None]
    assert answer["parting"]["of"][1] == "B has ended here."


def test_a_branch_begins_with_its_parents_tokens():
    parent = toy()
    begun = (*parent.token_ids[:2], (parent.token_ids[2] + 1) % 3 + 1)
    branch = explorer.decode("toy", "ab", max_new_tokens=4, begun=begun)
    answer = told(parent, branch)
    assert answer["parting"]["at"] == [2, 2]
    assert "with which it began" in answer["parting"]["of"][1]
    assert "B began with what stands there" in answer["parting"]["of"][0]
    assert [t["token"] for t in answer["runs"][1]["tokens"]] == branch.token_ids
    assert answer["runs"][0]["prompt"] == answer["runs"][1]["prompt"]
    assert answer["picture"] is not None


def test_other_prompts_leave_texts_and_measures():
    answer = told(toy(), toy(prompt="ba"))
    assert answer["sentences"] == [OTHER_PROMPT]
    assert answer["picture"] is None
    assert len(answer["rows"]) > 10
    with pytest.raises(InputError, match="no common tree"):
        told(toy(), toy(prompt="ba"), want="table")


def test_other_tokenizers_are_compared_by_characters():
    a = toy(prompt="ab")
    b = explorer.decode("draft", "ab", max_new_tokens=4)
    answer = told(a, b)
    assert OTHER_TOKENS in answer["sentences"]
    assert answer["stretches"] == []
    assert answer["picture"] is None
    one, other = two(a, b)
    texts = ["".join(t["text"] for t in run.tokens) for run in (one, other)]
    same = next((i for i, (x, y) in enumerate(zip(*texts, strict=False)) if x != y), None)
    assert ("first character" if same == 0 else f"{same} character") in answer["parting"]["said"]
    assert not same_tokens(one, other)
    assert together(one, other) is None


def test_two_models_of_one_tokenizer_share_their_tree():
    a, b = (explorer.decode(name, "Once upon", max_new_tokens=3) for name in ("target", "draft"))
    answer = told(a, b)
    assert answer["sentences"] == []
    assert answer["picture"] is not None
    assert told(a, b, want="table")["table"]["rows"]


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({"with": "A"}, ONE_RUN),
        ({"with": "f" * 16}, "B cannot be shown. There is no such run."),
        ({"run": "f" * 16}, "A cannot be shown."),
        ({"with": 7}, "is no text"),
    ],
)
def test_wrong_pairs_get_a_sentence(question, sentence):
    run = toy()
    shelf = Shelf(run)
    asked = {"run": run.run_id, "with": run.run_id, **question}
    asked = {name: run.run_id if value == "A" else value for name, value in asked.items()}
    with pytest.raises(InputError) as refused:
        compared(shelf, asked)
    assert sentence in str(refused.value)


def test_a_run_that_failed_at_once_is_compared_as_far_as_it_is():
    a = toy()
    b = toy("sample")
    b.events.clear()
    answer = told(a, b)
    assert answer["parting"]["of"][1] == "B has ended here."
    assert answer["runs"][1]["prompt"]


def test_the_table_says_where_nothing_was_recorded():
    table = {row["title"]: row for row in rows(*two(toy(tokens=2), toy(tokens=8)))}
    assert table["Distinct-3"]["values"][0] == "too short"
    assert table["Repeated 4-grams"]["values"][0] == "too short"
    assert table["Tokens"]["values"] == ["2", "5"]
    assert table["Method"]["values"] == ["Greedy", "Greedy"]


def test_who_waits_is_not_said_to_have_ended():
    a = toy()
    b = toy("sample")
    b.events.clear()

    class Going(Place):
        going = True

    one, other = (
        Compared("A", a, Place(None, False), ""),
        Compared("B", b, Going(None, True), "In the queue."),
    )
    assert parting(one, other)["said"] == "The same so far: 0 tokens."
    assert other.status() == {"state": "waiting", "sentence": "In the queue."}
