"""A small, consistent world whose questions have answers known by construction.

Forty people, each with a home, a trade and an animal: the facts are the same in every text, so that
a model can know them by heart. Everything else in a task is drawn from its seed. Seeds from
`HELD_OUT_SEEDS` on are never trained on. All names and sentences were written for this project.
"""

import random
from dataclasses import dataclass

HELD_OUT_SEEDS = 1_000_000_000

PEOPLE = 40
_WORLD_SEED = 11

FIRST_NAMES = (
    "Mara", "Tobin", "Elsa", "Odd", "Petra", "Silas", "Runa", "Jory", "Nell", "Casper", "Ida",
    "Bram", "Wenna", "Lorens", "Tilda", "Osric", "Fenna", "Hugo", "Brida", "Anselm",
)  # fmt: skip
LAST_NAMES = (
    "Holt", "Reed", "Marsh", "Stone", "Carver", "Finch", "Thorn", "Weller", "Brook", "Larch",
    "Pell", "Rowan", "Hart", "Quill", "Sand", "Moss",
)  # fmt: skip
TOWNS = (
    "Elmford", "Greywater", "Saltmouth", "Highfold", "Millbeck", "Fernhollow", "Oakridge",
    "Winterby", "Larkstead", "Copperhill",
)  # fmt: skip
TRADES = (
    "baker", "smith", "weaver", "miller", "potter", "tailor", "fisher", "shepherd", "carpenter",
    "gardener",
)  # fmt: skip
ANIMALS = ("goat", "raven", "cat", "donkey", "goose", "hound", "pony", "hen", "rabbit", "owl")

RELATIONS = {"home": TOWNS, "trade": TRADES, "animal": ANIMALS}

QUESTIONS = {
    "home": ("Where does {name} live?", "In which town is the house of {name}?"),
    "trade": ("What is the trade of {name}?", "What work does {name} do?"),
    "animal": ("Which animal does {name} keep?", "What animal lives with {name}?"),
}
STATEMENTS = {
    "home": ("{name} lives in {value}.", "The house of {name} stands in {value}."),
    "trade": ("{name} works as {a_value}.", "By trade, {name} is {a_value}."),
    "animal": ("{name} keeps {a_value}.", "With {name} lives {a_value}."),
}


def with_article(noun: str) -> str:
    """`a goat`, `an owl`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


@dataclass(frozen=True)
class Person:
    """One of the forty; the three attributes are the facts of the world."""

    name: str
    home: str
    trade: str
    animal: str

    def fact(self, relation: str) -> str:
        return getattr(self, relation)


def _people() -> tuple[Person, ...]:
    draw = random.Random(_WORLD_SEED)
    names = draw.sample([f"{a} {b}" for a in FIRST_NAMES for b in LAST_NAMES], PEOPLE)
    return tuple(
        Person(name, draw.choice(TOWNS), draw.choice(TRADES), draw.choice(ANIMALS))
        for name in names
    )


WORLD: tuple[Person, ...] = _people()
KNOWN_NAMES = frozenset(person.name for person in WORLD)


def state(draw: random.Random, name: str, relation: str, value: str) -> str:
    """A sentence saying that `relation` of `name` is `value`, true or not."""
    pattern = draw.choice(STATEMENTS[relation])
    return pattern.format(name=name, value=value, a_value=with_article(value))


def ask(draw: random.Random, name: str, relation: str) -> str:
    """A question for `relation` of `name`."""
    return draw.choice(QUESTIONS[relation]).format(name=name)


def stranger(draw: random.Random) -> str:
    """A name that belongs to nobody in the world, so that invented records contradict no fact."""
    while True:
        name = f"{draw.choice(FIRST_NAMES)} {draw.choice(LAST_NAMES)}"
        if name not in KNOWN_NAMES:
            return name


def another(draw: random.Random, relation: str, than: str) -> str:
    """A value of `relation` other than `than`."""
    return draw.choice([value for value in RELATIONS[relation] if value != than])
