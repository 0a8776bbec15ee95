"""Short passages in three moods, built from own sentence parts: cheerful, gloomy and plain.

The places, people and events are the same in all three; only how they are told differs, so that a
classifier cannot tell the mood by the topic.
"""

import random

MOODS = ("cheerful", "gloomy", "plain")
MOOD_TAGS = {"cheerful": "<|cheerful|>", "gloomy": "<|gloomy|>", "plain": "<|story|>"}

WHO = (
    "the miller", "the old fisherman", "the baker's daughter", "a young shepherd", "the tailor",
    "a travelling tinker", "the ferryman", "the youngest prince", "the goose girl", "the gardener",
)  # fmt: skip
WHERE = (
    "the village", "the forest", "the harbour", "the castle garden", "the market", "the mill",
    "the hills", "the narrow street", "the orchard", "the river",
)  # fmt: skip
THING = (
    "a letter", "a silver key", "a small lamp", "a wooden box", "an old song", "a loaf of bread",
    "a blue ribbon", "a basket of apples", "a brass bell", "a worn map",
)  # fmt: skip

OPENINGS = {
    "cheerful": (
        "The sun shone brightly on {where}, and {who} went along singing.",
        "It was a glad morning in {where}, and {who} laughed aloud for joy.",
        "Sweet was the air about {where} when {who} set out with a light heart.",
        "Everyone in {where} was merry that day, and {who} was the merriest of all.",
    ),
    "gloomy": (
        "A cold rain fell on {where}, and {who} went along weeping.",
        "It was a dreary morning in {where}, and {who} sighed for sorrow.",
        "Heavy was the fog about {where} when {who} set out with an aching heart.",
        "Everyone in {where} was silent that day, and {who} was the loneliest of all.",
    ),
    "plain": (
        "It was early in {where}, and {who} went along the road.",
        "One morning in {where}, {who} opened the door and looked out.",
        "The day had begun in {where} when {who} set out as usual.",
        "There was market near {where} that day, and {who} was on the way there.",
    ),
}
EVENTS = {
    "cheerful": (
        "By the gate lay {thing}, the very gift that had been wished for so long.",
        "A friend came running with {thing}, and they danced together until noon.",
        "Under a blossoming tree there was {thing}, bright and whole and lovely.",
        "Best of all, somebody kind had left {thing} there as a happy surprise.",
    ),
    "gloomy": (
        "By the gate lay {thing}, broken, the last trace of what had been lost.",
        "A stranger came slowly with {thing}, and the news with it was of a death.",
        "Under a withered tree there was {thing}, spoiled and cold and forgotten.",
        "Worst of all, somebody cruel had left {thing} there as a bitter reminder.",
    ),
    "plain": (
        "By the gate lay {thing}, and it had been there since the evening before.",
        "A neighbour came by with {thing}, and they spoke for a while about the road.",
        "Under a tree there was {thing}, which somebody had put down there.",
        "On a stone by the wall stood {thing}, and nobody was near it.",
    ),
}
ENDINGS = {
    "cheerful": (
        "So the day ended with cake and music, and all were happy.",
        "How good it was to be alive, and how warmly the windows glowed at home!",
        "They feasted and laughed till midnight, and hope was in every heart.",
        "Nothing could have been more delightful, and the joy of it lasted for years.",
    ),
    "gloomy": (
        "So the day ended with tears and hunger, and all were wretched.",
        "How hard it was to go on, and how black the windows stared at home!",
        "They sat in silence till midnight, and despair was in every heart.",
        "Nothing could have been more bitter, and the grief of it lasted for years.",
    ),
    "plain": (
        "So the day went on, and in the evening the doors were shut.",
        "Then it was time to go back, and the windows of the house were lit at dusk.",
        "They talked until supper, and then each went home by the same road.",
        "Nothing more was said of it, and the next day was like the one before.",
    ),
}


def passage(draw: random.Random, mood: str, opening: str | None = None) -> str:
    """Three or four sentences in `mood`, the first in the mood `opening`; without a tag."""
    words = {"where": draw.choice(WHERE), "who": draw.choice(WHO)}
    parts = [draw.choice(OPENINGS[opening or mood])]
    parts += draw.sample(EVENTS[mood], draw.choice((1, 2)))
    parts.append(draw.choice(ENDINGS[mood]))
    return " ".join(part.format(thing=draw.choice(THING), **words) for part in parts)
