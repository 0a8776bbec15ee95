"""Best-first finds the ordered answers of beam search with fewer prefixes read."""

import pytest
import torch
from oracle import PROMPT, Walk, most_probable, play, toy_pair

import explorer.methods.search.best_first_beam_search as module
from explorer.frontier import Frontier
from explorer.models.table import EOS

LENGTH = 4
ALPHA, BETA = 0.8, 0.6


def score(kind, total, text):
    """The score of a complete text, and the best that any other prefix can still reach."""
    n = len(text) if text and text[-1] == EOS else LENGTH
    return {"logp": total, "normalised": total / n**ALPHA, "reward": total + BETA * n}[kind]


def by_hand(table, k, kind):
    """Beam search in which a complete text keeps its place: ([(score, text)], prefixes read)."""
    beam, read = [(0.0, ())], 0
    for _ in range(LENGTH):
        pool = []
        for total, text in beam:
            if text and text[-1] == EOS:
                pool.append((total, text))
                continue
            read += 1
            logp = torch.log_softmax(table.logits((*PROMPT.ids, *text)), -1).tolist()
            pool += [(total + x, (*text, v)) for v, x in enumerate(logp)]
        beam = sorted(pool, key=lambda x: -score(kind, *x))[:k]
    return [(score(kind, *x), x[1]) for x in beam], read


def searched(table, k, kind="logp", answers=1, queue=0):
    values = {
        "num_beams": k,
        "num_answers": answers,
        "score": kind,
        "length_penalty": ALPHA,
        "reward": BETA,
        "queue": queue,
    }
    run = play("best_first_beam_search", values, {"target": table}, Walk(), LENGTH)
    work = run.target.work()
    return [(o.score, tuple(o.token_ids)) for o in run.end().outputs], work.passes + 1


def agrees(seed, k, kind, answers):
    table = toy_pair(seed)["target"]
    want, read_by_beam = by_hand(table, k, kind)
    found, read = searched(table, k, kind, answers)
    texts = [text for _, text in found] == [text for _, text in want[:answers]]
    scores = all(abs(a[0] - b[0]) < 1e-4 for a, b in zip(found, want, strict=False))
    return texts and scores and read <= read_by_beam


@pytest.mark.parametrize("kind", ["logp", "normalised", "reward"])
def test_it_gives_the_ordered_answers_of_beam_search_and_reads_no_more(kind):
    for seed in range(12):
        for k in (1, 2, 3, 5):
            assert agrees(seed, k, kind, 1)
            assert agrees(seed, k, kind, k)


def test_it_reads_fewer_prefixes():
    tables = [toy_pair(seed)["target"] for seed in range(20)]
    by_beam = sum(by_hand(table, 4, "logp")[1] for table in tables)
    assert sum(searched(table, 4)[1] for table in tables) < 0.8 * by_beam


def test_every_prefix_waiting_is_exact_search():
    for seed in range(8):
        table = toy_pair(seed, vocab_size=4)["target"]
        assert searched(table, 256)[0][0][1] == most_probable(table, LENGTH)


def test_a_search_that_lets_every_prefix_wait_is_caught(monkeypatch):
    """Negative control: a length whose places are taken must be closed, or a better text wins."""

    class Endless(Frontier):
        def cut(self, length, size):
            return []

    monkeypatch.setattr(module, "Frontier", Endless)
    assert not all(agrees(seed, 3, "logp", answers) for seed in range(12) for answers in (1, 3))


def test_with_little_memory_something_is_always_found():
    for seed in range(8):
        table = toy_pair(seed)["target"]
        found, _ = searched(table, 2, queue=1)
        (score, text) = found[0]
        assert len(text) == LENGTH or text[-1] == EOS
        assert score <= searched(table, 256)[0][0][0] + 1e-6


def test_a_queue_that_one_fan_fills_makes_it_greedy():
    differ = 0
    for seed in range(10):
        pair = toy_pair(seed)
        greedy = play("greedy", {}, pair, Walk(), LENGTH)
        texts = [
            play("best_first_beam_search", {"num_beams": 3, "queue": cap}, pair, Walk(), LENGTH)
            for cap in (0, 1)
        ]
        whole, capped = (tuple(run.tree.tokens(run.head)) for run in texts)
        assert capped == tuple(greedy.tree.tokens(greedy.head))
        differ += whole != capped
    assert differ, "with room for all that waits it is another search"
