"""REST: guesses come from the datastore, and the target's law is kept."""

import pytest
from oracle import Walk, endless, exact_law, play, table_law, total_variation
from rules import believing

import explorer.methods.speculation.rest as module
from explorer.errors import InputError
from explorer.models.table import TableLM
from explorer.run import Prompt


@pytest.mark.parametrize("text", ["", "abab\n\nbba"])
@pytest.mark.parametrize("nodes", [1, 4])
def test_it_follows_the_target(pair, text, nodes):
    params = {"text": text, "nodes": nodes, "filters": "none", "shortest": 1}
    law = exact_law("rest", params, pair, 4)
    assert total_variation(law, table_law(pair["target"], 4)) < 1e-12


def test_a_text_that_stands_in_the_datastore_comes_in_a_few_passes():
    table = endless(TableLM(6, 3))
    slow = play("greedy", {}, {"target": table}, Walk(), 24, Prompt("", (1, 2)))
    written = slow.tree.tokens(slow.head)
    book = table.decode([1, 2, *written])
    events = []
    params = {"text": f"cde\n\n{book}", "length": 10}
    run = play("rest", params, {"target": table}, Walk(), 24, Prompt("", (1, 2)), events)
    assert run.tree.tokens(run.head) == written
    assert len(written) > 4
    assert run.totals()["steps"] <= 1 + len(written) // 5
    told = [e.value for e in events if e.kind == "note" and e.name == "source"]
    assert told[0].startswith("“ab” in passage 2, token 1")


def test_a_datastore_of_nothing_is_refused(pair):
    with pytest.raises(InputError, match="at least two tokens"):
        play("rest", {"text": "  "}, pair, Walk())


def test_believing_the_datastore_is_caught(pair, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "sample_and_match", believing)
    params = {"text": "abab", "filters": "none", "shortest": 1}
    law = exact_law("rest", params, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) > 0.01
