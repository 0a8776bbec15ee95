"""The events a trace consists of: a small closed set.

Every event carries the step it happened in and the milliseconds since the run began. Everything
that stores, draws, compares or explains a run reads these and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, JsonValue

MarkKind = Literal[
    "kept", "pruned", "accepted", "rejected", "merged", "finished", "emitted", "forced"
]
Number = float | int | None
Value = JsonValue


@dataclass(slots=True, kw_only=True)
class ViewEvent:
    """A view was opened: which model reads the tree, behind which prompt.

    The last `begun` tokens of the prompt are a continuation that was taken over from another run,
    and of these a person chose the last `forced`.
    """

    step: int
    ms: float
    name: str
    model: dict[str, Value]
    prompt_ids: list[int]
    begun: int = 0
    forced: int = 0
    kind: Literal["view"] = "view"


@dataclass(slots=True, kw_only=True)
class NodeEvent:
    """A token entered the tree. `by` names who proposed it (a view, a table, a person).

    Where several tokens stand at one place there is none; `mixed` are they and `shares` how much of
    each went into what the model was given.
    """

    step: int
    ms: float
    id: int
    parent: int
    token: int | None
    by: str
    mixed: list[int] | None = None
    shares: list[float] | None = None
    kind: Literal["node"] = "node"


@dataclass(slots=True, kw_only=True)
class EvalEvent:
    """A view answered a question in one go.

    `rows` positions were computed (asked nodes, their missing ancestors, and on the first
    question the prompt); `cached` rows stood in the cache afterwards; `passes` forward passes
    were needed (0 if every answer was known). `entropies` are of the asked nodes' next-token
    laws, in nats. A view's first answer also tells its prompt's log-probabilities in nats,
    `prompt_logps`: one for each token behind the first, given those before it; and how many of its
    positions had to be computed, `prompt_rows`: none where all were taken over from a run before.
    """

    step: int
    ms: float
    view: str
    nodes: list[int]
    took_ms: float
    rows: int
    cached: int
    passes: int
    entropies: list[float]
    prompt_logps: list[Number] = field(default_factory=list)
    prompt_rows: int = 0
    kind: Literal["eval"] = "eval"


@dataclass(slots=True, kw_only=True)
class ChoiceEvent:
    """Tokens were chosen after `node`, out of the law of one stream (a view or a combination).

    The columns `tokens`, `raw`, `final`, `removed_by` describe the most probable candidates and
    the chosen ones (one in sampling, any number in a search): log-probabilities in nats before
    and after the filters (None: minus infinity), and the name of the filter or mask that removed
    the candidate (None: it stayed). `removed_mass` is what each filter of the chain took from the
    law it was given. `u` is the random number behind the draw, None where nothing was random.

    `entered` is the whole law as it came to the filters (`explorer.trace.laws` reads it), empty
    where it was not kept: a run has room for some, and where a method changed the law behind its
    filters it would tell nothing. These log-probabilities plus `offset` are the scores themselves.
    """

    step: int
    ms: float
    node: int
    stream: str
    tokens: list[int]
    raw: list[Number]
    final: list[Number]
    removed_by: list[str | None]
    removed_mass: dict[str, float]
    chosen: list[int]
    u: float | None = None
    entered: str = ""
    offset: float = 0.0
    kind: Literal["choice"] = "choice"


@dataclass(slots=True, kw_only=True)
class MarkEvent:
    """Something was decided about a node; `numbers` are what the decision rests on.

    A node that was merged goes on as another, `into`: whatever continues that one continues both.
    """

    step: int
    ms: float
    node: int
    mark: MarkKind
    why: str = ""
    numbers: dict[str, Number] = field(default_factory=dict)
    into: int | None = None
    kind: Literal["mark"] = "mark"


@dataclass(slots=True, kw_only=True)
class NoteEvent:
    """A named quantity that the method declared (see `registry.Note`)."""

    step: int
    ms: float
    name: str
    value: Value
    node: int | None = None
    kind: Literal["note"] = "note"


@dataclass(slots=True, kw_only=True)
class Output:
    """One text that came out, as the node it ends at. `token_ids` include an end token."""

    node: int
    token_ids: list[int]
    text: str
    score: float | None = None


@dataclass(slots=True, kw_only=True)
class DoneEvent:
    """The run ended; the first output is the answer."""

    step: int
    ms: float
    reason: str
    outputs: list[Output]
    totals: dict[str, float]
    kind: Literal["done"] = "done"


AnyEvent = ViewEvent | NodeEvent | EvalEvent | ChoiceEvent | MarkEvent | NoteEvent | DoneEvent
Event = Annotated[AnyEvent, Field(discriminator="kind")]

FINISH_REASONS = {
    "eos": "the model ended the text",
    "length": "the limit of new tokens was reached",
    "context": "the model's context is full",
    "complete": "the method was done",
    "stopped": "somebody pressed stop",
    "time": "the limit of seconds was reached",
    "nodes": "the limit of nodes was reached",
    "failed": "the run broke off",
}
