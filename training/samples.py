"""The published target's own samples, and its state at every place of them.

Prompts are stretches of training books and fresh tasks; what follows is drawn at temperature 1, or
is ever the most probable token. A row does not stop at the end token: as in training, another
document begins behind it. With the state after the last norm, the target's law at a place is one
matrix product away, so a draft can be distilled, and a head trained, without the target.

Each batch is a file of its own, drawn from a seed of its own: an interrupted run goes on, and ends
with the same samples.
"""

import hashlib
import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerBase
from transformers.cache_utils import Cache, DynamicLayer

from training import tokens
from training.corpus import GROUPS
from training.errors import TrainingError
from training.recipes import GreedyGroup, SampleGroup, Sampling
from training.tasks import draw_example
from training.world import HELD_OUT_SEEDS

# Seeds that the target was not trained on, and that are not held out either.
FRESH_SEEDS = 100_000_000
# The benchmark asks the first held-out seeds; these are far behind them.
HELD_OUT_SAMPLE_SEEDS = HELD_OUT_SEEDS + 1_000_000
REPEATS = {"fairy": 2.0, "children": 2.0, "youth": 1.0}


@dataclass(frozen=True)
class Samples:
    """One group: rows (N, L), how many of a row's tokens were its prompt, states (N, L − 1, d).

    `states[:, i]` is what the target knows after reading token i; its law of token i + 1 is the
    softmax of its product with the output embedding.
    """

    rows: np.ndarray
    prompt_tokens: np.ndarray
    states: np.ndarray


class _Rows(DynamicLayer):
    """Keys and values of one layer in memory that was taken once: appending copies nothing."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length, self.used = length, 0

    def lazy_initialization(self, key_states, value_states) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        batch, heads, _, width = key_states.shape
        self.keys = key_states.new_empty(batch, heads, self.length, width)
        self.values = torch.empty_like(self.keys)
        self.is_initialized = True

    def update(self, key_states, value_states, *args, **kwargs):
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        begin, self.used = self.used, self.used + key_states.shape[2]
        self.keys[:, :, begin : self.used] = key_states
        self.values[:, :, begin : self.used] = value_states
        return self.keys[:, :, : self.used], self.values[:, :, : self.used]

    def get_seq_length(self) -> int:
        return self.used


@torch.no_grad()
def write_on(
    model: LlamaForCausalLM,
    prompts: list[list[int]],
    length: int,
    draw: torch.Generator | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of `length` tokens that begin with the prompts, and the states at all but the last.

    What all prompts have is read in one pass; from there on a token at a time, taken from the
    prompt where a row still has one. Without `draw` every token is the most probable one.
    rows: (B, L) uint16; states: (B, L − 1, d) float16.
    """
    ids = torch.zeros(len(prompts), length, dtype=torch.long)
    given = torch.tensor([len(prompt) for prompt in prompts])
    for row, prompt in zip(ids, prompts, strict=True):
        row[: len(prompt)] = torch.tensor(prompt)
    cache = Cache(layers=[_Rows(length) for _ in model.model.layers])
    states = torch.empty(len(prompts), length - 1, model.config.hidden_size, dtype=torch.float16)
    begin, end = 0, int(given.min())
    while end < length:
        out = model.model(
            input_ids=ids[:, begin:end].to(model.device), past_key_values=cache, use_cache=True
        ).last_hidden_state
        states[:, begin:end] = out
        law = model.lm_head(out[:, -1]).float().softmax(-1).cpu()
        drawn = torch.multinomial(law, 1, generator=draw)[:, 0] if draw else law.argmax(-1)
        ids[:, end] = torch.where(end < given, ids[:, end], drawn)
        begin, end = end, end + 1
    return ids.numpy().astype(np.uint16), states.numpy()


def make_prompts(
    group: SampleGroup, seed: int, tokenizer: PreTrainedTokenizerBase, folder: Path
) -> list[list[int]]:
    """The prompts of a group, short ones first; `folder` holds the tokenized books."""
    name = f"{seed} {group.name}"
    end = tokenizer.eos_token_id
    if group.source in ("prose", "world"):
        books = (tokens.HELD_OUT,) if group.held_out else GROUPS
        names = books if group.source == "prose" else (tokens.WORLD,)
        streams = [tokens.read_tokens(folder, n) for n in names]
        weights = [len(s) * REPEATS.get(n, 1.0) for n, s in zip(names, streams, strict=True)]
        draw = random.Random(name)
        prompts = []
        for stream in draw.choices(streams, weights, k=group.rows):
            start = draw.randrange(len(stream) - group.prompt_tokens)
            prompts.append(stream[start : start + group.prompt_tokens].tolist())
        return prompts
    prompts = []
    task = HELD_OUT_SAMPLE_SEEDS if group.held_out else FRESH_SEEDS
    while len(prompts) < group.rows:
        prompt = [end, *tokenizer(draw_example(task).prompt)["input_ids"]]
        task += 1
        if len(prompt) <= group.length - 32:  # some room for the answer
            prompts.append(prompt)
    return sorted(prompts, key=len)


def fingerprint(folder: Path, pattern: str = "*.safetensors") -> str:
    """What the weight files in a folder hold, in one word."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def about(recipe: Sampling, model_folder: Path) -> dict[str, str]:
    """What samples depend on: the recipe and the weights."""
    return {"recipe": repr(recipe), "model": fingerprint(model_folder)}


def check_samples(recipe: Sampling, model_folder: Path, folder: Path) -> None:
    """Refuse samples in `folder` of another model or by another recipe.

    Raises TrainingError; that there are none at all is no error.
    """
    path = folder / "about.json"
    if path.is_file() and json.loads(path.read_text("utf-8")) != about(recipe, model_folder):
        raise TrainingError(
            f"The samples in '{folder}' were drawn from another '{recipe.model}' or by another "
            "recipe than there is now. Remove that folder, and those of the runs made from it."
        )


def batch_paths(recipe: Sampling, group: SampleGroup, folder: Path) -> list[Path]:
    """The files of a group, whether they exist or not."""
    count = -(-group.rows // recipe.batch_rows)
    return [folder / f"{group.name}-{i:03}.npz" for i in range(count)]


def write_samples(
    recipe: Sampling,
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    model_folder: Path,
    token_folder: Path,
    folder: Path,
    say: Callable[[str], None] = print,
) -> None:
    """Draw what `folder` does not hold yet."""
    check_samples(recipe, model_folder, folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(about(recipe, model_folder), indent=2)
    (folder / "about.json").write_text(text + "\n", encoding="utf-8")
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    for group in recipe.groups:
        prompts = make_prompts(group, recipe.seed, tokenizer, token_folder)
        for i, path in enumerate(batch_paths(recipe, group, folder)):
            if path.is_file():
                continue
            part = prompts[i * recipe.batch_rows : (i + 1) * recipe.batch_rows]
            seed = int.from_bytes(
                hashlib.sha256(f"{recipe.seed} {path.stem}".encode()).digest()[:7]
            )
            draw = None if isinstance(group, GreedyGroup) else torch.Generator().manual_seed(seed)
            rows, states = write_on(model, part, group.length, draw)
            partial = path.with_suffix(".partial")
            with partial.open("wb") as file:
                np.savez(file, rows=rows, states=states, prompt_tokens=[len(p) for p in part])
            os.replace(partial, path)
            say(f"{recipe.name}: {path.stem}: {rows.size:,} tokens")


def read_samples(recipe: Sampling, group: SampleGroup, folder: Path) -> Samples:
    """All rows of a group.

    Raises TrainingError if some are not there yet.
    """
    parts = []
    for path in batch_paths(recipe, group, folder):
        if not path.is_file():
            raise TrainingError(
                f"There are no samples at '{path}'. Run `python -m training samples` first."
            )
        with np.load(path) as part:
            parts.append((part["rows"], part["prompt_tokens"], part["states"]))
    rows, prompt_tokens, states = zip(*parts, strict=True)
    return Samples(np.concatenate(rows), np.concatenate(prompt_tokens), np.concatenate(states))
