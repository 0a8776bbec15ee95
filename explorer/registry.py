"""The registry of decoding methods: one decorator, and everything else follows from it.

The parameter form, the command line, the docs, the contract tests and the claims' oracles all
read what is declared here.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from explorer.errors import InputError, UnknownName, validation_sentence

if TYPE_CHECKING:
    from explorer.run import Run

Family = Literal["sampling", "repetition", "search", "contrast", "speculation"]
Claim = Literal["lossless", "greedy", "exact", "deterministic"]
# The first four draw numbers and texts as they are; the others read a record of their own.
DrawnAs = Literal[
    "line", "bars", "heatmap", "label", "constraints", "revisits", "scores", "votes", "utilities"
]  # fmt: skip

FAMILIES: dict[str, str] = {
    "sampling": "Choose one token at a time from the model's own law.",
    "repetition": "Weigh against each candidate what stands in the text already.",
    "search": "Follow several hypotheses and keep the best.",
    "contrast": "Combine two readings of the same text into one law.",
    "speculation": "Guess several tokens cheaply, check them in one pass.",
}
CLAIMS: dict[str, str] = {
    "lossless": "The output follows the target's own law under the same filters.",
    "greedy": "The text is the one that the target writes at temperature 0.",
    "exact": "The output follows exactly the law that the method's formula states.",
    "deterministic": "Nothing is random: every seed gives the same text.",
}


class Params(BaseModel):
    """Base of every method's parameters: frozen, and nothing undeclared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def param(
    default: Any, title: str, about: str, *, symbol: str = "", unit: str = "", **bounds: Any
) -> Any:
    """A declared parameter: title, description, the paper's symbol, unit and bounds."""
    extra: dict[str, JsonValue] = {"symbol": symbol, "unit": unit}
    return Field(default, title=title, description=about, json_schema_extra=extra, **bounds)


@dataclass(frozen=True, slots=True)
class Note:
    """A quantity that a method may note: what it is, its shape and unit, and who draws it."""

    name: str
    about: str
    shape: Literal["scalar", "vector", "matrix", "text", "record"] = "scalar"
    unit: str = ""
    drawn_as: DrawnAs = "line"

    def as_dict(self) -> dict[str, str]:
        return {
            "name": self.name,
            "about": self.about,
            "shape": self.shape,
            "unit": self.unit,
            "drawn_as": self.drawn_as,
        }


@dataclass(frozen=True, slots=True)
class Preset:
    """Values of some parameters, and a sentence that says what to look at with them."""

    values: Mapping[str, Any]
    about: str

    def as_dict(self) -> dict[str, Any]:
        return {"values": dict(self.values), "about": self.about}


def preset(about: str, **values: Any) -> Preset:
    """A preset of a method's parameters, and what to look at with it."""
    return Preset(values, about)


@dataclass(frozen=True, slots=True)
class Generate:
    """The call of `transformers`' `generate` that does what a method does.

    `options` are its arguments, `assistant` what is set in the second model's generation config.
    """

    options: Mapping[str, Any]
    assistant: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        filters: Mapping[str, Any] | None,
        assistant: Mapping[str, Any] | None = None,
        **own: Any,
    ) -> Generate | None:
        """The call with a chain's options and the method's `own`; None where the chain has none."""
        return None if filters is None else cls({**filters, **own}, assistant or {})


@dataclass(frozen=True, slots=True)
class Method:
    """A decoding method: its algorithm and all that is declared about it."""

    id: str
    title: str
    family: Family
    paper: str
    params: type[Params]
    decode: Callable[[Run, Any], None]
    models: tuple[str, ...] = ("target",)
    optional: tuple[str, ...] = ()
    claims: frozenset[Claim] = frozenset()
    notes: tuple[Note, ...] = ()
    version: int = 1
    presets: Mapping[str, Preset] = field(default_factory=dict)
    generate: Callable[[Any], Generate | None] = lambda params: None

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that a model may have: those it needs, and those it can do without."""
        return self.models + self.optional

    def filled(self, models: Container[str]) -> list[str]:
        """Those of its roles that stand among `models`, in their order."""
        return [role for role in self.roles if role in models]

    @property
    def page(self) -> str:
        """The method's page: its module's docstring."""
        return inspect.getdoc(sys.modules[self.decode.__module__]) or ""

    @property
    def idea(self) -> str:
        """One sentence: what the method does."""
        return self.page.split("\n\n", 1)[0].replace("\n", " ")

    def parse(self, values: Mapping[str, Any]) -> Params:
        """Validated parameters.

        Raises:
            InputError: a value that is not allowed; the sentence says what is.
        """
        for name in values:
            if name not in self.params.model_fields:
                raise UnknownName(f"parameter of {self.id} called", name, self.params.model_fields)
        try:
            return self.params.model_validate(dict(values))
        except ValidationError as error:
            raise InputError(validation_sentence(error, self.id)) from None

    def describe(self) -> dict[str, Any]:
        """Everything declared, as plain Python: for `methods --json`, docs and the API."""
        return {
            "id": self.id,
            "title": self.title,
            "family": self.family,
            "idea": self.idea,
            "paper": self.paper,
            "models": list(self.models),
            "optional": list(self.optional),
            "claims": sorted(self.claims),
            "notes": [note.as_dict() for note in self.notes],
            "version": self.version,
            "presets": {name: preset.as_dict() for name, preset in self.presets.items()},
            "params": self.params.model_json_schema(),
        }


_METHODS: dict[str, Method] = {}


def method(
    *,
    title: str,
    family: Family,
    paper: str,
    params: type[Params] = Params,
    models: tuple[str, ...] = ("target",),
    optional: tuple[str, ...] = (),
    claims: set[Claim] | frozenset[Claim] = frozenset(),
    notes: tuple[Note, ...] = (),
    version: int = 1,
    presets: Mapping[str, Preset] | None = None,
    generate: Callable[[Any], Generate | None] = lambda params: None,
) -> Callable[[Callable[[Run, Any], None]], Callable[[Run, Any], None]]:
    """Register the decorated function as a decoding method; its name is the method's id.

    `generate` says which call of `transformers` is equal for given parameters, if there is one.
    """

    def register(decode: Callable[[Run, Any], None]) -> Callable[[Run, Any], None]:
        _METHODS[decode.__name__] = Method(
            id=decode.__name__,
            title=title,
            family=family,
            paper=paper,
            params=params,
            decode=decode,
            models=models,
            optional=optional,
            claims=frozenset(claims),
            notes=notes,
            version=version,
            presets=presets or {},
            generate=generate,
        )
        return decode

    return register


@cache
def _discover() -> None:
    package = importlib.import_module("explorer.methods")
    for module in pkgutil.walk_packages(package.__path__, "explorer.methods."):
        importlib.import_module(module.name)


def all_methods() -> dict[str, Method]:
    """Every method by id, ordered by family and title."""
    _discover()
    order = list(FAMILIES)
    ranked = sorted(_METHODS.values(), key=lambda m: (order.index(m.family), m.title))
    return {m.id: m for m in ranked}


def get_method(method_id: str) -> Method:
    """The method of that id.

    Raises:
        UnknownName: there is none; the sentence lists those that exist.
    """
    methods = all_methods()
    if method_id not in methods:
        raise UnknownName("method", method_id, methods)
    return methods[method_id]
