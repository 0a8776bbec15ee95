"""A rule that says which of two texts is preferred: the one in which people talk more.

The rule needs no model and can be checked by eye: the reward of a text is the share of it that is
said aloud, between quotation marks. Tales differ much in this, and the target can tell early on
whether it is in the middle of a conversation.
"""

OPEN, CLOSE, EITHER = "“", "”", '"'


def spoken(text: str, inside: bool = False) -> list[bool]:
    """For each character whether it is within quotation marks; `inside`: the first one is.

    A line break ends a speech whose closing mark is missing: in old books a speech of several
    paragraphs has one opening mark each and is closed once.
    """
    told = []
    for character in text:
        if character == "\n":
            inside = False
        elif character == EITHER:
            inside = not inside
        elif character in (OPEN, CLOSE):
            inside = character == OPEN
        told.append(inside)
    return told


def reward(text: str, before: str = "") -> float:
    """The share of `text` that is said aloud, in [0, 1]; `before` is what it continues."""
    inside = spoken(before)[-1:] == [True]
    told = spoken(text, inside)
    return sum(told) / max(1, len(told))
