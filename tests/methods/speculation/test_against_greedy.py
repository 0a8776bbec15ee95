"""At temperature 0 every lossless method writes the bundled target's greedy text."""

import pytest
import torch

from explorer.decoding import decode
from explorer.models.library import Library
from explorer.registry import all_methods

LOSSLESS = [m for m in all_methods().values() if "lossless" in m.claims]
PROMPTS = [
    "Once upon a time there was a miller who had three sons, and the youngest of the three sons",
    "<|lookup|>drum: 25\nbarrel: 68\nchain: 86\nwheel: 82<|question|>chain<|answer|>",
]
LENGTH = 24


@pytest.fixture(scope="module")
def models():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    library = Library()
    yield {name: library.get(name) for name in ("target", "draft")}
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def greedy(models):
    return {
        prompt: decode(models["target"], prompt, "greedy", max_new_tokens=LENGTH)
        for prompt in PROMPTS
    }


@pytest.mark.parametrize("prompt", PROMPTS, ids=["tale", "look-up"])
@pytest.mark.parametrize("method", LOSSLESS, ids=[m.id for m in LOSSLESS])
def test_it_is_the_greedy_text_in_no_more_rounds(method, prompt, models, greedy):
    draft = {"draft": models["draft"]} if "draft" in method.models else {}
    trace = decode(
        models["target"], prompt, method.id, max_new_tokens=LENGTH, filters="temperature=0", **draft
    )
    plain = greedy[prompt]
    assert trace.token_ids == plain.token_ids
    assert trace.done.totals["steps"] <= plain.done.totals["steps"]
