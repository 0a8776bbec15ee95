"""Branch on the first token, go on greedily, and trust the branch that is sure of its answer.

## What it does
The k most probable first tokens each begin a text that is continued greedily. In each text the
answer is found, and its confidence Δ measured: the mean, over the answer's tokens, of the most
probable token's probability minus the second's. The text with the largest Δ comes out; with voting
on, the Δ's of equal answers are added up first. The answer can also be asked for: the marker is put
behind each text, and what follows is read.

## When to use it
Questions that need some reasoning. Greedy decoding often blurts out an answer; among the other
beginnings there may be one that works it out, and the model is surer of an answer it worked out.

## What to look at
The k branches side by side, their answers, and the confidence in each: where reasoning led to the
answer, the margin between the first and the second token is wide.

## Guarantee
Deterministic; k = 1 is greedy.

## Reference
Wang and Zhou 2024, https://arxiv.org/abs/2402.10200
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import ValidationInfo, field_validator

from explorer.answers import (
    VOTE_NOTES,
    Answer,
    AnswerParams,
    Ballot,
    answer_behind,
    find_answers,
    vote,
)
from explorer.errors import InputError
from explorer.law import Law
from explorer.phrases import own_tokens
from explorer.registry import Note, method, param, preset
from explorer.run import Run
from explorer.samples import write

ANSWER_TOKENS = 12  # read behind the words that ask


class ChainOfThoughtParams(AnswerParams):
    """How many beginnings, where their answers stand, and whether equal answers join."""

    k: int = param(10, "Branches", "First tokens that are tried.", symbol="k", ge=1, le=64)
    vote: bool = param(
        False, "Vote", "Add up the confidences of equal answers before they are compared."
    )
    ask: bool = param(
        False, "Ask", "Put the marker behind each text, and take the answer from what follows it."
    )

    @field_validator("ask")
    @classmethod
    def _has_words(cls, ask: bool, info: ValidationInfo) -> bool:
        if ask and info.data.get("answer") != "marker":
            raise ValueError("asking needs answer = marker, and the words to ask with")
        return ask


@method(
    title="Chain-of-thought decoding",
    family="sampling",
    paper="https://arxiv.org/abs/2402.10200",
    params=ChainOfThoughtParams,
    claims={"deterministic"},
    notes=(
        Note("confidence", "Δ of each branch: how sure the model was of the answer's tokens",
             shape="vector", drawn_as="scores"),
        *VOTE_NOTES,
    ),
    presets={
        "the paper's defaults": preset(
            "Which branch is surest of its answer, and which first token it began with.", k=10
        ),
        "with votes": preset("The margins of equal answers are added up.", k=10, vote=True),
        "break it": preset(
            "One branch has nothing to be compared with: this is greedy decoding.", k=1
        ),
    },
)  # fmt: skip
def chain_of_thought_decoding(run: Run, p: ChainOfThoughtParams) -> None:
    margins: dict[int, float] = {}  # node -> p(first) − p(second) after it

    def note_margin(law: Law) -> None:
        first, second = law.probs.topk(2).values.tolist()
        margins[law.node] = first - second

    def surest(laws: Sequence[Law]) -> Sequence[int]:
        for law in laws:
            note_margin(law)
        return run.choose_best_of_each(laws)

    # 1. The k most probable first tokens.
    heads: list[int] = []
    for _ in run.steps():
        (law,) = run.laws((), run.target([run.root]), [run.root])
        note_margin(law)
        first = law.logp.sort(descending=True, stable=True).indices[: p.k].tolist()
        run.choose_these([law], [first])
        heads = [run.add(run.root, token) for token in first]
        run.keep(heads)
        break
    if not heads:
        return

    # 2. Each is continued greedily.
    nodes = [sample.node for sample in write(run, heads, (), surest)]

    # 3. How sure was the model of the answers?
    tips, answers = nodes, list[Answer | None]()
    if p.ask:
        tips, answers = asked(run, nodes, p.marker, surest)
    else:
        answers = find_answers([run.continuation(node) for node in nodes], p)
    deltas = []
    for tip, answer in zip(tips, answers, strict=True):
        over = answer_nodes(run, tip, answer) if answer else []
        sure = [margins[n] for n in map(run.tree.parent, over) if n in margins]
        deltas.append(sum(sure) / len(sure) if sure else 0.0)
    run.note("confidence", [*deltas])

    # 4. The surest branch, or the surest answer.
    if p.vote and any(answers):
        told = [answer.text if answer else None for answer in answers]
        run.answer(vote(run, list(map(Ballot, nodes, told, deltas))))
        return
    for node, delta in zip(nodes, deltas, strict=True):
        run.finish(node, delta)
    ranked = sorted(zip(nodes, deltas, strict=True), key=lambda entry: -entry[1])
    run.answer(list(ranked))


def asked(
    run: Run,
    nodes: Sequence[int],
    words: str,
    choose: Callable[[Sequence[Law]], Sequence[int]],
) -> tuple[list[int], list[Answer | None]]:
    """Behind each text the words, and what follows them: where that ends, and the answer in it.

    Raises:
        InputError: the words and an answer do not fit into the model's context, or no answer came.
    """
    model = run.models["target"]
    tokens = own_tokens(model, words)
    room = model.room(len(run.prompt.ids)) - run.limit
    if (needed := len(tokens) + ANSWER_TOKENS) > room:
        raise InputError(
            f"ask: the marker and an answer need {needed} tokens behind the text; there is room "
            f"for {max(room, 0)}. Allow for fewer new tokens."
        )
    tips = []
    for node in nodes:
        tip = run.tree.parent(node) if run.is_eos(run.tree.token(node)) else node
        for token in tokens:
            tip = run.add(tip, token, by="person")
        tips.append(tip)
    starts = [len(run.continuation(tip)) for tip in tips]
    for _, _ in zip(range(ANSWER_TOKENS), run.steps(), strict=False):
        going = [i for i, tip in enumerate(tips) if not run.is_eos(run.tree.token(tip))]
        if not going:
            break
        at = [tips[i] for i in going]
        laws = run.laws((), run.target(at), at)
        for i, token in zip(going, choose(laws), strict=True):
            tips[i] = run.add(tips[i], token)
    found = map(answer_behind, map(run.continuation, tips), starts)
    answers = [answer if answer.text else None for answer in found]
    if not any(answers):
        raise InputError(
            f"ask: none of the {len(nodes)} texts has an answer behind the marker {words!r}. Ask "
            "with other words, or take answer = text."
        )
    return tips, answers


def answer_nodes(run: Run, node: int, answer: Answer) -> list[int]:
    """The tokens, as nodes, that wrote at least one character of the answer."""
    found, end = [], len(run.continuation(node))
    for n in run.tree.upward(node):  # answers mostly stand at the end
        if end <= answer.start:
            break
        start = len(run.continuation(run.tree.parent(n)))
        if start < answer.end:
            found.append(n)
        end = start
    return found[::-1]
