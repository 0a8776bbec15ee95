"""In-context navigation tries no beginning twice, and asks behind the list of what it found."""

import pytest
import torch
from oracle import PROMPT, Walk, play, toy_pair

import explorer.methods.sampling.in_context_navigation as module
from explorer.models.table import EOS


def greedy_from(table, token, length):
    text = (token,)
    while len(text) < length and text[-1] != EOS:
        text = (*text, int(table.logits((*PROMPT.ids, *text)).argmax()))
    return text


def naive(table, rounds, heads, length):
    """The recipe on a table: the list is the prompt and the letters of each text, run together."""
    found, tried = [], set()
    for _ in range(rounds):
        listed = [token for text in found for token in (*PROMPT.ids, *text) if token != EOS]
        ranked = table.logits((*listed, *PROMPT.ids)).argsort(descending=True).tolist()
        new = [token for token in ranked if token not in tried][:heads]
        tried |= set(new)
        found += [greedy_from(table, token, length) for token in new]
    return found


def found(table, rounds, heads, length=3, **params):
    """The texts in the order of their beginnings, and the events."""
    events = []
    params = {"rounds": rounds, "heads": heads, **params}
    run = play("in_context_navigation", params, {"target": table}, Walk(), length, record=events)
    texts = {output.token_ids[0]: tuple(output.token_ids) for output in run.end().outputs}
    chosen = [token for e in events if e.kind == "choice" and e.node == 0 for token in e.chosen]
    return [texts[token] for token in chosen], events


def is_the_recipe(rounds, heads):
    tables = [toy_pair(seed, vocab_size=7)["target"] for seed in range(8)]
    return all(found(t, rounds, heads)[0] == naive(t, rounds, heads, 3) for t in tables)


@pytest.mark.parametrize(("rounds", "heads"), [(1, 4), (2, 2), (3, 2), (5, 1)])
def test_beginnings_are_found_as_the_recipe_finds_them(rounds, heads):
    assert is_the_recipe(rounds, heads)


def test_a_list_that_stays_empty_is_caught(monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "listing", lambda run, explored: list(run.prompt.ids))
    assert not is_the_recipe(3, 2)


def test_no_beginning_is_tried_twice_and_they_may_run_out():
    for seed in range(5):
        texts, events = found(toy_pair(seed)["target"], 3, 4)
        assert sorted(text[0] for text in texts) == [0, 1, 2, 3, 4]
        ranks = [r for e in events if e.kind == "note" and e.name == "plain_ranks" for r in e.value]
        assert sorted(ranks) == [1, 2, 3, 4, 5]


def test_one_round_is_the_branches_of_chain_of_thought_decoding():
    for seed in range(5):
        pair = toy_pair(seed)
        one = play("in_context_navigation", {"rounds": 1, "heads": 3}, pair, Walk(), 4)
        branches = play("chain_of_thought_decoding", {"k": 3}, pair, Walk(), 4)
        texts = [{tuple(o.token_ids) for o in run.end().outputs} for run in (one, branches)]
        assert texts[0] == texts[1]


def test_the_list_never_takes_the_place_of_the_text():
    """Twelve texts of six tokens and their prompts do not fit into 64: the oldest are left out."""
    table = toy_pair(1, vocab_size=20)["target"]
    events = []
    params = {"rounds": 5, "heads": 3}
    run = play("in_context_navigation", params, {"target": table}, Walk(), 6, record=events)
    prompts = [e.prompt_ids for e in events if e.kind == "view"][1:]
    assert run.limit == 6
    assert len(prompts) == 4
    assert max(map(len, prompts)) <= 64 - 6
    assert sum(len(p) > 40 for p in prompts) >= 2
    assert all(tuple(p[-2:]) == PROMPT.ids for p in prompts)


def spearman(a, b):
    """By the sum of squared distances of ranks, where no two are equal."""
    ranks = [[sorted(x).index(value) for value in x] for x in (a, b)]
    n = len(a)
    return 1 - 6 * sum((i - j) ** 2 for i, j in zip(*ranks, strict=True)) / (n * (n * n - 1))


def test_the_correlation_of_keys_and_ranks_is_noted_each_round():
    for seed in range(5):
        table = toy_pair(seed, vocab_size=7)["target"]
        _, events = found(table, 2, 2)
        noted = [e.value for e in events if e.kind == "note" and e.name == "key_correlation"]
        logits = table.logits(PROMPT.ids)
        top = int(logits.argmax())
        others = [token for token in range(7) if token != top]
        keys = torch.nn.functional.normalize(table.keys(), dim=1)
        want = spearman(logits[others].tolist(), (keys[others] @ keys[top]).tolist())
        assert noted[0] == pytest.approx(want)
        assert len(noted) == 2


def test_logits_that_go_by_another_tokens_key_are_told_apart():
    """Negative control: 1 where tokens rank as they resemble the first, less where another."""
    keys = torch.randn(50, 8, generator=torch.Generator().manual_seed(3))
    toward = torch.nn.functional.normalize(keys, dim=1) @ keys[3]
    assert module.key_correlation(toward, keys) == pytest.approx(1)
    first = torch.where(torch.arange(50) == 7, 99.0, toward)
    assert module.key_correlation(first, keys) < 0.9


def test_texts_may_vote():
    table = toy_pair(2, vocab_size=7)["target"]
    params = {"answer": "marker", "marker": "a", "vote": True}
    run = play("in_context_navigation", {"rounds": 3, "heads": 2, **params},
               {"target": table}, Walk(), 4)  # fmt: skip
    written = ["".join(" abcdef"[t] for t in text).strip() for text in naive(table, 3, 2, 4)]
    told = [text.split("a")[-1] for text in written if "a" in text[:-1] and text[-1] != "a"]
    want = sorted(dict.fromkeys(told), key=lambda answer: -told.count(answer))
    outputs = run.end().outputs
    assert [o.text.split("a")[-1] for o in outputs] == want
    assert [o.score for o in outputs] == [told.count(answer) for answer in want]
