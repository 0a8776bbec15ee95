"""The command line: what it prints, what it keeps, and how it refuses."""

from __future__ import annotations

import json

import pytest

from explorer.cli import main
from explorer.registry import all_methods
from explorer.settings import settings

TOY = ["--model", "toy", "--prompt", "ab", "--max-new-tokens", "6"]
ROLES = {"draft": "--draft", "amateur": "--amateur"}


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_DATA_FOLDER", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def flags(method):
    others = [role for role in method.models if role != "target"]
    return [part for role in others for part in (ROLES[role], "toy-draft")]


def ran(capsys, *argv):
    status = main(list(argv))
    out = capsys.readouterr()
    assert status == 0, out.err
    return out.out


@pytest.mark.parametrize("method", all_methods().values(), ids=list(all_methods()))
def test_every_method_runs_and_its_trace_is_kept(method, capsys):
    said = json.loads(ran(capsys, "run", method.id, *TOY, *flags(method), "--json"))
    wanted = {"text", "token_ids", "finish_reason", "steps", "target_passes", "nodes", "seconds"}
    assert wanted | {"run_id"} <= set(said)
    kept = json.loads(ran(capsys, "trace", said["run_id"], "--json"))
    assert kept["header"]["method"] == method.id
    assert kept["events"][-1]["outputs"][0]["token_ids"] == said["token_ids"]


def test_a_kept_run_is_verified(capsys):
    run = ["run", "speculative_sampling", *TOY, "--draft", "toy-draft", "--json"]
    run_id = json.loads(ran(capsys, *run, "--filters", "temperature=0"))["run_id"]
    assert "The target alone writes the same" in ran(capsys, "verify", run_id)
    run_id = json.loads(ran(capsys, *run))["run_id"]
    assert "it is the target's own under the same filters" in ran(capsys, "verify", run_id)


def test_a_run_goes_on_behind_given_tokens(capsys):
    said = json.loads(ran(capsys, "run", "greedy", *TOY, "--begun", "3, 2", "--json"))
    assert said["token_ids"][:2] == [3, 2]


def test_the_tree_is_printed_with_beams_and_reasons(capsys):
    out = ran(capsys, "run", "beam_search", *TOY)
    assert "outranked, margin" in out
    assert "Kept as run" in out
    run_id = out.split("explorer trace ")[1].split()[0]
    again = ran(capsys, "trace", run_id)
    assert again.splitlines()[:5] == out.splitlines()[:5]


def test_parameters_are_flags_and_set_alike(capsys):
    by_flag = ran(capsys, "run", "beam_search", *TOY, "--num-beams", "2", "--json")
    by_set = ran(capsys, "run", "beam_search", *TOY, "--set", "num_beams=2", "--json")
    same = ("text", "nodes", "steps")
    assert [json.loads(by_flag)[k] for k in same] == [json.loads(by_set)[k] for k in same]
    wider = json.loads(ran(capsys, "run", "beam_search", *TOY, "--num-beams", "4", "--json"))
    assert wider["nodes"] > json.loads(by_flag)["nodes"]


def test_methods_are_listed_with_their_parameters(capsys):
    out = ran(capsys, "methods")
    listed = json.loads(ran(capsys, "methods", "--json"))
    assert {m["id"] for m in listed} == set(all_methods())
    for m in listed:
        assert m["id"] in out
        assert all(name in out for name in m["params"].get("properties", {}))


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "command"),
        (["run"], "method"),
        (["run", "beam_serch", *TOY], "did you mean 'beam_search'"),
        (["run", "greedy", "--model", "toy"], "--prompt"),
        (["run", "greedy", "--model", "toy", "--prompt", ""], "empty"),
        (["run", "greedy", "--model", "toy", "--prompt", "a" * 100_000], "at most"),
        (["run", "greedy", "--model", "toy", "--prompt", "a\x00"], "control character"),
        (["run", "greedy", "--model", "no/such model!", "--prompt", "ab"], "model"),
        (["run", "greedy", *TOY, "--seed", "seven"], "seed"),
        (["run", "greedy", *TOY, "--max-new-tokens", "0"], "max_new_tokens"),
        (["run", "beam_search", *TOY, "--num-beams", "0"], "num_beams"),
        (["run", "beam_search", *TOY, "--set", "num_beams"], "KEY=VALUE"),
        (["run", "beam_search", *TOY, "--set", "beams=3"], "beams"),
        (["run", "sample", *TOY, "--filters", "top_q=0.5"], "top_p"),
        (["run", "greedy", *TOY, "--nonsense"], "nonsense"),
        (["run", "greedy", *TOY, "--begun", "1;2"], "token ids with commas"),
        (["run", "greedy", *TOY, "--begun", "1,99"], "no token 99"),
        (["run", "greedy", "--model", "toy", "--prompt", "xyz"], "letters"),
        (["run", "greedy", *TOY, "--chat"], "chat template"),
        (["trace", "nonsense"], "run"),
        (["trace", "0123456789abcdef"], "run"),
    ],
)
def test_what_is_not_allowed_gets_a_sentence_and_status_2(argv, says, capsys):
    assert main(argv) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err
    assert "Traceback" not in said.err
    assert len(said.err) < 600


def test_a_model_that_is_gone_leaves_its_traces_readable(capsys, monkeypatch):
    out = ran(capsys, "run", "greedy", *TOY)
    run_id = out.split("explorer trace ")[1].split()[0]
    from explorer import decoding
    from explorer.errors import ModelError

    class Empty:
        def get(self, model_id):
            raise ModelError(f"{model_id} is not here.")

    monkeypatch.setattr(decoding, "default_library", Empty)
    assert main(["trace", run_id]) == 0
    said = capsys.readouterr()
    assert "⟨" in said.out
    assert "shown as numbers" in said.err
