"""What happened in a step, in one plain sentence."""

from __future__ import annotations

from collections.abc import Callable

from explorer.trace import FINISH_REASONS, MarkEvent
from visualizers.reading import Reading
from visualizers.words import number, plural, probability


def captions(reading: Reading, tell: Callable[[int], str]) -> list[str]:
    """The sentence of every step, "Step 12: …"; `tell` says what comes behind the colon.

    People count steps from one, traces from zero.
    """
    return [f"Step {step + 1}: {tell(step) or 'nothing to see here.'}" for step in reading.steps]


def tell_step(reading: Reading, step: int) -> str:
    """The sentence that fits what is there: a judged round, a search, or a single choice."""
    parts = [
        _judged(reading, step),
        _finished(reading, step),
        _pruned(reading, step),
        _merged(reading, step),
        _kept(reading, step),
        _emitted(reading, step),
        _done(reading, step),
    ]
    said = [part for part in parts if part]
    return "; ".join(said) + "." if said else "the run began." if step == 0 else ""


def reason(mark: MarkEvent) -> str:
    """Why, and the numbers behind it: "outranked, margin 0.42"."""
    numbers = [f"{name} {number(x)}" for name, x in mark.numbers.items() if x is not None]
    return ", ".join(part for part in (mark.why, *numbers) if part) or mark.mark


def _judged(reading: Reading, step: int) -> str:
    accepted = reading.marked(step, "accepted")
    rejected = reading.marked(step, "rejected")
    if not accepted and not rejected:
        return ""
    judged = plural(len(accepted) + len(rejected), "judged guess", "judged guesses")
    said = f"{len(accepted)} of {judged} accepted"
    if accepted:
        said += f" ({reading.quoted(m.node for m in accepted)})"
    if rejected:
        first = rejected[0]
        said += f", {reading.quoted([first.node])} rejected ({reason(first)})"
    added = [n for n in reading.born_at[step] if not reading.is_guess(n)]
    if added:
        said += f", and the target added {reading.quoted(added)}"
    return said


def _finished(reading: Reading, step: int) -> str:
    marks = reading.marked(step, "finished")
    if not marks:
        return ""
    best = max(marks, key=lambda m: m.numbers.get("score") or float("-inf"))
    score = f"with score {number(best.numbers.get('score'))}"
    if len(marks) == 1:
        return f"{reading.quote(best.node)} finished {score}"
    return f"{len(marks)} hypotheses finished, the best, {reading.quote(best.node)}, {score}"


def _pruned(reading: Reading, step: int) -> str:
    judged = reading.marked(step, "accepted", "rejected")
    marks = reading.marked(step, "pruned")
    if not marks or judged:  # what falls with a rejected guess has been told
        return ""
    if len(marks) == 1:
        which = reading.quote(marks[0].node)
        return f"the hypothesis ending in {which} was pruned: {_why(marks[0])}"
    margins = [m for m in marks if m.numbers.get("margin") is not None]
    said = f"{len(marks)} hypotheses were pruned"
    if margins:
        closest = min(margins, key=lambda m: m.numbers["margin"] or 0.0)
        said += f", the closest, {reading.quote(closest.node)}, {_why(closest)}"
    return said


def _why(mark: MarkEvent) -> str:
    margin = mark.numbers.get("margin")
    if margin is not None:
        return f"{mark.why or 'lost'} by {number(margin)} nats"
    return reason(mark)


def _merged(reading: Reading, step: int) -> str:
    marks = reading.marked(step, "merged")
    return f"{plural(len(marks), 'hypothesis', 'hypotheses')} merged" if marks else ""


def _kept(reading: Reading, step: int) -> str:
    marks = reading.marked(step, "kept")
    if not marks:
        return ""
    if len(marks) == 1:
        return f"one hypothesis goes on, {reading.quote(marks[0].node)}"
    return f"{len(marks)} hypotheses go on, the first ends in {reading.quote(marks[0].node)}"


def _emitted(reading: Reading, step: int) -> str:
    marks = reading.marked(step, "emitted")
    if not marks or reading.marked(step, "accepted", "rejected"):
        return ""
    if len(marks) > 1:
        return f"{len(marks)} tokens became the text, which ends in {reading.quote(marks[-1].node)}"
    node = marks[0].node
    said = f"{reading.quoted([node])} became text"
    law = reading.law(node)
    if law is None:
        return said
    token = reading.fold.nodes[node].token
    final = law.final[law.tokens.index(token)] if token in law.tokens else None
    how = "drawn with" if law.u is not None else "the best choice, at"
    return f"{said}, {how} probability {number(probability(final))}"


def _done(reading: Reading, step: int) -> str:
    done = reading.fold.done
    if done is None or done.step != step:
        return ""
    return f"the run ended: {FINISH_REASONS.get(done.reason, done.reason)}"
