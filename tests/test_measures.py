"""The numbers of a run: by hand on small traces, and against what toy runs counted themselves."""

from __future__ import annotations

from math import fsum, inf, isclose, log

import pytest

import explorer
from explorer.measures import MEASURES, Story, measured, target_logps
from explorer.registry import all_methods
from explorer.trace import (
    ChoiceEvent,
    DoneEvent,
    EvalEvent,
    Header,
    MarkEvent,
    NodeEvent,
    Output,
    Trace,
    ViewEvent,
)


def header(**changed):
    told = {
        "run_id": "0" * 16, "created": "2026-11-21T00:00:00+00:00", "method": "greedy",
        "method_version": 1, "params": {}, "models": {"target": "toy"}, "prompt": "ab",
        "prompt_ids": [1, 2], "seed": 0, "limits": {}, "versions": {}, "threads": 1,
    }  # fmt: skip
    return Header(**{**told, **changed})


def choice(node, tokens, raw, step=0, stream="target"):
    return ChoiceEvent(
        step=step, ms=1.0, node=node, stream=stream, tokens=tokens, raw=raw, final=raw,
        removed_by=[None] * len(tokens), removed_mass={}, chosen=tokens[:1], u=None,
    )  # fmt: skip


def node(n, token, parent=None, by="target", step=0):
    parent = n - 1 if parent is None else parent
    return NodeEvent(step=step, ms=1.0, id=n, parent=parent, token=token, by=by)


def mark(n, kind="emitted", step=0, **numbers):
    return MarkEvent(step=step, ms=1.0, node=n, mark=kind, numbers=numbers)


def evaluated(view, passes):
    return EvalEvent(
        step=0, ms=1.0, view=view, nodes=[0], took_ms=1.0, rows=1, cached=0, passes=passes,
        entropies=[0.0],
    )  # fmt: skip


def view(name="target"):
    return ViewEvent(step=0, ms=0.0, name=name, model={}, prompt_ids=[1])


def run(*events, **changed):
    return Trace(header(**changed), list(events))


def small(**changed):
    """Three tokens 7 8 7 in two passes of the target and three of a draft, two seconds."""
    return run(
        view(), view("draft"),
        evaluated("target", 1), evaluated("draft", 3), evaluated("target", 1),
        choice(0, [7, 9], [-0.5, -1.0]), node(1, 7), mark(1),
        choice(1, [9, 8], [-0.25, -1.5]), node(2, 8), mark(2),
        choice(2, [7], [-1.0]), node(3, 7), mark(3),
        DoneEvent(
            step=1, ms=2000.0, reason="length",
            outputs=[Output(node=3, token_ids=[7, 8, 7], text=" né!")],
            totals={"steps": 2, "seconds": 2.0},
        ),
        **changed,
    )  # fmt: skip


def test_a_small_run_counted_by_hand():
    assert measured(small()) == {
        "tokens": 3,
        "characters": 4,
        "steps": 2,
        "target_passes": 2,
        "passes": 5,
        "tokens_per_target_pass": 1.5,
        "seconds": 2.0,
        "tokens_a_second": 1.5,
        "logp_per_token": pytest.approx(-1.0),
        "distinct_1": 2 / 3,
        "distinct_2": 1.0,
        "distinct_3": 1.0,
        "repeated_4grams": None,
    }


def test_nothing_is_made_up_where_nothing_happened():
    found = measured(run())
    assert found["tokens"] == 0
    for name in ("characters", "tokens_per_target_pass", "tokens_a_second", "logp_per_token",
                 "distinct_1", "repeated_4grams"):  # fmt: skip
        assert found[name] is None, name


def test_a_run_that_goes_on_is_measured_as_far_as_it_is():
    whole = small()
    found = measured(Trace(whole.header, whole.events[:8]))
    assert found["tokens"] == 1
    assert found["seconds"] == pytest.approx(0.001)
    assert found["logp_per_token"] == -0.5
    assert found["characters"] is None


@pytest.mark.parametrize(
    ("events", "filters", "known"),
    [
        pytest.param([choice(0, [7], [-0.5])], [], [-0.5], id="by a choice"),
        pytest.param([choice(0, [7], [None])], [], [-inf], id="impossible"),
        pytest.param([choice(0, [7], [-0.5], stream="draft")], [], [None], id="another's law"),
        pytest.param([choice(0, [8], [-0.5])], [], [None], id="another token"),
        pytest.param([mark(1, "accepted", p=0.25)], [], [log(0.25)], id="an accepted guess"),
        pytest.param([mark(1, "accepted", p=0.25)], [{"name": "top_k"}], [None], id="filtered p"),
        pytest.param(
            [node(2, 8, 0), mark(2, "rejected", p=0.1), mark(1, "accepted", p=0.25)], [], [None],
            id="p of a residual",
        ),
        pytest.param([mark(1, "accepted")], [], [None], id="accepted without numbers"),
        pytest.param([], [], [None], id="nothing"),
    ],
)  # fmt: skip
def test_a_tokens_probability_is_known_only_from_the_targets_raw_law(events, filters, known):
    trace = run(view(), node(1, 7), *events, mark(1), params={"filters": filters})
    assert target_logps(Story(trace)) == known
    expected = known[0]
    assert measured(trace)["logp_per_token"] == expected


def test_one_unknown_token_leaves_the_mean_unknown():
    events = [choice(0, [7], [-0.5]), node(1, 7), mark(1), node(2, 8), mark(2)]
    assert measured(run(view(), *events))["logp_per_token"] is None
    assert measured(run(view(), *events[:3]))["logp_per_token"] == -0.5


@pytest.mark.parametrize("method", all_methods().values(), ids=lambda m: m.id)
def test_toy_runs_agree_with_their_own_totals(method):
    roles = {role: "toy" if role == "target" else "toy-draft" for role in method.models}
    trace = explorer.decode(prompt="ab", method=method.id, max_new_tokens=6, **_as_arguments(roles))
    found, totals = measured(trace), trace.done.totals
    assert found["tokens"] == totals["tokens"] == len(trace.token_ids)
    assert found["steps"] == totals["steps"]
    assert found["passes"] == totals["passes"]
    assert found["target_passes"] in (totals["target_passes"], None)
    assert found["characters"] == len(trace.text)
    assert list(found) == [measure.name for measure in MEASURES]


def _as_arguments(roles):
    return {"model" if role == "target" else role: name for role, name in roles.items()}


@pytest.mark.parametrize("method", ["greedy", "sample", "beam_search", "speculative_sampling"])
def test_the_log_probability_is_what_the_table_says(method):
    """Against the table itself, token by token."""
    from explorer.models.loading import TOYS

    draft = {"draft": "toy-draft"} if "draft" in all_methods()[method].models else {}
    trace = explorer.decode("toy", "ab", method=method, max_new_tokens=6, seed=3, **draft)
    table = TOYS["toy"]()
    text = list(trace.header.prompt_ids)
    logps = []
    for token in trace.token_ids:
        logps.append(float(table.logits(tuple(text)).log_softmax(-1)[token]))
        text.append(token)
    found = measured(trace)["logp_per_token"]
    assert isclose(found, fsum(logps) / len(logps), abs_tol=1e-6)
