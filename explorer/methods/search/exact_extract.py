"""Answer with the span of a passage that the model finds most probable, and be sure of it.

## What it does
The answer must stand in the passage. For each place where it could begin the passage is written
behind the prompt, in one pass, and every end is scored: the log-probability of the span's tokens
and of ending right there. That is every span, in as many passes as the passage has tokens.

## When to use it
Questions on a passage, where an answer in the passage's own words is wanted and nothing may be
made up.

## What to look at
The scores by beginning and length: one span that stands out, or a ridge of spans that say the same.
Whether greedy decoding within the passage would have found the best. How probable the best is, for
it is the best even where the passage holds no answer.

## Guarantee
Deterministic. Exact: no span of the passage's tokens up to the greatest length scores higher. A run
that is stopped before has the best span so far, and says that it is not proved.

## Reference
Castel et al. 2022, "How Optimal is Greedy Decoding for Extractive Question Answering?",
https://arxiv.org/abs/2108.05857
"""

from __future__ import annotations

from collections import defaultdict

import torch

from explorer.errors import InputError
from explorer.hypotheses import FinishedPool
from explorer.phrases import own_tokens
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run


class ExtractParams(Params):
    """What may be answered, and how lengths compare."""

    passage: str = param(
        "", "Passage", "The text that holds the answer; if empty, the prompt itself.", unit="text",
        max_length=20_000,
    )  # fmt: skip
    max_span: int = param(
        10, "Longest span", "Most tokens of the passage in an answer.", symbol="m", unit="tokens",
        ge=1, le=200,
    )  # fmt: skip
    normalise: bool = param(
        False, "Compare by token", "Divide each score by its tokens, the end token counted."
    )
    num_answers: int = param(
        5, "Answers", "Best spans that are kept, each from another beginning.", unit="spans",
        ge=1, le=64,
    )  # fmt: skip


# Behind each node the tokens of the passage that may follow, as nodes, and None for the end: their
# log-probabilities in nats.
Onward = dict[int, dict[int | None, float]]


@method(
    title="Exact extraction",
    family="search",
    paper="https://arxiv.org/abs/2108.05857",
    params=ExtractParams,
    claims={"deterministic"},
    notes=(
        Note("best score", "Score of the best span so far", unit="nats"),
        Note("verdict", "Whether the answer is proved", "text", drawn_as="label"),
        Note(
            "greedy",
            "What greedy decoding within the passage would have answered",
            "text",
            drawn_as="label",
        ),
        Note("spans", "Scores by beginning (row) and length (column)", "matrix", "nats", "heatmap"),
    ),
    presets={
        "from the prompt": preset(
            "One span that stands out, or a ridge of spans that say the same."
        ),
        "lengths compared": preset("Longer spans have a chance.", normalise=True),
        "break it": preset(
            "An answer of one token is all that may come: the beginning of one.", max_span=1
        ),
    },
)
def exact_extract(run: Run, p: ExtractParams) -> None:
    d = own_tokens(run.models["target"], p.passage) if p.passage else list(run.prompt.ids)
    blank = p.passage != "" and not p.passage.strip()
    if blank or all(run.is_eos(token) for token in d):
        raise InputError("passage is not allowed: it holds nothing to answer with.")
    eos_ids = sorted(run.eos_ids)
    pool = FinishedPool(p.num_answers, float(p.normalise))
    seen: set[int] = set()  # a span that stands in the passage twice is one answer
    table: list[list[float]] = []
    onward: Onward = defaultdict(dict)

    for i, _ in zip(range(len(d)), run.steps(), strict=False):
        # 1. Write the passage from here on, as far as an answer may reach.
        chain = [run.root]
        for token in d[i : i + min(p.max_span, run.limit)]:
            if run.is_eos(token):
                break
            chain.append(run.add(chain[-1], token))
        if len(chain) == 1:
            table.append([])
            continue
        logp = run.target(chain).double().log_softmax(-1)  # (span + 1, V)

        # 2. Every end: the span's tokens, and the end token where there is room for it.
        span = torch.tensor(d[i : i + len(chain) - 1]).to(logp.device)
        own = logp[:-1].gather(1, span[:, None])[:, 0]  # (span,)
        totals = own.cumsum(0)
        end, eos = logp[1:, eos_ids].max(1)
        room = torch.arange(1, len(chain)).to(end) < run.limit
        scores = [
            pool.score(total, n + more)
            for n, (total, more) in enumerate(
                zip((totals + end * room).tolist(), room.tolist(), strict=True), 1
            )
        ]
        table.append([round(score, 4) for score in scores])
        for before, node, x in zip(chain, chain[1:], own.tolist(), strict=False):
            onward[before][node] = x
        for node, x, more in zip(chain[1:], end.tolist(), room.tolist(), strict=True):
            onward[node][None] = x if more else 0.0

        # 3. The best end from here takes part.
        n = max(range(len(scores)), key=scores.__getitem__)
        node = chain[n + 1]
        if room[n]:
            node = run.add(node, eos_ids[int(eos[n])])
        if node not in seen:
            seen.add(node)
            run.finish(node, scores[n], "best end from here")
            if (gone := pool.push(node, scores[n])) is not None:
                run.prune([gone], "a better span")
        run.note("best score", pool.ranked(run)[0][1])

    proved = len(table) == len(d)
    told = f"{len(table)} of {len(d)} beginnings read"
    run.note("verdict", f"proved: {told}" if proved else f"not proved: {told}, the run was stopped")

    # 4. What the best span was chosen from: its laws, known already.
    run.note("spans", table)
    ranked = pool.ranked(run)
    if proved:
        node, total = greedy(onward, run.root)
        n = run.tree.depth(node)
        score = pool.score(total, n + (n < run.limit))
        behind = ranked[0][1] - score
        than = f"{behind:.3g} less than the best" if behind > 1e-6 else "the best"
        run.note("greedy", f"{than}, with {score:.4g}: “{run.text(node).strip()}”")
    way = run.tree.path(ranked[0][0]) if ranked else []
    if way:  # stopped before the first span, there is none
        nodes = [run.root, *way[:-1]]
        laws = run.laws((), run.target(nodes), nodes)
        run.choose_these(laws, [[run.tree.token(node)] for node in way])
        run.answer(ranked)


def greedy(onward: Onward, root: int) -> tuple[int, float]:
    """The span that comes of always taking what is most probable of what may follow.

    Returns the node of its last token, and its sum of log-probabilities with that of the end.
    """
    node, total = root, 0.0
    while True:
        to, logp = max(onward[node].items(), key=lambda entry: entry[1])
        total += logp
        if to is None:
            return node, total
        node = to
