"""The benchmark of the lossless methods goes on where it was, and sees a text that is wrong."""

import json

from benchmarks.lossless import begun, greedy_text, held_to
from explorer.registry import get_method

PROMPT = "Once upon a time there was a"


def test_rows_of_the_same_models_and_lengths_are_kept(tmp_path):
    file, first = tmp_path / "rows.jsonl", {"row": "environment", "tokens": 8}
    assert begun(file, first) == [first]
    with file.open("a") as out:
        out.write(json.dumps({"row": "lossless", "method": "rest"}) + "\n")
    assert begun(file, first) == [first, {"row": "lossless", "method": "rest"}]
    other = first | {"tokens": 9}
    assert begun(file, other) == [other], "rows of another length prove nothing about this one"
    assert begun(file, other) == [other]


def test_a_text_that_is_another_is_counted():
    text = greedy_text(PROMPT, 6)
    assert len(text["tokens"]) == 6
    assert text["gap_nats"] > 0
    method = get_method("prompt_lookup")
    assert held_to(method, {PROMPT: text["tokens"]}, 6)["equal"] == 1
    other = held_to(method, {PROMPT: text["tokens"][::-1]}, 6)
    assert (other["equal"], other["wrong"]) == (0, [PROMPT])
