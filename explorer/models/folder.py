"""What a model's folder holds: a configuration, a tokenizer, a network, and what they say.

transformers raises in every possible way over a damaged folder; here each becomes a sentence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from explorer.errors import ExplorerError, ModelError, shown
from explorer.models.weights import WeightFiles, first_line, read_json

# transformers takes seconds to import, so it waits until a network is wanted.
if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

CONTEXT_NAMES = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "max_sequence_length",
    "seq_length",
    "max_target_positions",
)
# Of models that set no limit (T5's relative positions, ALiBi): what a run may still afford.
UNLIMITED_CONTEXT = 4096


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars or advice on stderr: what matters comes back as an error."""
    from transformers.utils import logging as their_logging

    logging: Any = their_logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@dataclass(frozen=True, slots=True)
class Kind:
    """A configuration, and the auto class of transformers that reads such models."""

    config: PretrainedConfig
    reader: Any


@quiet()
def read_kind(folder: Path, model_id: str) -> Kind:
    """What kind of model the folder holds.

    Raises:
        ModelError: no model of transformers, none that writes text, or one that needs own code.
    """
    if not (folder / "config.json").is_file():
        raise ModelError(f"{model_id} has no config.json: it is no model of transformers.")
    raw = read_json(folder / "config.json", model_id)
    if (folder / "generation_config.json").is_file():
        # transformers would pass over a damaged one, and with it over the end tokens.
        read_json(folder / "generation_config.json", model_id)
    from transformers import (
        CONFIG_MAPPING,
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForSeq2SeqLM,
    )

    name = raw.get("model_type")
    if not isinstance(name, str) or name not in CONFIG_MAPPING:
        if "auto_map" in raw:
            raise ModelError(
                f"{model_id} needs code of its own ({shown(name)} is not in transformers); code "
                "that comes with a model is never run here."
            )
        raise ModelError(f"{model_id} is of a kind that transformers does not know: {shown(name)}.")
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:
        raise ModelError(
            f"{model_id} is damaged: config.json is not allowed ({first_line(error)})."
        ) from error
    if config.is_encoder_decoder and type(config) in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        return Kind(config, AutoModelForSeq2SeqLM)
    if not config.is_encoder_decoder and type(config) in MODEL_FOR_CAUSAL_LM_MAPPING:
        return Kind(config, AutoModelForCausalLM)
    raise ModelError(
        f"{model_id} ({name}) is neither a causal language model nor an encoder-decoder for text."
    )


@quiet()
def read_tokenizer(folder: Path, model_id: str) -> PreTrainedTokenizerBase:
    """The tokenizer, without any code of its own.

    Raises:
        ModelError: there is none, or it is damaged.
    """
    from transformers import AutoTokenizer

    if not any(folder.glob("tokenizer*")) and not any(folder.glob("vocab*")):
        raise ModelError(f"{model_id} has no tokenizer beside its weights.")
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:
        raise ModelError(
            f"The tokenizer of {model_id} cannot be read ({first_line(error)})."
        ) from error


@quiet()
def read_network(weights: WeightFiles, kind: Kind, dtype: torch.dtype, device: torch.device) -> Any:
    """The network, every one of its weights from the files.

    Raises:
        ModelError: files and configuration do not fit together, or the memory is too small.
    """
    model_id = weights.model_id
    try:
        _check_size(weights, kind)
        # Without a wish, transformers takes sdpa where the class supports it, else eager.
        net, report = kind.reader.from_pretrained(
            weights.folder,
            config=kind.config,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # said below, with names
        )
        net = net.to(device)
    except ExplorerError:
        raise
    except Exception as error:
        raise ModelError(f"{model_id} cannot be loaded ({first_line(error)}).") from error
    for name, stored, wanted in sorted(report["mismatched_keys"]):
        raise ModelError(
            f"The files of {model_id} do not belong together: {shown(name)} has the shape "
            f"{list(stored)}, config.json asks for {list(wanted)}."
        )
    lacking = sorted(report["missing_keys"])
    if lacking:
        # transformers would fill these with random numbers and go on.
        raise ModelError(
            f"{model_id} is incomplete: {len(lacking)} of the weights that a "
            f"{type(net).__name__} needs are not in its files, {shown(lacking[0])} among them."
        )
    return net


def _check_size(weights: WeightFiles, kind: Kind) -> None:
    """Refuse a configuration of a network far larger than its files, before it takes the memory.

    Raises:
        ModelError: what the configuration describes, and what the files hold.
    """
    held = sum(math.prod(shape) for _, shape in weights.shapes.values())
    depth = getattr(kind.config.get_text_config(decoder=True), "num_hidden_layers", 0)
    described = f"{depth:,} blocks"
    if depth <= len(weights.shapes):
        with torch.device("meta"):
            empty = kind.reader.from_config(kind.config, trust_remote_code=False)
        needed = sum(weight.numel() for weight in empty.parameters())
        # Quantized files hold fewer numbers; tables of sines are numbers that no file holds.
        if needed <= held * (8 if hasattr(kind.config, "quantization_config") else 2):
            return
        described = f"{needed:,} numbers"
    raise ModelError(
        f"The files of {weights.model_id} do not belong together: config.json describes a network "
        f"of {described}, the weight files hold {held:,} numbers in {len(weights.shapes):,} "
        "tensors."
    )


def end_tokens(
    folder: Path, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase
) -> list[int]:
    """Every token that ends a text: those of generation_config.json, else config.json, else the
    tokenizer.

    The files are read, not the objects made of them: where a file names no end token, the object
    has the default of its class, which may be any word of this model.
    """
    for name in ("generation_config.json", "config.json"):
        if (folder / name).is_file():
            raw = read_json(folder / name, folder.name)
            for part in (raw, raw.get("text_config"), raw.get("decoder")):
                if isinstance(part, dict) and part.get("eos_token_id") is not None:
                    return _ids(part["eos_token_id"])
    return _ids(tokenizer.eos_token_id) or _ids(getattr(config, "eos_token_id", None))


def _ids(value: Any) -> list[int]:
    values = value if isinstance(value, list) else [value]
    return [i for i in values if isinstance(i, int) and i >= 0]


def context_length(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """Tokens that the model can read: the configuration's limit, else the tokenizer's, else 4,096.

    Where a configuration has none, the architecture has none either (relative positions), and the
    tokenizer's limit is the length of the training texts.
    """
    limits = [getattr(config, name, None) for name in CONTEXT_NAMES]
    limits += [tokenizer.model_max_length]
    # Tokenizers that set no limit say 10^30.
    known = (n for n in limits if isinstance(n, int) and 0 < n < 10**9)
    return next(known, UNLIMITED_CONTEXT)


def decoder_start(net: Any, model_id: str) -> int:
    """The token with which an encoder-decoder's output begins; 0, unused, for the others."""
    if not net.config.is_encoder_decoder:
        return 0
    for name in ("decoder_start_token_id", "bos_token_id"):
        for owner in (net.generation_config, net.config):
            found = getattr(owner, name, None)
            if isinstance(found, int):
                return found
    raise ModelError(f"{model_id} does not say with which token its decoder begins.")
