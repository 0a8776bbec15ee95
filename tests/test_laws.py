"""Whole laws in a trace: kept as long as there is room, read back, refused where they are none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from oracle import PROMPT, play

from explorer.errors import TraceError
from explorer.models.table import TableLM
from explorer.randomness import Seeded
from explorer.trace import ChoiceEvent, check_events
from explorer.trace.laws import law_text, read_law

V = 24


def choices(method="sample", law_bytes=2**20, **params):
    models = {role: TableLM(V, 1, peak=2.0) for role in ("target", "draft", "amateur")}
    events = []
    play(method, params, models, Seeded(0), 6, PROMPT, events, law_bytes)
    return [event for event in events if event.kind == "choice"]


def test_a_kept_law_is_the_models_own_before_the_filters():
    logits = TableLM(V, 1, peak=2.0).logits(PROMPT.ids)
    first = choices(filters="temperature=0.3,top_k=3")[0]
    law = torch.from_numpy(read_law(first.entered).astype("float32"))
    assert torch.allclose(law, logits.log_softmax(-1), rtol=1e-3)
    assert torch.allclose(law + first.offset, logits, rtol=1e-3, atol=1e-2)


def test_the_contrast_of_two_models_is_kept_as_it_came_to_the_filters():
    first = choices("contrastive_decoding", filters="temperature=0.5")[0]
    law = dict(enumerate(read_law(first.entered).tolist()))
    masked = [t for t, by in zip(first.tokens, first.removed_by, strict=True) if by]
    assert masked and all(law[token] == -np.inf for token in masked)


@pytest.mark.parametrize("room", [0, 1, 2 * V, 2 * V + 1, 6 * V])
def test_laws_are_kept_as_long_as_there_is_room(room):
    kept = [choice.entered != "" for choice in choices(law_bytes=room)]
    assert sum(kept) == room // (2 * V)
    assert kept == sorted(kept, reverse=True)


def test_of_a_wide_search_some_laws_of_each_step_are_kept():
    found = choices("beam_search", num_beams=12)
    steps = {choice.step for choice in found}
    kept = [sum(choice.entered != "" for choice in found if choice.step == s) for s in steps]
    assert len(steps) > 3
    assert kept == [1] + [8] * (len(steps) - 1)


@pytest.mark.parametrize(
    ("method", "params"), [("mirostat", {}), ("diverse_beam_search", {"num_groups": 2})]
)
def test_a_law_that_was_changed_behind_its_filters_is_not_kept(method, params):
    assert not any(choice.entered for choice in choices(method, **params))
    assert all(choice.entered for choice in choices("sample"))


def law(values):
    return law_text(np.array(values, np.float16))


@pytest.mark.parametrize(
    ("entered", "offset", "sentence"),
    [
        ("§", 0.0, "no base64"),
        ("AAA", 0.0, "no base64"),
        ("AAAA", 0.0, "is cut"),
        (law([-1, np.nan, -1, -1]), 0.0, "is none"),
        (law([-1, np.inf, -1, -1]), 0.0, "is none"),
        (law([-1, 0.5, -1, -1]), 0.0, "is none"),
        (law([-np.inf] * 4), 0.0, "is none"),
        (law([-1] * 3), 0.0, "3 tokens, and not all"),
        (law([-1] * 4), 1e300, "offset"),
        (law([-1] * (2**20 + 1)), 0.0, "more than 1,048,576 tokens"),
    ],
)
def test_what_is_no_law_is_a_sentence(entered, offset, sentence):
    event = ChoiceEvent(
        step=0, ms=0.0, node=0, stream="target", tokens=[3], raw=[-1.0], final=[-1.0],
        removed_by=[None], removed_mass={}, chosen=[3], entered=law([-1] * 4),
    )  # fmt: skip
    check_events([event])
    event.entered, event.offset = entered, offset
    with pytest.raises(TraceError, match=rf"{sentence}.*\.$"):
        check_events([event])
