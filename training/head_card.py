"""The card of a head on the target's states, from what was measured."""

import re

from explorer.models.heads import Head
from training.card import Run, later_curve
from training.export import Progress
from training.heads import LEAST_DIFFERENCE, Heading, RewardedTexts


def head_samples(rewarded: RewardedTexts, head: Head, count: int = 6) -> list[str]:
    """The first held-out texts with the rule's reward and what the head says of them."""
    lines = []
    states = rewarded.states.split(rewarded.lengths.tolist())
    for text, reward, path in list(zip(rewarded.texts, rewarded.rewards, states, strict=True))[
        :count
    ]:
        if head.about.kind == "reward":
            said = f"score {float(head.score(path)):+.2f}"
        else:
            values = head.value(path)[:: max(1, len(path) // 4)]
            said = f"expected along the way {', '.join(f'{float(v):.2f}' for v in values)}"
        text = re.sub(r"\n+", " / ", text.strip())
        lines.append(f"- **reward {float(reward):.2f}, {said}:** {text}")
    return lines


def render_head_card(
    head: Head,
    purpose: str,
    limits: str,
    training: Heading,
    log: list[dict],
    samples: list[str],
    machine: str,
) -> str:
    """The card of a head as Markdown."""
    recipe, texts = training.recipe, training.texts
    loss = {
        "reward": "pairs of texts whose rewards differ by at least "
        f"{LEAST_DIFFERENCE:g}, by −ln σ(score of the preferred − score of the other)",
        "prefix": "the final reward at every place, by squared error",
    }[recipe.kind]
    curve = later_curve(Run(recipe, Progress(training.step, training.seconds), log), rows=6)
    rewards, held_out = texts.rewards, training.held_out
    return f"""---
license: apache-2.0
language: en
---
# {head.name}

{purpose}

**Shape.** A linear map from the state of `{head.about.model}` after its last norm
(`view.hidden(nodes, {head.about.layer})`) to one number: {head.weight.numel() + 1:,} parameters in
`head.safetensors`, read by `explorer/models/heads.py`. Made for the weights
`{head.about.revision}` of `{head.about.model}` and for no others.

**Rule.** The reward of a text is the share of its characters that somebody says, between quotation
marks (`training/rewards.py`), from 0 to 1. Nobody's judgement is in it but the rule's.

**Data.** {len(rewards):,} texts with {len(texts.states):,} tokens that `{head.about.model}` itself
wrote at temperature 1, from stretches of training books and from fresh tasks of the small world; a
text ends at its end token or where the sample does. Mean reward {float(rewards.mean()):.3f},
deviation {float(rewards.std()):.3f}. Scored on {len(held_out.rewards):,} texts from held-out books
and held-out tasks.

**Recipe.** {training.step:,} updates of {recipe.batch_size:,} examples in
{training.seconds:.0f} seconds on {machine}, the model frozen:
{loss}.
AdamW, peak learning rate {recipe.adam_lr:g}, weight decay {recipe.weight_decay:g}, linear decay to
zero; states are standardised during training, which is folded into the weights afterwards.

## Curve and scores

{curve}

## Limits

{limits}

## Samples

The first held-out ones, none chosen; ` / ` is a line break.

{chr(10).join(samples)}
"""
