"""The whole life of one node: birth, every mark, who stood beside it, and who won."""

from __future__ import annotations

from math import exp
from typing import Any

from explorer.lattice import Way
from explorer.trace import MarkEvent
from visualizers.facts import logps, probabilities
from visualizers.fates import fate, share, told
from visualizers.odds import odds, token_logp
from visualizers.places import count_words, lattice_of
from visualizers.reading import CLASS_OF_MARK, Reading
from visualizers.style import DEAD
from visualizers.words import number

MOST_BESIDE = 8
SHOWN_END = 60  # characters
Entry = dict[str, Any]


def story(reading: Reading, node: int) -> Entry:
    """What is told of a node, as plain data.

    node, token, ending (the end of its path), class, sentence and step (`visualizers.fates`);
    facts: [[name, value]], what is known of it from its birth on;
    events: [{"step", "class", "sentence"}], its birth and its marks in their order;
    beside: other tokens after the same text, those that won first, as {"node", "text", "class",
        "p"}; instead: the hypotheses that went on when it died, as {"node", "text", "class", "p"},
        where "p" is the score in nats; more_beside, more_instead: how many are left out;
    before, behind: the node before it and those after it, as in "beside";
    path: the nodes of the way to it;
    way: where hypotheses were merged, the places of the most probable whole text through it.
    """
    here = reading.fold.nodes[node]
    end = fate(reading, node)
    beside = _beside(reading, node)
    instead = _instead(reading, node, end.step) if end.cls in DEAD else []
    way = _way(reading, node)
    return {
        "node": node,
        "token": reading.alone(here.token),
        "ending": reading.ending(node, SHOWN_END),
        "class": end.cls,
        "sentence": end.sentence,
        "step": end.step,
        "facts": [*_facts(reading, node), *_through(reading, node, way)],
        "events": _events(reading, node),
        "beside": beside[:MOST_BESIDE],
        "more_beside": max(0, len(beside) - MOST_BESIDE),
        "instead": instead[:MOST_BESIDE],
        "more_instead": max(0, len(instead) - MOST_BESIDE),
        "path": reading.fold.path(node),
        "way": [step.to for step in way.steps] if way else [],
        "before": [_entry(reading, here.parent)] if here.parent > 0 else [],
        "behind": [_entry(reading, n) for n in _best_first(reading, here.children)[:MOST_BESIDE]],
    }


def _facts(reading: Reading, node: int) -> list[list[str]]:
    here = reading.fold.nodes[node]
    facts = [["born", f"step {here.born + 1}, proposed by {here.by}"]]
    law = reading.law(node)
    logp = token_logp(reading, node)
    if law is not None:
        raw, final = logps(law, here.token)
        facts.append(["probability", probabilities(raw, final)])
    elif logp is not None:
        facts.append(["probability", number(exp(logp))])
    nats = odds(reading)[node]
    if nats is not None and node not in reading.emitted_at:
        facts.append(["its path", f"{share(nats)} as probable as the text's of the same length"])
    for view, x in here.entropy.items():
        facts.append([f"entropy behind it, {view}", f"{number(x)} nats"])
    return facts


def _way(reading: Reading, node: int) -> Way | None:
    """The most probable text of the lattice through a node; None where nothing was merged."""
    if all(story.into is None for story in reading.fold.nodes):
        return None
    lattice = lattice_of(reading)
    return lattice.best_through(lattice.place(node)) if node in lattice else None


def _through(reading: Reading, node: int, way: Way | None) -> list[list[str]]:
    """The whole text, and how many there are."""
    if way is None:
        return []
    lattice = lattice_of(reading)
    place, onward = lattice.place(node), lattice.onward()
    through = lattice.reaching()[place] * onward[place]
    text = "".join(map(reading.token, way.tokens))
    return [
        ["texts through it", f"{count_words(through)} of {count_words(onward[0])}"],
        ["the most probable", f"“{text.strip()}”, {number(way.logp)} nats"],
    ]


def _events(reading: Reading, node: int) -> list[Entry]:
    here = reading.fold.nodes[node]
    first = reading.histories[node][0][1]
    by = f"It was proposed by {here.by} at step {here.born + 1}."
    found = [{"step": here.born, "class": first, "sentence": by}]
    for mark in _told_marks(here.marks):
        cls = CLASS_OF_MARK.get(mark.mark, "text")
        found.append({"step": mark.step, "class": cls, "sentence": told(reading, mark)})
    return found


def _told_marks(marks: list[MarkEvent]) -> list[MarkEvent]:
    """Of a row of “kept” only the first and the last: those between say the same."""
    return [
        mark
        for i, mark in enumerate(marks)
        if mark.mark != "kept"
        or i in (0, len(marks) - 1)
        or marks[i - 1].mark != "kept"
        or marks[i + 1].mark != "kept"
    ]


def _beside(reading: Reading, node: int) -> list[Entry]:
    siblings = reading.fold.nodes[reading.fold.nodes[node].parent].children
    return [_entry(reading, n) for n in _best_first(reading, siblings) if n != node]


def _best_first(reading: Reading, nodes: list[int]) -> list[int]:
    def rank(node: int) -> tuple[bool, bool, float, int]:
        logp = token_logp(reading, node)
        likely = -float("inf") if logp is None else logp
        dead = reading.class_of(node) in DEAD
        return (node not in reading.emitted_at, dead, -likely, node)

    return sorted(nodes, key=rank)


def _instead(reading: Reading, node: int, step: int) -> list[Entry]:
    """Those that went on in the step in which it died, by score."""
    kept = [m for m in reading.marked(step, "kept") if m.node != node]
    scores = {m.node: m.numbers.get("logp") for m in kept}
    known = {n: -float("inf") if x is None else x for n, x in scores.items()}
    found = []
    for n in sorted(known, key=lambda n: (-known[n], n)):
        entry = _entry(reading, n) | {"text": reading.ending(n, SHOWN_END)}
        x = scores[n]
        entry["p"] = "" if x is None else f"{number(x)} nats"
        found.append(entry)
    return found


def _entry(reading: Reading, node: int) -> Entry:
    logp = token_logp(reading, node)
    return {
        "node": node,
        "text": reading.alone(reading.fold.nodes[node].token),
        "class": reading.class_of(node),
        "p": "" if logp is None else f"p {number(exp(logp))}",
    }
