"""What a person wants of a place in a run: another token there, to go on from it, or what if.

A wish comes from the browser as `{"act", "node" or "begun", …}` and is checked here. `node` is a
node of the run's tree (0: the end of what stands before it), `begun` the place of a token that the
run itself began with, from 0.

    take      the token `token` in the place of that one
    type      the token that reads `typed` in the place of that one
    continue  go on behind it
    anew      choose it anew, with what the form says
    branch    go on behind it with the parameter `param` = `chain`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from explorer.errors import InputError
from explorer.trace import Trace
from explorer.ui.token_texts import token_text, typed_token

ACTS = ("take", "type", "continue", "anew", "branch")
MOST_QUOTED = 40


@dataclass(frozen=True, slots=True)
class BranchPoint:
    """What a branch begins with: tokens behind the prompt, the last `forced` chosen by a person."""

    parent: str
    begun: tuple[int, ...]
    forced: int = 0


def branch_point(trace: Trace, wish: Mapping[str, Any]) -> BranchPoint:
    """Where the branch that somebody wishes begins.

    Raises:
        InputError: the run has no such place, or nothing can follow there.
    """
    act = wish.get("act")
    if act not in ACTS:
        raise InputError("This is nothing that can be done with a token.")
    before, through = _around(trace, wish)
    begun = through if act in ("continue", "branch") else before
    forced = 0
    if act in ("take", "type"):
        begun, forced = [*before, _token(trace, wish)], 1
    if _ends(trace).intersection(begun):
        raise InputError("That token ends the text: there is nothing to go on with behind it.")
    return BranchPoint(trace.run_id, tuple(begun), forced)


def as_before(trace: Trace, at: BranchPoint, **changed: Any) -> dict[str, Any]:
    """The keywords of a job that goes on from there as the run did; `changed` are parameters.

    It gets as many tokens as the run had left there, or where none were left, as many again.
    """
    header = trace.header
    most = int(header.limits.get("max_new_tokens") or 1)
    left = most + len(header.begun) - len(at.begun)
    return {
        "method": header.method,
        "prompt": header.prompt,
        "models": header.models,
        "params": header.params | changed,
        "seed": header.seed,
        "max_new_tokens": left if left > 0 else most,
        "chat": header.chat,
        **placed(at),
    }


def placed(at: BranchPoint) -> dict[str, Any]:
    """Where a job begins, as its keywords."""
    return {"parent": at.parent, "begun": at.begun, "forced": at.forced}


def check_fits(trace: Trace, at: BranchPoint, prompt: object, model: str) -> None:
    """Whether a branch can be made with what the form says.

    Raises:
        InputError: the prompt is another, or the model writes these tokens in another way.
    """
    if prompt != trace.header.prompt:
        raise InputError(
            "The place to go on from belongs to another prompt: put that back, or press “Begin "
            "anew” to go on from no place."
        )
    was = token_text(trace.header.models.get("target", ""))
    now = token_text(model)
    if any(was(token) != now(token) for token in at.begun):
        raise InputError(
            f"{model} has another tokenizer than the run to go on from: choose a model with the "
            "same, or press “Begin anew”."
        )


def quoted(trace: Trace, at: BranchPoint) -> str:
    """The end of what a branch begins with, for a person to read."""
    text = token_text(trace.header.models.get("target", ""))
    said = trace.header.prompt + "".join(map(text, at.begun))
    return said if len(said) <= MOST_QUOTED else "…" + said[-MOST_QUOTED:]


def _around(trace: Trace, wish: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """The continuation's tokens before the place, and with it."""
    begun, place, node = trace.header.begun, wish.get("begun"), wish.get("node")
    if isinstance(place, int) and 0 <= place < len(begun):
        return begun[:place], begun[: place + 1]
    fold = trace.fold()
    if not isinstance(node, int) or not 0 <= node < len(fold.nodes):
        raise InputError("The run has no such token: perhaps the page shows another run by now.")
    if node == 0 and wish.get("act") not in ("continue", "branch"):
        raise InputError("The prompt is not the run's own text: change it above.")
    if len(fold.tokens(node)) < fold.nodes[node].depth:
        raise InputError("A place on that path carries no token: the text cannot go on from it.")
    parent = max(fold.nodes[node].parent, 0)
    return [*begun, *fold.tokens(parent)], [*begun, *fold.tokens(node)]


def _token(trace: Trace, wish: Mapping[str, Any]) -> int:
    if wish["act"] == "type":
        typed = wish.get("typed")
        model = trace.header.models.get("target", "")
        return typed_token(model, typed if isinstance(typed, str) else "")
    token = wish.get("token")
    if not isinstance(token, int) or isinstance(token, bool) or token < 0:
        raise InputError("No token was named.")
    return token


def _ends(trace: Trace) -> set[int]:
    """The tokens that end a text of the run's target, as far as the run tells."""
    for event in trace.events:
        if event.kind == "view":
            ends = event.model.get("eos_ids", [])
            return {e for e in ends if isinstance(e, int)} if isinstance(ends, list) else set()
    return set()
