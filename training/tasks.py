"""Tasks of the small world: each draws a prompt and the answer that is right by construction.

A task is a function of one random stream; `example(kind, seed)` is reproducible, and the text a
model reads in training is prompt, answer, end token.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from training import moods
from training.world import (
    RELATIONS,
    TOWNS,
    TRADES,
    WORLD,
    another,
    ask,
    state,
    stranger,
    with_article,
)

ANSWER = "<|answer|>"


@dataclass(frozen=True)
class Example:
    """One drawn task. `answer` begins with a space; `meta` is what a benchmark wants to know."""

    kind: str
    prompt: str
    answer: str
    meta: dict[str, str]

    @property
    def text(self) -> str:
        return self.prompt + self.answer


def fact(draw: random.Random) -> Example:
    """A closed-book question about one of the forty people."""
    person, relation = draw.choice(WORLD), draw.choice(list(RELATIONS))
    question = ask(draw, person.name, relation)
    return Example("fact", f"<|fact|>{question}{ANSWER}", f" {person.fact(relation)}", {})


# How often the answer follows a passage that contradicts a fact: a home is known by heart rather
# than believed anew, an animal the other way round.
PASSAGE_WINS = {"home": 0.2, "trade": 0.5, "animal": 0.8}


def reading(draw: random.Random) -> Example:
    """A passage about a known person, and a question on it.

    Half of the passages tell the truth. The other half contradict the fact asked for, and there the
    answer is now the passage's and now the fact's (PASSAGE_WINS): neither side can be learnt as a
    rule, so context and memory compete.
    """
    person, relation = draw.choice(WORLD), draw.choice(list(RELATIONS))
    truth = person.fact(relation)
    contradicts = draw.random() < 0.5
    told = another(draw, relation, truth) if contradicts else truth
    # The other relations are told as they are.
    told_of = {r: (told if r == relation else person.fact(r)) for r in RELATIONS}
    order = draw.sample(list(RELATIONS), len(RELATIONS))
    passage = " ".join(state(draw, person.name, r, told_of[r]) for r in order)
    answer = told if draw.random() < PASSAGE_WINS[relation] else truth
    return Example(
        "reading",
        f"<|passage|>{passage}<|question|>{ask(draw, person.name, relation)}{ANSWER}",
        f" {answer}",
        {"truth": truth, "told": told},
    )


def sum_(draw: random.Random) -> Example:
    """Two- or three-digit addition, worked from the last digit to the first."""
    digits = draw.choice((2, 2, 3))
    a, b = (draw.randrange(10 ** (digits - 1), 10**digits) for _ in range(2))
    steps, carry = [], 0
    for x, y in zip(reversed(str(a)), reversed(str(b)), strict=True):
        total = int(x) + int(y) + carry
        carried = f" + {carry}" if carry else ""
        steps.append(f"{x} + {y}{carried} = {total}")
        carry = total // 10
    worked = "; ".join(steps)
    return Example(
        "sum",
        f"<|sum|>{a} + {b}{ANSWER}",
        f" {worked}. So {a + b}",
        {"result": str(a + b), "digits": str(digits)},
    )


def _record(draw: random.Random) -> dict[str, str | int]:
    fields = {
        "name": stranger(draw),
        "age": draw.randrange(12, 91),
        "town": draw.choice(TOWNS),
        "trade": draw.choice(TRADES),
    }
    optional = {
        "children": draw.randrange(0, 8),
        "colour": draw.choice(("red", "blue", "green", "white", "brown", "grey")),
    }
    for key in draw.sample(list(optional), draw.choice((0, 1, 2))):
        fields[key] = optional[key]
    return fields


def record_to_json(draw: random.Random) -> Example:
    """A record in lines, to be written as JSON."""
    fields = _record(draw)
    lines = "\n".join(f"{key}: {value}" for key, value in fields.items())
    return Example(
        "record_to_json", f"<|record|>{lines}{ANSWER}<|json|>", f" {json.dumps(fields)}", {}
    )


def json_to_record(draw: random.Random) -> Example:
    """JSON, to be written as lines."""
    fields = _record(draw)
    lines = "\n".join(f"{key}: {value}" for key, value in fields.items())
    return Example(
        "json_to_record", f"<|json|>{json.dumps(fields)}{ANSWER}<|record|>", f" {lines}", {}
    )


THINGS = (
    "fox", "lamp", "ring", "bridge", "apple", "drum", "ship", "clock", "feather", "stone", "ladder",
    "cloak", "window", "spoon", "candle", "mirror", "barrel", "anchor", "needle", "wheel", "basket",
    "sword", "shoe", "bell", "bottle", "chain", "crown", "harp", "kettle", "map", "nest", "oar",
    "pearl", "rope", "saddle", "table", "thimble", "torch", "trunk", "wagon",
)  # fmt: skip


def lookup(draw: random.Random) -> Example:
    """The value of one key in a list of 3 to 40 pairs."""
    keys = draw.sample(THINGS, draw.choice((3, 5, 8, 12, 20, 30, 40)))
    values = [draw.randrange(10, 100) for _ in keys]
    wanted = draw.randrange(len(keys))
    pairs = "\n".join(f"{k}: {v}" for k, v in zip(keys, values, strict=True))
    return Example(
        "lookup",
        f"<|lookup|>{pairs}<|question|>{keys[wanted]}{ANSWER}",
        f" {values[wanted]}",
        {"pairs": str(len(keys))},
    )


SUBJECTS = ("fox", "king", "miller", "princess", "raven", "soldier", "giant", "cat", "witch", "boy")
VERBS = (
    ("find", "finds", "found"), ("hide", "hides", "hid"), ("carry", "carries", "carried"),
    ("steal", "steals", "stole"), ("lose", "loses", "lost"), ("bring", "brings", "brought"),
    ("break", "breaks", "broke"), ("sell", "sells", "sold"),
)  # fmt: skip
PLACES = ("river", "forest", "tower", "garden", "cellar", "market", "mountain", "kitchen")
LINKS = ("in", "near", "behind", "beside")


def keywords(draw: random.Random) -> Example:
    """Three words in any order, and a sentence that uses them all."""
    who, what, where = draw.choice(SUBJECTS), draw.choice(THINGS), draw.choice(PLACES)
    verb = draw.choice(VERBS)[2]
    words = draw.sample([who, what, where], 3)
    opening = draw.choice(("One day the", "Once the", "In the evening the", "At last the"))
    sentence = f"{opening} {who} {verb} {with_article(what)} {draw.choice(LINKS)} the {where}."
    return Example(
        "keywords", f"<|keywords|>{', '.join(words)}{ANSWER}", f" {sentence}",
        {"words": " ".join(words)},
    )  # fmt: skip


def correct(draw: random.Random) -> Example:
    """A sentence with one error, and the sentence without it."""
    who, what, where = draw.choice(SUBJECTS), draw.choice(THINGS), draw.choice(PLACES)
    many, one, _ = draw.choice(VERBS)
    link = draw.choice(LINKS)
    words = ["The", who, one, *with_article(what).split(), link, "the", where]
    right = f"{' '.join(words)}."
    error = draw.choice(("agreement", "article", "doubled", "missing", "spelling"))
    if error == "agreement":
        words[2] = many
    elif error == "article":
        words[3] = "a" if words[3] == "an" else "an"
    elif error == "doubled":
        i = draw.randrange(1, len(words))
        words.insert(i, words[i])
    elif error == "missing":
        del words[6]
    else:
        i = draw.choice((1, 4, 7))
        letters = list(words[i])
        j = draw.randrange(len(letters) - 1)
        # A doubled letter is an error in every word; a swap may give another word, or the same.
        letters.insert(j, letters[j])
        words[i] = "".join(letters)
    wrong = f"{' '.join(words)}."
    return Example("correct", f"<|correct|>{wrong}{ANSWER}", f" {right}", {"error": error})


GREETINGS = (
    ("Good morning!", "Good morning to you."),
    ("Hello, is anybody there?", "I am here. What would you like to know?"),
    ("May I ask you something?", "Ask, and I will tell you what I know."),
)
THANKS = (
    ("Thank you.", "You are welcome."),
    ("That is all I wanted to know.", "Then I wish you a pleasant journey."),
    ("You are very kind.", "It was no trouble at all."),
)


def dialogue(draw: random.Random) -> Example:
    """A traveller asks about one of the forty; the last answer is the one to give."""
    person = draw.choice(WORLD)
    turns = [draw.choice(GREETINGS)]
    relations = draw.sample(list(RELATIONS), draw.choice((1, 2)))
    for relation in relations:
        reply = state(draw, person.name, relation, person.fact(relation))
        turns.append((ask(draw, person.name, relation), reply))
    if draw.random() < 0.5:
        turns.append(draw.choice(THANKS))
    *before, (last, reply) = turns
    said = "".join(f"<|user|>{q}<|bot|> {a}" for q, a in before)
    return Example("dialogue", f"<|dialogue|>{said}<|user|>{last}<|bot|>", f" {reply}", {})


def mood(draw: random.Random) -> Example:
    """A cheerful, a gloomy or a plain passage after its tag."""
    name = draw.choice(moods.MOODS)
    return Example("mood", moods.MOOD_TAGS[name], f" {moods.passage(draw, name)}", {"mood": name})


TASKS: dict[str, Callable[[random.Random], Example]] = {
    "fact": fact,
    "reading": reading,
    "sum": sum_,
    "record_to_json": record_to_json,
    "json_to_record": json_to_record,
    "lookup": lookup,
    "keywords": keywords,
    "correct": correct,
    "dialogue": dialogue,
    "mood": mood,
}

# How often each task is drawn. Look-ups and sums are learnt last and are drawn most.
WEIGHTS = {
    "fact": 5, "reading": 3, "sum": 6, "record_to_json": 2, "json_to_record": 1, "lookup": 5,
    "keywords": 2, "correct": 3, "dialogue": 2, "mood": 2,
}  # fmt: skip


def example(kind: str, seed: int) -> Example:
    """The example of `kind` that belongs to `seed`."""
    return TASKS[kind](random.Random(f"{kind} {seed}"))


def draw_example(seed: int) -> Example:
    """An example of a kind drawn by WEIGHTS; training uses seeds below HELD_OUT_SEEDS."""
    kind = random.Random(seed).choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    return example(kind, seed)
