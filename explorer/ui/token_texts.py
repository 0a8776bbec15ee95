"""How a model's tokens read, without the model: the web process has tokenizers at most."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

from tokenizers import Tokenizer

from explorer.models.folder import read_tokenizer
from explorer.models.loading import TOYS, bundled_folders
from explorer.models.text import Text
from explorer.settings import settings
from explorer.ui.checks import HUB_ID

log = logging.getLogger(__name__)

TokenText = Callable[[int], str]
MOST_HELD = 16


def token_text(model_id: str) -> TokenText:
    """A function from a token's id to its text; ids in brackets where the model is not here.

    Imported runs may name anything, so a folder of this machine is read only where the settings
    allow to use one, and nothing is ever fetched.
    """
    return _of_folder(folder) if (folder := _folder(model_id)) else _of_table(model_id)


def _folder(model_id: str) -> Path | None:
    bundled = bundled_folders()
    if model_id in bundled:
        return bundled[model_id]
    if settings().local_folders and Path(model_id).expanduser().is_dir():
        return Path(model_id).expanduser()
    if not HUB_ID.fullmatch(model_id) or ".." in model_id:
        return None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model_id, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        return None


@lru_cache(MOST_HELD)
def _of_folder(folder: Path) -> TokenText:
    try:
        path = folder / "tokenizer.json"
        if not path.is_file():
            return Text(read_tokenizer(folder, folder.name), ()).token_text
        fast = Tokenizer.from_file(os.fspath(path))
        return Text(_as_transformers(fast), ()).token_text
    except Exception as error:  # tokenizers raises bare Exceptions
        log.warning("The tokenizer in %s cannot be read: %s", folder, error)
        return _number


def _as_transformers(fast: Tokenizer) -> SimpleNamespace:
    """What `Text` asks of a tokenizer, without the seconds that importing transformers takes."""
    return SimpleNamespace(
        backend_tokenizer=fast,
        added_tokens_decoder=fast.get_added_tokens_decoder(),
        convert_ids_to_tokens=fast.id_to_token,
    )


def _of_table(model_id: str) -> TokenText:
    """Toys are known in a trace by their table's name."""
    toys = {name: make() for name, make in TOYS.items()}
    found = toys | {toy.model_id: toy for toy in toys.values()}
    return found[model_id].token_text if model_id in found else _number


def _number(token: int) -> str:
    return f"⟨{token}⟩"
