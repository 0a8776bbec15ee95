"""The loop that every training here shares: updates, log, checkpoints, exact resumption.

Everything an update depends on is a function of the recipe and the step number, or is in the
checkpoint; a run that was interrupted ends with the same weights as one that was not.
"""

import json
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from training.errors import TrainingError
from training.optimizer import schedule, set_learning_rate

CHECKPOINT_SECONDS = 300


class Plan(Protocol):
    """What the loop must know of a recipe; its `repr` tells one recipe from another."""

    @property
    def name(self) -> str: ...

    @property
    def steps(self) -> int: ...

    @property
    def warmup_steps(self) -> int: ...

    @property
    def constant(self) -> bool: ...


class Training(ABC):
    """One run in one folder: `checkpoint.pt`, `log.jsonl`. Subclasses say what is learnt.

    `made_from` names data that may change while the recipe does not; a checkpoint made from other
    data is refused as one of another recipe is.
    """

    evaluate_every = 50

    def __init__(
        self,
        recipe: Plan,
        model: nn.Module,
        optimizers: Sequence[torch.optim.Optimizer],
        folder: Path,
        say: Callable[[str], None] = print,
        made_from: str = "",
    ) -> None:
        self.recipe, self.model, self.optimizers = recipe, model, optimizers
        self.folder, self.say, self.made_from = folder, say, made_from
        self.step, self.seconds = 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        if self.checkpoint_path.exists():
            self._resume()

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @abstractmethod
    def loss(self) -> torch.Tensor:
        """The loss of the present step, with its gradients still to be taken."""

    @abstractmethod
    def record(self, loss: float) -> dict:
        """What the log says of the present step beside its number and time; `loss` is smoothed."""

    @property
    def checkpoint_path(self) -> Path:
        return self.folder / "checkpoint.pt"

    @property
    def identity(self) -> str:
        return f"{self.recipe!r}{f' from {self.made_from}' if self.made_from else ''}"

    def save(self) -> None:
        """Write the checkpoint; an interruption while writing leaves the previous one whole."""
        state = {
            "recipe": self.identity,
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
        if state["recipe"] != self.identity:
            raise TrainingError(
                f"The checkpoint '{self.checkpoint_path}' was made with another recipe than "
                f"'{self.recipe.name}' is now{', or from other data' if self.made_from else ''}. "
                "Remove it, or give another work folder with --work."
            )
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.seconds = state["step"], state["seconds"]
        self.say(f"{self.recipe.name}: resumed at step {self.step} of {self.recipe.steps}")

    def train_step(self) -> float:
        """One update; returns its loss."""
        self.model.train()
        recipe = self.recipe
        share = schedule(self.step, recipe.steps, recipe.warmup_steps, recipe.constant)
        set_learning_rate(self.optimizers, share)
        loss = self.loss()
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return loss.item()

    def _log(self, loss: float) -> None:
        self.model.eval()
        record = {"step": self.step, "seconds": round(self.seconds, 1), **self.record(loss)}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(record) + "\n")
        self.say(f"{self.recipe.name}: {json.dumps(record)}")

    def run(self, max_steps: int | None = None, max_seconds: float | None = None) -> bool:
        """Train to the end, or for at most `max_steps` more, or up to `max_seconds` in all.

        True when there is nothing left to do: the recipe is complete or its seconds are used up.
        SIGTERM and SIGINT end the run after the current step, with a checkpoint.
        """
        asked_to_stop = False

        def ask_to_stop(*_) -> None:
            nonlocal asked_to_stop
            asked_to_stop = True

        def used_up() -> bool:
            return max_seconds is not None and self.seconds >= max_seconds

        previous = {s: signal.signal(s, ask_to_stop) for s in (signal.SIGTERM, signal.SIGINT)}
        begun_at, last = self.step, self.recipe.steps
        if max_steps is not None:
            last = min(last, self.step + max_steps)
        smooth, saved_at = None, time.monotonic()
        try:
            while self.step < last and not asked_to_stop and not used_up():
                started = time.monotonic()
                loss = self.train_step()
                smooth = loss if smooth is None else 0.9 * smooth + 0.1 * loss
                self.seconds += time.monotonic() - started
                if self.step % self.evaluate_every == 0 or self.step == self.recipe.steps:
                    self._log(smooth)
                if time.monotonic() - saved_at > CHECKPOINT_SECONDS:
                    self.save()
                    saved_at = time.monotonic()
            if self.step > begun_at or not self.checkpoint_path.exists():
                self.save()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        return self.step == self.recipe.steps or used_up()
