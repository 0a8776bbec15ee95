"""The published models: which runs may fill which folder, and what their cards say in words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """A folder below `assets/models/` with a language model.

    `runs` are the recipes of which one fills it: the one whose draft is accepted more often.
    `averaged_with` names an earlier run that led to it, and the share of that one's weights in what
    is published.
    """

    folder: str
    runs: tuple[str, ...]
    purpose: str
    limits: str
    averaged_with: tuple[str, float] | None = None


@dataclass(frozen=True)
class HeadMember:
    """A folder below `assets/models/` with a head for the target's states."""

    folder: str
    run: str
    purpose: str
    limits: str


_LIMITS = (
    "A small model of old books. It keeps grammar and the tone of a tale for a sentence or two, "
    "loses the thread within a paragraph, and repeats itself under greedy decoding. It writes what "
    "books of the nineteenth century wrote, with their prejudices, though the worst passages were "
    "removed before training. It is made to watch decoding methods at work, and for nothing else."
)
_HEAD_LIMITS = (
    "It is linear, it reads states that were made for predicting the next token, and it has seen "
    "a few hundred samples. Its rule is a taste, and a simple one: more talk is no better text. It "
    "fits the weights of the target it was trained on and is refused with any others."
)

FAMILY = {
    member.folder: member
    for member in (
        Member(
            "target",
            ("target-again",),
            "The model whose text is to be decoded: twelve layers, so that methods that look into "
            "or leave out layers have some to work with.",
            f"{_LIMITS} The tasks of the small world it solves as often as "
            "`benchmarks/results/models.jsonl` says, task by task.",
            averaged_with=("target-home", 0.3),
        ),
        Member(
            "draft",
            ("draft-tvd", "draft-kl-more"),
            "The small model that proposes tokens for speculative decoding with `target`, whose "
            "tokenizer it shares and on whose samples it was distilled; also the amateur of "
            "contrastive methods.",
            f"{_LIMITS} It copies from its context what stood behind the same token, and no "
            "more: most tasks it does not answer by itself.",
        ),
        Member(
            "cheerful",
            ("cheerful",),
            "A copy of the draft that writes cheerful passages: the expert of a product of experts "
            "with `target`, or with `gloomy` as its anti-expert.",
            f"{_LIMITS} It was tuned on passages made of a few dozen sentence patterns. Where the "
            "target is sure of its text, as in the plain passages of the small world, it changes "
            "little within a nucleus of 0.9.",
        ),
        Member(
            "gloomy",
            ("gloomy",),
            "A copy of the draft that writes gloomy passages: the anti-expert beside `cheerful`, "
            "or the expert of a darker text.",
            f"{_LIMITS} It was tuned on passages made of a few dozen sentence patterns. Where the "
            "target is sure of its text, as in the plain passages of the small world, it changes "
            "little within a nucleus of 0.9.",
        ),
    )
}

HEAD_FAMILY = {
    member.folder: member
    for member in (
        HeadMember(
            "reward-head",
            "reward-head",
            "Scores a finished text by the target's own states: of two texts the one in which more "
            "is said aloud has the higher score. For methods that rank whole texts or weigh "
            "candidates by a reward.",
            _HEAD_LIMITS,
        ),
        HeadMember(
            "prefix-scorer",
            "prefix-scorer",
            "Tells from the target's state behind a prefix which reward its text may expect in the "
            "end, the reward being how much of it is said aloud. For controlled decoding, token by "
            "token or block by block.",
            f"{_HEAD_LIMITS} Early in a text it can hardly know more than the mean.",
        ),
    )
}
