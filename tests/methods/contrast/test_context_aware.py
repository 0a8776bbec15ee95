"""Context-aware decoding follows its formula; its two readings stand behind different prompts."""

import pytest
import torch
from oracle import PROMPT, Walk, enumerate_law, exact_law, play, table_law, total_variation

from explorer.run import Prompt
from explorer.sampling import parse_chain

CONTEXT = "ba"
INFORMED = Prompt(CONTEXT + PROMPT.text, (2, 1, *PROMPT.ids))


def formula(table, alpha):
    def logits(text):
        with_context = torch.log_softmax(table.logits((*INFORMED.ids, *text)), -1)
        without = torch.log_softmax(table.logits((*PROMPT.ids, *text)), -1)
        return (1 + alpha) * with_context - alpha * without

    return logits


@pytest.mark.parametrize("alpha", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("chain", ["none", "top_k=2"])
def test_the_output_follows_the_formula(alpha, chain, pair):
    params = {"context": CONTEXT, "alpha": alpha, "filters": chain}
    law = exact_law("context_aware", params, pair, 3)
    want = enumerate_law(formula(pair["target"], alpha), 3, parse_chain(chain))
    assert total_variation(law, want) < 1e-6


def test_alpha_zero_is_the_plain_model_behind_the_context(pair):
    params = {"context": CONTEXT, "alpha": 0.0, "filters": "none"}
    law = exact_law("context_aware", params, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3, prompt=INFORMED)) < 1e-6


def test_no_context_changes_nothing(pair):
    law = exact_law("context_aware", {"context": "", "filters": "none"}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3)) < 1e-6


def test_the_sign_of_the_difference_matters(pair):
    """Negative control: with the two readings swapped the law is another one."""
    swapped = enumerate_law(formula(pair["target"], -1.5), 3)
    law = exact_law("context_aware", {"context": CONTEXT, "filters": "none"}, pair, 3)
    assert total_variation(law, swapped) > 0.01


def test_both_prompts_are_kept_in_the_trace(pair):
    events = []
    play("context_aware", {"context": CONTEXT}, pair, Walk(), 3, record=events)
    prompts = {e.name: tuple(e.prompt_ids) for e in events if e.kind == "view"}
    assert prompts == {"with context": INFORMED.ids, "target": PROMPT.ids}
