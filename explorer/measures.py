"""A run in numbers: what it cost, how probable its text is, how much it repeats itself.

Each measure is a formula of the trace alone. What a trace does not tell has no value: nothing is
estimated here. Written for comparisons, so that two runs are held against the same formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import fsum, inf, log
from typing import Literal

from explorer.ngrams import distinct_share, repeated_share
from explorer.trace import Fold, Header, Trace

Basis = Literal["measured", "counted", "model probability"]


class Story:
    """A run as the measures read it.

    `nodes` are those of the text it wrote itself; `tokens` are of the whole continuation, with
    what it began with where it branched from another run.
    """

    def __init__(self, trace: Trace, fold: Fold | None = None) -> None:
        self.header: Header = trace.header
        self.fold = fold or trace.fold()
        self.nodes = self.fold.text_at()
        own = (self.fold.nodes[node].token for node in self.nodes)
        self.tokens = [*self.header.begun, *(token for token in own if token is not None)]
        self.ms = max((event.ms for event in trace.events), default=0.0)


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of a run.

    `about` is its formula in words, `basis` what it rests on: a clock, a count of events, or what
    a model said. `of` gives None where the trace does not tell it.
    """

    name: str
    title: str
    unit: str
    about: str
    basis: Basis
    of: Callable[[Story], float | int | None]
    missing: str = "–"


def measured(trace: Trace, fold: Fold | None = None) -> dict[str, float | int | None]:
    """All measures of a run by name; None: not recorded, or too little text for it.

    Args:
        trace: a run, over or not; one that goes on is measured as far as it has come.
        fold: the fold of all its events, where there is one already.
    """
    story = Story(trace, fold)
    return {measure.name: measure.of(story) for measure in MEASURES}


def target_logps(story: Story) -> list[float | None]:
    """For each token of the continuation its log-probability in nats under the target's raw law.

    Raw is before filters, masks and residuals. It is known from a choice in which the target's
    own stream listed the token; or from the p an accepted guess was judged by, where no filter
    and no earlier rejection at that place had changed the target's law; of what the run began
    with from the reading of its prompt. None: not recorded.
    """
    begun = len(story.header.begun)
    read = story.fold.prompt_logps.get("target", [])
    before = [None if x is None else float(x) for x in read[len(read) - begun :]] if begun else []
    missing: list[float | None] = [None] * (begun - len(before))
    return [*missing, *before, *(_target_logp(story, node) for node in story.nodes)]


def _target_logp(story: Story, node: int) -> float | None:
    fold = story.fold
    told = fold.nodes[node]
    for choice in fold.choices.get(told.parent, ()):
        if choice.stream == "target" and told.token in choice.tokens:
            raw = choice.raw[choice.tokens.index(told.token)]
            return -inf if raw is None else float(raw)
    if story.header.params.get("filters"):
        return None
    for mark in told.marks:
        if mark.mark == "accepted":
            siblings = fold.nodes[told.parent].children
            changed = any(
                other.mark == "rejected" and other.step == mark.step
                for sibling in siblings
                for other in fold.nodes[sibling].marks
            )
            p = mark.numbers.get("p")
            return None if changed or p is None else log(p) if p > 0 else -inf
    return None


def _logp_per_token(story: Story) -> float | None:
    logps = target_logps(story)
    known = [logp for logp in logps if logp is not None]
    return fsum(known) / len(known) if known and len(known) == len(logps) else None


def _steps(story: Story) -> int:
    done = story.fold.done
    return int(done.totals.get("steps", story.fold.step + 1)) if done else story.fold.step + 1


def _target_passes(story: Story) -> int | None:
    """Of the view "target"; a method without one (a prompt of its own) has no such count."""
    if story.fold.views and "target" not in story.fold.views:
        return None
    return sum(event.passes for event in story.fold.evals if event.view == "target")


def _all_passes(story: Story) -> int:
    return sum(event.passes for event in story.fold.evals)


def _seconds(story: Story) -> float:
    done = story.fold.done
    return done.totals.get("seconds", story.ms / 1000) if done else story.ms / 1000


def _share(of: float | int | None, by: float | int | None) -> float | None:
    return of / by if of is not None and by else None


def _characters(story: Story) -> int | None:
    done = story.fold.done
    return len(done.outputs[0].text) if done and done.outputs else None


MEASURES: tuple[Measure, ...] = (
    Measure(
        "tokens", "Tokens", "tokens", "tokens that the run wrote, an end token included", "counted",
        lambda s: len(s.nodes),
    ),
    Measure(
        "characters", "Length", "characters",
        "characters of the whole continuation, once the run is over", "counted", _characters,
        "not yet",
    ),
    Measure("steps", "Steps", "steps", "rounds of the method's loop", "counted", _steps),
    Measure(
        "target_passes", "Passes of the target", "passes", "forward passes of the target, the "
        "one that read the prompt included", "counted", _target_passes,
    ),
    Measure(
        "passes", "Passes of all models", "passes", "forward passes of every view", "counted",
        _all_passes,
    ),
    Measure(
        "tokens_per_target_pass", "Tokens per target pass", "tokens",
        "tokens it wrote / passes of the target; the bonus token counts", "counted",
        lambda s: _share(len(s.nodes), _target_passes(s)),
    ),
    Measure(
        "seconds", "Time", "seconds", "from the run's beginning to its end, recording included; "
        "on one device two runs take turns", "measured", _seconds,
    ),
    Measure(
        "tokens_a_second", "Tokens a second", "tokens/s", "tokens it wrote / seconds",
        "measured", lambda s: _share(len(s.nodes), _seconds(s)),
    ),
    Measure(
        "logp_per_token", "Log-probability a token", "nats", "mean of ln p over the tokens of the "
        "continuation, p by the target's law before any filter", "model probability",
        _logp_per_token,
        "not recorded for every token",
    ),
    Measure(
        "distinct_1", "Distinct-1", "share", "different tokens / tokens", "counted",
        lambda s: distinct_share(s.tokens, 1), "too short",
    ),
    Measure(
        "distinct_2", "Distinct-2", "share", "different pairs of neighbours / pairs", "counted",
        lambda s: distinct_share(s.tokens, 2), "too short",
    ),
    Measure(
        "distinct_3", "Distinct-3", "share", "different triples / triples", "counted",
        lambda s: distinct_share(s.tokens, 3), "too short",
    ),
    Measure(
        "repeated_4grams", "Repeated 4-grams", "share", "runs of four tokens that occurred before "
        "in the text / all of them", "counted", lambda s: repeated_share(s.tokens, 4),
        "too short",
    ),
)  # fmt: skip
