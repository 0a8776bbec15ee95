"""Distil a draft on the target's own samples (Goel et al. 2024), resumable exactly."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaForCausalLM

from training.divergence import divergence
from training.loop import Training
from training.optimizer import make_optimizers
from training.recipes import Distillation
from training.samples import Samples

SCORED_ROWS = 8  # at once


class SampleBatches:
    """Batches of about `batch_tokens` tokens from groups of rows; a function of the step alone.

    A batch is of one group, because rows of one length need no padding. Every row is read once in a
    pass.
    """

    def __init__(self, groups: Sequence[Samples], batch_tokens: int, seed: int) -> None:
        self.groups, self.seed = groups, seed
        self.sizes = [max(1, batch_tokens // g.rows.shape[1]) for g in groups]
        self.per_pass = sum(
            -(-len(g.rows) // size) for g, size in zip(groups, self.sizes, strict=True)
        )

    def places(self, step: int) -> tuple[int, np.ndarray]:
        """The group of a step and its rows in it."""
        draw = np.random.default_rng((self.seed, step // self.per_pass))
        batches = []
        for k, (group, size) in enumerate(zip(self.groups, self.sizes, strict=True)):
            order = draw.permutation(len(group.rows))
            batches += [(k, order[i : i + size]) for i in range(0, len(order), size)]
        return batches[draw.permutation(len(batches))[step % self.per_pass]]

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids (B, L − 1) and the target's states after each of them, (B, L − 1, d)."""
        k, rows = self.places(step)
        group = self.groups[k]
        ids = torch.from_numpy(group.rows[rows, :-1].astype(np.int64))
        return ids, torch.from_numpy(group.states[rows]).float()


@torch.no_grad()
def overlap(
    draft: LlamaForCausalLM, target_weight: torch.Tensor, samples: Samples
) -> tuple[float, float]:
    """On the places that the target wrote itself: the mean of Σ min(p, q), and how often both
    find the same token most probable.

    They are the chance that speculation accepts a guess at temperature 1 and at temperature 0.
    """
    draft.eval()
    shared, same, places = 0.0, 0, 0
    for begin in range(0, len(samples.rows), SCORED_ROWS):
        part = slice(begin, begin + SCORED_ROWS)
        ids = torch.from_numpy(samples.rows[part].astype(np.int64)).to(draft.device)
        states = torch.from_numpy(samples.states[part]).float().to(draft.device)
        given = torch.from_numpy(samples.prompt_tokens[part]).to(draft.device)
        # State i gives the law of token i + 1, which the target wrote if it is not the prompt's.
        own = torch.arange(1, ids.shape[1], device=draft.device) >= given[:, None]
        q = draft(input_ids=ids[:, :-1], use_cache=False).logits[own].softmax(-1)
        p = (states[own] @ target_weight.T).softmax(-1)
        shared += float(torch.minimum(p, q).sum())
        same += int((p.argmax(-1) == q.argmax(-1)).sum())
        places += len(p)
    return shared / places, same / places


class Distilling(Training):
    """One distillation in one folder; the draft begins as `starts_from`."""

    recipe: Distillation
    evaluate_every = 60

    def __init__(
        self,
        recipe: Distillation,
        starts_from: LlamaForCausalLM,
        target_weight: torch.Tensor,
        groups: Sequence[Samples],
        held_out: dict[str, Samples],
        folder: Path,
        say: Callable[[str], None] = print,
        made_from: str = "",
    ) -> None:
        starts_from.to("cuda" if torch.cuda.is_available() else "cpu")
        self.target_weight = target_weight.detach().to(starts_from.device)
        self.batches = SampleBatches(groups, recipe.batch_tokens, recipe.seed)
        self.held_out = held_out
        optimizers = make_optimizers(
            starts_from, recipe.muon_lr, recipe.adam_lr, recipe.weight_decay
        )
        super().__init__(recipe, starts_from, optimizers, folder, say, made_from)

    def loss(self) -> torch.Tensor:
        ids, states = (t.to(self.device) for t in self.batches.batch(self.step))
        hidden = self.model.model(input_ids=ids, use_cache=False).last_hidden_state
        return divergence(
            hidden, self.model.lm_head.weight, states, self.target_weight, self.recipe.divergence
        )

    def record(self, loss: float) -> dict:
        return {"loss": round(loss, 4), **self.acceptance()}

    def acceptance(self) -> dict:
        """Expected acceptance on held-out samples of each group, at temperatures 1 and 0."""
        self.model.eval()
        scores = {
            name: overlap(self.model, self.target_weight, samples)
            for name, samples in self.held_out.items()
        }
        return {
            "acceptance": {name: round(s[0], 4) for name, s in scores.items()},
            "acceptance_greedy": {name: round(s[1], 4) for name, s in scores.items()},
        }
