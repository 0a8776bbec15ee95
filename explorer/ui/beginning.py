"""With which values a method's controls begin: the defaults, a preset, or those of a run.

All three are values of the list of presets, so that the list says where they come from.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from explorer.errors import InputError
from explorer.registry import Method, get_method
from explorer.trace import Header

BETWEEN = "|"  # in a preset's value, so that equal names of two methods differ
OF_A_RUN = "as in the run"


@dataclass(frozen=True, slots=True)
class Beginning:
    """Values of some parameters, models of some roles, and what tells them from others.

    `about` is what to look at with a preset.
    """

    key: str
    params: dict[str, Any] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    about: str = ""


def beginning(method: Method, chosen: str | None) -> Beginning:
    """What was chosen in the list of presets, if it is this method's: it may still be another's.

    Anybody may send anything: what cannot be read counts as the defaults.
    """
    method_id, _, name = (chosen or "").partition(BETWEEN)
    if method_id != method.id:
        return Beginning(f"{method.id}{BETWEEN}")
    if preset := method.presets.get(name):
        return Beginning(f"{method.id}{BETWEEN}{name}", dict(preset.values), about=preset.about)
    try:
        asked = json.loads(name)
        models = {role: m for role, m in asked["models"].items() if isinstance(m, str)}
        return Beginning(f"{method.id}{BETWEEN}{name}", _values(method, asked["params"]), models)
    except (AttributeError, InputError, KeyError, TypeError, ValueError):
        return Beginning(f"{method.id}{BETWEEN}")


def of_run(header: Header) -> tuple[Method, str]:
    """A run's method, and the choice in the list of presets with which its controls begin.

    Raises:
        InputError: this program has no such method, or it takes these values no longer.
    """
    method = get_method(header.method)
    _values(method, header.params)
    # Asked for twice, the controls begin twice: what was changed meanwhile is set back.
    asked = {"params": header.params, "models": header.models, "at": time.monotonic()}
    return method, f"{method.id}{BETWEEN}{json.dumps(asked)}"


def _values(method: Method, params: dict[str, Any]) -> dict[str, Any]:
    parsed = method.parse(params)
    return {name: getattr(parsed, name) for name in method.params.model_fields}
