"""Superposed decoding: one pass a step for all drafts, and what is mixed is told."""

import math
from collections import Counter, defaultdict

import pytest
from oracle import PROMPT, Walk, endless, play, toy_pair

import explorer.methods.speculation.superposed as module
from explorer.errors import InputError
from explorer.models.table import EOS
from explorer.run import Run

BOOK = "abcdabdcab\n\nbadcadbba"
LENGTH = 6


def written(seed, params, length=LENGTH, events=None, table=None):
    models = {"target": table or toy_pair(seed)["target"]}
    run = play("superposed", {"text": BOOK, **params}, models, Walk(), length, record=events)
    return run, [(run.tree.tokens(node), score) for node, score in run._answer]


def counted(book, text, lambdas=(0.01, 0.04, 0.15, 0.18, 0.12)):
    """P_ng of the next token by going through the book from left to right."""
    found = defaultdict(float)
    for n, weight in enumerate(lambdas, 1):
        if n > len(text):
            continue
        followed = Counter()
        for passage in book:
            for at in range(n, len(passage)):
                if passage[at - n : at] == list(text[-n:]):
                    followed[passage[at]] += 1
        for token, count in followed.items():
            found[token] += weight * count / sum(followed.values())
    return found


def plain(table, k, alpha, penalty, temperature, n, length=LENGTH):
    """The same drafts, written with lists and the formulas of the paper."""
    book = [[1 + "abcd".index(c) for c in passage] for passage in BOOK.split("\n\n")]
    drafts, finished, read = [((), 0.0)], [], list(PROMPT.ids)
    logits = table.logits(read)
    for _ in range(length):
        p = (logits.double() / temperature).softmax(-1)
        kept = p.topk(min(n, len(p))).indices.tolist()
        total = sum(float(p[v]) for v in kept)
        pairs = []
        for i, (text, score) in enumerate(drafts):
            p_ng = counted(book, [*PROMPT.ids, *text])
            for v in kept:
                gain = (1 - alpha) * math.log(float(p[v]) / total)
                if alpha:
                    gain += alpha * math.log(p_ng[v]) if p_ng.get(v) else -penalty
                pairs.append((-(score + gain), i, v))
        best = [((*drafts[i][0], v), -s) for s, i, v in sorted(pairs)[: 2 * k]]
        over = [draft for draft in best if draft[0][-1] == EOS or len(draft[0]) == length]
        finished += over
        drafts = [draft for draft in best if draft not in over][:k]
        if not drafts:
            break
        top = drafts[0][1]
        weights = Counter()
        for text, score in drafts:
            weights[text[-1]] += math.exp(score - top)
        before = [*read]
        logits = sum(w * table.logits([*before, v]) for v, w in weights.items()) / weights.total()
        read.append(max(sorted(weights), key=weights.__getitem__))  # the toy's rule further up
    ranked = sorted(((y, s / len(y)) for y, s in finished + drafts), key=lambda d: -d[1])
    return ranked[:k]


SETTINGS = [
    (1, 0.3, 4.0, 1.0, 5),
    (3, 0.0, 0.0, 1.0, 5),
    (3, 0.54, 200.0, 0.4, 4),
    (4, 0.2, 2.0, 2.0, 5),
]


def as_params(k, alpha, penalty, temperature, n):
    chain = f"temperature={temperature},top_k={n}"
    return {"drafts": k, "alpha": alpha, "penalty": penalty, "filters": chain}


def differ(seed, setting):
    found = written(seed, as_params(*setting))[1]
    want = plain(toy_pair(seed)["target"], *setting)
    same_texts = [list(y) for y, _ in want] == [y for y, _ in found]
    return not same_texts or any(
        abs(a - b) > 1e-3 for (_, a), (_, b) in zip(found, want, strict=True)
    )


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_drafts_are_those_of_the_formulas(setting):
    assert not any(differ(seed, setting) for seed in range(12))


def test_one_draft_without_n_grams_is_greedy():
    for seed in range(8):
        table = endless(toy_pair(seed)["target"])  # an ended draft would leave its place to another
        greedy = play("greedy", {}, {"target": table}, Walk(), LENGTH)
        run, _ = written(seed, {"drafts": 1, "alpha": 0.0}, table=table)
        assert run.tree.tokens(run.head) == greedy.tree.tokens(greedy.head)
        assert not any(run.tree.mixture(node) for node in range(len(run.tree)))


@pytest.mark.parametrize("k", [1, 2, 5])
def test_a_step_is_one_pass_however_many_drafts(k):
    for seed in range(4):
        run, _ = written(seed, {"drafts": k, "alpha": 0.0, "filters": "temperature=1"})
        # The first law is that of the prompt, which was read already.
        assert run.totals()["target_passes"] == run.totals()["passes"] == run.totals()["steps"] - 1


def test_the_drafts_differ_and_their_shares_sum_to_one():
    for seed in range(6):
        events = []
        _, drafts = written(seed, {"filters": "temperature=1", "penalty": 2.0}, events=events)
        texts = [tuple(text) for text, _ in drafts]
        assert len(set(texts)) == len(texts) == 3
        soft = [e for e in events if e.kind == "node" and e.token is None]
        assert soft
        assert all(sum(e.shares) == pytest.approx(1) for e in soft)
        noted = [e.value for e in events if e.kind == "note" and e.name == "shares"]
        assert all(sum(shares) == pytest.approx(1) for shares in noted)
        read = [node for e in events if e.kind == "eval" for node in e.nodes]
        assert {e.id for e in soft} <= set(read), "what is mixed is what is read"


def test_drafts_that_end_alike_are_read_as_that_token():
    """Then the superposition is the token's own embedding: it is its node, not a mixture."""
    events = []
    run, _ = written(3, {"drafts": 2, "filters": "temperature=1,top_k=2", "alpha": 0.0}, 8, events)
    alike = 0
    for step in range(1, int(run.totals()["steps"])):
        last = {run.tree.token(e.node) for e in events
                if e.kind == "mark" and e.mark == "kept" and e.step == step - 1}  # fmt: skip
        (place,) = next(e.nodes for e in events if e.kind == "eval" and e.step == step)
        mixture = run.tree.mixture(place)
        assert last == (
            {run.tree.token(place)} if mixture is None else {t for t, _ in mixture.shares}
        )
        alike += mixture is None
    assert alike


def test_comparing_changes_no_draft_and_costs_passes_of_its_own():
    params = {"filters": "temperature=1", "penalty": 2.0}
    for seed in range(4):
        events = []
        run, drafts = written(seed, params | {"compare": True}, events=events)
        same, without = written(seed, params)
        assert drafts == without
        assert run.totals()["target_passes"] == same.totals()["target_passes"]
        distances = [e.value for e in events if e.kind == "note" and e.name == "distance"]
        means = [e.value for e in events if e.kind == "note" and e.name == "distance of their mean"]
        assert distances[0] == means[0] == 0, "nothing is mixed at first"
        assert max(distances) > 0.05
        # The divergence is convex: the mean of the laws is no farther than the laws on the mean.
        assert all(m <= d + 1e-6 for m, d in zip(means, distances, strict=True))


def test_a_datastore_of_nothing_is_refused():
    with pytest.raises(InputError, match="at least two tokens"):
        written(0, {"text": "  "})


def test_the_n_grams_are_those_of_the_book():
    table = toy_pair(0)["target"]
    store = module.datastore_of(table, BOOK)
    book = [[1 + "abcd".index(c) for c in passage] for passage in BOOK.split("\n\n")]
    for text in ([1], [1, 2], [3, 1, 2], [4, 4, 4], [4, 3, 1, 2, 3, 4]):
        assert module.by_ngrams(store, text) == pytest.approx(counted(book, text))


def test_mixing_evenly_is_caught(monkeypatch):
    """Negative control."""
    mix = Run.mix
    monkeypatch.setattr(
        Run, "mix", lambda run, place, weights: mix(run, place, dict.fromkeys(weights, 1.0))
    )
    assert any(differ(seed, SETTINGS[1]) for seed in range(12))


def test_weights_of_the_wrong_contexts_are_caught(monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "LAMBDAS", module.LAMBDAS[::-1])
    assert any(differ(seed, SETTINGS[2]) for seed in range(12))


def test_reading_the_best_draft_alone_is_caught(monkeypatch):
    """Negative control: then it would be greedy decoding with other candidates."""
    add = Run.add
    monkeypatch.setattr(
        Run, "mix", lambda run, place, weights: add(run, place, max(weights, key=weights.get))
    )
    assert any(differ(seed, SETTINGS[1]) for seed in range(12))
