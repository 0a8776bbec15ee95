"""A word is found in a large tree, and why it died is read, in three actions."""

from __future__ import annotations

import pytest
from page_tools import CHROMIUM
from trace_runs import RUNS
from view_tools import choose, load, step_label

from visualizers.fates import fate
from visualizers.find import find
from visualizers.hypotheses import tree
from visualizers.picture import visible_at
from visualizers.reading import Reading
from visualizers.sight import Sight

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="There is no chromium on this machine.")


def reading(name):
    run = RUNS[name]()
    return Reading(run.trace().fold(), run.token_text)


def story(page):
    page.wait_for_selector(".story:not([hidden])")
    return page.inner_text(".story .why")


DRAWN = """[...document.querySelectorAll(".canvas-box > svg tspan[data-of^='node ']")]
  .filter((t) => t.checkVisibility()).map((t) => t.dataset.of)"""


def drawn(page):
    return sorted(page.evaluate(DRAWN))


def reference(run, sight):
    picture = tree(run, sight)
    shown = [s.of for s in visible_at(picture, picture.last_step)]
    return sorted(of for of in shown if of.startswith("node "))


def test_in_five_thousand_nodes_a_word_and_its_death_are_three_actions(page):
    run = reading("real search")
    assert len(run.fold.nodes) > 5000
    hits = find(run, "daughter").hits
    place = next(i for i, hit in enumerate(hits) if hit["class"] == "pruned")
    page.set_default_timeout(120_000)  # the model is run first
    load(page, "real search")
    choose(page, "hypotheses")
    # 1: type the word; 2: choose the hit; 3: read.
    page.fill(".find input", "daughter")
    page.click(f".hits li >> nth={place}")
    assert story(page) == hits[place]["sentence"] == fate(run, hits[place]["node"]).sentence
    assert "pruned at step" in story(page)
    assert " nats" in story(page)
    assert step_label(page).startswith(f"step {hits[place]['step'] + 1} of ")
    node = page.locator(f".canvas tspan[data-of='node {hits[place]['node']}']")
    node.wait_for()
    ring = page.locator(".canvas .ring")
    ring.wait_for()
    box, stage = ring.bounding_box(), page.locator(".canvas-box").bounding_box()
    for corner, length in (("x", "width"), ("y", "height")):
        assert stage[corner] <= box[corner]
        assert box[corner] + box[length] <= stage[corner] + stage[length]
    assert page.locator(".canvas .on-way").count() == run.fold.nodes[hits[place]["node"]].depth


def test_the_keyboard_alone_finds_and_reads(page):
    hits = find(reading("search"), "king").hits
    load(page, "search")
    choose(page, "hypotheses")
    page.focus(".find input")
    page.keyboard.type("KING ")
    page.wait_for_selector(".hits li")
    page.keyboard.press("ArrowDown")
    active = page.get_attribute(".find input", "aria-activedescendant")
    assert page.get_attribute(f"#{active}", "aria-selected") == "true"
    page.keyboard.press("Escape")
    assert page.locator(".hits").is_hidden()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert story(page) == hits[1]["sentence"]
    page.focus(".story button >> nth=0")
    page.keyboard.press("Escape")
    assert page.locator(".story").is_hidden()
    assert page.evaluate("document.activeElement.closest('.find') !== null")


def test_what_is_nowhere_is_said(page):
    load(page, "search")
    choose(page, "hypotheses")
    page.fill(".find input", "xyz")
    page.wait_for_function("document.querySelector('.found').textContent.includes('No token')")
    assert page.locator(".hits").is_hidden()


def test_a_piece_of_text_is_pressed_and_the_tree_drawn_from_there(page):
    run = reading("search")
    load(page, "search")
    choose(page, "hypotheses")
    first = page.locator(".canvas g.text[tabindex='0'], .canvas g.stub[tabindex='0']")
    assert first.count() == 1
    first.focus()
    page.keyboard.press("ArrowDown")
    piece = page.locator(".canvas g.text[data-node]:not([data-of=prompt]) >> nth=3")
    piece.focus()
    page.keyboard.press("Enter")
    story(page)
    page.click(".story-buttons button >> nth=0")
    page.wait_for_selector(".crumb:nth-child(2)")
    node = int(page.locator(".canvas g.text[data-node] tspan >> nth=0").get_attribute("data-node"))
    assert drawn(page) == reference(run, Sight(focus=node))
    page.click(".crumb >> nth=0")
    page.wait_for_function(f"{DRAWN}.length === {len(reference(run, Sight()))}")
    assert page.text_content(".crumb[aria-current]") == "whole tree"


def test_what_is_hidden_stays_hidden_while_one_steps(page):
    run = reading("search")
    load(page, "search")
    choose(page, "hypotheses")
    assert drawn(page) == reference(run, Sight())
    page.select_option(".hiding select", "0.5")
    hidden = reference(run, Sight(below=0.5))
    assert hidden != reference(run, Sight())
    page.wait_for_function(f"{DRAWN}.length === {len(hidden)}")
    page.click("button[aria-label='first step']")
    page.click("button[aria-label='last step']")
    assert drawn(page) == hidden
    assert page.input_value(".hiding select") == "0.5"
