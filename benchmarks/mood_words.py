"""Words that tell a mood: how sentences are labelled for the judge of steering.py."""

import re
from collections.abc import Iterable


def words(text: str) -> list[str]:
    """The words of a text in small letters."""
    return re.findall(r"[a-z]+", text.lower())


CHEERFUL = frozenset(
    words("""
    beautiful beautifully beloved bless blessed blessing blossom bright brightly cake charming cheer
    cheerful cheerfully comfort comfortable dance danced dancing dear delicious delight delighted
    delightful feast feasted friend friendly friends gay gentle gift gifts glad gladly glorious
    golden good grateful happily happiness happy holiday hope jolly joy joyful kind kindly kindness
    kiss kissed laugh laughed laughing laughter love loved lovely loving lucky merrily merry music
    nice pleasant pleased pleasure praise pretty proud rejoice rejoiced rejoicing safe sang sing
    singing smile smiled smiling song songs sunny sunshine sweet sweetly thank thanked thanks treat
    warm warmly welcome wonderful
    """)
)
GLOOMY = frozenset(
    words("""
    afraid alas alone angrily angry anguish bitter bitterly black blood broken cold cried cruel
    crying dark darkness dead death despair died dismal dreadful dreary dying enemy evil fear
    fearful fell frightened gloom gloomy grave grief groan groaned hate hated heavy horrible hunger
    hungry hurt ill kill killed lonely lost miserable misery moan mourned murder pain pale perish
    perished poor sad sadly scream screamed shame sick sigh sighed silence sorrow sorrowful sorry
    storm suffer suffered tears tempest terrible terribly terror tired ugly unhappy weary weep
    weeping wept wicked withered woe wound wounded wretched
    """)
)


def count(told: Iterable[str]) -> tuple[int, int]:
    """How many of the words are cheerful, and how many gloomy."""
    cheerful = gloomy = 0
    for word in told:
        cheerful += word in CHEERFUL
        gloomy += word in GLOOMY
    return cheerful, gloomy
