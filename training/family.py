"""The published models: which recipe fills which folder, and what their cards say in words."""

from dataclasses import dataclass

from training.config import RECIPES, Recipe


@dataclass(frozen=True)
class Member:
    """A folder below `assets/models/` and the recipe whose run fills it."""

    folder: str
    recipe: Recipe
    title: str
    purpose: str
    limits: str


_LIMITS = (
    "A small model of old books. It keeps grammar and the tone of a tale for a sentence or two, "
    "loses the thread within a paragraph, knows no facts, and repeats itself under greedy "
    "decoding. It writes what books of the nineteenth century wrote, with their prejudices, though "
    "the worst passages were removed before training. It is made to watch decoding methods at "
    "work, and for nothing else."
)

FAMILY = {
    member.folder: member
    for member in (
        Member(
            "target",
            RECIPES["target-more"],
            "target (interim)",
            "The model whose text is to be decoded. An interim one, trained for little more than "
            "an hour, so that every method has a real language model to run on; a deeper one, "
            "trained longer and also on tasks with checkable answers, is meant to replace it.",
            f"{_LIMITS} Most of its training was on windows of 256 tokens: later positions work, "
            "but are predicted less well (on the same held-out stretches 1.60 bits a character in "
            "windows of 256, 1.71 in windows of 1,024), so it is at its best in texts of a few "
            "hundred tokens. There the draft, at 1.67 in windows of either length, is behind it; "
            "with 512 or more tokens before each, as in the scores above, the draft is ahead.",
        ),
        Member(
            "draft",
            RECIPES["draft-long"],
            "draft (interim)",
            "The small model that proposes tokens for speculative decoding with `target`, whose "
            "tokenizer and books it shares; also the amateur of contrastive methods. Trained on "
            "text alone, not distilled on the target's samples.",
            _LIMITS,
        ),
    )
}
