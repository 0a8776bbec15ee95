"""A run is verified against the target alone, and a run that cheats is found out."""

import pytest

import explorer.methods.speculation.jacobi as jacobi_module
import explorer.methods.speculation.speculative_sampling as module
from explorer import decode
from explorer.errors import InputError
from explorer.models.table import TableLM
from explorer.recheck import recheck
from explorer.registry import all_methods
from explorer.verification import Verdict

LOSSLESS = [m.id for m in all_methods().values() if "lossless" in m.claims]


def believing(run, law, guesses):
    """Takes the first guess unseen."""
    if guesses:
        run.accept(guesses[0].node, p=1.0)
        return Verdict(accepted=guesses[0])
    return Verdict(token=run.choose(law))


def ran(method, target, seed=0, **params):
    roles = all_methods()[method].models
    draft = TableLM(5, 77, like=(target, 0.5))
    others = {role: draft for role in roles if role != "target"}
    return decode(target, "ab", method, seed=seed, max_new_tokens=12, **others, **params)


@pytest.mark.parametrize("method", LOSSLESS)
@pytest.mark.parametrize("chain", ["temperature=0", "none", "temperature=0.8, top_k=3"])
def test_lossless_runs_are_found_to_be(method, chain):
    for seed in range(3):
        target = TableLM(5, seed)
        found = recheck(ran(method, target, seed, filters=chain), target)
        assert found.holds, found.sentence


def test_what_is_found_is_said(monkeypatch):
    target = TableLM(5, 3)
    trace = ran("speculative_sampling", target, filters="temperature=0")
    said = recheck(trace, target).sentence
    assert said == f"The target alone writes the same {len(trace.token_ids)} tokens, one by one."
    said = recheck(ran("speculative_sampling", target), target).sentence
    assert "it is the target's own under the same filters" in said


def test_a_filter_with_a_chance_is_compared_before_the_filters():
    target = TableLM(5, 3)
    found = recheck(ran("speculative_sampling", target, filters="xtc=0.1 probability=0.5"), target)
    assert found.holds
    assert "before the filters" in found.sentence


@pytest.mark.parametrize("chain", ["temperature=0", "none"])
def test_believing_the_draft_is_found_out(monkeypatch, chain):
    """Negative control: at temperature 0 by the text, else by the p that stands in the record."""
    monkeypatch.setattr(module, "chain", believing)
    target = TableLM(5, 3)
    found = recheck(ran("speculative_sampling", target, filters=chain), target)
    assert not found.holds
    assert "the run has" in found.sentence or "is not the target's own" in found.sentence


def test_another_model_is_found_out():
    target = TableLM(5, 3)
    assert not recheck(ran("rest", target, filters="none"), TableLM(5, 4)).holds


@pytest.mark.parametrize("seed", range(3))
def test_jacobi_is_found_to_be_greedy(seed):
    target = TableLM(5, seed)
    found = recheck(ran("jacobi", target, seed), target)
    assert found.holds, found.sentence


def test_guesses_of_jacobi_that_are_believed_are_found_out(monkeypatch):
    """Negative control."""
    monkeypatch.setattr(jacobi_module, "greedy_match", believing)
    target = TableLM(5, 3)
    assert not recheck(ran("jacobi", target), target).holds


@pytest.mark.parametrize("method", ["greedy", "unified_layer_skipping", "ada_skip", "nest"])
def test_what_claims_nothing_is_told_how_far_it_landed(method):
    target = TableLM(5, 3)
    trace = ran(method, target)
    prefix, logps, best = [1, 2], [], 0
    for token in trace.token_ids:
        law = target.logits(prefix).double().log_softmax(-1)
        logps.append(float(law[token]))
        best += int(law.argmax()) == token
        prefix.append(token)
    found = recheck(trace, target)
    assert found.holds is None
    assert "does not claim to follow the target's law" in found.sentence
    assert f"gives its text −{-sum(logps) / len(logps):.3f} nats a token" in found.sentence
    assert f"{best} of {len(logps)} tokens" in found.sentence
    assert (method == "greedy") == (best == len(logps)), "only that one is greedy"


@pytest.mark.parametrize("chain", ["temperature=0", "none"])
def test_what_a_run_began_with_stands_before_its_text(chain):
    target = TableLM(5, 3)
    found = recheck(ran("prompt_lookup", target, filters=chain, begun=(3, 2)), target)
    assert found.holds, found.sentence


def test_a_model_with_other_weights_is_refused_with_a_sentence():
    target = TableLM(5, 3)
    trace = ran("rest", target)
    with pytest.raises(InputError, match="tokens that table-2-0 does not know"):
        recheck(trace, TableLM(2, 0))
    for event in trace.events:
        if event.kind == "view":
            event.model["revision"] = "before"
    target.describe = lambda: {"revision": "now"}
    with pytest.raises(InputError, match="as it was at before; the one here is at now"):
        recheck(trace, target)
