import dataclasses
import json

import numpy as np
import pytest
import torch

from training.distil import Distilling, SampleBatches, overlap
from training.divergence import FORWARD_KL, TVD
from training.pretrain import build_model
from training.recipes import Distillation
from training.samples import Samples, write_on

RECIPE = Distillation("small", "tiny", FORWARD_KL, steps=12, batch_tokens=100, warmup_steps=2)


@pytest.fixture(scope="module")
def target(tokenizer, tiny_recipe):
    model = build_model(tiny_recipe.shape, tokenizer, seed=3).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(4)
    return model


@pytest.fixture(scope="module")
def groups(target):
    """What the target wrote, in rows of two lengths."""
    made = []
    for length, count in ((20, 11), (32, 5)):
        prompts = [[20 + i, 21, 22][: 2 + i % 2] for i in range(count)]
        rows, states = write_on(target, prompts, length, torch.Generator().manual_seed(length))
        made.append(Samples(rows, np.array([len(p) for p in prompts]), states))
    return made


@pytest.fixture
def start(tokenizer, tiny_recipe, target, groups, tmp_path):
    def make(name="run", recipe=RECIPE, **options):
        draft = build_model(tiny_recipe.shape, tokenizer, seed=5)
        held_out = {"short": groups[0]}
        weight = target.lm_head.weight
        return Distilling(
            recipe, draft, weight, groups, held_out, tmp_path / name, lambda _: None, **options
        )

    return make


def test_a_pass_reads_every_row_once(groups):
    batches = SampleBatches(groups, batch_tokens=100, seed=1)
    assert batches.sizes == [5, 3]
    assert batches.per_pass == 3 + 2
    seen = [batches.places(step) for step in range(5)]
    for k, group in enumerate(groups):
        rows = np.concatenate([rows for group_at, rows in seen if group_at == k])
        assert sorted(rows) == list(range(len(group.rows)))
    again = SampleBatches(groups, batch_tokens=100, seed=1)
    ids, states = again.batch(7)
    assert torch.equal(ids, batches.batch(7)[0])
    assert states.shape == (*ids.shape, 16)


def test_a_draft_that_is_the_target_is_always_accepted(target, groups):
    shared, same = overlap(target, target.lm_head.weight, groups[0])
    assert shared > 0.98  # states are kept in half precision
    assert same > 0.9


def test_acceptance_counts_what_the_target_wrote_alone(target, groups, tokenizer, tiny_recipe):
    """Prompts are not the target's text; worked out again place by place."""
    draft = build_model(tiny_recipe.shape, tokenizer, seed=5).eval()
    total, places = 0.0, 0
    for row, given in zip(groups[0].rows, groups[0].prompt_tokens, strict=True):
        ids = torch.from_numpy(row.astype(np.int64))[None]
        with torch.no_grad():
            p, q = (m(ids).logits[0].softmax(-1) for m in (target, draft))
        for i in range(given, ids.shape[1]):
            total += float(torch.minimum(p[i - 1], q[i - 1]).sum())
            places += 1
    shared, _ = overlap(draft, target.lm_head.weight, groups[0])
    assert shared == pytest.approx(total / places, abs=1e-2)


@pytest.mark.parametrize("kind", [FORWARD_KL, TVD])
def test_distilling_raises_the_acceptance(start, kind, tmp_path):
    run = start(recipe=dataclasses.replace(RECIPE, divergence=kind, steps=30, adam_lr=0.03))
    before = run.acceptance()["acceptance"]["short"]
    run.evaluate_every = 10
    assert run.run()
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [r["step"] for r in log] == [10, 20, 30]
    assert log[-1]["acceptance"]["short"] > before + 0.02


def test_an_interrupted_run_ends_with_the_same_bits(start):
    whole = start("whole")
    assert whole.run()
    assert not start("parts").run(max_steps=5)
    second = start("parts")
    assert second.step == 5
    assert second.run()
    for a, b in zip(whole.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)
