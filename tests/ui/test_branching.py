"""Where a branch begins, and what it goes on with."""

from __future__ import annotations

import pytest

import explorer
from explorer.errors import InputError
from explorer.settings import Settings
from explorer.ui.branching import as_before, branch_point, check_fits, quoted
from explorer.ui.family import family_value
from explorer.ui.service import Service, Visitor
from explorer.ui.token_texts import typed_token

ME, STRANGER = Visitor("m" * 40), Visitor("s" * 40)


@pytest.fixture(scope="module")
def run():
    """The text acabbd behind abc, chosen greedily."""
    trace = explorer.decode("toy", "abc", max_new_tokens=6)
    assert len(trace.token_ids) == 6
    return trace


@pytest.fixture(scope="module")
def branch(run):
    return explorer.decode("toy", "abc", max_new_tokens=4, begun=run.token_ids[:2])


def emitted(trace):
    return [mark.node for mark in trace.fold().emitted]


def test_a_place_is_a_token_of_the_tree(run):
    ids, nodes = run.token_ids, emitted(run)
    at = branch_point(run, {"act": "take", "node": nodes[3], "token": 2})
    assert (at.parent, at.begun, at.forced) == (run.run_id, (*ids[:3], 2), 1)
    at = branch_point(run, {"act": "continue", "node": nodes[3]})
    assert (at.begun, at.forced) == (tuple(ids[:4]), 0)
    at = branch_point(run, {"act": "anew", "node": nodes[3]})
    assert (at.begun, at.forced) == (tuple(ids[:3]), 0)
    at = branch_point(run, {"act": "type", "node": nodes[0], "typed": "b"})
    assert (at.begun, at.forced) == ((2,), 1)
    assert branch_point(run, {"act": "branch", "node": 0}).begun == ()


def test_a_place_is_also_what_a_branch_began_with(run, branch):
    ids = run.token_ids
    assert branch.token_ids == ids
    assert branch_point(branch, {"act": "take", "begun": 1, "token": 3}).begun == (ids[0], 3)
    assert branch_point(branch, {"act": "continue", "begun": 1}).begun == tuple(ids[:2])
    node = emitted(branch)[1]
    assert branch_point(branch, {"act": "continue", "node": node}).begun == tuple(ids[:4])


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({}, "nothing that can be done"),
        ({"act": "fly", "node": 1}, "nothing that can be done"),
        ({"act": "take", "node": 99, "token": 1}, "no such token"),
        ({"act": "take", "node": "1", "token": 1}, "no such token"),
        ({"act": "take", "begun": 0, "token": 1}, "no such token"),
        ({"act": "take", "node": 0, "token": 1}, "change it above"),
        ({"act": "take", "node": 1}, "No token was named"),
        ({"act": "take", "node": 1, "token": True}, "No token was named"),
        ({"act": "take", "node": 1, "token": 0}, "ends the text"),
        ({"act": "type", "node": 1, "typed": "bc"}, "no single token of 'toy'; it takes 2"),
        ({"act": "type", "node": 1, "typed": "z"}, "reads the letters a to d alone"),
        ({"act": "type", "node": 1}, "Nothing was typed"),
    ],
    ids=str,
)
def test_what_cannot_be_is_a_sentence(run, wish, sentence):
    with pytest.raises(InputError, match=sentence):
        branch_point(run, wish)


def test_a_branch_goes_on_as_its_run_did_with_what_was_left(run):
    nodes = emitted(run)
    job = as_before(run, branch_point(run, {"act": "take", "node": nodes[3], "token": 2}))
    assert (job["method"], job["prompt"], job["models"]) == ("greedy", "abc", {"target": "toy"})
    assert job["max_new_tokens"] == 2
    at_the_end = branch_point(run, {"act": "continue", "node": nodes[-1]})
    assert as_before(run, at_the_end)["max_new_tokens"] == 6  # nothing was left: as many again
    changed = as_before(run, at_the_end, filters="top_k=2")
    assert changed["params"] == run.header.params | {"filters": "top_k=2"}


def test_what_if_needs_the_same_prompt_and_the_same_tokens(run):
    at = branch_point(run, {"act": "anew", "node": emitted(run)[2]})
    check_fits(run, at, "abc", "toy-draft")
    with pytest.raises(InputError, match="another prompt"):
        check_fits(run, at, "dd", "toy")
    with pytest.raises(InputError, match="another tokenizer"):
        check_fits(run, at, "abc", "target")


def test_the_end_of_a_beginning_is_quoted(run):
    at = branch_point(run, {"act": "continue", "node": emitted(run)[-1]})
    assert quoted(run, at) == "abc" + run.text


def test_a_token_is_typed_as_it_reads():
    assert typed_token("toy", "b") == 2
    castle = typed_token("target", " castle")
    assert castle != typed_token("target", "c")
    with pytest.raises(InputError, match="it takes 3: “ cast”, “les”, “ of”"):
        typed_token("target", " castles of")
    with pytest.raises(InputError, match="tokenizer is not here"):
        typed_token("nobody/nothing", "a")


# With store and worker ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    made = Service(Settings(data_folder=tmp_path_factory.mktemp("data"), preload="target"))
    yield made
    made.close()


def made(service, run_id):
    service.wait(run_id, ME)
    assert service.place(run_id, ME).info.status == "done"
    return service.trace(run_id, ME)


def test_the_prefix_of_a_branch_is_not_computed_again(service):
    asked = {"method": "sample", "prompt": "Once upon a time", "max_new_tokens": 12, "seed": 3}
    parent = made(service, service.start(ME, asked))
    node = emitted(parent)[7]
    other = next(t for t in parent.fold().choices[node - 1][0].tokens if t != parent.token_ids[7])

    def prompt_rows(run_id):
        trace = made(service, run_id)
        return trace, sum(event.prompt_rows for event in trace.events if event.kind == "eval")

    trace, rows = prompt_rows(service.branch(parent.run_id, ME, {"act": "continue", "node": node}))
    assert rows == 0
    assert trace.token_ids[:8] == parent.token_ids[:8]
    wish = {"act": "take", "node": node, "token": other}
    trace, rows = prompt_rows(service.branch(parent.run_id, ME, wish))
    assert rows == 1  # the token that a person chose: no run has read it yet
    assert trace.token_ids[:8] == [*parent.token_ids[:7], other]
    assert len(trace.token_ids) == 12
    _, rows = prompt_rows(service.start(ME, asked | {"prompt": "A prompt of its own"}))
    assert rows > 1  # negative control


def test_a_family_is_told_from_every_member(service):
    asked = {"method": "greedy", "prompt": "abc", "models": {"target": "toy"}, "max_new_tokens": 6}
    parent = made(service, service.start(ME, asked))
    assert family_value(service, ME, parent.run_id) == {}
    node = emitted(parent)[2]
    wish = {"act": "take", "node": node, "token": 2}
    child = made(service, service.branch(parent.run_id, ME, wish))
    form = {**asked, "method": "sample"}
    anew = {"act": "anew", "node": node}
    whatif = made(service, service.start(ME, service.from_place(parent.run_id, ME, anew, form)))
    told = family_value(service, ME, child.run_id)
    assert told["current"] == child.run_id
    first, second, third = told["runs"]
    assert (first["run"], first["parent"], first["forced"]) == (parent.run_id, "", "")
    assert (second["run"], second["parent"]) == (child.run_id, parent.run_id)
    assert (second["forced"], second["place"], second["method"]) == ("b", 3, "Greedy")
    assert second["text"] == child.text[3:]
    assert (third["run"], third["forced"], third["place"]) == (whatif.run_id, "", 3)
    assert third["method"] == "Sampling"
    service.store.delete_run(parent.run_id, service.owner(ME))
    left = family_value(service, ME, child.run_id)["runs"]
    assert [run["run"] for run in left] == [child.run_id, whatif.run_id]


def test_a_branch_goes_to_its_parent_or_where_that_is_no_run_of_mine_as_chosen(service):
    mine = service.owner(ME)
    lesson, other = (service.store.create_session(mine, title) for title in ("Lesson", "Other"))
    asked = {"method": "greedy", "prompt": "abc", "models": {"target": "toy"}, "max_new_tokens": 6}
    parent = made(service, service.start(ME, asked, lesson))
    wish = {"act": "continue", "node": emitted(parent)[2]}
    link = service.store.share_run(parent.run_id, mine)
    guest = Visitor(STRANGER.token, link)
    theirs = service.store.create_session(service.owner(guest), "Theirs")
    for visitor, chosen, session in (
        (ME, other, lesson),
        (ME, None, lesson),
        (guest, theirs, theirs),
    ):
        child = service.branch(parent.run_id, visitor, wish, chosen)
        service.wait(child, visitor)
        assert service.place(child, visitor).info.session_id == session


def test_branches_of_an_example_stand_below_it(service):
    example = next(iter(service.examples))
    trace = service.examples.trace(example)
    wish = {"act": "continue", "node": emitted(trace)[2]}
    child = made(service, service.branch(example, ME, wish))
    for member in (example, child.run_id):
        told = family_value(service, ME, member)["runs"]
        assert [(run["run"], run["parent"]) for run in told] == [
            (example, ""),
            (child.run_id, example),
        ]
    assert family_value(service, STRANGER, example) == {}


def test_a_run_whose_model_is_not_here_gives_a_sentence(service, tmp_path):
    trace = explorer.decode("toy", "abc", max_new_tokens=4)
    header = trace.header.model_copy(update={"models": {"target": "nobody-has-this"}})
    trace.header = header
    service.store.keep(trace, service.owner(ME))
    with pytest.raises(InputError, match="nobody-has-this"):
        service.branch(trace.run_id, ME, {"act": "continue", "node": 1})
    with pytest.raises(InputError, match="no run"):
        service.branch(trace.run_id, STRANGER, {"act": "continue", "node": 1})
