"""From a checkpoint to a folder that `from_pretrained` loads: half precision, tokenizer, card."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerBase,
)

from training.config import shape_of
from training.errors import TrainingError
from training.pretrain import build_model
from training.recipes import LanguageModelRecipe, Recipe

# A plain push to a Space refuses larger files.
MAX_FILE_BYTES = 10_000_000
# Weights are split into files of at most this size; each has a header besides.
MAX_SHARD_BYTES = 9_900_000
LOADING_TRACES = ("is_local", "local_files_only")


@dataclass(frozen=True)
class Progress:
    """How far a checkpoint had come: updates made, and the seconds they took."""

    step: int
    seconds: float


def load_checkpoint(
    recipe: LanguageModelRecipe, tokenizer: PreTrainedTokenizerBase, checkpoint: Path
) -> tuple[LlamaForCausalLM, Progress]:
    """The model of a checkpoint, in float32 on the CPU, and how far it had come."""
    part = "pretrain" if isinstance(recipe, Recipe) else "finetune"
    if not checkpoint.is_file():
        raise TrainingError(
            f"There is no checkpoint '{checkpoint}'. "
            f"Run `python -m training {part} {recipe.name}` first."
        )
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = build_model(shape_of(recipe), tokenizer, recipe.seed)
    model.load_state_dict(state["model"])
    return model, Progress(state["step"], state["seconds"])


@torch.no_grad()
def average(model: LlamaForCausalLM, other: LlamaForCausalLM, share: float) -> None:
    """Move the weights of `model` by `share` of the way to those of `other`.

    Two ends of one path, each after its rate came down, lie about a place that is better than
    either (Izmailov et al. 2018, arXiv:1803.05407).
    """
    for weight, others in zip(model.parameters(), other.parameters(), strict=True):
        weight.lerp_(others, share)


def export_model(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, folder: Path
) -> LlamaForCausalLM:
    """Write weights, configuration and tokenizer to `folder`; return the model as it now loads.

    Weights are stored in float16; `config.json` names float32, so that `from_pretrained` computes
    in float32, which CPUs are good at.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    # An earlier export may have had another number of weight files.
    for path in folder.glob("model*.safetensors*"):
        path.unlink()
    model.half().save_pretrained(folder, max_shard_size=MAX_SHARD_BYTES)
    model.float()
    edit_json(folder / "config.json", lambda config: {**config, "dtype": "float32"})
    tokenizer.save_pretrained(folder)
    # How the tokenizer was loaded here says nothing about how it is to be loaded.
    edit_json(
        folder / "tokenizer_config.json",
        lambda config: {k: v for k, v in config.items() if k not in LOADING_TRACES},
    )
    for path in folder.iterdir():
        path.chmod(0o644)
        if path.stat().st_size > MAX_FILE_BYTES:
            raise TrainingError(
                f"'{path}' has {path.stat().st_size:,} bytes; at most {MAX_FILE_BYTES:,} may be "
                "published. Give the recipe a smaller vocabulary or width."
            )
    return load_exported(folder)[0]


def edit_json(path: Path, change: Callable[[dict], dict]) -> None:
    """Rewrite a JSON file."""
    config = change(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer that the recipe trained.

    Raises TrainingError if there is none.
    """
    if not folder.is_dir():
        raise TrainingError(
            f"There is no tokenizer in '{folder}'. Run `python -m training tokenizer` first."
        )
    return AutoTokenizer.from_pretrained(folder)


def load_exported(folder: Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerBase]:
    """An exported model and its tokenizer, without network."""
    return (
        AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval(),
        AutoTokenizer.from_pretrained(folder, local_files_only=True),
    )
