"""Command line of the recipe: `python -m training --help`."""

import argparse
import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer
from transformers.utils import logging as transformers_logging

from training import tokens
from training.batches import Source
from training.card import Facts, Run, read_log, render_card, write_samples
from training.config import RECIPES, Recipe
from training.corpus import read_books
from training.errors import TrainingError
from training.evaluate import ngram_bits, score_books
from training.export import export_model, load_checkpoint
from training.family import FAMILY, Member
from training.pretrain import Pretraining
from training.tokenizer import train_tokenizer, training_texts


def make_tokenizer(texts: Path, work: Path) -> None:
    tokenizer = train_tokenizer(training_texts(read_books(texts)))
    tokenizer.save_pretrained(work / "tokenizer")
    print(f"tokenizer: {len(tokenizer)} tokens in {work / 'tokenizer'}")


def load_tokenizer(work: Path):
    if not (work / "tokenizer").is_dir():
        raise TrainingError(
            f"There is no tokenizer in '{work}'. Run `python -m training tokenizer` first."
        )
    return AutoTokenizer.from_pretrained(work / "tokenizer")


def make_tokens(texts: Path, work: Path) -> None:
    tokenizer, folder = load_tokenizer(work), work / "tokens"
    counts = tokens.write_tokens(tokenizer, read_books(texts), folder)
    counts[tokens.WORLD] = tokens.write_world_tokens(tokenizer, folder, tokens.WORLD_EXAMPLES)
    for name, count in counts.items():
        print(f"tokens: {name}: {count}")


def start_pretraining(recipe: Recipe, work: Path) -> Pretraining:
    """The run of `recipe` in `work`, resumed if it has a checkpoint."""
    folder = work / "tokens"
    sources = [
        Source(name, tokens.read_tokens(folder, name), repeat)
        for name, repeat in recipe.repeats.items()
    ]
    tokenizer, first = load_tokenizer(work), None
    if recipe.starts_from:
        before = RECIPES[recipe.starts_from]
        first, _ = load_checkpoint(before, tokenizer, work / before.name / "checkpoint.pt")
    return Pretraining(
        recipe,
        tokenizer,
        sources,
        tokens.read_tokens(folder, tokens.HELD_OUT),
        work / recipe.name,
        say=lambda line: print(line, flush=True),
        starts_from=first,
    )


def publish(member: Member, texts: Path, work: Path, models: Path, machine: str) -> None:
    """Export the run of `member` as it stands, score it on the held-out books, write its card."""
    tokenizer, books = load_tokenizer(work), list(read_books(texts))
    runs: list[Run] = []
    for recipe in lineage(member.recipe):
        folder = work / recipe.name
        trained, progress = load_checkpoint(recipe, tokenizer, folder / "checkpoint.pt")
        runs.append(Run(recipe, progress, read_log(folder / "log.jsonl")))
    model = export_model(trained, tokenizer, models / member.folder)
    by_book, together = score_books(model, tokenizer, [b for b in books if b.held_out])
    facts = Facts(
        member.title,
        member.purpose,
        member.limits,
        by_book,
        together,
        ngram_bits(books, tokenizer)["all"],
        machine,
    )
    card = render_card(facts, runs, model, write_samples(model, tokenizer))
    (models / member.folder / "README.md").write_text(card, encoding="utf-8")
    print(f"{member.folder}: {together:.4f} bits per held-out character")


def lineage(recipe: Recipe) -> list[Recipe]:
    """The recipes that lead to `recipe`, the first one first."""
    before = lineage(RECIPES[recipe.starts_from]) if recipe.starts_from else []
    return [*before, recipe]


def make_all(texts: Path, work: Path, models: Path, machine: str) -> bool:
    """Everything from the texts to the published folders; what is already there is kept.

    False if it was asked to stop; the same call goes on from there.
    """
    if not (work / "tokenizer").is_dir():
        make_tokenizer(texts, work)
    if not (work / "tokens" / f"{tokens.WORLD}.npy").is_file():
        make_tokens(texts, work)
    for member in FAMILY.values():
        for recipe in lineage(member.recipe):
            if not start_pretraining(recipe, work).run():
                print(f"{recipe.name}: stopped; the same command goes on from here")
                return False
        publish(member, texts, work, models, machine)
    return True


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--texts", type=Path, default=Path("../shared/data"), metavar="FOLDER")
    parser.add_argument("--work", type=Path, default=Path("build/training"), metavar="FOLDER")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of torch (default 2)")
    steps = parser.add_subparsers(dest="part", required=True)
    steps.add_parser("tokenizer", help="train the tokenizer")
    steps.add_parser("tokens", help="tokenize the texts")
    one = steps.add_parser("pretrain", help="train one model, resuming where it stopped")
    one.add_argument("recipe", choices=RECIPES)
    out = steps.add_parser("publish", help="export a run, half-trained or whole, with its card")
    out.add_argument("folder", choices=FAMILY)
    everything = steps.add_parser("all", help="all of it, going on from what is there")
    for part in (out, everything):
        part.add_argument("--models", type=Path, default=Path("assets/models"), metavar="FOLDER")
        part.add_argument("--machine", default="one CPU", help="what the cards name as trained on")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    transformers_logging.set_verbosity_error()
    try:
        if args.part == "tokenizer":
            make_tokenizer(args.texts, args.work)
        elif args.part == "tokens":
            make_tokens(args.texts, args.work)
        elif args.part == "pretrain":
            start_pretraining(RECIPES[args.recipe], args.work).run()
        elif args.part == "publish":
            publish(FAMILY[args.folder], args.texts, args.work, args.models, args.machine)
        elif args.part == "all":
            make_all(args.texts, args.work, args.models, args.machine)
    except TrainingError as error:
        print(f"training: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
