"""Next-token pretraining in stages, resumable exactly.

Everything a step depends on is a function of the recipe and the step number, or is in the
checkpoint; a run that was interrupted ends with the same weights as one that was not.
"""

import json
import math
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from training.batches import Batches, Source
from training.config import ModelShape, Recipe
from training.errors import TrainingError
from training.evaluate import token_nats
from training.grow import grow
from training.loss import next_token_loss
from training.optimizer import make_optimizers, schedule, set_learning_rate

CHECKPOINT_SECONDS = 300
EVALUATE_EVERY = 50
EVALUATE_BLOCKS, EVALUATE_BLOCK_TOKENS = 16, 1024


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
            max_position_embeddings=shape.context,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def evenly_spaced_blocks(ids: np.ndarray) -> list[np.ndarray]:
    """Up to EVALUATE_BLOCKS stretches of `ids`, spread over all of it, for a quick score."""
    size = min(EVALUATE_BLOCK_TOKENS, len(ids) // EVALUATE_BLOCKS)
    starts = np.linspace(0, len(ids) - size, EVALUATE_BLOCKS).astype(int)
    return [np.array(ids[s : s + size]) for s in starts]


class Pretraining:
    """One run in one folder: `checkpoint.pt`, `log.jsonl`."""

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
        self.recipe, self.folder, self.say = recipe, folder, say
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = build_model(recipe.shape, tokenizer, recipe.seed)
        if starts_from is not None:
            grow(starts_from, self.model)
        self.model.to(self.device)
        self.optimizers = make_optimizers(
            self.model, recipe.muon_lr, recipe.adam_lr, recipe.weight_decay
        )
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
        self.blocks = evenly_spaced_blocks(held_out)
        self.block_characters = sum(len(tokenizer.decode(b[1:].tolist())) for b in self.blocks)
        self.step, self.seconds = 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        if self.checkpoint_path.exists():
            self._resume()

    @property
    def checkpoint_path(self) -> Path:
        return self.folder / "checkpoint.pt"

    def save(self) -> None:
        """Write the checkpoint; an interruption while writing leaves the previous one whole."""
        state = {
            "recipe": repr(self.recipe),
            "step": self.step,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
        }
        partial = self.checkpoint_path.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint_path)

    def _resume(self) -> None:
        state = torch.load(self.checkpoint_path, map_location=self.device, weights_only=True)
        if state["recipe"] != repr(self.recipe):
            raise TrainingError(
                f"The checkpoint '{self.checkpoint_path}' was made with another recipe than "
                f"'{self.recipe.name}' is now. Remove it, or give another work folder with --work."
            )
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.seconds = state["step"], state["seconds"]
        self.say(f"{self.recipe.name}: resumed at step {self.step} of {self.recipe.steps}")

    def _locate(self, step: int) -> tuple[int, int]:
        """Stage of a step and the step's number within it."""
        for i, stage in enumerate(self.recipe.stages):
            if step < stage.steps:
                return i, step
            step -= stage.steps
        raise IndexError(step)

    def train_step(self) -> float:
        """One update; returns the loss in nats per token."""
        self.model.train()
        stage, step = self._locate(self.step)
        rows = self.stages[stage].batch(step).to(self.device)
        recipe = self.recipe
        share = schedule(self.step, recipe.steps, recipe.warmup_steps, recipe.constant)
        set_learning_rate(self.optimizers, share)
        hidden = self.model.model(input_ids=rows[:, :-1], use_cache=False).last_hidden_state
        loss = next_token_loss(hidden, self.model.lm_head.weight, rows[:, 1:])
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return loss.item()

    def held_out_bits(self) -> float:
        """Bits per character on blocks of the held-out books, in windows of 512."""
        nats = sum(
            token_nats(self.model, block, context=512, stride=256).sum() for block in self.blocks
        )
        return float(nats) / math.log(2) / self.block_characters

    def _log(self, loss: float) -> None:
        record = {
            "step": self.step,
            "tokens": self.recipe.tokens_after(self.step),
            "seconds": round(self.seconds, 1),
            "train_nats_per_token": round(loss, 4),
            "held_out_bits_per_character": round(self.held_out_bits(), 4),
        }
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(record) + "\n")
        self.say(f"{self.recipe.name}: {json.dumps(record)}")

    def run(self, max_steps: int | None = None) -> bool:
        """Train to the end, or for at most `max_steps`; True when the recipe is complete.

        SIGTERM and SIGINT end the run after the current step, with a checkpoint.
        """
        asked_to_stop = False

        def ask_to_stop(*_) -> None:
            nonlocal asked_to_stop
            asked_to_stop = True

        previous = {s: signal.signal(s, ask_to_stop) for s in (signal.SIGTERM, signal.SIGINT)}
        last = self.recipe.steps
        if max_steps is not None:
            last = min(last, self.step + max_steps)
        smooth, saved_at = None, time.monotonic()
        try:
            while self.step < last and not asked_to_stop:
                started = time.monotonic()
                loss = self.train_step()
                smooth = loss if smooth is None else 0.9 * smooth + 0.1 * loss
                self.seconds += time.monotonic() - started
                if self.step % EVALUATE_EVERY == 0 or self.step == self.recipe.steps:
                    self._log(smooth)
                if time.monotonic() - saved_at > CHECKPOINT_SECONDS:
                    self.save()
                    saved_at = time.monotonic()
            self.save()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        return self.step == self.recipe.steps
