"""What a person typed, checked field by field, so that each sentence stands beside its control."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from explorer.errors import InputError, UnknownName, shown
from explorer.models.library import bundled, known_models
from explorer.prompt import check_prompt
from explorer.registry import get_method
from explorer.settings import settings
from explorer.worker import Job, make_job

HUB_ID = re.compile(r"[0-9A-Za-z][\w.-]{0,95}/[\w.-]{1,96}(@[\w.-]{1,96})?", re.ASCII)
COMMON = ("seed", "max_new_tokens", "chat")
MOST_SHOWN = 8


class FieldErrors(InputError):
    """What is wrong, by the name of the field: "prompt", "seed", "model-draft", "param-gamma"."""

    def __init__(self, found: Mapping[str, str]) -> None:
        self.found = dict(found)
        super().__init__(" ".join(dict.fromkeys(self.found.values())))


def checked_job(values: Mapping[str, Any]) -> Job:
    """A job out of a form's or a caller's values, the keywords of `make_job`.

    Raises:
        FieldErrors: every field that is not allowed, each with a sentence.
    """
    found: dict[str, str] = {}

    def attempt(field: str, check: Any, *args: Any) -> Any:
        try:
            return check(*args)
        except ValidationError as error:
            for detail in error.errors(include_url=False)[:MOST_SHOWN]:
                name = str(detail["loc"][0]) if detail["loc"] else field
                found[f"{field}{name}"] = _sentence(detail)
        except InputError as error:
            found[field] = str(error)
        return None

    method = attempt("method", get_method, values.get("method", ""))
    attempt("prompt", check_prompt, values.get("prompt") or "")
    for role, model_id in (values.get("models") or {}).items():
        attempt(f"model-{role}", check_model, model_id)
    if method is not None:
        params = dict(values.get("params") or {})
        for name in set(params) - set(method.params.model_fields):
            found[f"param-{name}"] = f"{method.title} has no parameter {shown(name)}."
        if not found.keys() & {f"param-{name}" for name in params}:
            attempt("param-", method.params.model_validate, params)
    if found:
        raise FieldErrors(found)
    try:
        return make_job(**values)
    except InputError as error:
        # Of the fields that all methods share; its sentence begins with the name of one.
        sentence = str(error).removeprefix("run: ")
        field = next((name for name in COMMON if sentence.startswith(name)), "run")
        raise FieldErrors({field: sentence}) from None


def check_model(model_id: object) -> None:
    """Which models a page may ask for: those that are here, and the hub's.

    A folder of the machine is for whoever sits at it, unless the settings say otherwise: a page
    may be open to everybody.

    Raises:
        InputError: the name is none of these.
    """
    if not isinstance(model_id, str) or not model_id.strip():
        raise InputError("The model's name is empty: pick one of the list or type a hub id.")
    if model_id in known_models():
        broken = {model.name: model.problem for model in bundled()}.get(model_id)
        if broken:
            raise InputError(broken)
        return
    is_folder = Path(model_id).expanduser().exists()
    if is_folder and settings().local_folders:
        return
    if is_folder or not HUB_ID.fullmatch(model_id) or ".." in model_id:
        if "/" in model_id or "\\" in model_id:
            raise InputError(
                f"{shown(model_id)} is not allowed: on this page a model is one of the list "
                "or an id of the Hugging Face hub such as 'openai-community/gpt2'."
            )
        raise UnknownName("model", model_id, known_models())


def blamed_field(sentence: str, models: Mapping[str, str]) -> str:
    """The field whose value made a run fail before it began, as far as its sentence tells."""
    if "chat template" in sentence:
        return "chat"
    if sentence.startswith(("The prompt", "The toy table")):
        return "prompt"
    named = (role for role, model in models.items() if model in sentence)
    return next((f"model-{role}" for role in named), "run")


def _sentence(detail: Any) -> str:
    """Pydantic's words for one field, whose name the page shows already."""
    if detail["type"] == "filter_chain":
        return str(detail["msg"])
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{shown(detail['input'])} is not allowed: {message[:1].lower()}{message[1:]}."
