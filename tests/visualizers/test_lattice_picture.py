"""The picture of a lattice: its ways are the texts, and the one through a token is the best."""

import pytest
from picture_makers import fold, letter, toy_events

from visualizers.lattice import draw
from visualizers.places import Places, lattice_of
from visualizers.reading import Reading
from visualizers.story import story

VALUES = {"n": 2, "min_length": 0, "num_beams": 3, "k": 3}


def reading(seed, merge, length=8):
    events = toy_events("lattice", {**VALUES, "merge": merge}, seed, length)
    return Reading(fold(events), letter)


def noted(run):
    """The texts that the search counted itself, step by step."""
    return [round(10**event.value) for event in run.fold.notes["texts"]]


def counted(run):
    return [lattice.onward()[0] for _, lattice in Places(run).by_step()]


@pytest.mark.parametrize("merge", ["rcb", "zip"])
def test_the_texts_of_each_step_are_those_the_search_counted(merge):
    for seed in range(4):
        run = reading(seed, merge)
        assert counted(run) == noted(run)
        assert counted(run)[-1] == sum(1 for _ in lattice_of(run).texts())


def test_without_the_links_there_are_fewer():
    """Negative control."""
    run = reading(0, "rcb")
    for node in run.fold.nodes:
        node.marks = [mark for mark in node.marks if mark.mark != "merged"]
    assert counted(run)[-1] < noted(run)[-1]


@pytest.mark.parametrize("merge", ["rcb", "zip"])
def test_the_text_through_a_token_is_the_most_probable_one(merge):
    run = reading(1, merge)
    lattice = lattice_of(run)
    texts = list(lattice.texts())
    for place in lattice.places[1:]:
        through = [way for way in texts if place in [step.to for step in way.steps]]
        told = story(run, place)
        if not through:  # nothing came to its end behind it
            assert told["way"] == []
            continue
        best = max(through, key=lambda way: way.logp)
        assert lattice.best_through(place).logp == pytest.approx(best.logp)
        assert place in told["way"]
        assert ["texts through it", f"{len(through):,} of {len(texts):,}"] in told["facts"]


def test_every_place_stands_somewhere_and_no_two_at_one_point():
    for merge in ("rcb", "zip"):
        run = reading(2, merge)
        (picture,) = draw(run)
        tokens = [mark for mark in picture.marks if mark.of.startswith("node ")]
        assert {f"node {p}" for p in lattice_of(run).places} <= {mark.of for mark in tokens}
        assert len({(mark.x, mark.y) for mark in tokens}) == len(tokens)
        assert all(0 <= m.x <= picture.size[0] and 0 <= m.y <= picture.size[1] for m in tokens)


def test_a_run_without_merges_has_no_way_and_no_lattice():
    run = Reading(fold(toy_events("beam_search")), letter)
    assert story(run, 1)["way"] == []
    assert not any(name == "texts through it" for name, _ in story(run, 1)["facts"])
