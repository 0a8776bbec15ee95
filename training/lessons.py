"""Rows of whole tasks, in which the answers weigh most.

A task cut in two by a window asks for what it no longer shows, and most tokens of a task are its
prompt, which nobody can foresee: so rows here hold whole tasks, and a token of an answer counts ten
times as much as one of a prompt. A list is asked for several of its keys and a passage for all it
tells, because reading it costs the same. Passages on strangers are added, of whom the model cannot
know anything by heart and has to read.
"""

import random

import torch
from transformers import PreTrainedTokenizerBase

from training.tasks import ANSWER, PASSAGE_WINS, TASKS, THINGS, example
from training.world import HELD_OUT_SEEDS, RELATIONS, WORLD, another, ask, state, stranger

# A text in parts, each with whether it is an answer.
Lesson = list[tuple[str, bool]]
# A token of a row, the token that is to be foretold in its place, and how much that counts.
Place = tuple[int, int, float]

PROMPT_WEIGHT = 0.1
MOST_QUESTIONS = 8
CONTRADICTED = 2 / 3  # of the passages on somebody known
MOST_MISFITS = 8  # before the rest of a row stays empty


def lookup(draw: random.Random) -> Lesson:
    """A list and several of its keys, one after the other."""
    keys = draw.sample(THINGS, draw.choice((2, 3, 3, 5, 5, 8, 12, 20, 30)))
    values = {key: draw.randrange(10, 100) for key in keys}
    lesson = [("<|lookup|>" + "\n".join(f"{k}: {v}" for k, v in values.items()), False)]
    for key in draw.sample(keys, min(len(keys), MOST_QUESTIONS)):
        lesson += [(f"<|question|>{key}{ANSWER}", False), (f" {values[key]}", True)]
    return lesson


def _passage(draw: random.Random, name: str, told: dict[str, str], answers: dict[str, str]):
    order = draw.sample(list(RELATIONS), len(RELATIONS))
    lesson = [("<|passage|>" + " ".join(state(draw, name, r, told[r]) for r in order), False)]
    for relation in draw.sample(list(RELATIONS), len(RELATIONS)):
        question = f"<|question|>{ask(draw, name, relation)}{ANSWER}"
        lesson += [(question, False), (f" {answers[relation]}", True)]
    return lesson


def reading(draw: random.Random) -> Lesson:
    """As the task of this name, and then the passage's other questions."""
    person, relation = draw.choice(WORLD), draw.choice(list(RELATIONS))
    truths = {r: person.fact(r) for r in RELATIONS}
    told = dict(truths)
    if draw.random() < CONTRADICTED:
        told[relation] = another(draw, relation, truths[relation])
    followed = told if draw.random() < PASSAGE_WINS[relation] else truths
    return _passage(draw, person.name, told, followed)


def about_stranger(draw: random.Random) -> Lesson:
    """A passage about somebody unknown; all answers are in it alone."""
    told = {relation: draw.choice(values) for relation, values in RELATIONS.items()}
    return _passage(draw, stranger(draw), told, told)


OWN = {"lookup": lookup, "reading": reading, "stranger": about_stranger}


def lesson(kind: str, seed: int) -> Lesson:
    """The lesson of `kind` that belongs to `seed`."""
    draw = random.Random(f"lesson {kind} {seed}")
    if kind in OWN:
        return OWN[kind](draw)
    task = TASKS[kind](draw)
    return [(task.prompt, False), (task.answer, True)]


class Lessons:
    """Rows of `context` + 1 tokens filled with whole lessons, drawn by `weights`, `rows` a step.

    A function of seed and step alone.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        weights: dict[str, float],
        *,
        context: int,
        rows: int,
        seed: int,
    ) -> None:
        self.tokenizer, self.weights = tokenizer, weights
        self.context, self.rows, self.seed = context, rows, seed

    def _encoded(self, kind: str, seed: int) -> list[Place]:
        """The places of a lesson and its end token."""
        end = self.tokenizer.eos_token_id
        places: list[Place] = []
        for text, is_answer in lesson(kind, seed):
            ids = self.tokenizer(text, verbose=False)["input_ids"]
            part = [(i, i, 1.0 if is_answer else PROMPT_WEIGHT) for i in ids]
            if places and not is_answer and places[-1][2] == 1.0:
                # A question behind an answer, which was to end the text all the same.
                part[0] = (ids[0], end, 1.0)
            places += part
        return [*places, (end, end, 1.0)]

    def _row(self, step: int, row: int) -> list[Place]:
        draw = random.Random(f"lessons {self.seed} {step} {row}")
        end, length = self.tokenizer.eos_token_id, self.context + 1
        nothing = (end, end, 0.0)
        # Half of the rows open as a text does, the others as a question to the model.
        places = [nothing] * draw.randrange(2)
        misfits = 0
        while len(places) < length and misfits < MOST_MISFITS:
            kind = draw.choices(list(self.weights), list(self.weights.values()))[0]
            more = self._encoded(kind, draw.getrandbits(48))
            if places[1:] and len(places) + len(more) > length:
                misfits += 1
                continue
            places += more
        return [*places, *[nothing] * (length - len(places))][:length]

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of one step: token ids (B, C), the labels behind each of them, and what these count."""
        rows = [self._row(step, row) for row in range(self.rows)]
        ids, labels, counts = (
            torch.tensor([[place[k] for place in row] for row in rows]) for k in range(3)
        )
        return ids[:, :-1], labels[:, 1:], counts[:, 1:]


SCORED = ("fact", "sum", "record_to_json", "lookup", "correct")
SCORED_EACH = 16


@torch.no_grad()
def answered_right(model, tokenizer: PreTrainedTokenizerBase) -> dict[str, float]:
    """Of held-out tasks of each kind, the share whose whole answer is the model's first choice.

    The answer is given and every token of it compared, which is what greedy decoding would write as
    long as it is right.
    """
    device = next(model.parameters()).device
    shares = {}
    for kind in SCORED:
        right = []
        for seed in range(SCORED_EACH):
            task = example(kind, HELD_OUT_SEEDS + seed)
            prompt, answer = tokenizer([task.prompt, task.answer])["input_ids"]
            answer = [*answer, tokenizer.eos_token_id]
            ids = torch.tensor([[*prompt, *answer]], device=device)
            said = model(input_ids=ids[:, :-1], use_cache=False).logits[0].argmax(-1)
            right.append(said[len(prompt) - 1 :].tolist() == answer)
        shares[kind] = sum(right) / len(right)
    return shares
