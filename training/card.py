"""The model card of an exported model, from what was measured, not from what was planned."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

from training.config import shape_of
from training.corpus import HELD_OUT
from training.divergence import FORWARD_KL, TVD
from training.export import Progress
from training.pretrain import CIRCUITS
from training.recipes import (
    Distillation,
    Echoing,
    HeadTraining,
    LanguageModelRecipe,
    MoodTuning,
    Recipe,
    Schooling,
)
from training.tasks import example
from training.world import HELD_OUT_SEEDS

DIVERGENCES = {FORWARD_KL: "Forward KL", TVD: "TVD++"}
PASSAGE_TOKENS = 75  # the mean length of a passage, for counting what was read

PROMPTS = (
    "Once upon a time there was a",
    "The king said to his daughter,",
    '"Where are you going?" asked the old woman.',
)
# Held-out seeds of two tasks that show whether a model has learnt them.
TASK_PROMPTS = (example("sum", HELD_OUT_SEEDS), example("record_to_json", HELD_OUT_SEEDS))
SAMPLE_TOKENS = 90
SAMPLE_SEED = 1
TEMPERATURE, TOP_P = 0.8, 0.95
GREEDY = {"do_sample": False}
SAMPLED = {"do_sample": True, "temperature": TEMPERATURE, "top_p": TOP_P, "top_k": 0}


@dataclass(frozen=True)
class Facts:
    """What the card says of one model beyond its recipe.

    `draft_scores`: run -> kind of text -> expected acceptance at temperatures 1 and 0.
    `averaged_with`: an earlier run, and the share of its weights.
    """

    title: str
    purpose: str
    limits: str
    bits_by_book: dict[str, float]
    bits_all: float
    ngram_bits: float
    machine: str
    draft_scores: dict[str, dict[str, tuple[float, float]]]
    averaged_with: tuple[str, float] | None = None


def write_samples(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, tasks: bool
) -> list[str]:
    """Six continuations, the first drawn, none chosen: of PROMPTS, greedy and sampled.

    With `tasks` the last of them gives way to two tasks, answered greedily.
    """
    asked = [(p, options) for p in PROMPTS for options in (GREEDY, SAMPLED)]
    if tasks:
        asked[-2:] = [(e.prompt, GREEDY) for e in TASK_PROMPTS]
    samples = []
    for prompt, options in asked:
        ids = torch.tensor([tokenizer(prompt)["input_ids"]])
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
        samples.append(f"- **{how}:** {shown(prompt, text)}")
    return samples


def shown(prompt: str, text: str) -> str:
    """A prompt in italics, what follows it, and a stroke for a line break."""
    tags = re.sub(r"(<\|\w+\|>)", r"`\1`", prompt)
    prompt = tags if tags != prompt else f"*{prompt}*"
    return re.sub(r"\n+", " / ", f"{prompt}{text}")


@dataclass(frozen=True)
class Run:
    """One run that led to the model: its recipe, how far it came, its log."""

    recipe: LanguageModelRecipe | HeadTraining
    progress: Progress
    log: list[dict]

    @property
    def tokens(self) -> int:
        """Tokens read; of a run on whole rows, about so many."""
        recipe, step = self.recipe, self.progress.step
        if isinstance(recipe, Recipe):
            return recipe.tokens_after(step)
        if isinstance(recipe, Distillation):
            return step * recipe.batch_tokens
        return step * recipe.batch_size * PASSAGE_TOKENS

    @property
    def records(self) -> list[dict]:
        """The log up to the checkpoint."""
        return [r for r in self.log if r["step"] <= self.progress.step]


def read_log(path: Path) -> list[dict]:
    """The records of a `log.jsonl`."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def thinned(records: list[dict], rows: int) -> list[dict]:
    """About `rows` of them, the last always among them."""
    return records[:: -max(1, len(records) // max(1, rows))][::-1]


def curve_table(runs: list[Run], rows: int = 12) -> str:
    """About `rows` records of the pretraining runs as a table, the last of each among them."""
    lines = [
        "| run | tokens seen in all | minutes in all | held-out bits per character |",
        "|---|---:|---:|---:|",
    ]
    tokens, seconds = 0, 0.0
    for run in runs:
        lines += [
            f"| {run.recipe.name} | {tokens + r['tokens']:,} | {(seconds + r['seconds']) / 60:.0f} "
            f"| {r['held_out_bits_per_character']:.3f} |"
            for r in thinned(run.records, rows // len(runs))
        ]
        tokens, seconds = tokens + run.tokens, seconds + run.progress.seconds
    return "\n".join(lines)


def later_curve(run: Run, rows: int = 4) -> str:
    """A run that is no pretraining as a table: what its log holds."""
    records = [
        {
            key if not part else f"{key} {part}": number
            for key, value in record.items()
            for part, number in (value.items() if isinstance(value, dict) else [("", value)])
        }
        for record in thinned(run.records, rows)
    ]
    if not records:
        return ""
    head = [key.replace("_", " ") for key in records[0]]
    lines = [f"`{run.recipe.name}`:", "", f"| {' | '.join(head)} |", "|---:" * len(head) + "|"]
    lines += [f"| {' | '.join(f'{v:g}' for v in record.values())} |" for record in records]
    return "\n".join(lines)


def describe_run(run: Run) -> str:
    """One line of the card on how a run went."""
    recipe = run.recipe
    size = f"{run.tokens:,} tokens, {run.progress.seconds / 60:.0f} minutes"
    start = f"Begins with the weights of `{recipe.starts_from}`. " if recipe.starts_from else ""
    rates = (
        f"Muon for the matrices inside the layers (peak learning rate {recipe.muon_lr:g}), AdamW "
        f"for the rest ({recipe.adam_lr:g}); a warm-up of {recipe.warmup_steps} updates, then "
        f"{'constant' if recipe.constant else 'linear decay to zero'}."
    )
    opening = f"- `{recipe.name}`: {run.progress.step:,} updates of {recipe.steps:,}"
    if isinstance(recipe, Distillation):
        return (
            f"{opening}, about {size}. {start}{DIVERGENCES[recipe.divergence]} between the "
            "published target's law and the draft's at every place of samples that the target "
            "wrote at temperatures 1 and 0 from the starts of training windows and tasks, and of "
            f"stretches of the training books and of tasks. {rates}"
        )
    if isinstance(recipe, MoodTuning):
        return (
            f"{opening}, about {size}. {start}Passages in its mood from `training/moods.py`, "
            "behind its tag, behind the tag of a plain story, or behind none, half of them opening "
            f"plainly. {rates}"
        )
    shape = recipe.shape
    kinds = dict.fromkeys(recipe.stages)
    stages = ", then ".join(
        f"windows of {s.context} tokens, {s.batch_size} an update" for s in kinds
    )
    if len(kinds) < len(recipe.stages):
        updates = " and ".join(str(stage.steps) for stage in kinds)
        stages += f", {updates} updates by turns"
    shares = ", ".join(f"{name} {r:g}×" for name, r in recipe.repeats.items())
    if isinstance(recipe, Schooling):
        stages += (
            f", and beside them {recipe.task_rows} rows of {recipe.task_context} tokens of whole "
            "tasks (`training/lessons.py`), the means over both added"
        )
    if recipe.copies_by:
        start += (
            "It is made wider, and new heads begin as induction heads "
            f"(`{CIRCUITS[recipe.copies_by].__name__.replace('.', '/')}.py`). "
        )
    if isinstance(recipe, Echoing):
        stages += (
            f", and beside them {recipe.copy_rows} rows of {recipe.copy_context} tokens in which "
            "spans return (`training/copies.py`), the means over both added"
        )
    return (
        f"{opening}, {shape.layers} layers, {size}. {start}{stages[0].upper()}{stages[1:]}. "
        f"{rates} Sources, and how often each is read relative to the others: {shares}."
    )


def acceptance_table(scores: dict[str, dict[str, tuple[float, float]]]) -> str:
    """What the runs of a draft are accepted by the target, on held-out samples of the target."""
    kinds = list(next(iter(scores.values())))
    lines = [
        "How often a guess of the draft is expected to stand, on texts that the target wrote from "
        "held-out prompts (1 − total variation at temperature 1; the same most probable token at "
        "temperature 0):",
        "",
        f"| after | {' | '.join(f'{k}, T = 1 | {k}, T = 0' for k in kinds)} |",
        f"|---|{'---:|' * 2 * len(kinds)}",
    ]
    for run, by_kind in scores.items():
        numbers = [f"{value:.3f}" for kind in kinds for value in by_kind[kind]]
        lines.append(f"| {run} | {' | '.join(numbers)} |")
    return "\n".join(lines) + "\n\n"


def render_card(facts: Facts, runs: list[Run], model: LlamaForCausalLM, samples: list[str]) -> str:
    """The card as Markdown; `runs` from the first to the one whose weights these are."""
    shape = shape_of(runs[-1].recipe)
    pretraining = [run for run in runs if isinstance(run.recipe, Recipe)]
    later = [run for run in runs if not isinstance(run.recipe, Recipe)]
    curves = "\n\n".join([curve_table(pretraining), *map(later_curve, later)])
    acceptance = acceptance_table(facts.draft_scores) if facts.draft_scores else ""
    tokens = sum(run.tokens for run in runs)
    minutes = sum(run.progress.seconds for run in runs) / 60
    books = "\n".join(
        f"| {name.split('__')[1].replace('_', ' ')} | {bits:.3f} |"
        for name, bits in sorted(facts.bits_by_book.items())
    )
    recipe_lines = "\n".join(describe_run(run) for run in runs)
    if facts.averaged_with:
        earlier, share = facts.averaged_with
        recipe_lines += (
            f"\n- What is published is the mean of the weights at two ends: {1 - share:g} of "
            f"`{runs[-1].recipe.name}`, {share:g} of `{earlier}`."
        )
    sample_lines = "\n".join(samples)
    seen_tasks = any("world" in run.recipe.repeats for run in pretraining)
    tasks = (
        "The task tags open the tasks of the small world in `training/tasks.py`."
        if seen_tasks
        else "The task tags open the tasks of the small world; this model has seen them in "
        "samples of the target alone."
        if later
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
(`training/README.md`):

{recipe_lines}

## Curve

On evenly spaced stretches of the held-out books, windows of 512 tokens:

{curves}

## Scores

{acceptance}Bits per character on the whole held-out books, each token given at least 512 tokens
before it where there are as many:

| book | bits per character |
|---|---:|
{books}
| **all** | **{facts.bits_all:.3f}** |
| a 5-gram model (Kneser–Ney) on all tokens of the training books | {facts.ngram_bits:.3f} |

## Limits

{facts.limits}

## Samples

The first drawn with seed {SAMPLE_SEED}, none chosen; a prompt is in italics or begins with its tag,
` / ` is a line break.

{sample_lines}
"""
