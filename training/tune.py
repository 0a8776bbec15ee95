"""Copies of the draft that write in one mood, resumable exactly.

Every passage stands behind its own tag, behind the tag of a plain story, or behind none, so that
the mood is in the weights and not in the tag; and half of them open plainly, so that the mood does
not need an opening that has it.
"""

import random
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional
from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

from training import moods
from training.loop import Training
from training.optimizer import make_optimizers
from training.recipes import MoodTuning
from training.world import HELD_OUT_SEEDS

SCORED_PASSAGES = 64
IGNORED = -100


def labelled_text(mood: str, seed: int) -> str:
    """A passage in `mood` behind one of the three openings."""
    draw = random.Random(f"passage {mood} {seed}")
    tag = draw.choice((moods.MOOD_TAGS[mood], moods.MOOD_TAGS["plain"], ""))
    opening = draw.choice((mood, "plain"))
    return f"{tag} {moods.passage(draw, mood, opening)}"


class Tuning(Training):
    """One fine-tuning in one folder; the copy begins as `starts_from`."""

    recipe: MoodTuning
    evaluate_every = 20

    def __init__(
        self,
        recipe: MoodTuning,
        starts_from: LlamaForCausalLM,
        tokenizer: PreTrainedTokenizerBase,
        folder: Path,
        say: Callable[[str], None] = print,
    ) -> None:
        starts_from.to("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = tokenizer
        optimizers = make_optimizers(
            starts_from, recipe.muon_lr, recipe.adam_lr, recipe.weight_decay
        )
        super().__init__(recipe, starts_from, optimizers, folder, say)

    def nats(self, mood: str, seeds: range) -> torch.Tensor:
        """Mean −ln p of a token of the passages of these seeds, each between two end tokens."""
        end = self.tokenizer.eos_token_id
        texts = [labelled_text(mood, seed) for seed in seeds]
        rows = [[end, *ids, end] for ids in self.tokenizer(texts)["input_ids"]]
        width = max(map(len, rows))
        ids = torch.tensor([[*row, *[end] * (width - len(row))] for row in rows])
        wanted = torch.tensor([[*row[1:], *[IGNORED] * (width - len(row))] for row in rows])
        logits = self.model(input_ids=ids[:, :-1].to(self.device), use_cache=False).logits
        return functional.cross_entropy(
            logits.flatten(0, 1), wanted.flatten().to(self.device), ignore_index=IGNORED
        )

    def loss(self) -> torch.Tensor:
        size = self.recipe.batch_size
        return self.nats(self.recipe.name, range(self.step * size, (self.step + 1) * size))

    @torch.no_grad()
    def record(self, loss: float) -> dict:
        seeds = range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + SCORED_PASSAGES)
        return {
            "loss": round(loss, 4),
            "held_out_nats_per_token": {
                mood: round(float(self.nats(mood, seeds)), 4) for mood in moods.MOODS
            },
        }
