"""The parts of the recipe in one place: what each needs, makes, and leaves alone if it is there."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

from explorer.models.heads import About, Head, write_head
from explorer.models.weights import WeightFiles
from training import card, config, head_card, tokens
from training.batches import Source
from training.config import lineage, shape_of
from training.corpus import Book, read_books
from training.distil import Distilling, overlap
from training.errors import TrainingError
from training.evaluate import ngram_bits, score_books
from training.export import average, export_model, load_checkpoint, load_exported, load_tokenizer
from training.family import FAMILY, HEAD_FAMILY, HeadMember, Member
from training.heads import HEADINGS, RewardedTexts, rewarded_texts
from training.loop import Training
from training.pretrain import CIRCUITS, Pretraining
from training.recipes import (
    Distillation,
    GreedyGroup,
    HeadTraining,
    LanguageModelRecipe,
    MoodTuning,
    Recipe,
    Sampling,
)
from training.samples import Samples, check_samples, fingerprint, read_samples, write_samples
from training.tokenizer import train_tokenizer, training_texts
from training.tune import Tuning


def say(line: str) -> None:
    print(line, flush=True)


@dataclass(frozen=True)
class Workshop:
    """Where texts come from, work is kept and models go, and what the cards name as the machine."""

    texts: Path
    work: Path
    models: Path
    machine: str = "one CPU"

    # Texts ---------------------------------------------------------------------------------------

    @cached_property
    def books(self) -> list[Book]:
        return list(read_books(self.texts))

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        return load_tokenizer(self.work / "tokenizer")

    @cached_property
    def ngram_bits(self) -> float:
        return ngram_bits(self.books, self.tokenizer)["all"]

    def make_tokenizer(self) -> None:
        tokenizer = train_tokenizer(training_texts(self.books))
        tokenizer.save_pretrained(self.work / "tokenizer")
        say(f"tokenizer: {len(tokenizer)} tokens in {self.work / 'tokenizer'}")

    def make_tokens(self) -> None:
        folder = self.work / "tokens"
        counts = tokens.write_tokens(self.tokenizer, self.books, folder)
        counts[tokens.WORLD] = tokens.write_world_tokens(
            self.tokenizer, folder, tokens.WORLD_EXAMPLES
        )
        for name, count in counts.items():
            say(f"tokens: {name}: {count}")

    # Samples -------------------------------------------------------------------------------------

    @property
    def sampled_model(self) -> Path:
        """The published model that is sampled, distilled and scored."""
        return self.models / config.SAMPLES.model

    def target(self) -> LlamaForCausalLM:
        if not (self.sampled_model / "config.json").is_file():
            raise TrainingError(
                f"There is no model in '{self.sampled_model}'. "
                f"Run `python -m training publish {config.SAMPLES.model}` first."
            )
        return load_exported(self.sampled_model)[0]

    def make_samples(self) -> None:
        for recipe in (config.SAMPLES, config.MORE_SAMPLES):
            write_samples(
                recipe,
                self.target(),
                self.tokenizer,
                self.sampled_model,
                self.work / "tokens",
                self.work / recipe.name,
                say,
            )

    def samples(self, recipe: Sampling, held_out: bool) -> dict[str, Samples]:
        """The groups of one sampling, of the model that is published now."""
        folder = self.work / recipe.name
        check_samples(recipe, self.sampled_model, folder)
        return {
            group.name.removeprefix("held-out-"): read_samples(recipe, group, folder)
            for group in recipe.groups
            if group.held_out == held_out
        }

    def all_samples(self, held_out: bool) -> dict[str, Samples]:
        """The groups of both samplings: what drafts are distilled from and scored on."""
        return self.samples(config.SAMPLES, held_out) | self.samples(config.MORE_SAMPLES, held_out)

    def rewarded(self, held_out: bool) -> RewardedTexts:
        return rewarded_texts(list(self.samples(config.SAMPLES, held_out).values()), self.tokenizer)

    # Runs ----------------------------------------------------------------------------------------

    def checkpoint(self, name: str) -> Path:
        return self.work / name / "checkpoint.pt"

    def trained(self, name: str) -> tuple[LlamaForCausalLM, card.Progress]:
        """The model of a run as it stands, and how far it has come."""
        return load_checkpoint(config.LANGUAGE_MODELS[name], self.tokenizer, self.checkpoint(name))

    def start(self, recipe: LanguageModelRecipe | HeadTraining) -> Training:
        """The run of `recipe`, resumed if it has a checkpoint."""
        run = self._open(recipe)
        for before in [] if isinstance(recipe, HeadTraining) else lineage(recipe):
            if isinstance(before, Recipe) and before.copies_by and before.starts_from:
                started = config.LANGUAGE_MODELS[before.starts_from]
                CIRCUITS[before.copies_by].keep_circuit(run.model, shape_of(started).width)
        return run

    def _open(self, recipe: LanguageModelRecipe | HeadTraining) -> Training:
        folder = self.work / recipe.name
        if isinstance(recipe, HeadTraining):
            texts, held_out = self.rewarded(False), self.rewarded(True)
            made_from = fingerprint(self.sampled_model)
            return HEADINGS[recipe.kind](recipe, texts, held_out, folder, say, made_from)
        first = self.trained(recipe.starts_from)[0] if recipe.starts_from else None
        if isinstance(recipe, Recipe):
            at = self.work / "tokens"
            sources = [
                Source(name, tokens.read_tokens(at, name), repeat)
                for name, repeat in recipe.repeats.items()
            ]
            held_out = tokens.read_tokens(at, tokens.HELD_OUT)
            return Pretraining(
                recipe, self.tokenizer, sources, held_out, folder, say, starts_from=first
            )
        if isinstance(recipe, MoodTuning):
            return Tuning(recipe, first, self.tokenizer, folder, say)
        return Distilling(
            recipe,
            first,
            self.target().lm_head.weight,
            list(self.all_samples(held_out=False).values()),
            self.all_samples(held_out=True),
            folder,
            say,
            fingerprint(self.sampled_model),
        )

    # Publishing ----------------------------------------------------------------------------------

    def publish(self, folder: str) -> None:
        """Export the run of a member as it stands, score it, write its card."""
        if folder in HEAD_FAMILY:
            self._publish_head(HEAD_FAMILY[folder])
        else:
            self._publish_model(FAMILY[folder])
        mark = json.dumps(self._state_of(folder))
        (self.work / self._chosen_run(folder) / "published.json").write_text(mark, "utf-8")

    def is_published(self, folder: str) -> bool:
        """Whether the folder holds what its run has come to."""
        mark = self.work / self._chosen_run(folder) / "published.json"
        return mark.is_file() and json.loads(mark.read_text("utf-8")) == self._state_of(folder)

    def _state_of(self, folder: str) -> dict[str, str]:
        run = self.work / self._chosen_run(folder)
        return {"run": fingerprint(run, "*.pt"), "weights": fingerprint(self.models / folder)}

    def _chosen_run(self, folder: str) -> str:
        """The run that fills a folder: of several the one whose draft is accepted more often."""
        if folder in HEAD_FAMILY:
            return HEAD_FAMILY[folder].run
        runs = FAMILY[folder].runs
        return max(runs, key=self._acceptance) if len(runs) > 1 else runs[0]

    def _acceptance(self, run: str) -> float:
        """The mean over the kinds of text, each at the temperature it was written at."""
        groups = (*config.SAMPLES.groups, *config.MORE_SAMPLES.groups)
        greedy = {g.name.removeprefix("held-out-") for g in groups if isinstance(g, GreedyGroup)}
        scores = self.draft_scores[run]
        return sum(s[name in greedy] for name, s in scores.items()) / len(scores)

    @cached_property
    def draft_scores(self) -> dict[str, dict[str, tuple[float, float]]]:
        """Run -> group -> expected acceptance on held-out samples at temperatures 1 and 0."""
        weight, held_out = self.target().lm_head.weight.detach(), self.all_samples(held_out=True)
        runs = {
            recipe.name
            for run in FAMILY["draft"].runs
            for recipe in lineage(config.LANGUAGE_MODELS[run])[1:]
        }
        return {
            run: {name: overlap(self.trained(run)[0], weight, s) for name, s in held_out.items()}
            for run in sorted(runs)
        }

    def _publish_model(self, member: Member) -> None:
        chosen = self._chosen_run(member.folder)
        runs: list[card.Run] = []
        for recipe in lineage(config.LANGUAGE_MODELS[chosen]):
            trained, progress = self.trained(recipe.name)
            log = card.read_log(self.work / recipe.name / "log.jsonl")
            runs.append(card.Run(recipe, progress, log))
        if member.averaged_with:
            earlier, share = member.averaged_with
            average(trained, self.trained(earlier)[0], share)
        model = export_model(trained, self.tokenizer, self.models / member.folder)
        by_book, together = score_books(
            model, self.tokenizer, [b for b in self.books if b.held_out]
        )
        facts = card.Facts(
            member.folder,
            member.purpose,
            member.limits,
            by_book,
            together,
            self.ngram_bits,
            self.machine,
            self.draft_scores if len(member.runs) > 1 else {},
            member.averaged_with,
        )
        knows_tasks = any("world" in getattr(run.recipe, "repeats", ()) for run in runs)
        samples = card.write_samples(model, self.tokenizer, knows_tasks)
        self._write_card(member.folder, card.render_card(facts, runs, model, samples))
        say(f"{member.folder}: {together:.4f} bits per held-out character, from {chosen}")

    def _publish_head(self, member: HeadMember) -> None:
        recipe = config.HEADS[member.run]
        training = self.start(recipe)
        if not training.step:
            raise TrainingError(
                f"The head '{recipe.name}' has not been trained. "
                f"Run `python -m training finetune {recipe.name}` first."
            )
        about = About(
            kind=recipe.kind,
            model=config.SAMPLES.model,
            revision=WeightFiles(self.sampled_model, config.SAMPLES.model).fingerprint,
            layer=self.target().config.num_hidden_layers,
        )
        head = Head(member.folder, about, *training.model.folded())
        write_head(self.models / member.folder, head)
        log = card.read_log(self.work / recipe.name / "log.jsonl")
        text = head_card.render_head_card(
            head,
            member.purpose,
            member.limits,
            training,
            log,
            head_card.head_samples(training.held_out, head),
            self.machine,
        )
        self._write_card(member.folder, text)
        say(f"{member.folder}: {json.dumps(log[-1])}")

    def _write_card(self, folder: str, text: str) -> None:
        (self.models / folder / "README.md").write_text(text, encoding="utf-8")

    # Everything ----------------------------------------------------------------------------------

    def make_all(self, target_seconds: float) -> bool:
        """Everything from the texts to the published folders; what is already there is kept.

        A run at a constant learning rate may be cut anywhere: it gets `target_seconds` at most.
        False if it was asked to stop; the same call goes on from there.
        """
        if not (self.work / "tokenizer").is_dir():
            self.make_tokenizer()
        if not (self.work / "tokens" / f"{tokens.WORLD}.npy").is_file():
            self.make_tokens()
        for member in FAMILY.values():
            for name in member.runs:
                if not self._train_lineage(config.LANGUAGE_MODELS[name], target_seconds):
                    return False
            if not self.is_published(member.folder):
                self.publish(member.folder)
        for head in HEAD_FAMILY.values():
            if not self._run(config.HEADS[head.run], None):
                return False
            if not self.is_published(head.folder):
                self.publish(head.folder)
        return True

    def _train_lineage(self, recipe: LanguageModelRecipe, target_seconds: float) -> bool:
        recipes = lineage(recipe)
        # A run that a later one was started from is not taken up again.
        begun = [i for i, r in enumerate(recipes) if self.checkpoint(r.name).is_file()]
        for r in recipes[begun[-1] if begun else 0 :]:
            if isinstance(r, Distillation):
                self.make_samples()
            constant = isinstance(r, Recipe) and r.constant
            if not self._run(r, target_seconds if constant else None):
                return False
        return True

    def _run(self, recipe: LanguageModelRecipe | HeadTraining, seconds: float | None) -> bool:
        if done := self.start(recipe).run(max_seconds=seconds):
            return done
        say(f"{recipe.name}: stopped; the same command goes on from here")
        return False
