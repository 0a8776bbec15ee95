"""Isotropic and proximal search equals its formula recomputed from whole texts."""

from types import SimpleNamespace

import pytest
import torch
from oracle import Walk, play, toy_pair
from tiny import Tiny

import explorer.methods.repetition.isotropic_proximal_search as module
from explorer.models.loading import load_model
from explorer.models.table import EOS, TableLM, seeded_state
from explorer.run import Prompt

LENGTH = 8
DIALOGUE = Prompt("abacb", (1, 2, 1, 3, 2))  # utterances end at b


def cosine(a, b):
    return float(torch.cosine_similarity(a.double(), b.double(), dim=0))


def mean(numbers):
    return sum(numbers) / len(numbers)


def by_hand(read, length, k, alpha, ends, prompt=DIALOGUE.ids, answer_counts=True):
    text, n = list(prompt), len(prompt)
    while len(text) < n + length and (len(text) == n or text[-1] != EOS):
        probs, _ = read(text)
        best = probs.topk(k).indices.tolist()
        if len(text) < n + 2:
            text.append(best[0])
            continue
        scores = {}
        for v in best:
            _, h = read([*text, v])
            proximal = mean([cosine(h[-1], state) for state in h[n:-1]])
            own = h[n:].double().mean(0) if answer_counts else h[-1]
            isotropic = mean([cosine(own, h[i]) for i in ends]) if ends else 0.0
            scores[v] = alpha * float(probs[v]) + (1 - alpha) * (proximal - isotropic)
        text.append(max(scores, key=scores.get))
    return text[n:]


def read_table(table):
    def read(text):
        states = [seeded_state(table.depth, tuple(text[: i + 1])) for i in range(len(text))]
        return table.logits(text).double().softmax(-1), torch.stack(states)

    return read


def searched(model, length=LENGTH, prompt=DIALOGUE, separator="b", **values):
    values |= {"separator": separator, "filters": "none"}
    run = play("isotropic_proximal_search", values, {"target": model}, Walk(), length, prompt)
    return run.tree.tokens(run.head)


CASES = [(seed, alpha) for seed in range(5) for alpha in (0.0, 0.6)]


def test_it_equals_the_formula_on_whole_texts():
    for seed, alpha in CASES:
        table = TableLM(6, seed)
        want = by_hand(read_table(table), LENGTH, 4, alpha, [1, 4])
        assert searched(table, k=4, alpha=alpha) == want


@pytest.mark.parametrize("seed", [1, 3])
def test_it_equals_the_formula_on_a_network(seed):
    tiny = Tiny(seed)

    def read(text):
        with torch.no_grad():
            out = tiny.net(torch.tensor([text]), output_hidden_states=True, use_cache=False)
        return out.logits[0, -1].double().softmax(-1), out.hidden_states[-1][0]

    want = by_hand(read, 10, 5, 0.4, [1, 4])
    assert searched(tiny.model, 10, separator="2", k=5, alpha=0.4) == want


def test_a_candidate_compared_without_the_answer_is_caught():
    """Negative control: it is the answer as a whole that should lie apart."""
    wrong = [
        by_hand(read_table(TableLM(6, seed)), LENGTH, 4, alpha, [1, 4], answer_counts=False)
        == searched(TableLM(6, seed), k=4, alpha=alpha)
        for seed, alpha in CASES
    ]
    assert not all(wrong)


def test_probability_alone_is_greedy():
    for seed in range(6):
        pair = toy_pair(seed)
        greedy = play("greedy", {}, pair, Walk(), LENGTH, DIALOGUE)
        assert searched(pair["target"], alpha=1.0) == greedy.tree.tokens(greedy.head)


def test_a_separator_of_several_tokens_is_found_at_its_last():
    """The bundled tokenizer writes “…” and “。” as three tokens."""
    target = load_model("target")
    for separator in ("…", "。", "\n", " said"):
        ids = tuple(target.encode(f"Well{separator} no{separator} yes"))
        run = SimpleNamespace(models={"target": target}, prompt=Prompt("", ids))
        ends = module.utterance_ends(run, torch.zeros(len(ids), 1), separator)
        texts = [target.decode(ids[: i + 1]) for i in ends]
        assert texts == [f"Well{separator}", f"Well{separator} no{separator}"]


def test_without_utterances_nothing_is_to_keep_apart_from():
    for seed in range(6):
        table = TableLM(6, seed)
        want = by_hand(read_table(table), LENGTH, 4, 0.2, [])
        assert searched(table, k=4, alpha=0.2, separator="xyz") == want
