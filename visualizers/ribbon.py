"""The text as a ribbon of tokens: how probable each was, who proposed it, what else there was.

While a search has not decided yet, the ribbon shows the hypothesis that leads.

`data` feeds the page's main text. data["prompt"] = [{"token": id, "text", "class", "p",
"surprisal"}, …], as far as the model told how probable the prompt was; and data["tokens"], in the
order of the tree, one entry for each token that ever was part of the ribbon:

    node, token, text (visible), by, place (1 = first token after the prompt), end (ends the text)
    shows         [[from step, until step or null, class], …]: when it is there, and as what
    p             probability under the law it was taken from, after the filters; null: unknown
    p_raw         the same before the filters
    surprisal     -ln p_raw in nats; where p_raw is unknown -ln p
    entropy       of the law it was taken from: {view: nats}
    stream        name of the law whose alternatives are listed: the one the token was taken
                  from, or where it is an accepted guess, the one it was guessed from
    source        where p comes from, in words
    u             the random number behind the draw, or null
    removed_mass  {filter: mass it took}
    choice        name of the frame of the picture "distribution" that shows that law; null: none
    alternatives  that law's most probable tokens: {"token", "text", "raw", "final" (log-
                  probabilities in nats, null: minus infinity), "removed_by", "chosen"}

The text at step s: the tokens with an interval that holds s, in the order of `place`.
"""

from __future__ import annotations

from math import log
from typing import Any

from explorer.trace import ChoiceEvent
from visualizers.facts import logps, node_tips, prompt_tokens
from visualizers.leading import lead
from visualizers.picture import Mark, Picture, Table, Tip
from visualizers.reading import Reading, text_class
from visualizers.sentences import captions, tell_step
from visualizers.style import legend
from visualizers.words import cells, number, probability

READS = ("view", "node", "mark", "choice", "eval", "done")
NEEDS = ()
LINE = 84  # cells
PITCH = 2.0  # lines of the grid a line of text takes: the text, and the bars below it

WORDS_BEFORE = {
    "prompt": "prompt token",
    "text": "taken over from the run before",
    "forced": "chosen by a person",
}

Interval = list[Any]  # [from step, until step or None, class]


def draw(reading: Reading) -> list[Picture]:
    shows = _shows(reading)
    tokens = [_token(reading, node, shows[node]) for node in sorted(shows)]
    places = _Places()
    marks = _prompt_marks(reading, places)
    at_root = places.here
    at: dict[int, tuple[float, float]] = {0: at_root}
    ends: dict[int, tuple[float, float]] = {}
    for entry in tokens:
        parent = reading.fold.nodes[entry["node"]].parent
        places.here = at[parent]
        ends[entry["node"]] = places.put(entry["text"])
        at[entry["node"]] = places.here
        marks += _token_marks(reading, entry, ends[entry["node"]])
    return [
        Picture(
            id="ribbon",
            kind="marks",
            title="Text",
            what="The prompt and the text behind it, token by token.",
            how="The bar below a token is its probability as a share of the token's width. "
            "Point at a token for the others it was chosen from.",
            captions=captions(reading, lambda step: tell_step(reading, step)),
            table=_table(reading, tokens),
            legend=legend("prompt", *(cls for m in marks for cls in (m.cls, *_later(m)))),
            marks=marks,
            size=(LINE, max((m.y for m in marks), default=0.0) + 1.5),
            focus=_focus(reading, tokens, ends, at_root),
            data={"prompt": prompt_tokens(reading), "tokens": tokens},
        )
    ]


# Which tokens are shown when ------------------------------------------------------------------


def _shows(reading: Reading) -> dict[int, list[Interval]]:
    """For each node of the ribbon the intervals of steps in which it is shown."""
    fold = reading.fold
    found: dict[int, list[Interval]] = {}
    leading: list[int] = []  # the open nodes shown behind the text
    head = 0
    for step in reading.steps:
        emitted = [m.node for m in reading.marked(step, "emitted")]
        head = emitted[-1] if emitted else head
        ended = fold.done is not None and fold.done.step <= step
        tail = [] if ended else lead(reading, step, head, leading)
        before, after = set(leading), set(tail)
        for n in leading:
            if n not in after:
                found[n][-1][1] = step
        for n in tail:
            if n not in before:
                found.setdefault(n, []).append([step, None, "open"])
        for n in emitted:
            intervals = found.setdefault(n, [])
            cls = reading.class_of(n, step)
            intervals.append([step, None, cls if text_class(cls) else "text"])
        leading = tail
    return found


# What is known about a token ------------------------------------------------------------------


def _token(reading: Reading, node: int, shows: list[Interval]) -> dict[str, Any]:
    story = reading.fold.nodes[node]
    law = reading.law(node)
    p_raw, p, source = _probability(reading, node, law)
    name, shown = _shown_law(reading, node, law)
    surprise = p_raw or p
    outputs = reading.fold.done.outputs if reading.fold.done else []
    return {
        "node": node,
        "token": story.token,
        "text": reading.token(story.token),
        "by": story.by,
        "place": story.depth,
        "end": any(o.node == node for o in outputs[:1]),
        "shows": shows,
        "p": p,
        "p_raw": p_raw,
        "surprisal": -log(surprise) if surprise else None,
        "entropy": dict(reading.fold.nodes[story.parent].entropy),
        "stream": shown.stream if shown else "",
        "source": source,
        "u": law.u if law else _number_of(reading, node, "u"),
        "removed_mass": dict(law.removed_mass) if law else {},
        "choice": name if name in reading.framed else None,
        "alternatives": _alternatives(reading, shown),
    }


def _probability(
    reading: Reading, node: int, law: ChoiceEvent | None
) -> tuple[float | None, float | None, str]:
    """Before the filters, after them, and where the numbers come from."""
    if law is not None:
        raw, final = logps(law, reading.fold.nodes[node].token)
        residual = "residual" in law.removed_mass
        words = "the residual law" if residual else f"the law “{law.stream}” after the filters"
        return probability(raw), probability(final), words
    p = _number_of(reading, node, "p")
    return (
        None,
        p,
        "" if p is None else "the target's law after the filters, as it judged the guess",
    )


def _number_of(reading: Reading, node: int, name: str) -> float | None:
    marks = (m for m in reading.fold.nodes[node].marks if m.mark == "accepted")
    return next((float(x) for m in marks if (x := m.numbers.get(name)) is not None), None)


def _shown_law(
    reading: Reading, node: int, law: ChoiceEvent | None
) -> tuple[str | None, ChoiceEvent | None]:
    """The law whose alternatives are shown, with its name: the one the token was taken from, or
    where the token is a guess that was accepted, the one it was guessed from."""
    story = reading.fold.nodes[node]
    for i, choice in enumerate(reading.fold.choices.get(story.parent, ())):
        if choice is law or (law is None and story.token in choice.chosen):
            return f"choice {story.parent} {i}", choice
    return None, None


def _alternatives(reading: Reading, law: ChoiceEvent | None) -> list[dict[str, Any]]:
    if law is None:
        return []
    columns = zip(law.tokens, law.raw, law.final, law.removed_by, strict=True)
    return [
        {
            "token": token,
            "text": reading.alone(token),
            "raw": raw,
            "final": final,
            "removed_by": cause,
            "chosen": token in law.chosen,
        }
        for token, raw, final, cause in columns
    ]


# Marks ----------------------------------------------------------------------------------------


class _Places:
    """Where the next token goes, in lines of limited width."""

    def __init__(self) -> None:
        self.here = (0.0, 0.0)

    def put(self, text: str) -> tuple[float, float]:
        x, y = self.here
        if x > 0 and x + cells(text) > LINE:
            x, y = 0.0, y + PITCH
        after = x + cells(text)
        self.here = (0.0, y + PITCH) if text.endswith("↵") else (after, y)
        return x, y + 0.5


def _prompt_marks(reading: Reading, places: _Places) -> list[Mark]:
    marks = []
    for i, entry in enumerate(prompt_tokens(reading)):
        text, token = entry["text"], entry["token"]
        x, y = places.put(text)
        words = WORDS_BEFORE[entry["class"]]
        tip = [Tip(words, f"{reading.alone(token)}  (id {token})")]
        if entry["surprisal"] is not None:
            tip.append(Tip("probability", number(entry["p"])))
            tip.append(Tip("surprisal", f"{number(entry['surprisal'])} nats"))
        marks.append(
            Mark(f"prompt {i}", "text", x, y, entry["class"], text=text, width=cells(text), tip=tip)
        )
    return marks


def _token_marks(reading: Reading, entry: dict[str, Any], at: tuple[float, float]) -> list[Mark]:
    node, (x, y), width = entry["node"], at, float(cells(entry["text"]))
    tips = node_tips(reading, node) + _law_tips(entry)
    marks = []
    for born, until, cls in entry["shows"]:
        text = Mark(
            f"node {node}", "text", x, y, cls, born, width=width, text=entry["text"], tip=tips,
            dies=until, node=node,
        )  # fmt: skip
        marks.append(text)
        if entry["p"] is not None:
            long = max(width * entry["p"], 0.05)
            marks.append(
                Mark(f"p {node}", "bar", x, y + 0.55, cls, born, width=long, height=0.2,
                     dies=until, node=node)
            )  # fmt: skip
    return marks


def _law_tips(entry: dict[str, Any]) -> list[Tip]:
    since = entry["shows"][0][0]
    tips = []
    if entry["surprisal"] is not None:
        tips.append(Tip("surprisal", f"{number(entry['surprisal'])} nats", since))
    tips += [
        Tip(f"entropy, {view}", f"{number(nats)} nats", since)
        for view, nats in entry["entropy"].items()
    ]
    tips += [
        Tip(f"removed by {cause}", number(mass), since)
        for cause, mass in entry["removed_mass"].items()
    ]
    if entry["u"] is not None:
        tips.append(Tip("random number", number(entry["u"]), since))
    return tips


def _table(reading: Reading, tokens: list[dict[str, Any]]) -> Table:
    columns = ["place", "token", "id", "by", "probability", "before filters", "surprisal (nats)"]
    views = sorted({view for entry in tokens for view in entry["entropy"]})
    table = Table([*columns, *(f"entropy, {view} (nats)" for view in views)])
    entries = {entry["node"]: entry for entry in tokens}
    for step in reading.steps:
        for mark in reading.marked(step, "emitted"):
            entry = entries[mark.node]
            table.add(
                step, entry["place"], reading.alone(entry["token"]), entry["token"], entry["by"],
                entry["p"], entry["p_raw"], entry["surprisal"],
                *(entry["entropy"].get(view) for view in views),
            )  # fmt: skip
    return table


def _focus(
    reading: Reading,
    tokens: list[dict[str, Any]],
    ends: dict[int, tuple[float, float]],
    start: tuple[float, float],
) -> list[tuple[float, float]]:
    latest: dict[int, tuple[int, tuple[float, float]]] = {}
    for entry in tokens:
        for born, _, _ in entry["shows"]:
            if entry["place"] >= latest.get(born, (0, start))[0]:
                latest[born] = (entry["place"], ends[entry["node"]])
    found, here = [], start
    for step in reading.steps:
        here = latest[step][1] if step in latest else here
        found.append(here)
    return found


def _later(mark: Mark) -> list[str]:
    return [cls for _, cls in mark.changes]
