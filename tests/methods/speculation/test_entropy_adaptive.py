"""Entropy-adaptive decoding: its law is that of whoever writes, who follows from the text."""

import torch
from oracle import PROMPT, enumerate_law, exact_law, table_law, total_variation, toy_pair

import explorer.methods.speculation.entropy_adaptive as module
from explorer.view import entropies

PARAMS = {"window": 2, "threshold": 0.9, "patience": 1}


def writers(pair, text, window, threshold, patience):
    """Who writes each token of a text and the one behind it, recomputed from nothing but it."""
    who, since, found, seen = "draft", 0, [], []
    for end in range(len(text) + 1):
        found.append(who)
        seen.append(entropies(pair[who].logits((*PROMPT.ids, *text[:end]))[None])[0])
        mean = sum(seen[-window:]) / len(seen[-window:])
        since += 1
        wanted = "target" if mean > threshold else "draft"
        if wanted != who and since >= patience:
            who, since = wanted, 0
    return found


def own_law(pair, length, **params):
    def logits(text):
        return pair[writers(pair, text, **params)[-1]].logits((*PROMPT.ids, *text))

    return enumerate_law(logits, length)


def test_it_follows_whoever_is_to_write():
    changes = set()
    for seed in range(4):
        pair = toy_pair(seed, vocab_size=3)
        for patience in (1, 2):
            params = PARAMS | {"patience": patience}
            law = exact_law("entropy_adaptive", params, pair, 4)
            assert total_variation(law, own_law(pair, 4, **params)) < 1e-12
            changes |= {tuple(writers(pair, text, **params)) for text in law}
    assert len(changes) > 4  # who writes does depend on the text


def test_a_high_threshold_is_the_draft_and_none_the_target_from_the_second_token():
    pair = toy_pair(1, vocab_size=3)
    law = exact_law("entropy_adaptive", PARAMS | {"threshold": 20.0}, pair, 3)
    assert total_variation(law, table_law(pair["draft"], 3)) < 1e-12
    law = exact_law("entropy_adaptive", PARAMS | {"threshold": 0.0}, pair, 1)
    assert total_variation(law, table_law(pair["draft"], 1)) < 1e-12
    law = exact_law("entropy_adaptive", PARAMS | {"threshold": 0.0}, pair, 3)
    assert total_variation(law, table_law(pair["draft"], 3)) > 0.001


def test_entropy_in_bits_is_caught(monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "entropies", lambda z: [h / torch.log(torch.tensor(2.0)).item()
                                                       for h in entropies(z)])  # fmt: skip
    pair = toy_pair(0, vocab_size=3)
    law = exact_law("entropy_adaptive", PARAMS, pair, 4)
    assert total_variation(law, own_law(pair, 4, **PARAMS)) > 0.001
