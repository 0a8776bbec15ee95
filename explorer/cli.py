"""The command line: list methods, run one, look at a trace again, verify what it claims.

Exit status 0: done; 1: a claim was verified and does not hold; 2: something given was not allowed,
and a sentence on standard error says what is.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from explorer.errors import ExplorerError, InputError, ModelError, shown
from explorer.registry import FAMILIES, Method, all_methods, get_method


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    try:
        return _dispatch(list(sys.argv[1:] if argv is None else argv))
    except ExplorerError as error:
        print(f"explorer: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader went away (`… | head`): nothing is wrong, and nothing can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _dispatch(argv: list[str]) -> int:
    parser = _parser()
    if argv[:1] == ["run"] and len(argv) > 1 and not argv[1].startswith("-"):
        _add_method_flags(parser, get_method(argv[1]))
    args = parser.parse_args(argv)
    return {"methods": _methods, "run": _run, "trace": _trace, "verify": _verify}[args.command](
        args
    )


# Commands ----------------------------------------------------------------------------------------


def _methods(args: argparse.Namespace) -> int:
    methods = all_methods()
    if args.json:
        print(json.dumps([m.describe() for m in methods.values()], ensure_ascii=False, indent=1))
        return 0
    for family, about in FAMILIES.items():
        print(f"\n{family}: {about}")
        for m in methods.values():
            if m.family == family:
                claims = f" [{', '.join(sorted(m.claims))}]" if m.claims else ""
                print(f"  {m.id:24} {m.idea}{claims}")
                for name, field in m.params.model_fields.items():
                    print(f"      {name:20} {field.description} (default: {_default(m, name)})")
    return 0


def _run(args: argparse.Namespace) -> int:
    from explorer.decoding import default_library, find_models, make_request, run_request

    models = {
        role: given
        for role in ("target", "draft", "amateur", "judge")
        if (given := getattr(args, role))
    }
    params = _settings(args.set) | {
        name.removeprefix("param_"): value
        for name, value in vars(args).items()
        if name.startswith("param_") and value is not None
    }
    request, method, parsed = make_request(
        method=args.method,
        prompt=args.prompt,
        models=models,
        params=params,
        seed=args.seed,
        max_new_tokens=args.max_new_tokens,
        chat=args.chat,
        begun=_begun(args.begun),
    )
    found = find_models(request, method, default_library())
    with _stop_on_interrupt() as stop:
        trace = run_request(request, method, parsed, found, stop=stop)
    with _store() as store:
        store.keep(trace, store.local_owner())
    _print_trace(trace, args.json, found["target"].token_text)
    return 0


def _trace(args: argparse.Namespace) -> int:
    with _store() as store:
        trace = store.trace(args.run_id, store.local_owner())
    if args.json:
        print(json.dumps(trace.to_dict(), ensure_ascii=False))
        return 0
    _print_trace(trace, False, _token_text(trace.header.models["target"]))
    return 0


def _verify(args: argparse.Namespace) -> int:
    from explorer.decoding import default_library
    from explorer.recheck import recheck

    with _store() as store:
        trace = store.trace(args.run_id, store.local_owner())
    found = recheck(trace, default_library().get(trace.header.models["target"]))
    print(found.sentence)
    return 1 if found.holds is False else 0


def _token_text(model_id: str) -> Callable[[int], str]:
    """How a model writes its tokens; their numbers where the model is not here any more."""
    from explorer.decoding import default_library

    try:
        return default_library().get(model_id).token_text
    except ModelError as error:
        print(f"explorer: tokens are shown as numbers: {error}", file=sys.stderr)
        return lambda token: f"⟨{token}⟩"


@contextmanager
def _stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C ends the run at its next step, and what it has is kept."""
    asked: list[int] = []

    def ask(number: int, frame: object) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)


def _print_trace(trace: Any, as_json: bool, token_text: Any) -> None:
    from explorer.trace import FINISH_REASONS
    from explorer.tree_text import legend, printable, tree_lines

    summary = trace.summary()
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
        return
    width = shutil.get_terminal_size((100, 24)).columns
    for line in tree_lines(
        trace.fold(), trace.header.prompt, token_text, width=width, colour=sys.stdout.isatty()
    ):
        print(line)
    print(f"\n{legend()}\n")
    for output in trace.done.outputs[1:] if trace.done else []:
        print(f"  {output.score:8.3f}  {output.text!r}")
    text = printable(f"{trace.header.prompt}{trace.text}")
    print(textwrap.fill(text, min(width, 88), replace_whitespace=False))
    reason = FINISH_REASONS[str(summary["finish_reason"])]
    print(
        f"\n{summary['steps']} steps, {summary['target_passes']} passes of the target after the "
        f"prompt's own, {summary['nodes']} nodes, {summary['seconds']:.2f} s; "
        f"it ended because {reason}.\n"
        f"Kept as run {trace.run_id}: python -m explorer trace {trace.run_id}"
    )


# Flags -------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise InputError(f"{message}. See: {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="explorer", description="See how a language model's text comes to be.")
    commands = parser.add_subparsers(dest="command", required=True)

    methods = commands.add_parser("methods", help="list the decoding methods")
    methods.add_argument("--json", action="store_true", help="everything declared, as JSON")

    run = commands.add_parser("run", help="decode a prompt", allow_abbrev=False)
    run.add_argument("method", help="a method's id")
    run.add_argument("--prompt", required=True, help="the text to continue")
    run.add_argument(
        "--model", dest="target", help="target: a bundled name, a folder or a Hugging Face id"
    )
    run.add_argument("--draft", help="the model that guesses, where the method has one")
    run.add_argument("--amateur", help="the weaker model of contrastive methods")
    run.add_argument("--judge", help="a model that says what texts are worth")
    run.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the method"
    )
    run.add_argument("--seed", default=0, help="a whole number (default: 0)")
    run.add_argument("--max-new-tokens", default=64, metavar="N", help="default: 64")
    run.add_argument("--chat", action="store_true", help="put the prompt in the chat template")
    run.add_argument(
        "--begun",
        default="",
        metavar="IDS",
        help="token ids, by commas, of a continuation that is there already",
    )
    run.add_argument("--json", action="store_true", help="one object instead of the tree")
    run.set_defaults(parser=run)

    trace = commands.add_parser("trace", help="look at a kept run again")
    trace.add_argument("run_id")
    trace.add_argument("--json", action="store_true", help="the whole trace as JSON")

    verify = commands.add_parser("verify", help="is a kept run lossless, as its method claims?")
    verify.add_argument("run_id")
    return parser


def _add_method_flags(parser: argparse.ArgumentParser, method: Method) -> None:
    """Every parameter of the method as a flag of its own."""
    run = next(
        action.choices["run"]
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    group = run.add_argument_group(f"parameters of {method.id}")
    for name, field in method.params.model_fields.items():
        about = f"{field.description} (default: {_default(method, name)})"
        group.add_argument(
            f"--{name.replace('_', '-')}",
            dest=f"param_{name}",
            metavar="VALUE",
            type=_value,
            help=about.replace("%", "%%"),
        )


def _settings(pairs: Sequence[str]) -> dict[str, Any]:
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InputError(f"--set {shown(pair)} is not allowed: write it as KEY=VALUE.")
        values[name] = _value(value)
    return values


def _begun(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise InputError(
            f"--begun {shown(text)} is not allowed: token ids with commas between them."
        ) from None


def _value(text: str) -> Any:
    """A value as JSON where it is JSON, as text where it is not."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _default(method: Method, name: str) -> str:
    value = method.params.model_json_schema()["properties"][name].get("default")
    return json.dumps(value, ensure_ascii=False)


def _store() -> Any:
    from storage import open_store

    return open_store()
