"""Is a recorded run lossless, as its method claims? The target is read again, alone.

At temperature 0, and of a method that is always greedy, the target writes the text once more, token
by token. For a drawn text the law that was used at each place is compared with the target's own
there. Of a method that claims nothing it is told how far from the target its text landed.
"""

from __future__ import annotations

from dataclasses import dataclass

from explorer.drafting import GREEDY
from explorer.errors import InputError
from explorer.law import Law
from explorer.randomness import Seeded
from explorer.registry import get_method
from explorer.run import Limits, Prompt, Run
from explorer.sampling import FilterChain, Temperature
from explorer.trace import Fold, Trace, ViewEvent
from explorer.view import LanguageModel

TOLERANCE = {"float32": 1e-3, "float64": 1e-6}  # nats; other types have fewer digits
TOLERANCE_16_BITS = 0.1
NEAR_TIE = 1e-4  # nats between two tokens that rounding may put in either order


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, in a sentence, and whether the claim held; None: the method has none."""

    holds: bool | None
    sentence: str


def recheck(trace: Trace, target: LanguageModel) -> Finding:
    """Compare a run with the target alone.

    Args:
        trace: a run that is over.
        target: the model that was the run's target.

    Raises:
        InputError: the run has no text, or is another model's.
    """
    method = get_method(trace.header.method)
    filters: FilterChain = getattr(method.parse(trace.header.params), "filters", ())
    fold = trace.fold()
    if not fold.text_at():
        raise InputError("The run has no text of its own, so there is nothing to verify.")
    _check_same(trace, target)
    if "greedy" in method.claims:
        return _same_text(trace, fold, target, GREEDY)
    if "lossless" not in method.claims:
        return _how_far(trace, fold, target, method.title)
    surely = any(isinstance(f, Temperature) and f.t == 0 for f in filters)
    if surely and all(f.chance is None for f in filters):
        return _same_text(trace, fold, target, filters)
    return _same_laws(trace, fold, target, filters)


def _check_same(trace: Trace, target: LanguageModel) -> None:
    """Refuses a model that has other weights than the run's, as far as the run tells."""
    told = next((e.model for e in trace.events if isinstance(e, ViewEvent)), {})
    was, now = (about.get("revision") for about in (told, target.describe()))
    if was and now and was != now:
        raise InputError(
            f"The run was made by {trace.header.models['target']} as it was at {was}; the one here "
            f"is at {now}, so there is nothing to compare it with."
        )
    ids = [*trace.header.prompt_ids, *trace.token_ids]
    if max(ids, default=0) >= target.vocab_size:
        raise InputError(
            f"The run has tokens that {target.model_id} does not know: it was another model's."
        )


def _alone(trace: Trace, target: LanguageModel, tokens: int) -> Run:
    header = trace.header
    begun = tuple(header.begun)
    prompt = Prompt(header.prompt, (*header.prompt_ids, *begun), begun)
    return Run({"target": target}, prompt, Seeded(header.seed), Limits(max_new_tokens=tokens))


def _same_text(trace: Trace, fold: Fold, target: LanguageModel, filters: FilterChain) -> Finding:
    """At temperature 0: the tokens that the target writes one by one."""
    text = [fold.nodes[node].token for node in fold.text_at()]
    run = _alone(trace, target, len(text))
    plain = get_method("sample")
    plain.decode(run, plain.parse({"filters": filters}))
    own = run.tree.tokens(run.head)
    if own == text:
        return Finding(True, f"The target alone writes the same {len(text)} tokens, one by one.")
    at = next((i for i, (a, b) in enumerate(zip(own, text, strict=False)) if a != b), len(own))
    if at >= min(len(own), len(text)):
        return Finding(
            False, f"The target alone writes {len(own)} tokens, the run has {len(text)}."
        )
    before = run.tree.path(run.head)[at - 1] if at else run.root
    (law,) = run.laws(filters[:-1], run.target([before]), [before])
    gap = float(law.logp[own[at]] - law.logp[text[at]])
    said = (
        f"At token {at + 1} the target alone writes {target.token_text(own[at])!r}, the run has "
        f"{target.token_text(text[at])!r}; the target puts {gap:.2g} nats between them"
    )
    if gap < NEAR_TIE:
        said += ", a near-tie that rounding decides"
    return Finding(False, f"{said}.")


def _how_far(trace: Trace, fold: Fold, target: LanguageModel, title: str) -> Finding:
    """How probable the target alone finds the text, beside its own greedy one of that length."""
    text = fold.tokens(fold.text_at()[-1])
    run = _alone(trace, target, len(text))
    places = [run.root, *run.tree.extend(run.root, text)[:-1]]
    laws = run.target(places).double().log_softmax(-1)
    own = laws.argmax(-1).tolist()
    mean = float(laws[range(len(text)), text].mean())
    greedy = _alone(trace, target, len(text))
    get_method("greedy").decode(greedy, get_method("greedy").params())
    best = greedy.tree.path(greedy.head)
    before = [greedy.tree.parent(node) for node in best]
    chosen = greedy.target(before).double().log_softmax(-1).amax(-1).mean()
    agreed = sum(a == b for a, b in zip(text, own, strict=True))
    return Finding(
        None,
        f"{title} does not claim to follow the target's law. The target alone gives its text "
        f"{_nats(mean)} nats a token, its own greedy text {_nats(float(chosen))}; {agreed} of "
        f"{len(text)} tokens are those that it finds most probable there.",
    )


def _nats(logp: float) -> str:
    return f"{logp:.3f}".replace("-", "−")


def _same_laws(trace: Trace, fold: Fold, target: LanguageModel, filters: FilterChain) -> Finding:
    """For a drawn text: at every place the recorded law against the target's own."""
    text = fold.text_at()
    run = _alone(trace, target, len(text))
    places = [run.root]
    for node in text[:-1]:
        token = fold.nodes[node].token
        assert token is not None
        places.append(run.add(places[-1], token))
    # A filter with a chance had coins of its own in the run: without them only what stood before
    # the filters can be compared.
    chain = filters if all(f.chance is None for f in filters) else ()
    laws = run.laws(chain, run.target(places), places)
    worst = 0.0
    compared = 0
    for node, law in zip(text, laws, strict=True):
        apart = _differences(fold, node, law, filtered=chain is filters)
        compared += bool(apart)
        worst = max([worst, *apart])
    dtype = str(target.describe().get("dtype", ""))
    holds = worst <= TOLERANCE.get(dtype, TOLERANCE_16_BITS) and compared > 0
    how = "is" if holds else "is not"
    return Finding(
        holds,
        f"At the {compared} of {len(text)} places whose law was recorded, it {how} the target's own"
        f"{' under the same filters' if chain is filters else ' before the filters'}: they differ "
        f"by {worst:.2g} at most. More cannot be told from one drawn text.",
    )


def _differences(fold: Fold, node: int, law: Law, filtered: bool) -> list[float]:
    """How far what was recorded above `node` is from the law: log-probabilities and judged p's."""
    story = fold.nodes[node]
    step = next(mark.step for mark in story.marks if mark.mark == "emitted")
    apart = []
    for choice in fold.choices.get(story.parent, ()):
        if choice.stream != "target" or choice.step != step:
            continue
        columns = [(choice.raw, law.raw)]
        if filtered and "residual" not in choice.removed_mass:
            columns.append((choice.final, law.logp))
        for told, own in columns:
            for token, x in zip(choice.tokens, told, strict=True):
                y = float(own[token])
                if x is not None and y > -1e4:
                    apart.append(abs(x - y))
    judged = [
        mark
        for child in fold.nodes[story.parent].children
        for mark in fold.nodes[child].marks
        if mark.step == step and mark.mark in ("accepted", "rejected")
    ]
    # Only the first guess of a node is judged by the law itself, later ones by what is left of it.
    first = min(judged, key=lambda mark: mark.ms, default=None)
    if filtered and first is not None and (p := first.numbers.get("p")) is not None:
        token = fold.nodes[first.node].token
        assert token is not None
        apart.append(abs(p - float(law.probs[token])))
    return apart
