"""What became of a node and why, in sentences with the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

from explorer.trace import MarkEvent
from visualizers.odds import odds
from visualizers.reading import Reading
from visualizers.sentences import reason
from visualizers.style import DEAD
from visualizers.words import number, probability

LITTLE = 0.001  # ratios below it are told as powers of e
MOST_NATS = 700.0  # more overflows


@dataclass(frozen=True, slots=True)
class Fate:
    """Class, step and sentence of the end of a node's life, or of how it stands."""

    cls: str
    step: int
    sentence: str


def fate(reading: Reading, node: int) -> Fate:
    """What became of a node, as far as the run is."""
    story = reading.fold.nodes[node]
    step, cls = reading.histories[node][-1]
    if node in reading.emitted_at:
        return Fate(cls, reading.emitted_at[node], _emitted(reading, node))
    decided = [m for m in story.marks if m.mark not in ("kept", "forced")]
    if decided and decided[-1] is story.marks[-1]:
        mark = decided[-1]
        return Fate(cls, mark.step, f"{told(reading, mark)}{_against_the_text(reading, node)}")
    if cls in DEAD:
        return Fate(cls, step, _left_without_heirs(reading, node, step))
    fallen = _fallen_above(reading, node)
    if fallen is not None:
        above = f"It fell with what it continued, {reading.quote(fallen.node)}."
        return Fate(cls, fallen.step, f"{above} {told(reading, fallen, 'That')}")
    last = story.marks[-1].step if story.marks else story.born
    return Fate(cls, last, _unfinished(reading, node, last))


def told(reading: Reading, mark: MarkEvent, who: str = "It") -> str:
    """A mark as a sentence about whom it is of."""
    step, at = mark.step + 1, mark.numbers
    match mark.mark:
        case "pruned":
            said = f"{who} was pruned at step {step}: {_why(mark)}."
            if at.get("margin") is not None:
                said += _last_that_went_on(reading, mark)
            return said
        case "accepted" | "rejected":
            return f"{who} was {mark.mark} at step {step}{_judged(mark)}."
        case "merged":
            other = "another hypothesis" if mark.into is None else reading.quote(mark.into)
            return f"{who} was merged with {other} at step {step}: {mark.why or 'they are one'}."
        case "finished":
            return f"{who} was finished at step {step} {_scored(mark)}."
        case "kept":
            numbers = f" ({reason(mark)})" if mark.why or at else ""
            return f"{who} was kept at step {step}{numbers}."
        case "forced":
            return f"{who} was chosen by a person at step {step}."
        case _:
            return f"{who} became text at step {step}."


def _why(mark: MarkEvent) -> str:
    margin = mark.numbers.get("margin")
    others = {n: x for n, x in mark.numbers.items() if n != "margin" and x is not None}
    rest = "".join(f", {name} {number(x)}" for name, x in others.items())
    if margin is None:
        return (mark.why or "no reason was recorded") + rest
    return f"{mark.why or 'it lost'} by {number(margin)} nats{rest}"


def _last_that_went_on(reading: Reading, mark: MarkEvent) -> str:
    scored = [
        (m.numbers["logp"], m)
        for m in reading.marked(mark.step, "kept")
        if m.numbers.get("logp") is not None
    ]
    if not scored:
        return ""
    logp, worst = min(scored, key=lambda pair: pair[0] or 0.0)
    return (
        f" Of the {len(scored)} that went on the last was {reading.quote(worst.node)} "
        f"with {number(logp)} nats."
    )


def _judged(mark: MarkEvent) -> str:
    at = mark.numbers
    p, q, u, ratio = (at.get(name) for name in ("p", "q", "u", "ratio"))
    said = ""
    if p is not None:
        said += f": the target gave it p {number(p)}"
        said += f", the draft q {number(q)}" if q is not None else ""
    if u is not None and ratio is not None:
        how = "below" if mark.mark == "accepted" else "not below"
        said += f"; the random number {number(u)} was {how} p/q, {number(ratio)}"
    if said:
        return said
    return f": {reason(mark)}" if mark.why or at else ""


def _scored(mark: MarkEvent) -> str:
    score = mark.numbers.get("score")
    return "without a score" if score is None else f"with score {number(score)}"


def _emitted(reading: Reading, node: int) -> str:
    said = [f"It became text at step {reading.emitted_at[node] + 1}"]
    law = reading.law(node)
    token = reading.fold.nodes[node].token
    judged = [m for m in reading.fold.nodes[node].marks if m.mark in ("accepted", "finished")]
    if judged:
        return f"{told(reading, judged[-1])} {said[0]}."
    if law is not None and token is not None and token in law.tokens:
        p = number(probability(law.final[law.tokens.index(token)]))
        how = "drawn with" if law.u is not None else "taken at"
        said.append(f"{how} probability {p}")
    return ", ".join(said) + "."


def _left_without_heirs(reading: Reading, node: int, step: int) -> str:
    """Nobody pruned it, but all that continued it: told by the last of those."""
    at = node
    while True:
        died = [c for c in reading.fold.nodes[at].children if reading.class_of(c) in DEAD]
        at = max(died, key=lambda c: (reading.histories[c][-1][0], c))
        last = next((m for m in reversed(reading.fold.nodes[at].marks) if m.mark in DEAD), None)
        if last is not None:
            break
    return (
        f"It was kept itself, but by step {step + 1} all that continued it had died, at last "
        f"{reading.quote(at)}. {told(reading, last, 'That one')}"
    )


def _fallen_above(reading: Reading, node: int) -> MarkEvent | None:
    """The mark by which the nearest fallen node above it fell."""
    at = reading.fold.nodes[node].parent
    while at > 0:
        marks = reading.fold.nodes[at].marks
        if reading.class_of(at) in DEAD and marks and marks[-1].mark in DEAD:
            return marks[-1]
        at = reading.fold.nodes[at].parent
    return None


def _unfinished(reading: Reading, node: int, last: int) -> str:
    story, done = reading.fold.nodes[node], reading.fold.done
    what = "It was guessed and never judged" if reading.is_guess(node) else "It was still open"
    if not story.marks:
        what = what if reading.is_guess(node) else "Nothing was ever decided about it"
    else:
        what += f" after step {last + 1}"
    if done is None:
        return f"{what}; the run goes on."
    return f"{what}, when the run ended at step {done.step + 1}.{_against_the_text(reading, node)}"


def _against_the_text(reading: Reading, node: int) -> str:
    at = odds(reading)[node]
    text = reading.fold.text_at()
    if at is None or not text:
        return ""
    return f" Its path was {share(at)} as probable as the text's of the same length."


def share(nats: float) -> str:
    """A ratio of probabilities in words: "0.31 times", "e^−12.3 times"."""
    ratio = exp(min(nats, MOST_NATS))
    return f"e^{number(nats)} times" if 0 < ratio < LITTLE else f"{number(ratio)} times"
