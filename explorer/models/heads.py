"""Heads: one number from a model's state, trained with the model itself frozen.

A head is a linear map f(h) = w·h + b on the state after the last norm (`view.hidden(nodes, L)` with
L the number of blocks), and a folder of `head.json`, `head.safetensors` and a card.

- A reward head scores a finished text: the mean of f over the text's tokens, the prompt's left out.
  Of two texts the one with the higher score is preferred, with probability σ(difference).
- A prefix scorer tells the final reward to expect behind a prefix, σ(f(h)) in [0, 1].

A head fits the very weights it was trained on; others are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from explorer.errors import ModelError, UnknownName, validation_sentence
from explorer.models.loading import HEAD as ABOUT
from explorer.models.weights import first_line, read_json
from explorer.settings import settings
from explorer.view import LanguageModel

WEIGHTS = "head.safetensors"
Kind = Literal["reward", "prefix"]


class About(BaseModel):
    """What `head.json` says: the kind, and the model whose states are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    model: str
    revision: str  # the fingerprint of the model's files
    layer: int  # of `view.hidden`


@dataclass(frozen=True)
class Head:
    """A head in memory: `weight` (d,), `bias` ()."""

    name: str
    about: About
    weight: Tensor
    bias: Tensor

    def __call__(self, states: Tensor) -> Tensor:
        """f of states `(..., d)`: `(...)`, in float32."""
        return states.float() @ self.weight + self.bias

    def score(self, states: Tensor) -> Tensor:
        """The score of each text from the states `(..., n, d)` at its n tokens: `(...)`."""
        return self(states).mean(-1)

    def value(self, states: Tensor) -> Tensor:
        """The reward to expect behind each state `(..., d)`, in [0, 1]: `(...)`."""
        return self(states).sigmoid()


def head_folders() -> dict[str, Path]:
    """The bundled heads: name -> folder."""
    return {path.parent.name: path.parent for path in settings().models_folder.glob(f"*/{ABOUT}")}


def load_head(name: str, model: LanguageModel) -> Head:
    """A bundled head, for the model whose states it will read.

    Raises:
        UnknownName: there is no head of that name.
        ModelError: its files are missing or damaged, or it belongs to another model.
    """
    folders = head_folders()
    if name not in folders:
        raise UnknownName("head", name, folders)
    return read_head(folders[name], model)


def read_head(folder: Path, model: LanguageModel) -> Head:
    """A head from its folder; see `load_head`."""
    name = folder.name
    try:
        about = About.model_validate(read_json(folder / ABOUT, name))
    except ValidationError as error:
        raise ModelError(f"{name} is damaged: {validation_sentence(error, ABOUT)}") from None
    revision = model.describe().get("revision", "without a revision")
    if revision != about.revision:
        raise ModelError(
            f"{name} was trained on the states of {about.model} at {about.revision}, but "
            f"{model.model_id} is {revision}: a head fits no other weights."
        )
    path = folder / WEIGHTS
    if not path.is_file():
        raise ModelError(f"{name} is incomplete: {WEIGHTS} is missing.")
    try:
        with safe_open(path, framework="pt") as file:
            weight, bias = (file.get_tensor(part).float() for part in ("weight", "bias"))
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"{name} is damaged: {WEIGHTS} cannot be read ({first_line(error)})."
        ) from None
    if weight.ndim != 1 or bias.ndim != 0 or not (weight.isfinite().all() and bias.isfinite()):
        raise ModelError(
            f"{name} is damaged: {WEIGHTS} holds no vector and number, all of them finite."
        )
    device = getattr(model, "device", "cpu")
    return Head(name, about, weight.to(device), bias.to(device))


def write_head(folder: Path, head: Head) -> None:
    """The files of a head, but for its card."""
    folder.mkdir(parents=True, exist_ok=True)
    text = head.about.model_dump_json(indent=2)
    (folder / ABOUT).write_text(text + "\n", encoding="utf-8")
    # Copies, because safetensors takes no views.
    tensors = {"weight": head.weight.float().clone(), "bias": head.bias.float().clone()}
    save_file(tensors, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)
