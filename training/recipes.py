"""What a recipe says, kind by kind: pretraining, samples, and what is made from them."""

from dataclasses import dataclass, field

from training.tokenizer import CONTEXT, VOCAB_SIZE

# How often each source of prose is read, relative to the others.
PROSE = {"fairy": 2.0, "children": 2.0, "youth": 1.0}
# How often each lesson is drawn: most often what is learnt last.
LESSONS = {
    "lookup": 9, "sum": 7, "record_to_json": 4, "json_to_record": 2, "reading": 3, "stranger": 4,
    "fact": 3, "correct": 2, "keywords": 2, "dialogue": 1, "mood": 2,
}  # fmt: skip


@dataclass(frozen=True)
class ModelShape:
    """Llama architecture with grouped-query attention, tied embeddings and RMS norms."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    mlp_width: int
    context: int = CONTEXT
    vocab_size: int = VOCAB_SIZE
    head_width: int = 32


@dataclass(frozen=True)
class Stage:
    """A stretch of training at one window length; `batch_size` counts windows."""

    context: int
    batch_size: int
    steps: int


@dataclass(frozen=True)
class Recipe:
    """One pretraining run. Learning rates are peaks, reached by a linear warm-up.

    Then they decay linearly to zero, unless `constant`: such a run may stop anywhere, and another
    that starts from it does the decay.
    """

    name: str
    shape: ModelShape
    stages: tuple[Stage, ...]
    muon_lr: float = 0.02
    adam_lr: float = 3e-3
    warmup_steps: int = 40
    weight_decay: float = 0.01
    seed: int = 5
    repeats: dict[str, float] = field(default_factory=lambda: dict(PROSE))
    constant: bool = False
    # The recipe whose checkpoint gives the first weights; it may be smaller (see grow.py).
    starts_from: str | None = None
    # How new heads of a wider model begin to copy: by the last token ("token", induction.py) or the
    # last three ("suffix", suffixes.py).
    copies_by: str | None = None

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stages)

    def tokens_after(self, step: int) -> int:
        """Tokens seen in the first `step` updates."""
        seen = 0
        for stage in self.stages:
            done = min(stage.steps, step)
            seen += done * stage.context * stage.batch_size
            step -= done
        return seen


@dataclass(frozen=True)
class Schooling(Recipe):
    """Prose in windows, and beside it in every update rows of whole tasks (lessons.py).

    What is brought down is the sum of the mean over the prose and the mean over the tasks.
    """

    task_context: int = 256
    task_rows: int = 8
    lessons: dict[str, float] = field(default_factory=lambda: dict(LESSONS))

    def tokens_after(self, step: int) -> int:
        return super().tokens_after(step) + step * self.task_rows * self.task_context


@dataclass(frozen=True)
class Echoing(Recipe):
    """Text in windows, and beside it in every update rows in which something returns (copies.py).

    What is brought down is the sum of the mean over the text and the mean over what returns.
    """

    copy_context: int = 512
    copy_rows: int = 4

    def tokens_after(self, step: int) -> int:
        return super().tokens_after(step) + step * self.copy_rows * self.copy_context


@dataclass(frozen=True)
class SampleGroup:
    """Rows of `length` tokens that the target writes on from prompts of one kind.

    `source` names what the prompts are: "prose" (a stretch of a book, `prompt_tokens` long),
    "world" (such a stretch of tasks with their answers) or "tasks" (any task of the small world).
    """

    name: str
    source: str
    rows: int
    length: int
    prompt_tokens: int = 0
    held_out: bool = False


@dataclass(frozen=True)
class GreedyGroup(SampleGroup):
    """Rows that are written at temperature 0, and so end in loops."""


@dataclass(frozen=True)
class Sampling:
    """Samples of a published model, at temperature 1 but for greedy groups; `batch_rows` rows are
    written side by side."""

    name: str
    model: str
    groups: tuple[SampleGroup, ...]
    batch_rows: int = 64
    seed: int = 8


@dataclass(frozen=True)
class Distillation:
    """A draft learns the target's law at every place of the target's own samples."""

    name: str
    starts_from: str
    divergence: str  # "forward_kl" or "tvd++", see divergence.py
    steps: int
    batch_tokens: int = 4096
    muon_lr: float = 0.005
    adam_lr: float = 1e-3
    warmup_steps: int = 10
    weight_decay: float = 0.0
    seed: int = 9
    constant: bool = False


@dataclass(frozen=True)
class MoodTuning:
    """A copy of the draft learns passages in one mood."""

    name: str
    starts_from: str
    steps: int = 90
    batch_size: int = 32
    muon_lr: float = 0.008
    adam_lr: float = 2e-3
    warmup_steps: int = 5
    weight_decay: float = 0.0
    seed: int = 10
    constant: bool = False


@dataclass(frozen=True)
class HeadTraining:
    """A linear head on the target's states learns the rewards of its samples (rewards.py)."""

    name: str
    kind: str  # "reward" or "prefix", see explorer/models/heads.py
    steps: int
    batch_size: int
    adam_lr: float = 3e-3
    weight_decay: float = 0.1
    warmup_steps: int = 10
    seed: int = 11
    constant: bool = False


# Anything whose run ends in a language model.
LanguageModelRecipe = Recipe | Distillation | MoodTuning
