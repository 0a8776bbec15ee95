"""What every registered method must keep, tested the moment it exists."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from oracle import PROMPT, Walk, exact_law, play, table_law, total_variation, toy_pair

from explorer.errors import InputError
from explorer.models.table import EOS
from explorer.randomness import Seeded
from explorer.registry import FAMILIES, all_methods
from explorer.run import Limits, Prompt, Run
from explorer.sampling import parse_chain
from explorer.trace import Fold, Header, Trace
from explorer.trace.check import check_events
from explorer.trace.trace import EVENTS

METHODS = all_methods()
ROOT = Path(__file__).parents[1]
HEADINGS = [
    "## What it does",
    "## When to use it",
    "## What to look at",
    "## Guarantee",
    "## Reference",
]
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))


def that_claim(claim):
    found = [m for m in METHODS.values() if claim in m.claims]
    return pytest.mark.parametrize("method", found, ids=[m.id for m in found])


def recorded(method, seed=0, length=6, pair_seed=0, params=None):
    events = []
    pair = toy_pair(pair_seed)
    run = play(method.id, params or {}, pair, Seeded(seed), length, record=events)
    run.end()
    return run, events


def timeless(events):
    header = Header.model_construct()
    return Trace(header, list(events)).without_times()


@each_method
def test_the_same_seed_gives_the_same_trace(method):
    assert timeless(recorded(method, 3)[1]) == timeless(recorded(method, 3)[1])


@each_method
def test_recording_changes_nothing(method):
    for seed in range(3):
        loud, _ = recorded(method, seed)
        quiet = play(method.id, {}, toy_pair(0), Seeded(seed), 6)
        assert quiet.tree.tokens(quiet.head) == loud.tree.tokens(loud.head)
        assert len(quiet.tree) == len(loud.tree)


@each_method
def test_every_preset_is_allowed_and_runs(method):
    assert method.presets
    for preset in method.presets.values():
        run, _ = recorded(method, params=preset.values)
        assert run.head != run.root


@each_method
def test_every_preset_says_what_to_look_at_and_one_breaks_the_method(method):
    assert "break it" in method.presets
    for name, preset in method.presets.items():
        assert re.fullmatch(r"[A-Z(].{15,150}[.]", preset.about), name
    assert method.presets["break it"].values


@each_method
def test_parameters_round_trip_through_json(method):
    for values in ({}, *(preset.values for preset in method.presets.values())):
        params = method.parse(values)
        assert method.parse(params.model_dump(mode="json")) == params


@each_method
def test_unknown_parameters_are_refused_with_a_sentence(method):
    with pytest.raises(InputError, match="no parameter"):
        method.parse({"no_such": 1})


@each_method
def test_every_parameter_is_described(method):
    for name, field in method.params.model_fields.items():
        assert field.title, name
        assert len(field.description or "") > 15, name
        assert set(field.json_schema_extra) == {"symbol", "unit"}, name


@each_method
def test_the_page_has_every_heading_and_one_sentence_first(method):
    assert [line for line in method.page.splitlines() if line.startswith("## ")] == HEADINGS
    assert re.fullmatch(r"[A-Z][^\n]*[.]", method.idea)
    assert "https://" in method.page.split("## Reference")[1]


@each_method
def test_a_method_stands_in_a_file_of_its_name_and_family(method):
    family, name = method.decode.__module__.split(".")[-2:]
    assert (family, name) == (method.family, method.id)
    assert method.family in FAMILIES
    assert (ROOT / f"tests/methods/{method.family}/test_{method.id}.py").is_file()


@each_method
def test_stop_ends_the_run_at_any_step(method):
    full, _ = recorded(method)
    for stop_at in range(1, full.totals()["steps"]):
        asked = itertools.count()
        pair = toy_pair(0)
        run = Run(
            pair,
            PROMPT,
            Seeded(0),
            Limits(max_new_tokens=6),
            method.notes,
            stop=lambda asked=asked, stop_at=stop_at: next(asked) >= stop_at,
        )
        method.decode(run, method.parse({}))
        done = run.end()
        assert run.totals()["steps"] <= stop_at
        assert done.reason in ("stopped", "eos")


@each_method
def test_the_token_limit_is_never_exceeded(method):
    for length in (1, 2, 5):
        for seed in range(4):
            _, events = recorded(method, seed, length, pair_seed=seed)
            assert 1 <= len(events[-1].outputs[0].token_ids) <= length


@each_method
def test_a_method_goes_on_behind_what_it_begins_with(method):
    """As behind a longer prompt, but that the beginning is told as part of the text."""
    begun = (3, 1)
    prompt = Prompt(PROMPT.text, (*PROMPT.ids, *begun), begun, 1)
    longer = Prompt(PROMPT.text + "ca", prompt.ids)
    for seed in range(3):
        ends = [
            play(method.id, {}, toy_pair(seed), Seeded(seed), 5, given).end().outputs[0].token_ids
            for given in (prompt, longer)
        ]
        assert ends[0][: len(begun)] == list(begun)
        assert ends[0][len(begun) :] == ends[1]


@each_method
def test_nothing_is_emitted_behind_an_end_token(method):
    for seed in range(6):
        _, events = recorded(method, seed, 6, pair_seed=seed)
        for output in events[-1].outputs:
            assert EOS not in output.token_ids[:-1]


@each_method
def test_the_trace_folds_checks_and_survives_json(method):
    _, events = recorded(method)
    check_events(events)
    back = EVENTS.validate_json(EVENTS.dump_json(events))
    assert back == events
    fold = Fold().feed_all(events)
    assert fold.tokens(fold.text_at()[-1]) == events[-1].outputs[0].token_ids


@each_method
def test_every_emitted_token_was_chosen(method):
    _, events = recorded(method)
    fold = Fold().feed_all(events)
    for node in fold.text_at():
        story = fold.nodes[node]
        assert any(story.token in choice.chosen for choice in fold.choices[story.parent])


@each_method
def test_a_method_without_claim_is_not_believed(method):
    assert method.claims, "say what is guaranteed, and bind it to an oracle"


@that_claim("lossless")
@pytest.mark.parametrize("chain", ["none", "temperature=0.7", "top_k=2"])
def test_lossless_methods_follow_the_target(method, chain):
    pair = toy_pair(5, vocab_size=3)
    law = exact_law(method.id, {"filters": chain}, pair, 3)
    assert total_variation(law, table_law(pair["target"], 3, parse_chain(chain))) < 1e-12


# Of each lossless method what makes its drafts shorter and longer, and what it needs beside.
BOOK = {"text": "abab\n\nbba"}
DRAFTS = {
    "adaptive_ngram": [{"length": n} for n in (1, 2, 4)],
    "aded": [{"nodes": n, "simulations": 8} for n in (1, 2, 8)],
    "assisted": [{"num_assistant_tokens": n, "confidence_threshold": 0.0} for n in (1, 2, 4)],
    "draft_and_verify": [{"skip": "1, 2, 3", "length": n, "threshold": 0.0} for n in (1, 2, 4)],
    "dyspec": [{"nodes": n} for n in (1, 2, 3)],
    "input_guided_aggressive": [{"source": "abab", "length": n} for n in (1, 2, 4)],
    "lookahead": [{"ngram": n, "window": 3, "checked": 4} for n in (2, 3, 4)],
    "opt_tree": [{"nodes": n, "gain": 0.0} for n in (1, 2, 4)],
    "pearl": [{"gamma": n} for n in (1, 2, 4)],
    "prompt_lookup": [{"length": n} for n in (1, 2, 4)],
    "rasd": [{"branching": (1,) * n, "nodes": n, **BOOK} for n in (1, 2)],
    "rest": [{"length": n, "shortest": 1, **BOOK} for n in (1, 2, 4)],
    "rsd_s": [{"width": 2, "length": n} for n in (1, 2)],
    "sequoia": [{"nodes": n, "depth": n} for n in (1, 2, 3)],
    "specinfer": [{"temperatures": (1.0, 0.5), "gamma": n} for n in (1, 2)],
    "speculative_sampling": [{"gamma": n} for n in (1, 2, 4)],
    "speculative_tree": [{"branching": (1,) * n} for n in (1, 2, 3)],
    "staged_speculative": [{"nodes": n, "ahead": n} for n in (1, 2, 4)],
    "swift": [{"length": n, "ratio": 0.5, "trials": 1, "window": 2} for n in (1, 2)],
    "token_recycling": [{"nodes": n} for n in (1, 2, 8)],
}


@that_claim("lossless")
def test_lossless_methods_follow_the_target_at_every_draft_length(method):
    """Three tokens far, from drafts of one token to drafts longer than the text."""
    pair = toy_pair(2, vocab_size=3)
    want = table_law(pair["target"], 3)
    assert method.id in DRAFTS, "say there what makes its drafts shorter and longer"
    for params in DRAFTS[method.id]:
        law = exact_law(method.id, {**params, "filters": "none"}, pair, 3)
        assert total_variation(law, want) < 1e-12, params


@that_claim("deterministic")
def test_deterministic_methods_ask_for_no_randomness(method):
    for pair_seed in range(4):
        walk = Walk()
        play(method.id, {}, toy_pair(pair_seed), walk, 5)
        assert walk.taken == []
