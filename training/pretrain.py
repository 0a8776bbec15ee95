"""Next-token pretraining in stages, resumable exactly (see loop.py)."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from training import induction, suffixes
from training.batches import Batches, Source
from training.copies import Copies, copied_right
from training.evaluate import token_nats
from training.grow import grow
from training.lessons import Lessons, answered_right
from training.loop import Training
from training.loss import next_token_loss
from training.optimizer import make_optimizers
from training.recipes import Echoing, ModelShape, Recipe, Schooling

EVALUATE_BLOCKS, EVALUATE_BLOCK_TOKENS = 16, 1024
# What new heads of a wider model begin with, by `copies_by` of its recipe.
CIRCUITS = {"token": induction, "suffix": suffixes}


def build_model(shape: ModelShape, tokenizer: PreTrainedTokenizerBase, seed: int):
    """A freshly initialised Llama of `shape`."""
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=shape.vocab_size,
            hidden_size=shape.width,
            intermediate_size=shape.mlp_width,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads,
            head_dim=shape.head_width,
            max_position_embeddings=shape.context,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def some_text(ids: np.ndarray, rows: int = 8, context: int = 512) -> torch.Tensor:
    """The first rows of `ids`, (rows, context) or less of both, on which to measure a model."""
    context = min(context, len(ids))
    rows = min(rows, len(ids) // context)
    return torch.from_numpy(ids[: rows * context].reshape(rows, context).astype(np.int64))


def evenly_spaced_blocks(ids: np.ndarray) -> list[np.ndarray]:
    """Up to EVALUATE_BLOCKS stretches of `ids`, spread over all of it, for a quick score."""
    size = min(EVALUATE_BLOCK_TOKENS, len(ids) // EVALUATE_BLOCKS)
    starts = np.linspace(0, len(ids) - size, EVALUATE_BLOCKS).astype(int)
    return [np.array(ids[s : s + size]) for s in starts]


class QuickScore:
    """Bits per character on blocks of the held-out books, in windows of 512 tokens."""

    def __init__(self, held_out: np.ndarray, tokenizer: PreTrainedTokenizerBase) -> None:
        self.blocks = evenly_spaced_blocks(held_out)
        self.characters = sum(len(tokenizer.decode(b[1:].tolist())) for b in self.blocks)

    def __call__(self, model: LlamaForCausalLM) -> float:
        nats = sum(token_nats(model, block, context=512, stride=256).sum() for block in self.blocks)
        return float(nats) / math.log(2) / self.characters


class Pretraining(Training):
    """One pretraining run in one folder."""

    recipe: Recipe

    def __init__(
        self,
        recipe: Recipe,
        tokenizer: PreTrainedTokenizerBase,
        sources: list[Source],
        held_out: np.ndarray,
        folder: Path,
        say: Callable[[str], None] = print,
        starts_from: LlamaForCausalLM | None = None,
    ) -> None:
        model = build_model(recipe.shape, tokenizer, recipe.seed)
        if starts_from is not None:
            grow(starts_from, model)
            if recipe.copies_by:
                CIRCUITS[recipe.copies_by].begin_copying(
                    model, starts_from.config.hidden_size, some_text(sources[0].tokens)
                )
        model.to("cuda" if torch.cuda.is_available() else "cpu")
        self.stages = [
            Batches(
                sources,
                context=stage.context,
                batch_size=stage.batch_size,
                steps=stage.steps,
                seed=(recipe.seed, i),
            )
            for i, stage in enumerate(recipe.stages)
        ]
        self.lessons = (
            Lessons(
                tokenizer,
                recipe.lessons,
                context=recipe.task_context,
                rows=recipe.task_rows,
                seed=recipe.seed,
            )
            if isinstance(recipe, Schooling)
            else None
        )
        self.copies = (
            Copies(
                sources,
                recipe.shape.vocab_size,
                context=recipe.copy_context,
                rows=recipe.copy_rows,
                seed=recipe.seed,
            )
            if isinstance(recipe, Echoing)
            else None
        )
        self.held_out = held_out
        self.held_out_bits = QuickScore(held_out, tokenizer)
        optimizers = make_optimizers(model, recipe.muon_lr, recipe.adam_lr, recipe.weight_decay)
        super().__init__(recipe, model, optimizers, folder, say)

    def _locate(self, step: int) -> tuple[int, int]:
        """Stage of a step and the step's number within it."""
        for i, stage in enumerate(self.recipe.stages):
            if step < stage.steps:
                return i, step
            step -= stage.steps
        raise IndexError(step)

    def _nats(
        self, ids: torch.Tensor, labels: torch.Tensor, counts: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Mean nats of the labels behind the ids, both (B, C); counts as in next_token_loss."""
        hidden = self.model.model(input_ids=ids.to(self.device), use_cache=False).last_hidden_state
        labels = labels.to(self.device)
        counts = None if counts is None else counts.to(self.device)
        return next_token_loss(hidden, self.model.lm_head.weight, labels, counts)

    def loss(self) -> torch.Tensor:
        stage, step = self._locate(self.step)
        rows = self.stages[stage].batch(step)
        nats = self._nats(rows[:, :-1], rows[:, 1:])
        for beside in (self.lessons, self.copies):
            if beside is not None:
                nats = nats + self._nats(*beside.batch(self.step))
        return nats

    def record(self, loss: float) -> dict:
        told = {
            "tokens": self.recipe.tokens_after(self.step),
            "train_nats_per_token": round(loss, 4),
            "held_out_bits_per_character": round(self.held_out_bits(self.model), 4),
        }
        if self.lessons is not None:
            told["answered_right"] = answered_right(self.model, self.lessons.tokenizer)
        if self.recipe.copies_by:
            told["copied_right"] = copied_right(self.model, self.held_out)
        return told
