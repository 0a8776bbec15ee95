"""How a model's tokens read, without the model: the web process has tokenizers at most."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import SimpleNamespace

from tokenizers import Tokenizer

from explorer.errors import InputError, shown
from explorer.models.folder import read_tokenizer
from explorer.models.loading import TOYS, bundled_folders
from explorer.models.text import Text
from explorer.settings import settings
from explorer.ui.checks import HUB_ID

log = logging.getLogger(__name__)

TokenText = Callable[[int], str]
MOST_HELD = 16
MOST_PIECES = 6  # that a sentence lists


@dataclass(frozen=True)
class Writing:
    """How a model writes: how many tokens it has, what each reads, and a text as tokens."""

    size: int
    text: TokenText
    ids: Callable[[str], list[int]]

    @cached_property
    def tokens(self) -> dict[str, int]:
        """Text -> the lowest id that reads so."""
        return {self.text(token): token for token in reversed(range(self.size))}


def token_text(model_id: str) -> TokenText:
    """A function from a token's id to its text; ids in brackets where the model is not here."""
    writing = _writing(model_id)
    return writing.text if writing else bracketed


def typed_token(model_id: str, text: str) -> int:
    """The token of a model that reads exactly as a person typed it.

    Raises:
        InputError: there is none, or the tokenizer is not here.
    """
    if not text:
        raise InputError("Nothing was typed: a token has at least one character.")
    writing = _writing(model_id)
    if writing is None:
        raise InputError(
            f"Tokens of {shown(model_id)} cannot be typed, as its tokenizer is not here: "
            "take one of those that are listed."
        )
    if (token := writing.tokens.get(text)) is not None:
        return token
    try:
        pieces = [writing.text(piece) for piece in writing.ids(text)]
    except InputError as error:
        raise InputError(f"{shown(text)} is no token: {error}") from None
    written = ", ".join(f"“{piece}”" for piece in pieces[:MOST_PIECES])
    raise InputError(
        f"{shown(text)} is no single token of {shown(model_id)}; it takes {len(pieces)}: "
        f"{written}{', …' if len(pieces) > MOST_PIECES else ''}. Type one of them, and the next in "
        "the branch that comes."
    )


def _writing(model_id: str) -> Writing | None:
    """How a model writes, None where that is not known here.

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
def _of_folder(folder: Path) -> Writing | None:
    try:
        path = folder / "tokenizer.json"
        if not path.is_file():
            slow = read_tokenizer(folder, folder.name)
            return Writing(len(slow), Text(slow, ()).token_text, slow.encode)
        fast = Tokenizer.from_file(os.fspath(path))

        def ids(text: str) -> list[int]:
            found: list[int] = fast.encode(text, add_special_tokens=False).ids
            return found

        return Writing(fast.get_vocab_size(), Text(_as_transformers(fast), ()).token_text, ids)
    except Exception as error:  # tokenizers raises bare Exceptions
        log.warning("The tokenizer in %s cannot be read: %s", folder, error)
        return None


def _as_transformers(fast: Tokenizer) -> SimpleNamespace:
    """What `Text` asks of a tokenizer, without the seconds that importing transformers takes."""
    return SimpleNamespace(
        backend_tokenizer=fast,
        added_tokens_decoder=fast.get_added_tokens_decoder(),
        convert_ids_to_tokens=fast.id_to_token,
    )


@lru_cache(MOST_HELD)
def _of_table(model_id: str) -> Writing | None:
    """Toys are known in a trace by their table's name."""
    toys = {name: make() for name, make in TOYS.items()}
    found = toys | {toy.model_id: toy for toy in toys.values()}
    toy = found.get(model_id)
    return Writing(toy.vocab_size, toy.token_text, toy.encode) if toy else None


def bracketed(token: int) -> str:
    """How a token reads whose tokenizer is not here."""
    return f"⟨{token}⟩"
