"""The loaded models of a process, the least used one making room for the next."""

from __future__ import annotations

import gc
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch

from explorer.errors import ModelError
from explorer.models.hardware import choose_device, choose_dtype, total_bytes
from explorer.models.loading import TOYS, bundled_folders, load_model
from explorer.models.table import TableLM
from explorer.models.weights import WeightFiles, read_json
from explorer.settings import settings
from explorer.view import LanguageModel

Key = tuple[str, str, str, str | None]
CARD, LONGEST_CARD = "README.md", 20_000


@dataclass(frozen=True, slots=True)
class Bundled:
    """A bundled model: its name, what it is for, and what is wrong with it ("" if nothing)."""

    name: str
    purpose: str
    problem: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory, the bytes of its weights and where they are."""

    model: LanguageModel
    bytes: int
    device: torch.device


class Library:
    """Holds models by (id, dtype, device, revision), up to a number of bytes on each device.

    Whoever asks for a model that is being loaded waits for it.
    """

    def __init__(
        self,
        limit_bytes: int | None = None,
        load: Callable[..., LanguageModel] = load_model,
    ) -> None:
        self._limit = settings().max_model_bytes if limit_bytes is None else limit_bytes
        self._load = load
        self._loaded: OrderedDict[Key, Loaded] = OrderedDict()  # the least used one first
        self._lock = threading.RLock()

    def get(
        self,
        model_id: str,
        *,
        device: str | None = None,
        dtype: str | None = None,
        revision: str | None = None,
    ) -> LanguageModel:
        """The model, loaded if it is not yet; device and dtype as set unless named.

        Raises:
            InputError, ModelError: as `load_model`.
        """
        place = choose_device(device or settings().device)
        number = choose_dtype(dtype or settings().dtype, place)
        number_name = str(number).removeprefix("torch.")
        key = (model_id, number_name, str(place), revision)
        with self._lock:
            if key not in self._loaded:
                model = self._load(
                    model_id,
                    device=str(place),
                    dtype=number_name,
                    revision=revision,
                    make_room=self._make_room,
                )
                self._loaded[key] = Loaded(model, weight_bytes(model), place)
            self._loaded.move_to_end(key)
            return self._loaded[key].model

    def loaded(self) -> list[str]:
        """Ids of the models in memory, the least used one first."""
        with self._lock:
            return [key[0] for key in self._loaded]

    def _make_room(self, needed: int, device: torch.device) -> None:
        """Let models go until `needed` more bytes are within the limit, or none is left there."""
        limit = total_bytes(device) // 2 if self._limit is None else self._limit
        here = [key for key, held in self._loaded.items() if held.device == device]
        held = sum(self._loaded[key].bytes for key in here)
        gone = False
        for key in here:
            if held + needed <= limit:
                break
            held -= self._loaded.pop(key).bytes
            gone = True
        if gone:
            gc.collect()
            if device.type == "cuda":
                torch.cuda.empty_cache()


def bundled() -> list[Bundled]:
    """The bundled models, damaged ones with a sentence that says so."""
    return [Bundled(name, _purpose(name), _problem(name)) for name in sorted(bundled_folders())]


def known_models() -> list[str]:
    """Names that can be loaded without a path or a network."""
    return [*sorted(bundled_folders()), *TOYS]


def _purpose(name: str) -> str:
    """The first sentence of the model's card, below its title."""
    try:
        card = (bundled_folders()[name] / CARD).read_text(encoding="utf-8")[:LONGEST_CARD]
    except (OSError, ValueError):
        return ""
    body = re.sub(r"\A---\n.*?\n---\n", "", card, flags=re.DOTALL)
    prose = (p for p in body.split("\n\n") if p.strip() and not p.lstrip().startswith("#"))
    paragraph = " ".join(next(prose, "").split())
    return re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0]


def _problem(name: str) -> str:
    """What can be told from the configuration and the headers of the weights."""
    folder = bundled_folders()[name]
    try:
        read_json(folder / "config.json", name)
        WeightFiles(folder, name)
    except ModelError as error:
        return str(error)
    return ""


def weight_bytes(model: LanguageModel) -> int:
    """Bytes of a model's parameters and buffers; none for a table."""
    if isinstance(model, TableLM) or not hasattr(model, "net"):
        return 0
    return sum(p.nbytes for p in (*model.net.parameters(), *model.net.buffers()))
