"""From a model's name to a model that reads token trees.

A name is a toy, a bundled model, a local folder or an id of the Hugging Face hub. Code that comes
with a model is never run, and weights are read from safetensors files alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from explorer.errors import InputError, ModelError, UnknownName, shown
from explorer.models import hub
from explorer.models.folder import (
    context_length,
    decoder_start,
    end_tokens,
    quiet,
    read_kind,
    read_network,
    read_tokenizer,
)
from explorer.models.hardware import check_room, choose_device, choose_dtype
from explorer.models.table import TableLM
from explorer.models.weights import WeightFiles, first_line, read_json
from explorer.settings import settings
from explorer.view import LanguageModel

# transformers takes seconds to import, so it waits until a network is wanted.
if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from explorer.models.network import Network

TOYS: dict[str, Callable[[], TableLM]] = {
    "toy": TableLM,
    "toy-draft": lambda: TableLM(seed=1, like=(TableLM(), 0.5)),
}
HEAD = "head.json"  # of a folder with a head for another model's states, see heads.py
# How far one answer may depend on a later token: nothing but rounding.
ROUNDING = {torch.float32: 1e-3, torch.float64: 1e-6, torch.float16: 2e-2, torch.bfloat16: 5e-2}


def load_model(
    model_id: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    revision: str | None = None,
    make_room: Callable[[int, torch.device], None] = lambda needed, device: None,
) -> Network | TableLM:
    """A model, compared with sequential decoding and ready to be opened.

    Args:
        model_id: "toy", a bundled name, a local folder, or an id of the Hugging Face hub, with
            a revision behind it if one is wanted: owner/name@commit.
        device: "auto" (cuda, else mps, else cpu) or a device of torch.
        dtype: "auto" (float32 on the cpu, 16 bits elsewhere), "float32", "bfloat16", …
        revision: a branch, tag or commit of the hub; of a folder, the fingerprint that is wanted.
        make_room: told of the bytes that will be needed on the device before they are.

    Raises:
        InputError: the id, the device or the dtype is none (UnknownName: no model of that name).
        ModelError: the model cannot be fetched or read, is damaged, or does not fit.
    """
    if not isinstance(model_id, str) or not model_id.strip():
        raise InputError("The model id is empty: a bundled name, a local folder or a hub id.")
    if model_id in TOYS:
        toy = TOYS[model_id]()
        toy.model_id = model_id
        return toy
    model_id, revision = _at_revision(model_id, revision)
    place = choose_device(device)
    number = choose_dtype(dtype, place)

    def afford(needed: int) -> None:
        make_room(needed, place)
        check_room(model_id, needed, place)

    folder, commit = _find(model_id, revision, number, afford)
    kind = read_kind(folder, model_id)
    weights = WeightFiles(folder, model_id)
    if commit is None and revision is not None and revision != weights.fingerprint:
        raise ModelError(
            f"{model_id} holds {weights.fingerprint}, not {shown(revision)}: its files are others."
        )
    tokenizer = read_tokenizer(folder, model_id)
    afford(weights.bytes_as(number))
    net = read_network(weights, kind, number, place)
    ends = end_tokens(folder, net.config.get_text_config(decoder=True), tokenizer)
    network = _network(net, tokenizer, ends, model_id, commit or weights.fingerprint)
    _examine(network)
    return network


def compatible(target: LanguageModel, draft: LanguageModel) -> None:
    """Refuse two models that do not speak of the same tokens.

    Raises:
        ModelError: their vocabularies or ids differ; names both models.
    """
    if target is draft:
        return
    mine, other = _vocabulary(target), _vocabulary(draft)
    pair = f"{target.model_id} and {draft.model_id}"
    if mine != other:
        differing = sum(1 for piece, i in mine.items() if other.get(piece) != i)
        differing += sum(1 for piece in other if piece not in mine)
        raise ModelError(
            f"{pair} have different tokenizers ({len(mine):,} and {len(other):,} tokens, "
            f"{differing:,} of them in one alone or under another id): choose two models of one "
            "family."
        )
    if target.vocab_size != draft.vocab_size:
        raise ModelError(
            f"{pair} share a tokenizer but give logits for {target.vocab_size:,} and "
            f"{draft.vocab_size:,} tokens, which cannot be compared one by one."
        )


def bundled_folders() -> dict[str, Path]:
    """The bundled models: name -> folder."""
    models = settings().models_folder
    try:
        folders = sorted(path for path in models.iterdir() if path.is_dir())
        return {
            path.name: path
            for path in folders
            if not path.name.startswith(".") and not (path / HEAD).is_file()
        }
    except OSError:
        return {}


# Where it is ----------------------------------------------------------------------------------


def _find(
    model_id: str, revision: str | None, dtype: torch.dtype, afford: Callable[[int], None]
) -> tuple[Path, str | None]:
    """The model's folder, and its commit if it came from the hub."""
    bundled = bundled_folders()
    if model_id in bundled:
        return bundled[model_id], None
    path = _as_path(model_id)
    if path is not None and path.is_dir():
        return path, None
    if path is not None and path.is_file():
        raise ModelError(f"{shown(model_id)} is a file: name the folder that holds the model.")
    if model_id.startswith((".", "/", "~")) or model_id.count("/") > 1 or "\\" in model_id:
        raise ModelError(f"There is no folder {shown(model_id)}.")

    def look(folder: Path, stored_bytes: int | None) -> None:
        """Refuses before the download what would be refused after it."""
        read_kind(folder, model_id)
        if stored_bytes is not None:
            afford(stored_bytes * dtype.itemsize // _stored_itemsize(folder, model_id))

    try:
        return hub.fetch(model_id, revision, look)
    except (hub.NotOnHub, hub.HubUnreachable) as error:
        if "/" in model_id:
            raise
        # A bare word is more likely a bundled model's name, mistyped, than one of the hub's.
        unknown = UnknownName("model", model_id, [*bundled, *TOYS])
        if isinstance(error, hub.NotOnHub):
            raise unknown from None
        raise hub.HubUnreachable(f"{unknown} {error}") from None


def _at_revision(model_id: str, revision: str | None) -> tuple[str, str | None]:
    """The id without the revision that is written behind it."""
    name, at, written = model_id.rpartition("@")
    wanted = revision is None and at and written and hub.HUB_ID.fullmatch(name)
    if not wanted or _as_path(model_id) is not None:  # a folder may be called so, too
        return model_id, revision
    return name, written


def _as_path(model_id: str) -> Path | None:
    """The id as a path, None where no path can be written so."""
    try:
        path = Path(model_id).expanduser()
        os.stat(path)
    except (OSError, ValueError, RuntimeError):
        return None
    return path


def _stored_itemsize(folder: Path, model_id: str) -> int:
    """Bytes a weight in the files, as far as the configuration tells."""
    config = read_json(folder / "config.json", model_id)
    named = config.get("dtype") or config.get("torch_dtype") or "float32"
    dtype = getattr(torch, str(named), None)
    return dtype.itemsize if isinstance(dtype, torch.dtype) else 4


def _network(
    net: Any,
    tokenizer: PreTrainedTokenizerBase,
    ends: list[int],
    model_id: str,
    revision: str,
) -> Network:
    from explorer.models.network import Network
    from explorer.models.text import Text

    rows = net.get_input_embeddings().weight.shape[0]
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if not 0 <= largest < rows:
        raise ModelError(
            f"The tokenizer of {model_id} has token ids up to {largest:,}, its embedding "
            f"{rows:,} rows: they do not belong together."
        )
    text = Text(
        tokenizer,
        ends,
        decoder_start=decoder_start(net, model_id),
        encoder_decoder=net.config.is_encoder_decoder,
    )
    network = Network(net, text, model_id, revision)
    network.context_length = context_length(network.anatomy.config, tokenizer)
    return network


# Whether it works -----------------------------------------------------------------------------


@quiet()
def _examine(network: Network) -> None:
    """One small pass for what no file tells, then the probe that chooses how trees are read.

    Raises:
        ModelError: the network cannot compute, answers with NaN, or looks at later tokens.
    """
    from explorer.models.probe import probe

    try:
        logits = _two_texts(network)
        network.vocab_size = logits.shape[-1]
        if logits.isnan().any():
            raise ModelError(
                f"{network.model_id} answers with numbers that are none (NaN): its weights are "
                f"damaged, or too large for {str(network.dtype).removeprefix('torch.')}."
            )
        apart = (logits[0, :-1] - logits[1, :-1]).abs().max()
        if apart > ROUNDING[network.dtype] * max(1.0, float(logits.std())):
            raise ModelError(
                f"{network.model_id} looks at later words too, so it cannot write a text from "
                "left to right."
            )
        probe(network)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"{network.model_id} was loaded but cannot compute ({first_line(error)})."
        ) from error


@torch.no_grad()
def _two_texts(network: Network) -> torch.Tensor:
    """Logits `(2, n, V)` of two short texts that differ in the last token."""
    length = max(2, min(8, network.context_length))
    ids = torch.arange(length)[None].repeat(2, 1) % network.vocab_size
    ids[1, -1] = (ids[1, -1] + 1) % network.vocab_size
    ids = ids.to(network.device)
    given = {"input_ids": ids}
    if network.encoder_decoder:
        given = {"input_ids": ids[:1].repeat(2, 1), "decoder_input_ids": ids}
    logits: torch.Tensor = network.net(**given).logits
    return logits.float()


# Helpers --------------------------------------------------------------------------------------


def _vocabulary(model: LanguageModel) -> dict[str, int]:
    text = getattr(model, "text", None)
    if text is None:  # a table
        return {model.token_text(i): i for i in range(model.vocab_size)}
    vocabulary: dict[str, int] = text.tokenizer.get_vocab()
    return vocabulary
