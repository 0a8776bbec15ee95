"""What the page remembers of how a person likes it, in their browser alone."""

from __future__ import annotations

import json

import pytest
from page_tools import CHROMIUM

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="There is no chromium on this machine.")
expect = playwright.expect

KEY = "decoding-explorer-preferences"
# Of each frame in which something is drawn: how dark, which drawer, how the text is coloured.
EVERY_FRAME = """
window.seen = new Set();
(function look() {
  if (document.querySelector("#top")) {
    const text = document.querySelector(".run-text");
    const { classList, dataset } = document.body;
    seen.add(JSON.stringify([classList.contains("dark"), dataset.drawer]));
    if (text) seen.add(text.dataset.colour);
  }
  requestAnimationFrame(look);
})();
"""
LOOK = """() => ({
  dark: document.body.classList.contains("dark"),
  drawer: document.body.dataset.drawer,
  colouring: document.querySelector(".colouring select").value,
  picture: document.querySelector(".tab[aria-selected=true]").dataset.picture,
  scale: document.querySelector(".canvas-box > svg.canvas").getAttribute("width")
    / document.querySelector(".canvas-box > svg.canvas").viewBox.baseVal.width,
})"""
FIRST = {
    "dark": False,
    "drawer": "parameters",
    "colouring": "probability",
    "picture": "hypotheses",
    "scale": 1,
}
# Of our entry alone: Gradio, which keeps the owner's token, would complain of its own.
BLOCKED = """(key) => {
  for (const act of ["getItem", "setItem"]) {
    const real = Storage.prototype[act];
    Storage.prototype[act] = function (name, ...more) {
      if (name === key) throw new DOMException("Access is denied.", "SecurityError");
      return real.call(this, name, ...more);
    };
  }
}"""


def look(visit):
    visit.page.locator(".canvas-box > svg.canvas").first.wait_for()
    return visit.page.evaluate(LOOK)


def arrange(visit):
    """Everything otherwise than at first."""
    visit.page.locator("#toggle-dark").click()
    visit.page.locator("#toggle-library").click()
    visit.page.locator(".colouring select").select_option("entropy")
    visit.page.locator(".tab[data-picture='passes']").click()
    expect(visit.page.locator(".stage")).to_have_attribute("data-picture", "passes")
    visit.page.get_by_role("button", name="Larger").click()


ARRANGED = {
    "dark": True,
    "drawer": "library",
    "colouring": "entropy",
    "picture": "passes",
    "scale": 1.25,
}


def test_the_page_is_as_it_was_from_its_first_frame_on(person):
    visit = person().open()
    assert look(visit) == FIRST
    arrange(visit)
    assert look(visit) == ARRANGED

    again = person(context=visit.page.context)
    again.page.add_init_script(EVERY_FRAME)
    again.open()
    assert look(again) == ARRANGED
    seen = again.page.evaluate("[...window.seen].sort()")
    assert seen == ['[true,"library"]', "entropy"]

    # A phone begins closed, and what is opened there is not remembered for a wide screen.
    small = person(context=visit.page.context)
    small.page.set_viewport_size({"width": 390, "height": 844})
    small.open()
    assert look(small)["drawer"] == "none"
    small.page.locator("#toggle-gallery").click()
    assert look(small)["drawer"] == "gallery"
    assert look(again.open())["drawer"] == "library"


@pytest.mark.parametrize(
    "kept",
    [
        "no JSON",
        json.dumps({"version": 0, "theme": "dark", "drawer": "library"}),
        json.dumps({"version": 1, "theme": 7, "drawer": "about", "scale": "2", "picture": "nothing",
                    "colouring": "constructor"}),
    ],
    ids=["broken", "old", "wrong"],
)  # fmt: skip
def test_what_does_not_fit_counts_as_nothing(person, kept):
    visit = person()
    visit.page.add_init_script(f"localStorage.setItem({KEY!r}, {kept!r})")
    assert look(visit.open()) == FIRST


def test_without_storage_nothing_is_remembered_and_nothing_breaks(person):
    visit = person()
    visit.page.add_init_script(f"({BLOCKED})({KEY!r})")
    visit.open()
    arrange(visit)
    assert look(visit) == ARRANGED
    assert look(visit.open()) == FIRST
