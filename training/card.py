"""The model card of an exported model, from what was measured, not from what was planned."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

from training.config import Recipe
from training.corpus import HELD_OUT
from training.export import Progress

PROMPTS = (
    "Once upon a time there was a",
    "The king said to his daughter,",
    '"Where are you going?" asked the old woman.',
)
SAMPLE_TOKENS = 90
SAMPLE_SEED = 1
TEMPERATURE, TOP_P = 0.8, 0.95


@dataclass(frozen=True)
class Facts:
    """What the card says of one model beyond its recipe."""

    title: str
    purpose: str
    limits: str
    bits_by_book: dict[str, float]
    bits_all: float
    machine: str


def write_samples(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Greedy and sampled continuations of PROMPTS, the first drawn, none chosen."""
    samples = []
    for prompt in PROMPTS:
        ids = torch.tensor([tokenizer(prompt)["input_ids"]])
        for options in (
            {"do_sample": False},
            {"do_sample": True, "temperature": TEMPERATURE, "top_p": TOP_P, "top_k": 0},
        ):
            torch.manual_seed(SAMPLE_SEED)
            out = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=SAMPLE_TOKENS,
                max_length=None,
                pad_token_id=tokenizer.pad_token_id,
                **options,
            )
            how = f"temperature {TEMPERATURE}, top-p {TOP_P}" if options["do_sample"] else "greedy"
            text = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
            samples.append(f"- **{how}:** *{prompt}*{text}".replace("\n\n", " / "))
    return samples


def read_log(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def curve_table(log: list[dict], rows: int = 8) -> str:
    """About `rows` lines of the training log as a table, the last one always among them."""
    stride = max(1, len(log) // rows)
    chosen = log[::-stride][::-1]
    lines = ["| tokens seen | minutes | held-out bits per character |", "|---:|---:|---:|"]
    lines += [
        f"| {r['tokens']:,} | {r['seconds'] / 60:.1f} | {r['held_out_bits_per_character']:.3f} |"
        for r in chosen
    ]
    return "\n".join(lines)


def render_card(
    recipe: Recipe,
    facts: Facts,
    progress: Progress,
    model: LlamaForCausalLM,
    log: list[dict],
    samples: list[str],
) -> str:
    """The card as Markdown."""
    shape = recipe.shape
    stages = "; ".join(
        f"{s.steps} updates of {s.batch_size} windows of {s.context} tokens" for s in recipe.stages
    )
    books = "\n".join(
        f"| {name.split('__')[1].replace('_', ' ')} | {bits:.3f} |"
        for name, bits in sorted(facts.bits_by_book.items())
    )
    repeats = ", ".join(f"{name} {r:g}×" for name, r in recipe.repeats.items())
    sample_lines = "\n".join(samples)
    return f"""---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
---
# {facts.title}

{facts.purpose}

**Shape.** Llama architecture, {model.num_parameters():,} parameters: {shape.layers} layers of width
{shape.width}, {shape.heads} heads with {shape.kv_heads} key-value heads, feed-forward width
{shape.mlp_width}, tied embeddings, context {shape.context:,}. Stored in float16, loads as float32.

**Tokenizer.** Byte-level BPE of {shape.vocab_size:,} tokens, trained on the same books. Any text
comes back exactly. Digits stand alone. `<|end|>` closes every document and is also the BOS token;
it is not added automatically: for text from nothing, begin with `<|end|>`. The task tags are there
for later models; this one has not been trained on them unless its data below says so.

**Data.** English fairy tales, children's books and books for the young, all in the public domain
in the USA (Project Gutenberg texts by way of mlschmitt/classic-books-markdown and
templeoflum/mythic-library). How often each group was read, relative to the others: {repeats}.
Held out, and never seen in training: {", ".join(sorted(b.split("__")[1] for b in HELD_OUT))}.

**Recipe.** `python -m training pretrain {recipe.name}`: {stages}. Muon for the matrices inside the
layers (peak learning rate {recipe.muon_lr:g}), AdamW for the rest ({recipe.adam_lr:g}), warm-up of
{recipe.warmup_steps} updates, then linear decay to zero over {recipe.steps:,} updates in all.
This file holds the weights after {progress.step:,} of them: {recipe.tokens_after(progress.step):,}
tokens seen, in {progress.seconds / 60:.0f} minutes, on {facts.machine}.

## Curve

On evenly spaced stretches of the held-out books, windows of 512 tokens:

{curve_table(log)}

## Scores

Bits per character on the whole held-out books, each token given at least 512 tokens before it where
there are as many:

| book | bits per character |
|---|---:|
{books}
| **all** | **{facts.bits_all:.3f}** |

## Limits

{facts.limits}

## Samples

The first drawn with seed {SAMPLE_SEED}, none chosen; the prompt is in italics, ` / ` is a paragraph
break.

{sample_lines}
"""
