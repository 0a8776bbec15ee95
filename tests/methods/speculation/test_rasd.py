"""RASD: two trees become one, and a rule for both kinds of guesses keeps the target's law."""

import pytest
from oracle import exact_law, play, table_law, total_variation

import explorer.methods.speculation.rasd as module
from explorer.models.table import TableLM
from explorer.randomness import Seeded
from explorer.run import Prompt
from explorer.verification import drawn_then_known

BOOK = "abab\n\nabba"


def models(vocab_size=3, weight=0.6):
    target = TableLM(vocab_size, 5)
    return {"target": target, "draft": TableLM(vocab_size, 77, like=(target, weight))}


@pytest.mark.parametrize("branching", [(1,), (2,), (1, 1)])
@pytest.mark.parametrize("likely", [1, 3])
def test_it_follows_the_target(branching, likely):
    pair = models()
    params = {"text": BOOK, "branching": branching, "likely": likely}
    law = exact_law("rasd", params, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) < 1e-12


def test_the_fused_tree_is_the_union_and_has_no_two_equal_beginnings(monkeypatch):
    rounds = []

    def seen(run, law, guesses):
        rounds.append([guess.token for guess in guesses])
        return drawn_then_known(run, law, guesses)

    monkeypatch.setattr(module, "drawn_then_known", seen)
    events = []
    params = {"text": "abcd\n\nabdc\n\nabdd", "branching": (2, 1), "likely": 9}
    play("rasd", params, models(6), Seeded(1), 8, Prompt("ab", (1, 2)), events)
    assert all(len(tokens) == len(set(tokens)) for tokens in rounds)
    born = {}
    for e in events:
        if e.kind == "node" and e.step == 0:
            born[e.id] = (*born.get(e.parent, ()), e.token)
    assert {(3,), (3, 4), (4,), (4, 3), (4, 4)} <= set(born.values())  # what the book has behind ab
    assert len(born) == len(set(born.values()))
    assert {e.by for e in events if e.kind == "node" and e.step == 0} >= {"draft", "datastore"}


def test_what_the_draft_holds_unlikely_is_pruned():
    pair = models(6)
    (best,) = pair["draft"].logits((1, 2)).topk(1).indices.tolist()
    other = next(x for x in range(1, 6) if x != best)
    book = pair["target"].decode([1, 2, best, 1]) + "\n\n" + pair["target"].decode([1, 2, other, 1])
    events = []
    params = {"text": book, "branching": (1,), "likely": 1}
    play("rasd", params, pair, Seeded(0), 6, Prompt("ab", (1, 2)), events)
    looked_up = {e.token for e in events if e.kind == "node" and e.by == "datastore"}
    first = {e.token for e in events if e.kind == "node" and e.parent == 0 and e.step == 0}
    assert other not in first or other not in looked_up
    assert next(e.value for e in events if e.kind == "note" and e.name == "pruned") == 2


def test_drawing_behind_the_drawn_guesses_from_p_is_caught(monkeypatch):
    """Negative control, trap (a): V3 must see what recursive rejection leaves, not p again."""

    def forgetful(run, law, guesses):
        drawn = [guess for guess in guesses if guess.q is not None]
        verdict = drawn_then_known(run, law, drawn)
        if verdict.accepted is not None:
            return verdict
        return drawn_then_known(run, law, [guess for guess in guesses if guess.q is None])

    monkeypatch.setattr(module, "drawn_then_known", forgetful)
    pair = models()
    law = exact_law("rasd", {"text": BOOK, "branching": (1,)}, pair, 2)
    assert total_variation(law, table_law(pair["target"], 2)) > 0.01
