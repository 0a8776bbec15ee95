"""Command line of the recipe: `python -m training --help`."""

import argparse
import sys
from pathlib import Path

import torch
from transformers.utils import logging as transformers_logging

from training import config
from training.errors import TrainingError
from training.family import FAMILY, HEAD_FAMILY
from training.workshop import Workshop

LATER = {**config.DISTILLATIONS, **config.MOODS, **config.HEADS}


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--texts", type=Path, default=Path("../shared/data"), metavar="FOLDER")
    parser.add_argument("--work", type=Path, default=Path("build/training"), metavar="FOLDER")
    parser.add_argument("--models", type=Path, default=Path("assets/models"), metavar="FOLDER")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of torch (default 2)")
    steps = parser.add_subparsers(dest="part", required=True)
    steps.add_parser("tokenizer", help="train the tokenizer")
    steps.add_parser("tokens", help="tokenize the texts")
    one = steps.add_parser("pretrain", help="train one model, resuming where it stopped")
    one.add_argument("recipe", choices=config.RECIPES)
    steps.add_parser("samples", help="let the published target write what the others learn from")
    later = steps.add_parser("finetune", help="distil a draft, tune a mood or train a head")
    later.add_argument("recipe", choices=LATER)
    out = steps.add_parser("publish", help="export a run, half-trained or whole, with its card")
    out.add_argument("folder", choices=[*FAMILY, *HEAD_FAMILY])
    everything = steps.add_parser("all", help="all of it, going on from what is there")
    everything.add_argument(
        "--target-minutes",
        type=float,
        default=120,
        help="how long each of the target's runs at a constant rate may take (default 120)",
    )
    for part in (out, everything):
        part.add_argument("--machine", default="one CPU", help="what the cards name as trained on")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    machine = getattr(args, "machine", "")
    shop = Workshop(args.texts, args.work, args.models, machine)
    try:
        if args.part == "tokenizer":
            shop.make_tokenizer()
        elif args.part == "tokens":
            shop.make_tokens()
        elif args.part == "pretrain":
            shop.start(config.RECIPES[args.recipe]).run()
        elif args.part == "samples":
            shop.make_samples()
        elif args.part == "finetune":
            shop.start(LATER[args.recipe]).run()
        elif args.part == "publish":
            shop.publish(args.folder)
        elif args.part == "all":
            shop.make_all(60 * args.target_minutes)
    except TrainingError as error:
        print(f"training: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
