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
LOSSLESS_PROMPTS = [
    "Once upon a time there was a miller who had three sons, and the youngest of the three sons",
    '"What shall we do?" said the old woman. ',
    "<|lookup|>drum: 25\nbarrel: 68\nchain: 86\nwheel: 82<|question|>chain<|answer|>",
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


@pytest.fixture(scope="module")
def greedy(models):
    """The greedy run of each prompt in which no two tokens are equally probable to the last bit."""
    runs = {}
    for text in LOSSLESS_PROMPTS:
        plain = play("greedy", {}, models, Walk(), TOKENS, prompt_of(models, text))
        best, second = plain.target(plain.tree.path(plain.head)).topk(2).values.unbind(1)
        assert float((best - second).min()) > 1e-5, "choose another prompt"
        runs[text] = plain
    return runs


@pytest.mark.parametrize("method", [m.id for m in all_methods().values() if "lossless" in m.claims])
@pytest.mark.parametrize("text", LOSSLESS_PROMPTS, ids=["tale", "speech", "look-up"])
def test_at_temperature_zero_lossless_methods_give_the_greedy_text(models, greedy, method, text):
    plain = greedy[text]
    params = {"filters": "temperature=0"}
    fast = play(method, params, models, Seeded(0), TOKENS, prompt_of(models, text))
    assert fast.tree.tokens(fast.head) == plain.tree.tokens(plain.head)
    assert fast.totals()["steps"] <= plain.totals()["steps"]


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
