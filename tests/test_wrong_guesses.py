"""What a method that guesses cannot be asked for is refused in a sentence that says what is."""

from __future__ import annotations

import pytest

from explorer import decode
from explorer.errors import ExplorerError, InputError
from explorer.models.table import TableLM
from explorer.registry import all_methods

# The parameter that says how much is guessed in a round, of each method that has one.
SIZES = {
    "adaptive_ngram": "length",
    "aded": "nodes",
    "assisted": "num_assistant_tokens",
    "draft_and_verify": "length",
    "dyspec": "nodes",
    "input_guided_aggressive": "length",
    "jacobi": "block",
    "lookahead": "ngram",
    "opt_tree": "nodes",
    "pearl": "gamma",
    "prompt_lookup": "length",
    "rasd": "length",
    "rest": "nodes",
    "rsd_s": "width",
    "sequoia": "nodes",
    "specinfer": "gamma",
    "speculative_sampling": "gamma",
    "staged_speculative": "nodes",
    "superposed": "drafts",
    "swift": "length",
    "token_recycling": "nodes",
}
MOST_GUESSES = 4096  # in one pass: what a laptop's memory takes with any bundled model
BOOKS = [m.id for m in all_methods().values() if "text" in m.params.model_fields]


def refused(method, **params):
    with pytest.raises(InputError) as told:
        all_methods()[method].parse(params)
    return str(told.value)


@pytest.mark.parametrize("method", SIZES)
@pytest.mark.parametrize("size", [0, 10**9])
def test_no_guesses_and_more_than_memory_holds_are_refused(method, size):
    said = refused(method, **{SIZES[method]: size})
    assert f"{SIZES[method]} = {size} is not allowed" in said
    assert ("greater" if size == 0 else "less") in said


@pytest.mark.parametrize("method", SIZES)
def test_the_most_that_may_be_guessed_fits(method):
    field = all_methods()[method].params.model_fields[SIZES[method]]
    most = next(bound.le for bound in field.metadata if hasattr(bound, "le"))
    assert most <= MOST_GUESSES


@pytest.mark.parametrize("branching", [(), (0,), (2, 0), (40, 40, 40)])
def test_a_tree_without_a_level_or_beyond_memory_is_refused(branching):
    assert "branching" in refused("speculative_tree", branching=branching)


def test_every_method_that_guesses_is_asked():
    guessing = {m.id for m in all_methods().values() if m.family == "speculation"}
    others = {"ada_skip", "unified_layer_skipping", "entropy_adaptive", "nest", "speculative_tree"}
    assert guessing == {*SIZES, *others}


@pytest.mark.parametrize("method", BOOKS)
def test_an_empty_datastore_is_refused(method):
    table = TableLM(5, 1)
    given = {role: table for role in all_methods()[method].models if role != "target"}
    with pytest.raises(InputError, match="at least two tokens"):
        decode(table, "ab", method, max_new_tokens=3, text="\n\n", **given)


DRAFTED = [m.id for m in all_methods().values() if "draft" in m.models]


@pytest.mark.parametrize("method", DRAFTED)
def test_a_draft_with_another_tokenizer_is_refused(method):
    with pytest.raises(ExplorerError, match="table-5-1 and table-6-1 have different tokenizers"):
        decode(TableLM(5, 1), "ab", method, draft=TableLM(6, 1), max_new_tokens=2)


@pytest.mark.parametrize(
    ("skip", "sentence"),
    [("99", "a block from 0 to 11"), ("0.nose", "as in 3, 4.mlp"), ("-1", "as in 3, 4.mlp")],
)
def test_layers_that_do_not_exist_are_refused(skip, sentence):
    with pytest.raises(InputError, match=sentence):
        decode(TableLM(5, 1), "ab", "draft_and_verify", skip=skip, max_new_tokens=2)
