"""What is known about a node, as rows of a tooltip: its law, its marks, its life."""

from __future__ import annotations

from typing import Any

from explorer.trace import ChoiceEvent, NodeStory
from visualizers.picture import Tip
from visualizers.reading import Reading
from visualizers.sentences import reason
from visualizers.words import number, probability

MOST_PARTS = 8  # of a mixture, in a tooltip
WORDS = {
    "kept": "kept",
    "pruned": "pruned",
    "accepted": "accepted",
    "rejected": "rejected",
    "merged": "merged",
    "finished": "finished",
    "emitted": "became text",
    "forced": "forced",
}


def node_tips(reading: Reading, node: int) -> list[Tip]:
    """Token, probability, who proposed it, and what was decided about it."""
    story = reading.fold.nodes[node]
    tips = [
        Tip("token", told(reading, story), story.born),
        Tip("proposed by", f"{story.by}, step {story.born + 1}", story.born),
    ]
    law = reading.law(node)
    if law is not None:
        since = max(law.step, story.born)
        raw, final = logps(law, story.token)
        tips.append(Tip("probability", probabilities(raw, final), since))
    kept = False
    for mark in story.marks:
        if mark.mark == "kept" and kept:
            continue  # the first sum stands for the node; later ones repeat it
        kept = kept or mark.mark == "kept"
        tips.append(Tip(WORDS[mark.mark], f"step {mark.step + 1}: {reason(mark)}", mark.step))
    return tips


def told(reading: Reading, story: NodeStory) -> str:
    """A node's token and its number, or of what it is a mixture, the largest share first."""
    if not story.mixture:
        return f"{reading.alone(story.token)}  (id {story.token})"
    ranked = sorted(story.mixture, key=lambda pair: -pair[1])
    parts = [f"{number(share)} of {reading.alone(token)}" for token, share in ranked]
    return f"a mixture: {', '.join(parts[:MOST_PARTS])}{', …' * (len(parts) > MOST_PARTS)}"


def prompt_tokens(reading: Reading) -> list[dict[str, Any]]:
    """The tokens before the tree: token, text, class ("prompt", or where a branch took it over
    "text", where a person chose it "forced"), and how probable each was given those before it, if
    that is known: p, surprisal in nats."""
    return [
        {
            "token": token,
            "text": reading.token(token),
            "class": reading.prompt_class(place),
            "p": None if logp is None else probability(logp),
            "surprisal": None if logp is None else -logp,
        }
        for place, (token, logp) in enumerate(
            zip(reading.prompt_ids, reading.prompt_logps, strict=True)
        )
    ]


def logps(law: ChoiceEvent, token: int | None) -> tuple[float | int | None, float | int | None]:
    """Log-probability of a token before and after what changed the law, in nats."""
    if token is None or token not in law.tokens:
        return None, None
    i = law.tokens.index(token)
    return law.raw[i], law.final[i]


def probabilities(raw: float | int | None, final: float | int | None) -> str:
    """Both probabilities in words; one of them if the filters changed nothing."""
    before, after = number(probability(raw)), number(probability(final))
    return after if before == after else f"{after} (before the filters {before})"
