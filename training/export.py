"""From a checkpoint to a folder that `from_pretrained` loads: half precision, tokenizer, card."""

import json
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

from training.config import Recipe
from training.errors import TrainingError
from training.pretrain import build_model

# A plain push to a Space refuses larger files.
MAX_FILE_BYTES = 10_000_000


@dataclass(frozen=True)
class Progress:
    """How far a checkpoint had come: updates made, and the seconds they took."""

    step: int
    seconds: float


def load_checkpoint(
    recipe: Recipe, tokenizer: PreTrainedTokenizerBase, checkpoint: Path
) -> tuple[LlamaForCausalLM, Progress]:
    """The model of a checkpoint, in float32 on the CPU, and how far it had come."""
    if not checkpoint.is_file():
        raise TrainingError(
            f"There is no checkpoint '{checkpoint}'. "
            f"Run `python -m training pretrain {recipe.name}` first."
        )
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = build_model(recipe.shape, tokenizer, recipe.seed)
    model.load_state_dict(state["model"])
    return model, Progress(state["step"], state["seconds"])


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
        max_length=model.config.max_position_embeddings,
    )
    model.half().save_pretrained(folder)
    model.float()
    config_path = folder / "config.json"
    config = json.loads(config_path.read_text(encoding="utf-8"))
    config["dtype"] = "float32"
    config_path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tokenizer.save_pretrained(folder)
    for path in folder.iterdir():
        if path.stat().st_size > MAX_FILE_BYTES:
            raise TrainingError(
                f"'{path}' has {path.stat().st_size:,} bytes; at most {MAX_FILE_BYTES:,} may be "
                "published. Give the recipe a smaller shape."
            )
    return load_exported(folder)[0]


def load_exported(folder: Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerBase]:
    """An exported model and its tokenizer, without network."""
    return (
        AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval(),
        AutoTokenizer.from_pretrained(folder, local_files_only=True),
    )
