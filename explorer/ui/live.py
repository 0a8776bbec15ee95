"""From a worker's batches to the chunks that the page appends while a run goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import log
from typing import Any

from explorer.trace import Fold, MarkEvent
from explorer.ui.totals import Totals
from explorer.worker import Batch
from visualizers import Reading
from visualizers.facts import logps, prompt_tokens
from visualizers.reading import OWN
from visualizers.words import probability

MOST_TOKENS = 48  # of one chunk: about 6 KB
SENTENCES = {
    "done": "",
    "stopped": "Stopped. What was made until then is kept.",
    "failed": "The run broke off. What was made until then is kept.",
}

Token = dict[str, Any]
Chunk = dict[str, Any]


def live_chunks(
    batches: Iterable[Batch], fold: Fold, token_text: Callable[[int], str]
) -> Iterator[Chunk]:
    """The chunks of a run, at least one for each batch.

        run     id
        seq     0, 1, 2, … in this stream
        at      how many tokens of the continuation stay; those behind it are replaced
        tokens  the tokens from there on: node, token, text, class, by, place, p, surprisal, entropy
        prompt  the prompt's tokens: when the run begins, and once they have been read
        status  state ("waiting", "running", "done", "stopped", "failed"), sentence, step, and the
                totals so far
        done    nothing comes after it

    Args:
        batches: what `Worker.watch` gives, from the run's beginning.
        fold: takes in the events; empty, or as far as the batches begin.
        token_text: a token's text as the model has it. It is first called after a batch that
            had a header or events, so it may wait for them.
    """
    text = LiveText(fold, token_text)
    totals = Totals()
    seq = 0
    state = "waiting"
    sentence = ""
    prompt_told = 0
    for batch in batches:
        for event in batch.events:
            fold.feed(event)
            totals.feed(event)
        if state == "waiting" and (batch.header or batch.events):
            state = "running"
        if batch.end:
            state, sentence = batch.end.status, batch.end.sentence or SENTENCES[batch.end.status]
        at, tokens = text.news()
        status = {"state": state, "sentence": sentence, "step": fold.step, **totals.so_far()}
        while True:
            now, tokens = tokens[:MOST_TOKENS], tokens[MOST_TOKENS:]
            done = batch.end is not None and not tokens
            chunk: Chunk = {"run": batch.run_id, "seq": seq, "at": at, "tokens": now}
            if prompt_told < (known := bool(fold.views) + bool(fold.evals)):
                chunk["prompt"] = text.prompt()
                prompt_told = known
            yield {**chunk, "status": status, "done": done}
            seq, at = seq + 1, at + len(now)
            if not tokens:
                break


class LiveText:
    """The text as it stands, and what of it has not been told yet.

    It is what the ribbon shows at the fold's last step: the tokens that became text, behind them
    the open hypothesis that leads.
    """

    def __init__(self, fold: Fold, token_text: Callable[[int], str]) -> None:
        self._fold = fold
        self._token_text = token_text
        self._told: list[tuple[int, str]] = []
        self._tip = 0
        self._first_guess: int | None = None
        self._looked = 0

    def prompt(self) -> list[dict[str, Any]]:
        """With how probable it was, once the model has read it."""
        return prompt_tokens(Reading(self._fold, self._token_text))

    def news(self) -> tuple[int, list[Token]]:
        """How many tokens stay as they were told, and those that come behind them."""
        self._look_for_guesses()
        now = [(n, self._class(n)) for n in self._fold.text_at()]
        now += [(n, "open") for n in self._lead(now[-1][0] if now else 0)]
        same = 0
        for told, new in zip(self._told, now, strict=False):
            if told != new:
                break
            same += 1
        self._told = now
        if same == len(now):
            return same, []
        reading = Reading(self._fold, self._token_text)
        return same, [
            self._token(reading, node, cls, place)
            for place, (node, cls) in enumerate(now[same:], start=same + 1)
        ]

    def _lead(self, head: int) -> list[int]:
        """The nodes from behind the text to the end of the best hypothesis that goes on."""
        if self._fold.done is not None:
            return []
        kept = [
            (mark, -place)
            for place, node in enumerate(self._fold.frontier_at())
            for mark in self._fold.nodes[node].marks[-1:]
            if mark.mark == "kept"
        ]
        if kept:
            self._tip = max(kept, key=_goodness)[0].node
        path: list[int] = []
        node = self._tip
        while node > head:
            path.append(node)
            node = self._fold.nodes[node].parent
        return path[::-1] if node == head else []

    def _look_for_guesses(self) -> None:
        if self._first_guess is None:
            new = self._fold.nodes[self._looked :]
            self._first_guess = next((n.id for n in new if n.by not in OWN and n.id), None)
            self._looked = len(self._fold.nodes)

    def _class(self, node: int) -> str:
        story = self._fold.nodes[node]
        if story.by == "person":
            return "forced"
        # Where there are guesses, what the target adds itself is worth telling apart.
        guessing = self._first_guess is not None and self._first_guess < node
        return "added" if guessing and story.by in OWN else "text"

    def _token(self, reading: Reading, node: int, cls: str, place: int) -> Token:
        story = self._fold.nodes[node]
        p_raw, p = _probability(reading, node)
        surprising = p_raw or p
        return {
            "node": node,
            "token": story.token,
            "text": reading.token(story.token),
            "class": cls,
            "by": story.by,
            "place": place,
            "p": _short(p),
            "surprisal": _short(-log(surprising) if surprising else None),
            "entropy": {
                view: _short(nats) for view, nats in self._fold.nodes[story.parent].entropy.items()
            },
        }


def _goodness(entry: tuple[MarkEvent, int]) -> tuple[float, int]:
    mark, place = entry
    logp = mark.numbers.get("logp")
    return (logp if logp is not None else 0.0, place)


def _probability(reading: Reading, node: int) -> tuple[float | None, float | None]:
    """Before and after the filters, by the law the token was taken from, or as it was judged."""
    story = reading.fold.nodes[node]
    law = reading.law(node)
    if law is not None:
        raw, final = logps(law, story.token)
        return probability(raw), probability(final)
    judged = [m.numbers.get("p") for m in story.marks if m.mark == "accepted"]
    return None, next((float(p) for p in judged if p is not None), None)


def _short(x: float | None) -> float | None:
    return None if x is None else float(f"{x:.6g}")
