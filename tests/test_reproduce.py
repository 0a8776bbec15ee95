"""What is said to reproduce a run does: it is run, and gives the same tokens."""

from __future__ import annotations

import ast
import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import explorer
from explorer.cli import main
from explorer.registry import all_methods, get_method
from explorer.reproduce import recipes
from explorer.settings import settings
from explorer.trace import Trace

ROOT = Path(__file__).parents[1]
ODD = 'It\'s "so":\n\t$HOME `ls` \\ – ünïcode 𝄞 {x} %s'


def asked(prompt, model="toy", **more):
    return {"model": model, "prompt": prompt, **more}


RUNS = {
    "toy, defaults": asked("ab"),
    "toy, seed": asked("ab", method="sample", filters="none", seed=2**40),
    "toy, two models": asked(
        "ab", method="sequoia", draft="toy-draft", acceptance=(0.5, 0.2), seed=3
    ),
    "a text that is a number": asked("ab", method="momentum", resistance="1", alpha=0.5),
    "a text like a flag": asked("-x", "draft", method="context_aware", context="--seed 3\n'"),
    "begun with": asked("ab", method="sample", begun=[3, 1], seed=4),
    "odd prompt": asked(ODD, "draft", method="sample", filters="top_k=20,xtc=0.5"),
    "greedy": asked(ODD, "target", method="greedy", filters="repetition_penalty=1.2"),
    "beams": asked("The king", "target", method="beam_search", num_beams=3, length_penalty=0.5),
    "begun beams": asked("The king", "draft", method="beam_search", begun=[40, 41]),
    "assisted": asked(
        "The king", "target", method="assisted", filters="temperature=0",
        schedule="heuristic", num_assistant_tokens=3,
    ),
    "speculative sampling": asked("The king", "target", method="speculative_sampling", gamma=3),
    "prompt lookup": asked("the king and the queen and the", "target", method="prompt_lookup"),
}  # fmt: skip
each_run = pytest.mark.parametrize("name", RUNS)


@pytest.fixture(scope="module")
def made():
    return {name: explorer.decode(max_new_tokens=8, **asked) for name, asked in RUNS.items()}


def code(trace, title):
    return next(recipe["code"] for recipe in recipes(trace) if recipe["title"] == title)


@each_run
def test_the_python_code_gives_the_same_tokens(made, name):
    found = {}
    exec(code(made[name], "Python"), found)
    assert found["trace"].token_ids == made[name].token_ids
    assert found["trace"].header.prompt_ids == made[name].header.prompt_ids


@each_run
def test_the_command_gives_the_same_tokens(made, name, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EXPLORER_DATA_FOLDER", str(tmp_path))
    settings.cache_clear()
    line = code(made[name], "Command line").removeprefix("python -m explorer")
    # What the shell makes of it.
    read = subprocess.run(["sh", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
    words = read.stdout.decode().split("\0")[:-1]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["token_ids"] == made[name].token_ids
    settings.cache_clear()


def test_the_command_runs_as_it_stands(made, tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_DATA_FOLDER", str(tmp_path))
    trace = made["toy, seed"]
    line = code(trace, "Command line").replace("python", shlex.quote(sys.executable), 1)
    done = subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"ab{trace.text}" in done.stdout


@pytest.mark.parametrize("name", ["greedy", "beams", "begun beams", "assisted", "prompt lookup"])
def test_the_script_for_transformers_gives_the_same_tokens(made, name, monkeypatch):
    monkeypatch.chdir(ROOT)
    pytest.importorskip("transformers")
    found = {}
    exec(code(made[name], "transformers"), found)
    tokens = found["output"][0, found["ids"].shape[1] :].tolist()
    wanted = made[name].token_ids[len(made[name].header.begun) :]
    assert wanted and tokens == wanted


def test_where_only_the_law_is_the_same_it_is_said(made, monkeypatch):
    monkeypatch.chdir(ROOT)
    trace = made["speculative sampling"]
    promise = recipes(trace)[2]["promise"]
    assert "same law" in promise and "same tokens" not in promise
    found = {}
    exec(code(trace, "transformers"), found)
    assert found["output"].shape[1] > found["ids"].shape[1]


def test_another_seed_gives_other_tokens(made):
    """Negative control: the seed in the code is what makes the tokens equal."""
    trace = made["odd prompt"]
    found = {}
    exec(code(trace, "Python").replace("seed=0", "seed=1"), found)
    assert found["trace"].token_ids != trace.token_ids


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("momentum", {}),
        ("sample", {"filters": "top_p=0.9,temperature=0.7"}),  # there, temperature comes first
        ("sample", {"filters": "min_p=0.1,min_p=0.2"}),
        ("greedy", {"filters": "dry=0.8"}),
        ("beam_search", {"filters": "top_k=5"}),
        ("beam_search", {"num_beams": 1}),
        ("assisted", {"filters": "typical=0.5,temperature=0"}),
    ],
)
def test_no_script_where_transformers_would_do_something_else(method, params):
    chosen = get_method(method)
    assert chosen.generate(chosen.parse(params)) is None


@pytest.mark.parametrize("method", all_methods().values(), ids=list(all_methods()))
def test_every_preset_can_be_read_off_the_code(made, method):
    """The call's arguments are the preset's, for every method, without running each."""
    for preset in method.presets.values():
        params = method.parse(preset.values)
        header = made["toy, defaults"].header.model_copy(
            update={
                "method": method.id,
                "params": params.model_dump(mode="json"),
                "models": dict.fromkeys(method.models, "toy"),
            }
        )
        call = ast.parse(code(Trace(header), "Python")).body[1].value
        given = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
        assert given["method"] == method.id
        own = {name: given[name] for name in method.params.model_fields if name in given}
        assert method.parse(own) == params


HOSTILE = 'x"\n\u2028import os; os.system("touch /tmp/owned")\n#'


def test_nothing_of_a_trace_becomes_program(made):
    """A trace may come from anybody: whatever it says stays in literals and comments."""
    trace = made["greedy"]
    view, *rest = trace.events
    names = ("id", "revision", "device", "dtype")
    bad_view = replace(view, model=view.model | dict.fromkeys(names, HOSTILE))
    header = trace.header.model_copy(
        update={
            "prompt": HOSTILE,
            "models": {"target": HOSTILE, HOSTILE: HOSTILE},
            "versions": {HOSTILE: HOSTILE},
        }
    )
    python, line, script = recipes(Trace(header, [bad_view, *rest]))
    names = {node.id for node in ast.walk(ast.parse(python["code"])) if isinstance(node, ast.Name)}
    assert names == {"trace", "explorer", "print"}
    assert shlex.split(line["code"]).count(HOSTILE) == 2  # the prompt and the model
    assert script["code"] == ""


def test_what_cannot_be_run_here_says_why(made):
    trace = made["toy, defaults"]
    changes = [{"method": "no_such"}, {"params": {"no": 1}}, {"models": {}}]
    for change in changes:
        (told,) = recipes(Trace(trace.header.model_copy(update=change), trace.events))
        assert told["code"] == "" and "cannot be run here" in told["promise"]


def test_a_run_that_was_cut_short_says_so(made):
    trace = made["toy, defaults"]
    assert "ended early" in recipes(Trace(trace.header, trace.events[:-1]))[0]["promise"]
    assert "ended early" not in recipes(trace)[0]["promise"]
