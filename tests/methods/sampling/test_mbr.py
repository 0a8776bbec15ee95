"""Minimum Bayes risk: the winner's law by trying all tuples of samples, and the utilities."""

import itertools
from collections import Counter

import pytest
import torch
from oracle import PROMPT, exact_law, play, table_law, total_variation, toy_pair

import explorer.methods.sampling.mbr as module
from explorer.models.table import BLOCKS, EOS, seeded_state
from explorer.randomness import Seeded
from explorer.trace import Fold
from explorer.utilities import UTILITIES, bleu, chrf, exact_match, token_f1, utility_matrix

PARAMS = {"filters": "none", "n": 3}


@pytest.fixture(scope="module")
def small():
    return toy_pair(0, vocab_size=3)


def winner_law(pair, utility, n=3, length=2, with_itself=True):
    """The first of the best among n independent texts."""
    plain, found = table_law(pair["target"], length), Counter()
    for texts in itertools.product(plain, repeat=n):
        words = [pair["target"].decode(text) for text in texts]
        means = [
            sum(UTILITIES[utility](a, b) for j, b in enumerate(words) if with_itself or j != i)
            for i, a in enumerate(words)
        ]
        probability = 1.0
        for text in texts:
            probability *= plain[text]
        found[texts[means.index(max(means))]] += probability
    return dict(found)


@pytest.mark.parametrize("with_itself", [True, False])
@pytest.mark.parametrize("utility", ["exact_match", "token_f1"])
def test_the_winner_follows_its_law(utility, with_itself, small):
    params = PARAMS | {"utility": utility, "with_itself": with_itself}
    law = exact_law("mbr", params, small, 2)
    want = winner_law(small, utility, with_itself=with_itself)
    assert total_variation(law, want) < 1e-9


def test_exact_match_is_a_vote_on_whole_texts(small):
    law = exact_law("mbr", PARAMS | {"utility": "exact_match"}, small, 2)
    vote = exact_law("self_consistency", PARAMS | {"answer": "text"}, small, 2)
    assert total_variation(law, vote) < 1e-9


def test_a_utility_that_is_stretched_and_moved_chooses_the_same(pair, monkeypatch):
    def winners():
        runs = [play("mbr", PARAMS | {"n": 6}, pair, Seeded(seed), 5) for seed in range(8)]
        return [run.tree.tokens(run.head) for run in runs]

    plain = winners()
    for a, b in ((4.0, 1.0), (-4.0, 1.0)):
        other = {"chrf": lambda text, right, a=a, b=b: a * chrf(text, right) + b}
        monkeypatch.setattr(module, "UTILITIES", other)
        assert (winners() == plain) == (a > 0)


def test_with_many_samples_the_winner_comes_to_the_best_of_all_texts():
    """By how much the winner's utility, expected under the model, stays behind the best one's."""
    behind = {1: 0.0, 48: 0.0}
    for seed in range(4):
        pair = toy_pair(seed, vocab_size=3)
        law = {pair["target"].decode(t): p for t, p in table_law(pair["target"], 3).items()}
        worth = {text: sum(p * chrf(text, right) for right, p in law.items()) for text in law}
        for n in behind:
            run = play("mbr", PARAMS | {"n": n}, pair, Seeded(seed), 3)
            behind[n] += (max(worth.values()) - worth[run.text(run.head)]) / 4
    assert behind[48] < 0.02 < behind[1]


def test_the_first_sample_in_place_of_the_best_is_caught(small, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "utility_matrix", lambda texts, u: [[0.0] * 3] * 3)
    law = exact_law("mbr", PARAMS | {"utility": "exact_match"}, small, 2)
    assert total_variation(law, winner_law(small, "exact_match")) > 0.05


def test_the_whole_matrix_is_kept(pair):
    events = []
    run = play("mbr", PARAMS | {"n": 5}, pair, Seeded(1), 6, record=events)
    (noted,) = [e.value for e in events if e.kind == "note" and e.name == "utility"]
    assert [len(row) for row in noted["matrix"]] == [5] * 5
    assert noted["means"] == pytest.approx([sum(row) / 5 for row in noted["matrix"]])
    outputs = run.end().outputs
    assert outputs[0].score == max(noted["means"])
    assert outputs[0].node == noted["nodes"][noted["means"].index(outputs[0].score)]
    assert EOS not in outputs[0].token_ids[:-1]


def character_f(text, right, orders=6, beta=2.0):
    """chrF by its definition: characters without spaces, orders that both texts have."""
    a, b = text.replace(" ", ""), right.replace(" ", "")
    shares = []
    for n in range(1, orders + 1):
        grams = [Counter(s[i : i + n] for i in range(len(s) - n + 1)) for s in (a, b)]
        if all(grams):
            both = (grams[0] & grams[1]).total()
            shares.append((both / grams[0].total(), both / grams[1].total()))
    if not shares:
        return 0.0
    precision, recall = (sum(column) / len(shares) for column in zip(*shares, strict=True))
    if precision + recall == 0:
        return 0.0
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def test_chrf_is_what_its_definition_says():
    pairs = [
        ("the cat sat on the mat", "a cat sat on a mat"),
        ("once upon a time", "there was a time"),
        ("entirely", "different"),
    ]
    for text, right in pairs:
        assert chrf(text, right) == pytest.approx(character_f(text, right), abs=1e-4)


def test_utilities_at_their_ends():
    for utility in (chrf, bleu, token_f1, exact_match):
        assert utility("the old king laughed", "the old king laughed") == pytest.approx(1.0)
        assert utility("aaaa", "zzzz") == pytest.approx(0.0)
    assert token_f1("a b", "b c c") == pytest.approx(2 * 1 / 5)
    matrix = utility_matrix(["a b", "b c c", "a"], token_f1)
    assert all(matrix[i][j] == matrix[j][i] for i in range(3) for j in range(3))


def embedded(**models):
    events = []
    pair = {"target": toy_pair(2)["target"], **models}
    values = {"n": 6, "utility": "embedding", "filters": "none"}
    run = play("mbr", values, pair, Seeded(3), 5, record=events)
    (noted,) = [e.value for e in events if e.kind == "note" and e.name == "utility"]
    return run, noted["matrix"], events


def by_hand(events):
    """The matrix from each drawn text's own states, without a tree."""
    fold = Fold().feed_all(events)
    drawn = [(m.step, m.ms, n.id) for n in fold.nodes for m in n.marks if m.mark == "finished"]
    texts = [fold.tokens(node) for *_, node in sorted(drawn)]
    means = [
        torch.stack(
            [seeded_state(BLOCKS, (*PROMPT.ids, *text[: i + 1])) for i in range(len(text))]
        ).mean(0)
        for text in texts
    ]
    return [
        [(1 + float(torch.nn.functional.cosine_similarity(a, b, dim=0))) / 2 for b in means]
        for a in means
    ]


def test_an_embedding_compares_mean_states():
    _, matrix, events = embedded()
    for row, want in zip(matrix, by_hand(events), strict=True):
        assert row == pytest.approx(want, abs=1e-6)
    assert all(matrix[i][i] == pytest.approx(1.0) for i in range(6))


def test_last_states_instead_of_means_are_caught(monkeypatch):
    """Negative control."""
    monkeypatch.setattr(torch.Tensor, "mean", lambda self, *a: self[-1])
    _, matrix, events = embedded()
    monkeypatch.undo()
    assert any(
        abs(a - b) > 1e-3
        for row, want in zip(matrix, by_hand(events), strict=True)
        for a, b in zip(row, want, strict=True)
    )


def test_a_judge_embeds_where_there_is_one():
    judge = toy_pair(7)["target"]
    for models, whose in (({}, "table-5-2"), ({"judge": judge}, "table-5-7")):
        _, _, events = embedded(**models)
        (view,) = [e for e in events if e.kind == "view" and e.name == "embedding"]
        assert view.model["id"] == whose
