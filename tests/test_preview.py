"""What a choice would become under other filters is what a run with those filters draws from."""

from __future__ import annotations

from dataclasses import replace
from math import exp

import pytest
from oracle import play

import explorer.preview
from explorer.decoding import make_request, new_header
from explorer.errors import InputError
from explorer.models.table import EOS, TableLM
from explorer.preview import NO_CHAIN, NONE_KEPT, NOT_ALONE, NOT_KEPT, Previewer, read_chain
from explorer.randomness import Seeded
from explorer.run import Prompt
from explorer.trace import Fold

PROMPT = Prompt("abcab", (1, 2, 3, 1, 2))
CHAINS = (
    "none",
    "temperature=0.5",
    "temperature=1.7,top_p=0.8",
    "top_p=0.8,temperature=1.7",
    "min_p=0.2",
    "typical=0.6,temperature=2",
    "repetition_penalty=1.5,top_k=6",
    "temperature=0.6,repetition_penalty=1.5",
    "frequency_penalty=1.5,presence_penalty=-0.7",
    "dry=2 base=2 allowed_length=1,top_p=0.9",
    "temperature=0",
)
METHODS = (
    ("sample", {}),
    ("greedy", {}),
    ("beam_search", {"num_beams": 3}),
    ("contrastive_decoding", {}),
    ("speculative_sampling", {"gamma": 2}),
    ("assisted", {}),
)
SEEDS = 5


def run(method, chain, seed=0, length=4, law_bytes=2**20, begun=(), **params):
    """Header and fold of a run on tables of 24 tokens, more than a choice has candidates."""
    models = {
        "target": TableLM(24, 1, peak=2.0),
        "draft": TableLM(24, 2, peak=2.0),
        "amateur": TableLM(24, 3, peak=1.0),
    }
    request, chosen, parsed = make_request(
        method=method, prompt=PROMPT.text, params=params | {"filters": chain}, begun=begun
    )
    events = []
    prompt = replace(PROMPT, ids=(*PROMPT.ids, *begun), begun=begun)
    play(chosen.id, parsed, models, Seeded(seed), length, prompt, events, law_bytes)
    header = new_header(request, chosen, parsed)
    header = header.model_copy(update={"prompt_ids": list(PROMPT.ids)})
    return header, Fold().feed_all(events)


def laws(fold):
    """The choices with a whole law, by what stood before them and whose law it is."""
    return {
        (*fold.tokens(node), choice.stream): choice
        for node, choices in fold.choices.items()
        for choice in choices
        if choice.entered
    }


def mistakes(method, params, chain, other):
    """Where the preview of `other` on runs with `chain` is not what runs with `other` record."""
    runs = [run(method, chain, seed, **params) for seed in range(SEEDS)]
    reruns = {}
    for seed in range(SEEDS):
        reruns |= laws(run(method, other, 100 + seed, **params)[1])
    found, compared = [], 0
    for header, fold in runs:
        for key, choice in laws(fold).items():
            if key in reruns:
                previewer = Previewer(header, fold, choice, TableLM(24, 1).token_text)
                assert previewer.own.param == "filters"
                would, is_ = previewer.under(read_chain(other)), reruns[key]
                compared += 1
                found += [(key, would, is_)] if differ(would, is_) else []
    assert compared >= len(runs)
    return found


def differ(would, is_):
    known = dict(zip(is_.tokens, zip(is_.raw, is_.final, is_.removed_by, strict=True), strict=True))
    for token, *here in zip(would.tokens, would.raw, would.final, would.removed_by, strict=True):
        if token not in known:
            continue  # chosen, and no candidate else
        raw, final, cause = known[token]
        if here[0] != raw or here[2] != cause or abs(p(here[1]) - p(final)) > 2e-3:
            return True
    masses = {**would.removed_mass, **is_.removed_mass}
    return would.removed_mass.keys() != is_.removed_mass.keys() or any(
        abs(would.removed_mass[name] - is_.removed_mass[name]) > 2e-3 for name in masses
    )


def p(logp):
    return exp(logp) if logp is not None else 0.0


@pytest.mark.parametrize("other", CHAINS)
@pytest.mark.parametrize(("method", "params"), METHODS, ids=[name for name, _ in METHODS])
def test_a_preview_is_what_a_rerun_draws_from(method, params, other):
    chain = CHAINS[(CHAINS.index(other) * 7 + 3) % len(CHAINS)]
    assert mistakes(method, params, chain, other) == []


@pytest.mark.parametrize("other", CHAINS)
def test_a_preview_is_what_a_branch_draws_from_first(other):
    """And so it is in the branch, which began with a part of the text."""
    for seed in range(SEEDS):
        header, fold = run("sample", "temperature=0.9,top_k=7", seed)
        for node, (choice,) in fold.choices.items():
            begun = tuple(fold.tokens(node))
            branch = run("sample", other, seed + 1, begun=begun)
            for told in ((header, fold, choice), (*branch, branch[1].choices[0][0])):
                would = Previewer(*told, TableLM(24, 1).token_text).under(read_chain(other))
                assert not differ(would, branch[1].choices[0][0])


def test_a_preview_without_the_generated_text_is_found(monkeypatch):
    """Negative control."""
    real = explorer.preview._seen
    forgets = lambda *given: replace(real(*given), generated=())  # noqa: E731
    monkeypatch.setattr(explorer.preview, "_seen", forgets)
    assert mistakes("sample", {}, "none", "frequency_penalty=1.5,presence_penalty=-0.7")


def test_a_preview_in_another_order_is_found(monkeypatch):
    """Negative control."""
    real = explorer.preview.apply
    turned = lambda chain, *given: real(tuple(reversed(chain)), *given)  # noqa: E731
    monkeypatch.setattr(explorer.preview, "apply", turned)
    assert mistakes("sample", {}, "none", "top_p=0.8,temperature=1.7")


def test_a_preview_of_scores_that_lost_their_offset_is_found(monkeypatch):
    """Negative control: the repetition penalty reads more than the law."""
    real = explorer.preview._scores
    lost = lambda choice: real(replace(choice, offset=0.0))  # noqa: E731
    monkeypatch.setattr(explorer.preview, "_scores", lost)
    assert mistakes("sample", {}, "none", "repetition_penalty=1.5,top_k=6")


def test_a_coin_is_shown_as_if_it_said_act_however_it_fell():
    fell = set()
    for seed in range(4):
        header, fold = run("sample", "xtc=0.5 threshold=0.1", seed)
        for choice in laws(fold).values():
            text = TableLM(24, 1).token_text
            would = Previewer(header, fold, choice, text).under(read_chain("xtc=0.5"))
            top = [t for t, raw in zip(choice.tokens, choice.raw, strict=True) if p(raw) >= 0.1]
            gone = [] if EOS in top[:-1] else top[:-1]  # the end of a text is left alone
            assert [c for c in would.removed_by if c] == ["xtc"] * len(gone)
            fell |= {choice.removed_by.count("xtc") > 0} if gone else set()
    assert fell == {True, False}
    assert "coin" in explorer.preview.by_coin(read_chain("temperature=0.5,xtc=0.5"))
    assert explorer.preview.by_coin(read_chain("xtc=0,temperature=0.5")) == ""


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("sample", "none", {"law_bytes": 0}), NONE_KEPT),
        (("sample", "none", {"law_bytes": 24 * 2}), NOT_KEPT),
        (("mirostat", "none", {}), NONE_KEPT),
        (("entropy_temperature", "top_p=0.9", {}), NOT_ALONE),
    ],
    ids=["nothing kept", "used up", "changed behind the filters", "another filter before"],
)
def test_where_nothing_can_be_said_a_sentence_says_why(given, sentence):
    method, chain, more = given
    header, fold = run(method, chain, **more)
    with pytest.raises(InputError) as told:
        Previewer(header, fold, fold.choices[fold.text_at()[-2]][-1], str)
    assert str(told.value) == sentence


def test_a_method_without_filters_has_none_to_move():
    header, fold = run("sample", "none")
    header = header.model_copy(update={"method": "chain_of_thought_decoding", "params": {}})
    with pytest.raises(InputError, match=NO_CHAIN):
        Previewer(header, fold, fold.choices[0][0], str)


@pytest.mark.parametrize("chain", ["top_p=2", "nonsense", [{"name": "top_p"}], [1], 5, {}])
def test_a_chain_that_cannot_be_read_is_a_sentence(chain):
    with pytest.raises(InputError, match=r"\.$"):
        read_chain(chain)


def test_a_chain_has_an_end():
    with pytest.raises(InputError, match="at most"):
        read_chain(",".join(["top_k=5"] * 41))
