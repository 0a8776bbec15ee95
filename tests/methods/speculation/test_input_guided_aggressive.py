"""Input-guided aggressive decoding: where copying goes on, and that nothing but time changes."""

import random
from math import ceil

import pytest
import torch
from oracle import Walk, exact_law, play, table_law, total_variation
from rules import believing

import explorer.methods.speculation.input_guided_aggressive as module
from explorer.methods.speculation.input_guided_aggressive import place
from explorer.models.table import TableLM
from explorer.run import Prompt

SOURCE = [5, 1, 2, 3, 1, 2, 4, 1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ([5], (1, 1)),
        ([3], (4, 1)),
        ([1, 2], (None, 0)),  # twice in the source
        ([5, 1, 2], (3, 3)),
        ([3, 1, 2], (6, 3)),
        ([9], (None, 0)),
        ([3, 9], (None, 0)),
        ([], (None, 0)),
    ],
)
def test_where_copying_goes_on(text, found):
    assert place(text, SOURCE) == found


def test_it_is_the_shortest_ending_that_stands_once():
    chance = random.Random(2)
    for _ in range(200):
        source = [chance.randrange(4) for _ in range(12)]
        text = [chance.randrange(4) for _ in range(6)]
        want = (None, 0)
        for n in range(1, 7):
            ends = [e for e in range(n, 13) if source[e - n : e] == text[-n:]]
            if len(ends) == 1:
                want = (ends[0], n)
                break
        assert place(text, source) == want


class Corrector(TableLM):
    """Writes one text and then ends, whatever was written before."""

    def __init__(self, text, vocab_size=9):
        super().__init__(vocab_size)
        self.text = text

    def logits(self, prefix):
        written = len(prefix) - 1
        token = self.text[written] if written < len(self.text) else 0
        return torch.full((self.vocab_size,), -30.0).index_fill(0, torch.tensor(token), 30.0)


@pytest.mark.parametrize(
    ("text", "rounds"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8], 1),  # the source itself, and the end behind it
        ([1, 2, 3, 8, 5, 6, 7, 8], 3),  # one token changed: 8 is found behind the end, then 5
        ([2, 3, 4, 5, 6, 7, 8], 2),
    ],
)
def test_a_copy_takes_as_many_rounds_as_it_has_breaks(text, rounds):
    models = {"target": Corrector(text)}
    params = {"source": "abcdefgh"}
    run = play("input_guided_aggressive", params, models, Walk(), 20, Prompt("", (1,)))
    assert run.tree.tokens(run.head) == [*text, 0]
    assert run.totals()["steps"] == rounds


@pytest.mark.parametrize("length", [1, 3, 4, 20])
def test_a_copy_of_the_source_takes_as_many_rounds_as_it_has_drafts(length):
    text, events = [1, 2, 3, 4, 5, 6, 7, 8], []
    params = {"source": "abcdefgh", "length": length}
    models = {"target": Corrector(text)}
    run = play("input_guided_aggressive", params, models, Walk(), 20, Prompt("", (1,)), events)
    assert run.totals()["steps"] == ceil(9 / (min(length, 8) + 1))
    told = [e.value for e in events if e.kind == "note" and e.name == "source"]
    assert told[0] == f"“{'abcdefgh'[:length]}” from the source, tokens 1 to {min(length, 8)}"


@pytest.mark.parametrize("source", ["", "ba", "abab"])
def test_it_follows_the_target(pair, source):
    params = {"source": source, "filters": "none"}
    law = exact_law("input_guided_aggressive", params, pair, 4)
    assert total_variation(law, table_law(pair["target"], 4)) < 1e-12


def test_believing_the_source_is_caught(pair, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "sample_and_match", believing)
    law = exact_law("input_guided_aggressive", {"source": "abab", "filters": "none"}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.01
