"""Two runs side by side in a browser: asked for together, picked from the list, by address."""

from __future__ import annotations

import pytest
from page_tools import CHROMIUM

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="There is no chromium on this machine.")

OVER = """() => {
  const states = [...document.querySelectorAll('.compare-view .side .state')];
  return states.length === 2 && states.every((s) => s.dataset.state === 'done');
}"""


def drawn(page):
    page.wait_for_function("() => !document.body.dataset.drawing")


def compare(visit, prompt="ab", tokens="10"):
    """Tick the box, ask greedily and by sampling, and generate."""
    page = visit.page
    visit.pick_method("Greedy")
    page.locator("#field-param-num_beams").wait_for(state="detached")
    drawn(page)
    page.locator("#field-compare input").check()
    page.locator("#field-b-param-filters textarea").wait_for()
    drawn(page)
    visit.pick_model("target", "toy")
    box = page.locator("#field-b-model-target input")
    box.click()
    box.fill("toy")
    box.press("Enter")
    box.blur()
    visit.type("prompt", prompt)
    visit.type("max_new_tokens", tokens)
    visit.generate()
    page.wait_for_function(OVER)


def words(visit, side):
    return (
        visit.page.locator(f".compare-view .side >> nth={side}").locator(".run-text p").inner_text()
    )


def test_two_methods_are_asked_together_and_the_address_keeps_them(person):
    visit = person().open()
    compare(visit)
    page = visit.page
    said = page.locator(".compare-view .said")
    playwright.expect(said).to_contain_text("part")
    assert page.locator(".compare-view .token[data-parts]").count() >= 1
    heads = page.locator(".compare-view h3").all_inner_texts()
    assert heads[0].startswith("A: Greedy")
    assert heads[1].startswith("B: Sampling")
    table = page.locator(".measures-box table")
    playwright.expect(table).to_contain_text("Repeated 4-grams")
    page.locator(".compare-view .canvas").wait_for()
    assert not page.locator(".trace-view:not(.compare-view)").is_visible()
    texts = [words(visit, side) for side in (0, 1)]

    page.wait_for_function("() => location.search.includes('with=')")
    again = person(context=page.context)
    again.page.goto(visit.href)
    again.page.wait_for_function(OVER)
    assert [words(again, side) for side in (0, 1)] == texts

    again.page.get_by_role("button", name="Open B alone").click()
    again.page.wait_for_function("() => !location.search.includes('with=')")
    playwright.expect(again.page.locator(".trace-view .run-text p").first).to_have_text(texts[1])
    page.get_by_role("button", name="Close the comparison").click()
    page.locator(".trace-view:not(.compare-view) .run-text").wait_for()
    assert page.locator(".compare-view").is_hidden()


def test_what_is_wrong_with_the_second_method_is_told_beside_its_control(person):
    visit = person().open()
    page = visit.page
    page.locator("#field-compare input").check()
    page.locator("#field-b-param-filters textarea").wait_for()
    drawn(page)
    visit.type("b-param-filters", "top_q=1")
    before = visit.href
    visit.generate()
    page.locator("#field-b-param-filters .field-problem").wait_for()
    assert "There is no filter 'top_q'" in visit.problem("b-param-filters")
    assert page.locator(".field-problem").count() == 1
    assert visit.href == before, "Neither was started."


def test_a_run_of_the_list_is_compared_with_the_one_shown(person):
    visit = person().open()
    visit.pick_model("target", "toy")
    for prompt in ("ab", "ba"):
        visit.type("prompt", prompt)
        visit.generated()
        visit.wait_state("Done")
    visit.drawer("library")
    visit.page.get_by_role("button", name="Compare ab with the run shown").click()
    visit.page.wait_for_function(OVER)
    told = visit.page.locator(".compare-view .notes")
    playwright.expect(told).to_contain_text("The prompts differ")
    assert visit.page.locator(".compare-view .canvas").count() == 0


def test_a_run_that_may_not_be_read_is_refused_in_a_sentence(person):
    visit = person().open("?with=" + "f" * 16)
    said = visit.page.locator(".compare-view .said")
    playwright.expect(said).to_contain_text("B cannot be shown. There is no run")
    visit.page.get_by_role("button", name="Close the comparison").click()
    playwright.expect(visit.page.locator(".trace-view .run-text p")).to_contain_text("miller")
