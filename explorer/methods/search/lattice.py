"""Complete one text after another, and merge those that end alike: thousands of texts, few passes.

## What it does
The most promising prefix that waits is taken out and completed at once by its best tokens; the
second best and so on wait in turn. Where a prefix ends in the same n tokens as one that is there
already, both are taken to continue alike: it is merged into the other and not read on (RCB). ZIP
also merges the tokens before, pairwise, as far back as they are the same. What comes out is a
lattice, in which every way from the prompt to an end is a text. Some are read out: the best, some
at equal distances in the row of all, or drawn ones. The target, or a second model, says what they
are worth.

## When to use it
To have very many good texts at the price of one beam search: variants to choose from, a space to
search by other measures. Merging supposes that the last n tokens are all that matters.

## What to look at
The lattice: where ways meet, and how many run through each place. How the number of texts
grows with the passes. By how much the scores on the edges differ from the target's own.

## Guarantee
Exact for its own rule. Only drawing texts is random: by counting the ways onward from each place,
each text has the same chance, or one in proportion to its probability on the edges. The scores of
the answers are the target's own. Without merging every text of the lattice was read; with RCB
those on the edges are exact too if the target looks at fewer than n tokens. ZIP gives that up.

## Reference
Xu, Jonnalagadda and Durrett 2022, "Massive-scale Decoding for Text Generation using Lattices",
https://arxiv.org/abs/2112.07660
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from itertools import combinations, islice
from math import inf, isfinite, log10
from statistics import mean
from typing import Literal

import torch

from explorer.errors import InputError
from explorer.frontier import Frontier
from explorer.lattice import Lattice, Way
from explorer.law import Law
from explorer.registry import Note, Params, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.utilities import edit_distance, self_bleu
from explorer.view import RecordingView, token_logps


class LatticeParams(Params):
    """How much is read, what is merged, which texts are read out."""

    num_beams: int = param(
        4, "Budget", "Prefixes read for each token of the limit, as many as a beam so wide.",
        symbol="B", unit="passes a token", ge=1, le=64,
    )  # fmt: skip
    k: int = param(
        5, "Branches", "Tokens that may follow a prefix.", symbol="k", unit="tokens", ge=1, le=50
    )
    merge: Literal["none", "rcb", "zip"] = param(
        "rcb", "Merge", "rcb: prefixes that end alike; zip: also what they share before; none."
    )
    n: int = param(
        4, "Alike", "Tokens that two prefixes must share at their ends to be merged.",
        symbol="n", unit="tokens", ge=1, le=20,
    )  # fmt: skip
    shift: int = param(
        4, "Shift", "By how much the lengths of two such prefixes may differ at most.",
        unit="tokens", ge=0, le=100,
    )  # fmt: skip
    complete: bool = param(
        True, "Depth first", "Complete what is taken out; if off, it is extended by one token."
    )
    length_penalty: float = param(
        0.75, "Length penalty", "Exponent of the length that divides a sum.", symbol="α",
        ge=-3.0, le=5.0,
    )  # fmt: skip
    min_length: int = param(
        10, "Least length", "Tokens before a text may end.", unit="tokens", ge=0, le=1000
    )
    texts: int = param(
        10, "Texts", "Texts that are read out of the lattice.", unit="texts", ge=1, le=64
    )
    pick: Literal["best", "evenly", "uniform", "probable"] = param(
        "best", "Which",
        "best: by the scores on the edges; evenly: from all, at equal distances; uniform: drawn, "
        "all alike likely; probable: drawn by the probabilities on the edges.",
    )  # fmt: skip
    rank_by: Literal["target", "judge"] = param(
        "target", "Ranked by", "Whose scores decide between the texts that are read out."
    )
    filters: FilterChain = param(
        (), "Filters", "Chain applied to each prefix' log-probabilities.", unit="chain"
    )


@method(
    title="Lattice search",
    family="search",
    paper="https://arxiv.org/abs/2112.07660",
    params=LatticeParams,
    optional=("judge",),
    claims={"exact"},
    notes=(
        Note("texts", "Texts in the lattice, as a power of ten", unit="log₁₀"),
        Note("on_edges", "Scores of the texts read out, as the lattice has them", "vector",
             "nats", "bars"),
        Note("by_target", "Scores of the same texts by the target itself", "vector", "nats",
             "bars"),
        Note("by_judge", "Scores of the same texts by the judge", "vector", "nats", "bars"),
        Note("statistics", "What the lattice holds", "text", drawn_as="label"),
    ),
    presets={
        "the paper's defaults": preset(
            "The passes of a beam of sixteen, one after another, ten seconds or more for 60 "
            "tokens: how fast the number of texts grows.",
            num_beams=16, texts=20,
        ),
        "zip": preset("Ways meet earlier, and the texts are many more.", merge="zip"),
        "drawn": preset(
            "All texts had the same chance: how far those drawn lie behind the best ones.",
            pick="uniform", texts=20,
        ),
        "nothing merged": preset("As many passes, and one text for each way taken.", merge="none"),
        "break it": preset(
            "One token in common is enough: texts that no model would write, at equal distances.",
            n=1, shift=20, pick="evenly",
        ),
    },
)  # fmt: skip
def lattice(run: Run, p: LatticeParams) -> None:
    if p.rank_by == "judge" and "judge" not in run.models:
        raise InputError("rank_by = judge is not allowed without a second model: name a judge.")
    search = Search(run, p)
    frontier = Frontier()  # best-first over prefixes that wait
    frontier.push(0, 0.0, run.root, 0.0)
    left = p.num_beams * run.limit  # prefixes that may still be read

    for _ in run.steps():
        # 1. The best prefix that waits.
        _, waiting = frontier.pop()
        node, logp = waiting.node, waiting.logp

        while not search.merged(node, logp):
            # 2. It is in the lattice now. Does it end there?
            if run.is_complete(node):
                search.ends(node, logp)
                break
            if not left:
                break
            left -= 1

            # 3. Its best tokens wait; completing, the first goes on at once.
            first, *others = search.extended(node, logp)
            for x in others if p.complete else (first, *others):
                length = run.tree.depth(x[0])
                frontier.push(length, x[1] / length**p.length_penalty, *x)
            if not p.complete:
                break
            node, logp = first

        run.note("texts", log10(max(search.lattice.onward()[run.root], 1)))
        if not left or not frontier:
            break

    if not len(search.lattice.places) > 1:
        return
    ended = "the run was stopped" if left and frontier else "the budget is used up"
    for node in search.unread():
        run.prune([node], ended)
    read = f"{p.num_beams * run.limit - left} prefixes were read"
    run.note("statistics", f"{read}, and {ended}: {len(frontier)} wait" if frontier else read)
    run.answer(search.read_out())


class Search:
    """The lattice as it grows, and the prefixes by what they end in."""

    def __init__(self, run: Run, p: LatticeParams) -> None:
        self.run, self.p = run, p
        self.lattice = Lattice()
        self._alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
        self._logps: dict[int, float] = {run.root: 0.0}  # of each node's own token

    def merged(self, node: int, logp: float) -> bool:
        """Whether a prefix goes on as another; if not, it is in the lattice now."""
        run, lattice = self.run, self.lattice
        if node == run.root:
            return False
        parent, token = run.tree.parent(node), run.tree.token(node)
        twin = lattice.twin(parent, token)  # where the parent was merged, this may be there
        lattice.add(node, parent, token, self._logps[node])
        if twin is not None:
            self._merge(node, twin, "the same token")
            return True
        for other in self._alike[self._ending(node)] if self.p.merge != "none" else ():
            shift = abs(run.tree.depth(node) - run.tree.depth(other))
            if shift <= self.p.shift and lattice.fits(node, other):
                self._merge(node, other, "ends alike")
                if self.p.merge == "zip":
                    self._zip(run.tree.parent(node), run.tree.parent(other))
                return True
        self._alike[self._ending(node)].append(node)
        run.keep([node], logp=logp)
        return False

    def extended(self, node: int, logp: float) -> list[tuple[int, float]]:
        """The k best ways to go on, as (node, sum)."""
        run = self.run
        (law,) = run.laws(self.p.filters, run.target([node]), [node])
        tokens = list(self._tokens(law))
        run.choose_these([law], [tokens])
        found = []
        for token in tokens:
            child = run.add(node, token)
            self._logps[child] = float(law.logp[token])
            found.append((child, logp + self._logps[child]))
        return found

    def ends(self, node: int, logp: float) -> None:
        self.lattice.end(node)
        self.run.finish(node, self._score(logp, self.run.tree.depth(node)))

    def unread(self) -> list[int]:
        """What never came into the lattice."""
        tree = self.run.tree
        return [node for node in range(1, len(tree)) if node not in self.lattice]

    def read_out(self) -> list[tuple[int, float | None]]:
        """Texts of the lattice with the target's scores, best first."""
        run, p = self.run, self.p
        if p.pick == "best":
            ways = self.lattice.best(p.texts, p.length_penalty)
        elif p.pick == "evenly":
            ways = self.lattice.evenly(p.texts)
        else:
            found = self.lattice.drawn(p.texts, self._draw, probable=p.pick == "probable")
            ways = list(dict.fromkeys(found))  # what is drawn twice is one answer
        if not ways:
            run.note("statistics", "no text came to its end: the answer is the longest prefix")
            return [(max(self.lattice.places, key=run.tree.depth), None)]
        self._note_statistics(ways)
        read = {tip: (on_edges, score) for tip, on_edges, score in map(self._read, ways)}
        run.note("on_edges", [on_edges for on_edges, _ in read.values()])
        run.note("by_target", [score for _, score in read.values()])
        scores = [(tip, score) for tip, (_, score) in read.items()]
        if p.rank_by == "judge":
            scores = [(tip, self._judged(tip)) for tip in read]
            run.note("by_judge", [score for _, score in scores])
        return sorted(scores, key=lambda text: -inf if text[1] is None else text[1], reverse=True)

    def _read(self, way: Way) -> tuple[int, float | None, float | None]:
        """A text as a hypothesis of its own: its node, its score on the edges and the target's."""
        run = self.run
        path, steps = [run.root], way.steps[: run.limit]  # lengths differ where ways meet
        for step in steps:
            assert step.token is not None
            node = run.add(path[-1], step.token)
            if node not in self.lattice:
                self.lattice.add(node, path[-1], step.token, step.logp)
                self._merge(node, step.to, "read out")
            path.append(node)
        laws = run.laws(self.p.filters, run.target(path[:-1]), path[:-1])
        tokens = run.tree.tokens(path[-1])
        run.choose_these(laws, [[token] for token in tokens])
        by_target = sum(float(law.logp[token]) for law, token in zip(laws, tokens, strict=True))
        scores = [
            self._score(logp, len(tokens)) for logp in (sum(s.logp for s in steps), by_target)
        ]
        run.finish(path[-1], scores[1], "read out")
        # A filter may forbid behind one prefix what it let pass behind the other.
        told = [score if isfinite(score) else None for score in scores]
        return path[-1], told[0], told[1]

    def _draw(self, chances: list[float]) -> int:
        return self.run.draw(torch.tensor(chances, dtype=torch.float64))

    def _judged(self, tip: int) -> float:
        path = [self.run.root, *self.run.tree.path(tip)]
        logps = token_logps(self._judge(path[:-1]), self.run.tree.tokens(tip))
        return self._score(sum(logps), len(logps))

    @cached_property
    def _judge(self) -> RecordingView:
        return self.run.open("judge")

    def _score(self, logp: float, length: int) -> float:
        return float(logp / length**self.p.length_penalty)

    def _merge(self, node: int, into: int, why: str) -> None:
        gone, kept = self.lattice.place(node), self.lattice.place(into)
        self.run.merge(gone, kept, why)
        self.lattice.merge(gone, kept)

    def _zip(self, a: int, b: int) -> None:
        """Merge the tokens before two merged ones, pairwise, as long as they are the same."""
        tree, lattice = self.run.tree, self.lattice
        while a != self.run.root != b and tree.token(a) == tree.token(b) and lattice.fits(a, b):
            self._merge(a, b, "zipped")
            a, b = tree.parent(a), tree.parent(b)

    def _ending(self, node: int) -> tuple[int, ...]:
        """The last n tokens of the text, the prompt's included."""
        n = self.p.n
        own = [self.run.tree.token(i) for i in islice(self.run.tree.upward(node), n)]
        return (*self.run.prompt.ids, *own[::-1])[-n:]

    def _tokens(self, law: Law) -> Iterator[int]:
        """The best tokens that may come, of those that read the same only the best."""
        run, p = self.run, self.p
        values, ranked = law.logp.topk(min(4 * p.k + len(run.eos_ids), len(law.logp)))
        possible = [t for t, x in zip(ranked.tolist(), values.tolist(), strict=True) if isfinite(x)]
        early = run.tree.depth(law.node) < p.min_length
        going = [t for t in possible if not (early and run.is_eos(t))] or possible
        same: dict[str, int] = {}
        for token in going:
            text = run.token_text(token)
            same.setdefault(text.strip().lower() or text, token)
        yield from list(same.values())[: p.k]

    def _note_statistics(self, ways: list[Way]) -> None:
        lattice = self.lattice
        texts = [[token for token in way.tokens if token is not None] for way in ways]
        told = [
            f"{lattice.onward()[self.run.root]} texts through {len(lattice.places)} places and "
            f"{lattice.edges()} tokens between them",
            "different runs of one, two and three tokens: "
            + ", ".join(str(len(lattice.ngrams(n))) for n in (1, 2, 3)),
        ]
        if len(texts) > 1:
            pairs = list(combinations(texts, 2))
            apart = mean(edit_distance(a, b) for a, b in pairs)
            alike = self_bleu([self.run.models["target"].decode(ids) for ids in texts])
            told.append(
                f"{len(texts)} of them, two by two, differ in {apart:.1f} tokens; "
                f"self-BLEU {alike:.2f}"
            )
        for line in told:
            self.run.note("statistics", line)
