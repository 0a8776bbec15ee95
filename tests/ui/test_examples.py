"""The examples as files: one of each method, readable, drawable, and still possible."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from explorer.errors import TraceError
from explorer.registry import all_methods
from explorer.ui.examples import Examples, declared, gallery, recording
from explorer.ui.token_texts import token_text
from visualizers import pictures

MOST_TOGETHER = 3 * 2**20
HOW = (
    "{} has no example: declare one in assets/examples/examples.toml, then run "
    "`python -m explorer.ui.record_examples {}` and read the recording"
)
EXAMPLES = declared()
SCRIPTS = Path(__file__).parents[2] / "assets" / "js"


def test_every_method_has_one_example():
    found = {example.method for example in EXAMPLES}
    for method in all_methods():
        assert method in found, HOW.format(method, method)
    assert found <= set(all_methods())
    assert len({example.run_id for example in EXAMPLES}) == len(EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.method)
def test_an_example_is_what_was_asked_for_and_can_be_drawn(example):
    trace = Examples().trace(example.run_id)
    method = all_methods()[example.method]
    asked = method.parse(example.params)
    assert method.parse(trace.header.params) == asked
    assert trace.header.method == example.method
    assert trace.header.prompt == example.prompt
    assert trace.header.run_id == example.run_id
    assert trace.done.reason in ("length", "eos", "complete")
    assert trace.text
    drawn = pictures(trace.fold(), token_text("target"), trace.header.notes)
    assert len(drawn) > 2


# A method of each kind, and the picture that is shown first of its example where nobody chose one.
FIRST = {
    "speculative_sampling": "rounds",
    "lattice": "lattice",
    "diverse_beam_search": "lanes",
    "neurologic": "lanes",
    "arithmetic_sampling": "intervals",
    "self_consistency": "votes",
    "best_of_n": "scores",
    "mbr": "utilities",
    "momentum": "revisits",
    "best_first_beam_search": "expansion",
    "stochastic_beam_search": "hypotheses",
    "mirostat": "lines",
    "greedy": "distribution",
}


@pytest.mark.parametrize(("method", "first"), FIRST.items())
def test_what_few_runs_have_is_shown_first(method, first):
    script = (SCRIPTS / "pictures.js").read_text(encoding="utf-8")
    (order,) = re.findall(r"^const PREFERRED = \[([^]]+)\];$", script, re.MULTILINE)
    run_id = next(example.run_id for example in EXAMPLES if example.method == method)
    trace = Examples().trace(run_id)
    drawn = pictures(trace.fold(), token_text("target"), trace.header.notes)
    offered = {picture.id for picture in drawn}
    assert next(name for name in re.findall(r"\w+", order) if name in offered) == first


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.method)
def test_what_to_notice_is_two_sentences(example):
    assert len(re.findall(r"\.(?= [A-ZΑ-Ωα-ω]|$)", example.notice)) == 2, example.notice
    assert len(example.notice) < 400


def test_all_examples_are_small_and_in_the_gallery():
    folder = recording(Examples().folder, EXAMPLES[0]).parent
    assert sum(path.stat().st_size for path in folder.iterdir()) < MOST_TOGETHER
    shown = [entry["run"] for family in gallery(Examples()) for entry in family["examples"]]
    assert sorted(shown) == sorted(Examples())


def test_a_damaged_or_missing_recording_is_a_sentence(tmp_path):
    source = Examples().folder / "examples.toml"
    (tmp_path / "examples.toml").write_bytes(source.read_bytes())
    examples = Examples(tmp_path)
    run_id = next(iter(examples))
    place = recording(tmp_path, examples[run_id])
    huge = gzip.compress(b" " * (5 * 2**20))
    for raw in (None, b"no gzip", gzip.compress(b"{}")[:-9], gzip.compress(b"[]"), huge):
        if raw is not None:
            place.write_bytes(raw)
        with pytest.raises(TraceError, match=r"\.$"):
            examples.trace(run_id)
