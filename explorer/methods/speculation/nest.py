"""Let a book speak along: mix in what followed similar places, and copy a span where it is sure.

## What it does
Every place of the datastore has a key, the target's hidden state there, and a value, the token that
follows. The state at the end of the text finds its nearest keys; their values make a second law,
nearer ones counting more. The nearer the nearest is against the farthest, the more weight that law
gets in the mixture with the target's own. A token is drawn from the mixture. Where the book had
enough weight, what follows the token there is proposed with it, as a span: the target reads it in
one pass, and each token stands with probability min(1, p / (γ · largest p)) by the mixture. At the
first that falls the mixture draws another. A span that stands to its end is continued from the
same place. No place is used twice.

## When to use it
Where the text shall draw on given passages, say where its words are from, and come faster for it.

## What to look at
Which spans were copied and from where (the note “source”); the weight of the target's own law (the
note “own weight”), which falls where the text is near to the book; and the price, how probable the
text is under the target alone (the note “target logp”).

## Guarantee
Approximate: the text follows the mixture and its lenient spans, exactly as the formulas say, and
that is not the target's law. With a very small α the target's own law has weight 1, and the text is
the target's. The note “target logp” says how far from the target a run has landed.

## Reference
Li et al. 2024, "Nearest Neighbor Speculative Decoding for LLM Generation and Attribution",
https://arxiv.org/abs/2405.19325
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from explorer.datastore import DatastoreParams, Place, passages_of, ranked_passages
from explorer.errors import InputError
from explorer.law import Law
from explorer.registry import Note, method, param, preset
from explorer.run import Run
from explorer.sampling import FilterChain
from explorer.tree import TokenTree
from explorer.view import LanguageModel, RecordingView

MOST_TOKENS = 256  # of a passage: longer ones are divided


class NestParams(DatastoreParams):
    """The book, how its law is made and weighed, and how spans are judged."""

    passages: int = param(
        8, "Passages", "Passages of the datastore that are used, those nearest to the prompt.",
        symbol="b", unit="passages", ge=1, le=64,
    )  # fmt: skip
    neighbours: int = param(
        64, "Neighbours", "Nearest places that make the book's law.", symbol="r", unit="places",
        ge=2, le=1024,
    )  # fmt: skip
    temperature: float = param(
        50.0, "Temperature", "Squared distances are divided by it before they become weights; the "
        "larger, the more the farther ones count.", gt=0.0, le=1e6,
    )  # fmt: skip
    offset: float = param(
        0.4, "Offset", "Ratio of the nearest to the farthest distance at which both laws weigh the "
        "same.", symbol="α", ge=-100.0, le=100.0,
    )  # fmt: skip
    scale: float = param(
        0.1, "Scale", "How fast the weight changes around the offset.", symbol="τ", gt=0.0, le=100.0
    )
    threshold: float = param(
        0.6, "Span threshold", "Up to this weight of the target's own law spans are proposed.",
        symbol="δ", ge=0.0, le=1.0,
    )  # fmt: skip
    span: int = param(
        16, "Longest span", "Tokens proposed at once, at most.", symbol="n", unit="tokens", ge=1,
        le=128,
    )  # fmt: skip
    leniency: float = param(
        0.5, "Leniency", "A token of a span is safe if its probability is at least this share of "
        "the largest.", symbol="γ", gt=0.0, le=1.0,
    )  # fmt: skip
    filters: FilterChain = param((), "Filters", "Chain applied to the mixture.", unit="chain")


@method(
    title="NEST",
    family="speculation",
    paper="https://arxiv.org/abs/2405.19325",
    params=NestParams,
    claims={"exact"},
    notes=(
        Note("own weight", "λ, the weight of the target's own law in the mixture"),
        Note("source", "where a copied span stands", shape="text", drawn_as="label"),
        Note("target logp", "log-probability of the text so far under the target alone",
             unit="nats"),
    ),
    presets={
        "the paper's start": preset(
            "Longer spans, and farther neighbours in the mixture.", passages=40, neighbours=256,
            span=64,
        ),
        "greedy": preset("Where the book outweighs the target's own choice.",
                         filters="temperature=0"),
        "the target alone": preset("The weight stays at 1: nothing is copied.", offset=-100.0),
        "break it": preset(
            "The book always outweighs the target, and any word of it will do.",
            offset=100.0, leniency=0.01, span=128,
        ),
    },
)  # fmt: skip
def nest(run: Run, p: NestParams) -> None:
    view = run.open("target", hidden=(run.models["target"].depth,))
    book = Book(run.models["target"], p, run.prompt.ids)
    node, total = run.root, 0.0
    going: Place | None = None  # where a span that stood to its end goes on
    for _ in run.steps():
        # 1. A token of the mixture, and what follows it in the book; or more of the last span.
        span: list[Place | None]
        if going is None:
            mixed = mixture(run, view, book, node, p)
            w = run.choose(mixed.law)
            place = book.best(mixed.near, w) if mixed.own <= p.threshold else None
            span = [place] if place is None else list(book.onward(place, p.span))
            first = run.add(node, w, by="target" if place is None else "datastore")
            total += float(mixed.law.raw[w])
        else:
            span, first = list(book.onward(going, p.span)), None

        # 2. One pass over the span.
        nodes = [] if first is None else [first]
        for place in span[len(nodes) : run.remaining]:
            assert place is not None
            nodes.append(run.add(nodes[-1] if nodes else node, book.token(place), by="datastore"))
        view([node, *nodes])

        # 3. Its first token stands if it was drawn, each further one by the mixture behind it.
        stood = 0 if first is None else 1
        replaced = None
        at = node if first is None else first
        for guess in nodes[stood:]:
            mixed = mixture(run, view, book, at, p)
            place, w = span[stood], run.tree.token(guess)
            ratio = float(mixed.law.probs[w] / (p.leniency * mixed.law.probs.max()))
            if not run.coin(min(1.0, ratio)):
                run.reject(guess, "u ≥ p/(γ·largest p)", p=float(mixed.law.probs[w]), u=run.u)
                x = run.choose(mixed.law)
                total += float(mixed.law.raw[x])
                replaced = run.add(at, x)
                break
            run.choose_these([mixed.law], [[w]], [run.u])
            run.accept(guess, "u < p/(γ·largest p)", p=float(mixed.law.probs[w]), u=run.u)
            total += float(mixed.law.raw[w])
            at = guess
            stood += 1
            if run.is_eos(w):
                break
        copied = [place for place in span[:stood] if place is not None]
        if copied:
            run.note("source", book.told(copied), nodes[stood - 1])
        book.used |= set(copied)
        going = None
        if replaced is None and copied and stood == len(nodes):
            onward = replace(copied[-1], at=copied[-1].at + 1)
            going = onward if book.has(onward) else None
        node = run.emit(at if replaced is None else replaced)
        run.note("target logp", total)


@dataclass(frozen=True, slots=True)
class Mixed:
    """The mixture after a node, the weight of the target's own law, and the places behind it."""

    law: Law
    own: float
    near: list[tuple[Place, float]]  # with their shares of the book's law


class Book:
    """The passages nearest to the prompt: for every place the state before it."""

    def __init__(self, model: LanguageModel, p: NestParams, prompt: Sequence[int]) -> None:
        self._model = model
        whole = passages_of(model, p.text)
        pieces = [
            some[i : i + MOST_TOKENS] for some in whole for i in range(0, len(some), MOST_TOKENS)
        ]
        self.numbers = ranked_passages(pieces, prompt)[: p.passages]
        self._pieces = pieces
        self.used: set[Place] = set()
        self._places: list[Place] = []
        keys: list[Tensor] = []
        for number in self.numbers:
            ids = pieces[number]
            states = model.open(TokenTree(), ids, "book", (model.depth,)).prompt_hidden(model.depth)
            if len(states) != len(ids):
                raise InputError("NEST needs a decoder: this model reads its prompt elsewhere.")
            keys.append(states[:-1])
            self._places += [Place(number, at) for at in range(1, len(ids))]
        self._keys = torch.cat(keys) if keys else torch.empty(0)

    def near(self, h: Tensor, p: NestParams) -> tuple[list[tuple[Place, float]], float]:
        """The nearest unused places with their shares, and the weight of the target's own law.

        λ = σ((nearest / farthest distance − α) / τ), 1 where the book has nothing.
        """
        free = [i for i, place in enumerate(self._places) if place not in self.used]
        if not free:
            return [], 1.0
        distances = (self._keys[free] - h).pow(2).sum(-1).double()  # (places,)
        nearest, which = distances.topk(min(p.neighbours, len(free)), largest=False)
        ratio = float(nearest[0] / nearest[-1]) if nearest[-1] > 0 else 0.0
        own = float(torch.tensor((ratio - p.offset) / p.scale, dtype=torch.float64).sigmoid())
        shares = (-nearest / p.temperature).softmax(0).tolist()
        return [
            (self._places[free[i]], x) for i, x in zip(which.tolist(), shares, strict=True)
        ], own

    def token(self, place: Place) -> int:
        return self._pieces[place.passage][place.at]

    def has(self, place: Place) -> bool:
        """Whether there is such a place that was not used yet."""
        return place.at < len(self._pieces[place.passage]) and place not in self.used

    def onward(self, place: Place, length: int) -> list[Place]:
        """The place and those behind it, until the passage ends or a used one comes."""
        found = []
        while len(found) < length and self.has(place):
            found.append(place)
            place = replace(place, at=place.at + 1)
        return found

    def best(self, near: Sequence[tuple[Place, float]], token: int) -> Place | None:
        """The place with that token which has the largest share."""
        having = [(share, place) for place, share in near if self.token(place) == token]
        return max(having, key=lambda pair: pair[0])[1] if having else None

    def told(self, copied: Sequence[Place]) -> str:
        """A copied span and where it stands."""
        words = self._model.decode([self.token(place) for place in copied])
        first, last = copied[0], copied[-1]
        return f"“{words}” from passage {first.passage + 1}, tokens {first.at + 1} to {last.at + 1}"


def mixture(run: Run, view: RecordingView, book: Book, node: int, p: NestParams) -> Mixed:
    """λ · the target's own law + (1 − λ) · the book's, after a node."""
    (own_law,) = run.laws((), view([node]), [node])
    (h,) = view.hidden([node], run.models["target"].depth)
    near, own = book.near(h, p)
    run.note("own weight", own, node)
    mixed = own * own_law.probs
    for place, share in near:
        mixed[book.token(place)] += (1 - own) * share
    law = run.combined(p.filters, mixed.log()[None], node, "mixture", own_law.raw[None])
    return Mixed(law, own, near)
