"""Best of n follows the law of a maximum, exactly."""

import math

import pytest
import torch
from oracle import PROMPT, exact_law, play, table_law, text_logp, total_variation

import explorer.methods.sampling.best_of_n as module
from explorer.errors import InputError, ModelError
from explorer.randomness import Seeded
from explorer.registry import get_method
from explorer.rewards import make_reward, mean_log_probability, no_repetition
from explorer.run import Prompt
from explorer.samples import Sample


def reward_of(pair, text):
    return text_logp(pair["target"], text)


def maximum(pair, n, length=2):
    """F(y)^n - F(y-)^n, texts ordered by their log-probability."""
    law, below, found = table_law(pair["target"], length), 0.0, {}
    for text in sorted(law, key=lambda text: reward_of(pair, text)):
        found[text] = (below + law[text]) ** n - below**n
        below += law[text]
    return found


def got(pair, n, **params):
    params = {"n": n, "reward": "log_probability", **params}
    return exact_law("best_of_n", params, pair, 2)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_best_follows_the_law_of_a_maximum(n, pair):
    assert total_variation(got(pair, n), maximum(pair, n)) < 1e-9


def test_any_text_instead_of_the_best_is_caught(pair, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(module, "make_reward", lambda p: lambda run, sample: 0.0)
    assert total_variation(got(pair, 3), maximum(pair, 3)) > 0.05


def test_more_samples_raise_the_reward_and_keep_the_bound_on_kl(pair):
    plain, last = table_law(pair["target"], 2), -math.inf
    for n in (1, 2, 3):
        law = got(pair, n)
        mean = sum(p * reward_of(pair, text) for text, p in law.items())
        kl = sum(p * math.log(p / plain[text]) for text, p in law.items() if p > 0)
        assert mean >= last - 1e-9
        assert kl <= math.log(n) - (n - 1) / n + 1e-9
        last = mean


def test_the_soft_best_is_drawn_by_its_reward(pair):
    """Of two texts each comes out with a chance ∝ exp(reward / λ)."""
    plain, want = table_law(pair["target"], 2), {}
    for a in plain:
        for b in plain:
            r = torch.tensor([reward_of(pair, a), reward_of(pair, b)]) / 0.7
            for text, share in zip((a, b), r.softmax(0).tolist(), strict=True):
                want[text] = want.get(text, 0.0) + plain[a] * plain[b] * share
    law = got(pair, 2, softness=0.7)
    assert total_variation(law, want) < 1e-6
    assert total_variation(law, maximum(pair, 2)) > 0.01


def test_rewards_judge_what_they_name(pair):
    run = play("greedy", {}, pair, Seeded(0), 1)
    a = run.add(run.root, 1)
    ab, aaaaaa = run.add(a, 2), run.tree.extend(run.root, [1] * 6)[-1]
    params = get_method("best_of_n").params
    cover = make_reward(params(reward="keyword_coverage", keywords="AB, c"))
    assert cover(run, Sample(ab)) == 0.5
    assert cover(run, Sample(a)) == 0.0
    assert no_repetition(run, Sample(aaaaaa)) == pytest.approx(1 / 3)
    assert no_repetition(run, Sample(ab)) == 1.0
    begun = Prompt(PROMPT.text, (*PROMPT.ids, 1, 1, 1, 1), begun=(1, 1, 1, 1))
    branch = play("greedy", {}, pair, Seeded(0), 1, begun)
    node = branch.tree.extend(branch.root, [1, 1])[-1]
    assert no_repetition(branch, Sample(node)) == pytest.approx(1 / 3)
    long = make_reward(params(reward="keyword_coverage", keywords="aaaaaa"))
    assert long(branch, Sample(node)) == 1.0
    assert mean_log_probability(run, Sample(ab, -3.0)) == -1.5


def test_every_reward_that_may_be_named_exists(pair):
    names = get_method("best_of_n").params.model_json_schema()["properties"]["reward"]["enum"]
    for name in set(names) - {"reward_head"}:  # a table has no states; see below
        run = play("best_of_n", {"reward": name, "keywords": "ab"}, pair, Seeded(0), 3)
        scores = [output.score for output in run.end().outputs]
        assert scores == sorted(scores, reverse=True)


def test_keywords_are_asked_for_where_they_are_needed():
    with pytest.raises(InputError, match="keywords"):
        get_method("best_of_n").parse({"reward": "keyword_coverage", "keywords": " , "})


def test_the_reward_head_reads_the_targets_own_states():
    """Its score of each text, from one plain pass over prompt and text."""
    from explorer.decoding import decode
    from explorer.models.heads import load_head
    from explorer.models.loading import load_model

    target = load_model("target")
    head = load_head("reward-head", target)
    trace = decode(
        target, "The king said", "best_of_n", reward="reward_head", n=3, max_new_tokens=12
    )
    scores = [output.score for output in trace.done.outputs]
    assert scores == sorted(scores, reverse=True)
    for output in trace.done.outputs:
        ids = [*trace.header.prompt_ids, *output.token_ids]
        with torch.no_grad():
            states = target.net.model(torch.tensor([ids])).last_hidden_state[0]
        own = states[len(trace.header.prompt_ids) :]
        assert output.score == pytest.approx(float(head.score(own)), abs=1e-4)


def test_a_head_for_another_model_is_refused(pair):
    with pytest.raises(ModelError, match="a head fits no other weights"):
        play("best_of_n", {"reward": "reward_head", "n": 1}, pair, Seeded(0), 3)
