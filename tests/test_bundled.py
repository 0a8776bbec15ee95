"""The bundled pair: it loads, reads trees, and lossless methods keep its greedy text."""

from __future__ import annotations

import pytest
import torch
from oracle import Walk, play

from explorer.models.library import Library
from explorer.randomness import Seeded
from explorer.registry import all_methods
from explorer.run import Prompt

PROMPTS = [
    "Once upon a time there was a miller",
    "The king had three daughters, and the youngest",
    '"What shall we do?" said the old woman. ',
    "In the middle of the forest",
    "The fox looked at the raven and said",
    "Early the next morning the boys",
]
TOKENS = 32
# The most probable of all texts may be empty; an extract is a span of the prompt.
MAY_BE_SHORT = {"exact_map", "exact_extract"}


@pytest.fixture(scope="module")
def models():
    library = Library()
    draft = library.get("draft")
    return {"target": library.get("target"), "draft": draft, "amateur": draft}


def prompt_of(models, text):
    return Prompt(text, tuple(models["target"].encode(text)))


@pytest.mark.parametrize("name", ["target", "draft"])
def test_the_bundled_networks_are_read_as_trees(models, name):
    assert models[name].reading == "tree"


@pytest.mark.parametrize("method", all_methods())
def test_every_method_continues_a_tale(models, method):
    prompt = prompt_of(models, PROMPTS[0])
    run = play(method, {}, models, Seeded(0), TOKENS, prompt)
    done = run.end()
    assert done.reason in ("length", "eos", "complete")
    assert done.outputs[0].token_ids
    assert len(done.outputs[0].text) > 20 or method in MAY_BE_SHORT


@pytest.mark.parametrize("method", [m.id for m in all_methods().values() if "lossless" in m.claims])
@pytest.mark.parametrize("text", PROMPTS)
def test_at_temperature_zero_lossless_methods_give_the_greedy_text(models, method, text):
    prompt = prompt_of(models, text)
    plain = play("greedy", {}, models, Walk(), TOKENS, prompt)
    gaps = [
        float((top[0] - top[1]).item())
        for row in plain.target(plain.tree.path(plain.head))
        for top in [row.topk(2).values]
    ]
    if min(gaps) < 1e-5:
        pytest.skip("two tokens are equally probable to the last bit: either is greedy")
    fast = play(method, {"filters": "temperature=0"}, models, Seeded(0), TOKENS, prompt)
    assert fast.tree.tokens(fast.head) == plain.tree.tokens(plain.head)


def test_greedy_equals_generate(models):
    for text in PROMPTS:
        prompt = prompt_of(models, text)
        ours = play("greedy", {}, models, Walk(), TOKENS, prompt)
        ids = torch.tensor([prompt.ids])
        theirs = models["target"].net.generate(ids, max_new_tokens=TOKENS, do_sample=False)
        assert ours.tree.tokens(ours.head) == theirs[0, len(prompt.ids) :].tolist()


def test_speculation_needs_fewer_passes_than_tokens(models):
    prompt = prompt_of(models, PROMPTS[0])
    run = play("speculative_sampling", {"gamma": 4}, models, Seeded(1), TOKENS, prompt)
    assert run.totals()["target_passes"] < 0.8 * run.totals()["tokens"]
