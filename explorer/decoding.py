"""From a request to a trace: the one way in which a method is run."""

from __future__ import annotations

import datetime
import importlib.metadata
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from explorer.errors import InputError, UnknownName, validation_sentence
from explorer.models.library import Library
from explorer.models.loading import compatible
from explorer.prompt import check_prompt, make_prompt
from explorer.randomness import Seeded
from explorer.registry import Method, Params, get_method
from explorer.run import Limits, Run
from explorer.settings import settings
from explorer.trace import AnyEvent, Header, Trace
from explorer.version import VERSION
from explorer.view import LanguageModel

DEFAULT_MODELS = {"target": "target", "draft": "draft", "amateur": "draft"}
LIMITS = ("max_new_tokens", "max_nodes", "max_seconds")
Models = Mapping[str, LanguageModel]


class Request(BaseModel):
    """What a person asks for: validated on its own, whoever sends it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    prompt: str
    models: dict[str, str] = Field(default_factory=dict, description="role -> model id")
    params: dict[str, Any] = Field(default_factory=dict)
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    max_new_tokens: Annotated[int, Field(ge=1)] = 64
    max_nodes: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    max_seconds: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    chat: bool = False
    parent: Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")] = ""
    begun: tuple[Annotated[int, Field(ge=0)], ...] = ()
    forced: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _forced_is_begun(self) -> Request:
        if self.forced > len(self.begun):
            raise ValueError(
                f"forced = {self.forced} is not allowed: {len(self.begun)} tokens are begun with"
            )
        return self

    @property
    def limits(self) -> Limits:
        return Limits(self.max_new_tokens, self.max_nodes, self.max_seconds)


def make_request(**values: Any) -> tuple[Request, Method, Params]:
    """A request with the method and the parameters it names, all of them checked.

    Raises:
        InputError: whatever is not allowed, in a sentence.
    """
    try:
        request = Request.model_validate(values)
    except ValidationError as error:
        raise InputError(validation_sentence(error, "run")) from None
    request = _within_settings(request)
    method = get_method(request.method)
    for role in request.models:
        if role not in method.roles:
            raise UnknownName(f"model of {method.id} in the role", role, method.roles)
    check_prompt(request.prompt)
    return request, method, method.parse(request.params)


def model_ids(request: Request, method: Method) -> dict[str, str]:
    """Role -> model id, the bundled ones where the request names none that is needed."""
    needed = {role: DEFAULT_MODELS[role] for role in method.models}
    return needed | {role: given for role, given in request.models.items() if role in method.roles}


def find_models(
    request: Request, method: Method, library: Library, loaded: Models | None = None
) -> dict[str, LanguageModel]:
    """The models of every role: those already `loaded`, the others from the library.

    Raises:
        InputError: a role has nobody.
        ModelError: one cannot be loaded, or its tokenizer differs from the target's.
    """
    ids = model_ids(request, method)
    for role, given in ids.items():
        if not given.strip():
            can = "needs one" if role in method.models else "takes one or none: leave the role out"
            raise InputError(f"models: the {role} has no name; {method.id} {can}.")
    models = {role: (loaded or {}).get(role) or library.get(ids[role]) for role in ids}
    for role, model in models.items():
        if role != "target":
            compatible(models["target"], model)
    return models


def new_header(request: Request, method: Method, params: Params) -> Header:
    """The header of a run that has not begun: without the prompt's tokens, models by request."""
    return Header(
        run_id=secrets.token_hex(8),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        method=method.id,
        method_version=method.version,
        params=params.model_dump(mode="json"),
        notes=[note.as_dict() for note in method.notes],
        models=model_ids(request, method),
        prompt=request.prompt,
        prompt_ids=[],
        chat=request.chat,
        seed=request.seed,
        limits={name: getattr(request, name) for name in LIMITS},
        versions=versions(),
        parent=request.parent,
        begun=list(request.begun),
        forced=request.forced,
        threads=torch.get_num_threads(),
    )


def run_request(
    request: Request,
    method: Method,
    params: Params,
    models: Models,
    *,
    header: Header | None = None,
    started: Callable[[Header], None] | None = None,
    listener: Callable[[AnyEvent], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
    record: bool = True,
) -> Trace:
    """Run a method and return its trace; `listener` hears of every event, a step's together.

    A `header` made before keeps its id and time; `started` is told of it once it is complete.
    With `record` off only the end is recorded: for measuring, and for the test that recording
    changes nothing. A failure is recorded as the end of the trace before it is raised.
    """
    prompt = make_prompt(
        models["target"], request.prompt, request.chat, request.begun, request.forced
    )
    header = (header or new_header(request, method, params)).model_copy(
        update={
            "models": {role: models[role].model_id for role in method.filled(models)},
            "prompt_ids": list(prompt.typed),
            "threads": torch.get_num_threads(),
        }
    )
    trace = Trace(header)
    if started:
        started(header)
    if listener:
        trace.listeners.append(listener)
    run = Run(
        models,
        prompt,
        Seeded(request.seed),
        request.limits,
        notes=method.notes,
        record=trace.append if record else None,
        stop=stop,
        law_bytes=settings().recorded_law_bytes,
    )
    ended = None
    try:
        method.decode(run, params)
    except BaseException:
        ended = "failed"
        raise
    finally:
        done = run.end(ended)
        if not record:
            trace.append(done)
    return trace


@cache
def default_library() -> Library:
    """The models that `decode` and the command line share."""
    if threads := settings().threads:
        torch.set_num_threads(threads)
    return Library()


def decode(
    model: str | LanguageModel,
    prompt: str,
    method: str = "greedy",
    *,
    draft: str | LanguageModel | None = None,
    amateur: str | LanguageModel | None = None,
    judge: str | LanguageModel | None = None,
    seed: int = 0,
    max_new_tokens: int = 64,
    chat: bool = False,
    begun: Sequence[int] = (),
    **params: Any,
) -> Trace:
    """Decode a prompt and return the trace of how the text came to be.

    >>> import explorer
    >>> trace = explorer.decode("target", "Once upon a time", method="beam_search", num_beams=4)

    Args:
        model: a bundled model's name, a local folder, a Hugging Face id, or a loaded model.
        prompt: the text to continue.
        method: a method's id, see `python -m explorer methods`.
        draft, amateur: the second model of methods that need one; bundled ones by default.
        judge: a model that says what texts are worth, for methods that can use one.
        begun: token ids of a continuation that is there already; the method goes on behind it.
        params: the method's own parameters.

    Raises:
        ExplorerError: a sentence that says what was wrong and what is allowed.
    """
    given = {"target": model, "draft": draft, "amateur": amateur, "judge": judge}
    chosen = get_method(method)
    request, chosen, parsed = make_request(
        method=method,
        prompt=prompt,
        models={
            role: m for role, m in given.items() if isinstance(m, str) and role in chosen.roles
        },
        params=params,
        seed=seed,
        max_new_tokens=max_new_tokens,
        chat=chat,
        begun=tuple(begun),
    )
    loaded = {role: m for role, m in given.items() if m is not None and not isinstance(m, str)}
    models = find_models(request, chosen, default_library(), loaded)
    return run_request(request, chosen, parsed, models)


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    return {**_installed(), "explorer": VERSION}


@cache
def _installed() -> dict[str, str]:
    """Looked up once: reading a package's description takes as long as a short text."""
    return {
        name: importlib.metadata.version(name) for name in ("torch", "transformers", "tokenizers")
    }


def _within_settings(request: Request) -> Request:
    """The request, if it asks for no more than the settings allow; its defaults give way."""
    least: dict[str, Any] = {}
    for name in LIMITS:
        asked, most = getattr(request, name), getattr(settings(), name)
        if asked <= most:
            continue
        if name in request.model_fields_set:
            raise InputError(f"{name} = {asked} is not allowed: at most {most}.")
        least[name] = most
    return request.model_copy(update=least)
