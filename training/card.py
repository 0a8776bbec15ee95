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
    ngram_bits: float
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


@dataclass(frozen=True)
class Run:
    """One pretraining run that led to the model: its recipe, how far it came, its log."""

    recipe: Recipe
    progress: Progress
    log: list[dict]

    @property
    def tokens(self) -> int:
        return self.recipe.tokens_after(self.progress.step)


def read_log(path: Path) -> list[dict]:
    """The records of a `log.jsonl`."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def curve_table(runs: list[Run], rows: int = 12) -> str:
    """About `rows` records of all runs as a table, the last of each run always among them."""
    lines = [
        "| run | tokens seen in all | minutes in all | held-out bits per character |",
        "|---|---:|---:|---:|",
    ]
    tokens, seconds = 0, 0.0
    for run in runs:
        log = [r for r in run.log if r["step"] <= run.progress.step]
        stride = max(1, len(log) * len(runs) // rows)
        lines += [
            f"| {run.recipe.name} | {tokens + r['tokens']:,} | {(seconds + r['seconds']) / 60:.0f} "
            f"| {r['held_out_bits_per_character']:.3f} |"
            for r in log[::-stride][::-1]
        ]
        tokens, seconds = tokens + run.tokens, seconds + run.progress.seconds
    return "\n".join(lines)


def describe_run(run: Run) -> str:
    """One line of the card on how a run went."""
    recipe, shape = run.recipe, run.recipe.shape
    stages = ", then ".join(
        f"windows of {s.context} tokens, {s.batch_size} an update" for s in recipe.stages
    )
    rate = "then constant" if recipe.constant else "then linear decay to zero"
    start = f"Begins with the weights of `{recipe.starts_from}`. " if recipe.starts_from else ""
    shares = ", ".join(f"{name} {r:g}×" for name, r in recipe.repeats.items())
    return (
        f"- `{recipe.name}`: {shape.layers} layers, {run.progress.step:,} updates of "
        f"{recipe.steps:,}, {run.tokens:,} tokens, {run.progress.seconds / 60:.0f} minutes. {start}"
        f"{stages[0].upper()}{stages[1:]}. Muon for the matrices inside the layers (peak learning "
        f"rate {recipe.muon_lr:g}), AdamW for the rest ({recipe.adam_lr:g}); a warm-up of "
        f"{recipe.warmup_steps} updates, {rate}. Sources, and how often each is read relative to "
        f"the others: {shares}."
    )


def render_card(facts: Facts, runs: list[Run], model: LlamaForCausalLM, samples: list[str]) -> str:
    """The card as Markdown; `runs` from the first to the one whose weights these are."""
    shape = runs[-1].recipe.shape
    tokens = sum(run.tokens for run in runs)
    minutes = sum(run.progress.seconds for run in runs) / 60
    books = "\n".join(
        f"| {name.split('__')[1].replace('_', ' ')} | {bits:.3f} |"
        for name, bits in sorted(facts.bits_by_book.items())
    )
    recipe_lines = "\n".join(describe_run(run) for run in runs)
    sample_lines = "\n".join(samples)
    seen_tasks = any("world" in run.recipe.repeats for run in runs)
    tasks = (
        "The task tags open the tasks of the small world in `training/tasks.py`."
        if seen_tasks
        else "The task tags are there for later models; this one has never seen them."
    )
    world = (
        " `world` is the small world of `training/world.py` and `training/tasks.py`, whose "
        "sentences were written for this project; its held-out seeds were never trained on."
        if seen_tasks
        else ""
    )
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
it is not added automatically: for text from nothing, begin with `<|end|>`. {tasks}

**Data.** English fairy tales, children's books and books for the young, all in the public domain
in the USA (Project Gutenberg texts by way of mlschmitt/classic-books-markdown and
templeoflum/mythic-library).{world}
Held out, and never seen in training: {", ".join(sorted(b.split("__")[1] for b in HELD_OUT))}.

**Recipe.** {tokens:,} tokens in {minutes:.0f} minutes on {facts.machine}
(`python -m training pretrain NAME`):

{recipe_lines}

## Curve

On evenly spaced stretches of the held-out books, windows of 512 tokens:

{curve_table(runs)}

## Scores

Bits per character on the whole held-out books, each token given at least 512 tokens before it where
there are as many:

| book | bits per character |
|---|---:|
{books}
| **all** | **{facts.bits_all:.3f}** |
| a 5-gram model (Kneser–Ney) on all tokens of the training books | {facts.ngram_bits:.3f} |

## Limits

{facts.limits}

## Samples

The first drawn with seed {SAMPLE_SEED}, none chosen; the prompt is in italics, ` / ` is a paragraph
break.

{sample_lines}
"""
