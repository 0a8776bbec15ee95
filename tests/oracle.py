"""Oracles: exact output laws by walking every random path, and brute-force optima.

A method asks its run for draws and coins; `Walk` answers them from a script and remembers what
else was possible. Following every script to its end gives the exact law of the output.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from explorer.models.table import EOS, TableLM
from explorer.registry import get_method
from explorer.run import Limits, Prompt, Run
from explorer.sampling import Filter, Seen, apply
from explorer.trace import AnyEvent

Law = dict[tuple[int, ...], float]
PROMPT = Prompt("ab", (1, 2))


class Walk:
    """Randomness from a script; where the script ends, the first possible outcome is taken."""

    def __init__(self, script: Sequence[int] = ()) -> None:
        self._script = list(script)
        self.taken: list[int] = []
        self.open: list[int] = []  # outcomes that were possible at each question
        self.probability = 1.0

    def draw(self, p: Tensor) -> tuple[int, float | None]:
        outcomes = [(i, float(x)) for i, x in enumerate(p.double()) if x > 0]
        return self._take(outcomes), None

    def coin(self, p: float) -> tuple[bool, float | None]:
        sides = [(side, x) for side, x in ((True, p), (False, 1.0 - p)) if x > 0]
        return self._take(sides), None

    def _take(self, outcomes: Sequence[tuple[Any, float]]) -> Any:
        place = len(self.taken)
        index = self._script[place] if place < len(self._script) else 0
        self.taken.append(index)
        self.open.append(len(outcomes))
        outcome, probability = outcomes[index]
        self.probability *= probability
        return outcome

    def next_script(self) -> list[int] | None:
        """The script of the next path, depth first; None when all were walked."""
        taken = list(self.taken)
        while taken:
            if taken[-1] + 1 < self.open[len(taken) - 1]:
                taken[-1] += 1
                return taken
            taken.pop()
        return None


def play(
    method: str | Callable[[Run, Any], None],
    params: Any,
    models: Mapping[str, Any],
    randomness: Any,
    length: int = 3,
    prompt: Prompt = PROMPT,
    record: list[AnyEvent] | None = None,
    law_bytes: int = 0,
    stop: Callable[[], bool] = lambda: False,
) -> Run:
    """One run of a method, by id or as a function, on given models."""
    decode = get_method(method).decode if isinstance(method, str) else method
    if isinstance(method, str) and isinstance(params, Mapping):
        params = get_method(method).parse(params)
    run = Run(
        models,
        prompt,
        randomness,
        Limits(max_new_tokens=length),
        notes=get_method(method).notes if isinstance(method, str) else (),
        record=record.append if record is not None else None,
        stop=stop,
        law_bytes=law_bytes,
    )
    decode(run, params)
    return run


def exact_law(
    method: str | Callable[[Run, Any], None],
    params: Any,
    models: Mapping[str, Any],
    length: int = 3,
    prompt: Prompt = PROMPT,
) -> Law:
    """The exact law of a method's output: every random path, weighted and summed."""
    law: Law = defaultdict(float)
    script: list[int] | None = []
    while script is not None:
        walk = Walk(script)
        run = play(method, params, models, walk, length, prompt)
        law[tuple(run.tree.tokens(run.head))] += walk.probability
        script = walk.next_script()
    return dict(law)


def enumerate_law(
    logits: Callable[[tuple[int, ...]], Tensor],
    length: int = 3,
    filters: Sequence[Filter] = (),
    prompt: Prompt = PROMPT,
) -> Law:
    """The law of texts whose next token follows `logits(generated)` (V,) through the filters.

    A text ends at the end token or at `length` tokens.
    """
    law: Law = {}
    stack: list[tuple[tuple[int, ...], float]] = [((), 1.0)]
    while stack:
        text, probability = stack.pop()
        if len(text) == length or (text and text[-1] == EOS):
            law[text] = law.get(text, 0.0) + probability
            continue
        probs = apply(filters, logits(text)[None], [Seen(prompt.ids, text)]).probs[0]
        stack += [((*text, v), probability * float(x)) for v, x in enumerate(probs) if x > 0]
    return law


def table_law(
    table: TableLM, length: int = 3, filters: Sequence[Filter] = (), prompt: Prompt = PROMPT
) -> Law:
    """The law of a table's own texts behind the prompt."""
    return enumerate_law(lambda text: table.logits((*prompt.ids, *text)), length, filters, prompt)


def total_variation(a: Law, b: Law) -> float:
    """Half the sum of absolute differences; 0 for equal laws, 1 for laws without overlap."""
    return 0.5 * sum(abs(a.get(y, 0.0) - b.get(y, 0.0)) for y in {*a, *b})


def all_texts(vocab_size: int, length: int) -> list[tuple[int, ...]]:
    """Every complete text: ended by the end token, or cut at `length`."""
    going = range(1, vocab_size)
    ended = [(*text, EOS) for n in range(length) for text in itertools.product(going, repeat=n)]
    return ended + list(itertools.product(going, repeat=length))


def text_logp(table: TableLM, text: Sequence[int], prompt: Prompt = PROMPT) -> float:
    """The sum of log-probabilities of a text under a table, in nats."""
    prefix, total = prompt.ids, 0.0
    for token in text:
        total += float(torch.log_softmax(table.logits(prefix).double(), -1)[token])
        prefix = (*prefix, token)
    return total


def most_probable(table: TableLM, length: int) -> tuple[int, ...]:
    """The most probable complete text, by trying all."""
    return max(all_texts(table.vocab_size, length), key=lambda text: text_logp(table, text))


def endless(table: TableLM) -> TableLM:
    """The table without its end token, or as good as."""
    for_real = table.logits

    def logits(prefix: Sequence[int]) -> Tensor:
        return for_real(prefix).index_fill(0, torch.tensor(EOS), -1e4)

    table.logits = logits  # type: ignore[method-assign]
    return table


def toy_pair(seed: int = 0, vocab_size: int = 5) -> dict[str, TableLM]:
    """A target and a draft that resembles it, as tables."""
    target = TableLM(vocab_size, seed)
    draft = TableLM(vocab_size, seed + 1000, like=(target, 0.6))
    return {"target": target, "draft": draft, "amateur": draft}
