"""How a run is made again: from Python, from the command line, and with `transformers` alone.

A trace may come from anybody, and what is made of it here is meant to be run. So nothing of it
stands in a program as it is: texts are written as literals or quoted for the shell, names are
compared with those that exist, and what is told in comments is one printable line.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from explorer.errors import InputError
from explorer.models.loading import bundled_folders
from explorer.registry import Generate, Method, Params, get_method
from explorer.sampling import chain_text
from explorer.settings import DtypeName
from explorer.trace import FINISH_REASONS, Trace
from explorer.trace.events import ViewEvent

COMMIT = re.compile("[0-9a-f]{40}")
CUT_SHORT = ("stopped", "time", "nodes", "failed")
SAME_TOKENS = "It gives the same tokens, but for near-ties, which rounding may turn either way."
SAME_MACHINE = (
    "It gives the same tokens, with the same versions on the same kind of machine; in 16 bits, or "
    "with another number of threads, near-ties may fall either way."
)
SAME_LAW = (
    "The text follows the same law, but other random numbers are drawn: the tokens are others."
)


def recipes(trace: Trace) -> list[dict[str, str]]:
    """What reproduces a run: {"title", "code", "promise"} of each way.

    Where a way is closed there is no code, and the promise says why.
    """
    try:
        method = get_method(trace.header.method)
        params = method.parse(trace.header.params)
        for role in method.models:
            if role not in trace.header.models:
                raise InputError(f"it does not say which model was its {role}.")
    except InputError as error:
        return [{"title": "Python", "code": "", "promise": f"It cannot be run here: {error}"}]
    promise = " ".join([*_warnings(trace, method), SAME_MACHINE])
    return [
        {"title": "Python", "code": python_code(trace, method, params), "promise": promise},
        {"title": "Command line", "code": command(trace, method, params), "promise": promise},
        {"title": "transformers", **_transformers(trace, method, params)},
    ]


def _warnings(trace: Trace, method: Method) -> Iterator[str]:
    header, done = trace.header, trace.done
    if header.method_version != method.version:
        yield (
            f"The method has changed since: this was its version {header.method_version}, now it "
            f"is {method.version}."
        )
    if done is None or done.reason in CUT_SHORT:
        reason = FINISH_REASONS[done.reason if done else "failed"]
        yield f"This run ended early, because {reason}; made again, it goes on to its end."


# Python ------------------------------------------------------------------------------------------


def python_code(trace: Trace, method: Method, params: Params) -> str:
    """A call of `explorer.decode` that gives the run's tokens."""
    header = trace.header
    models = {role: _with_revision(trace, role) for role in method.filled(header.models)}
    arguments = [repr(models.pop("target")), repr(header.prompt), f"method={method.id!r}"]
    arguments += [f"{role}={name!r}" for role, name in models.items()]
    arguments += [f"{name}={value!r}" for name, value in _changed(method, params).items()]
    arguments += [f"{name}={value!r}" for name, value in _asked(trace).items()]
    call = "".join(f"    {argument},\n" for argument in arguments)
    comments = "".join(f"# {line}\n" for line in _origin(trace, method))
    return f"{comments}import explorer\n\ntrace = explorer.decode(\n{call})\nprint(trace.text)\n"


def _asked(trace: Trace) -> dict[str, Any]:
    """What every method has, where it is not as usual; seed and length always."""
    header = trace.header
    asked: dict[str, Any] = {"seed": header.seed}
    asked["max_new_tokens"] = int(header.limits["max_new_tokens"] or 0)
    if header.chat:
        asked["chat"] = True
    if header.begun:
        asked["begun"] = list(header.begun)
    return asked


def _changed(method: Method, params: Params) -> dict[str, Any]:
    """The parameters that are not at their default, as a person would write them."""
    usual = method.parse({})
    values = params.model_dump(mode="json")
    found = {}
    for name in method.params.model_fields:
        if getattr(params, name) == getattr(usual, name):
            continue
        about = method.params.model_fields[name].json_schema_extra
        chain = isinstance(about, dict) and about.get("unit") == "chain"
        found[name] = chain_text(getattr(params, name)) if chain else values[name]
    return found


# Command line ------------------------------------------------------------------------------------


def command(trace: Trace, method: Method, params: Params) -> str:
    """A line for a shell that gives the run's tokens."""
    header, asked = trace.header, _asked(trace)
    flags = [("prompt", header.prompt)]
    for role in method.filled(header.models):
        flags.append(("model" if role == "target" else role, _with_revision(trace, role)))
    for name, value in _changed(method, params).items():
        flags.append((name.replace("_", "-"), _typed(value)))
    flags += [("seed", str(asked["seed"])), ("max-new-tokens", str(asked["max_new_tokens"]))]
    if header.begun:
        flags.append(("begun", ",".join(map(str, header.begun))))
    words = [f"python -m explorer run {method.id}"]
    words += [_flag(name, value) for name, value in flags]
    if header.chat:
        words.append("--chat")
    return " \\\n  ".join(words)


def _flag(name: str, value: str) -> str:
    if value.startswith("-"):  # else it would be read as a flag itself
        return shlex.quote(f"--{name}={value}")
    return f"--{name} {shlex.quote(value)}"


def _typed(value: Any) -> str:
    """A parameter's value so that the command line reads it as it is: JSON, unless plain text."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, ensure_ascii=False)


# transformers ------------------------------------------------------------------------------------


def _transformers(trace: Trace, method: Method, params: Params) -> dict[str, str]:
    """The script for `transformers`, or why there is none."""
    call = method.generate(params)
    if call is None:
        return {"code": "", "promise": "transformers has no call that does the same."}
    for role in method.models:
        kind = str(_model(trace, role).get("class", ""))
        if "ConditionalGeneration" in kind or kind in ("", "TableLM") or not _dtype(trace, role):
            return {"code": "", "promise": "There is no script for models of this kind."}
    # A generation that was cut short has fewer tokens; the script goes on, as the others do.
    promise = SAME_LAW if call.options.get("do_sample") else SAME_TOKENS
    told = " ".join([*_warnings(trace, method), promise])
    return {"code": transformers_code(trace, method, call), "promise": told}


def transformers_code(trace: Trace, method: Method, call: Generate) -> str:
    """A script that needs `transformers` and the model's files alone."""
    header = trace.header
    lines = [f"# {line}" for line in _origin(trace, method)]
    names = "AutoModelForCausalLM, AutoTokenizer, GenerationConfig"
    lines += ["import torch", f"from transformers import {names}", ""]
    lines += _loaded(trace, "target", "model")
    lines += [f"tokenizer = AutoTokenizer.from_pretrained({_source(trace, 'target')})"]
    arguments = {"max_new_tokens": int(header.limits["max_new_tokens"] or 0), **call.options}
    if call.assistant:
        lines += _loaded(trace, "draft", "assistant")
        lines += [f"assistant.generation_config.{k} = {v!r}" for k, v in call.assistant.items()]
    lines += _prompt(trace)
    if call.options["do_sample"]:
        lines.append(f"torch.manual_seed({header.seed})")
    lines += ["output = model.generate(", "    ids,", "    attention_mask=torch.ones_like(ids),"]
    lines += ["    assistant_model=assistant,"] if call.assistant else []
    lines += [f"    {name}={value!r}," for name, value in arguments.items()]
    lines += [")", "print(tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True))"]
    return "\n".join(lines) + "\n"


def _loaded(trace: Trace, role: str, name: str) -> list[str]:
    """Lines that load a model, and take from it nothing but which tokens end a text."""
    source = _source(trace, role)
    return [
        f"{name} = AutoModelForCausalLM.from_pretrained({source}, dtype={_dtype(trace, role)})",
        f"{name}.generation_config = GenerationConfig(",
        f"    eos_token_id={name}.generation_config.eos_token_id, pad_token_id=0",
        ")",
    ]


def _prompt(trace: Trace) -> list[str]:
    header = trace.header
    if header.chat:
        message = [{"role": "user", "content": header.prompt}]
        lines = [
            "text = tokenizer.apply_chat_template(",
            f"    {message!r}, add_generation_prompt=True, tokenize=False",
            ")",
            "ids = tokenizer(text, add_special_tokens=False, return_tensors='pt').input_ids",
        ]
    else:
        lines = [f"ids = tokenizer({header.prompt!r}, return_tensors='pt').input_ids"]
    if header.begun:
        lines.append(f"begun = torch.tensor([{list(header.begun)}])  # what the run began with")
        lines.append("ids = torch.cat([ids, begun], dim=1)")
    return lines


def _source(trace: Trace, role: str) -> str:
    """The first arguments of `from_pretrained`."""
    name = trace.header.models[role]
    if name in bundled_folders():
        return repr(f"assets/models/{name}")
    revision = _revision(trace, role)
    return f"{name!r}, revision={revision!r}" if revision else repr(name)


# What a run was made with ------------------------------------------------------------------------


def _origin(trace: Trace, method: Method) -> Iterator[str]:
    """Lines that say with what the run was made."""
    header = trace.header
    yield _line(", ".join(f"{name} {version}" for name, version in header.versions.items()))
    for role in method.filled(header.models):
        about = _model(trace, role)
        if about.get("class") != "TableLM":
            place = f"{about.get('dtype', '?')} on {about.get('device', '?')}"
            revision = about.get("revision", "unknown")
            yield _line(f"{role}: {header.models[role]}, revision {revision}, {place}")
    yield f"{header.threads} {'thread' if header.threads == 1 else 'threads'}"


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _dtype(trace: Trace, role: str) -> str:
    """The number format as torch names it; empty for one that it has not."""
    name = str(_model(trace, role).get("dtype"))
    return f"torch.{name}" if name in get_args(DtypeName) else ""


def _model(trace: Trace, role: str) -> Mapping[str, Any]:
    """What the run's views said about a role's model; empty where none was opened."""
    name = trace.header.models[role]
    views = (event.model for event in trace.events if isinstance(event, ViewEvent))
    return next((model for model in views if model.get("id") == name), {})


def _revision(trace: Trace, role: str) -> str:
    """The commit of a model of the hub; of others their folder says what they are."""
    revision = str(_model(trace, role).get("revision", ""))
    return revision if COMMIT.fullmatch(revision) else ""


def _with_revision(trace: Trace, role: str) -> str:
    revision = _revision(trace, role)
    return trace.header.models[role] + (f"@{revision}" if revision else "")
