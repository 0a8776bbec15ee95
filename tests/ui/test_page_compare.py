"""Two runs side by side in a browser: asked for together, picked from the list, by address."""

from __future__ import annotations

import pytest
from page_tools import CHROMIUM
from test_page_branches import branched, greedy_run, press

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
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
    expect(said).to_contain_text("part")
    assert page.locator(".compare-view .token[data-parts]").count() >= 1
    heads = page.locator(".compare-view h3").all_inner_texts()
    assert heads[0].startswith("A: Greedy")
    assert heads[1].startswith("B: Sampling")
    table = page.locator(".measures-box table")
    expect(table).to_contain_text("Repeated 4-grams")
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
    expect(again.page.locator(".trace-view .run-text p").first).to_have_text(texts[1])
    page.get_by_role("button", name="Close the comparison").click()
    page.locator(".trace-view:not(.compare-view) .run-text").wait_for()
    assert page.locator(".compare-view").is_hidden()


def test_the_tree_of_both_leaves_as_a_file(person):
    visit = person().open()
    compare(visit)
    page = visit.page
    page.locator(".compare-view .canvas").wait_for()
    buttons = page.locator(".compare-view .exports button")
    assert buttons.all_inner_texts() == ["PNG", "SVG", "CSV"]
    begun = {"PNG": b"\x89PNG", "SVG": b"<?xml", "CSV": b"token"}
    for name, start in begun.items():
        with page.expect_download() as coming:
            buttons.get_by_text(name, exact=True).press("Enter")
        assert coming.value.suggested_filename.endswith(f".{name.lower()}")
        assert start in coming.value.path().read_bytes()[:200]


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
    expect(told).to_contain_text("The prompts differ")
    assert visit.page.locator(".compare-view .canvas").count() == 0


def test_a_run_that_may_not_be_read_is_refused_in_a_sentence(person):
    visit = person().open("?with=" + "f" * 16)
    said = visit.page.locator(".compare-view .said")
    expect(said).to_contain_text("B cannot be shown. There is no run")
    visit.page.get_by_role("button", name="Close the comparison").click()
    expect(visit.page.locator(".trace-view .run-text p")).to_contain_text("forest")


def test_both_are_followed_and_stopped_together(person):
    visit = person().open()
    page = visit.page
    page.locator("#field-compare input").check()
    page.locator("#field-b-param-filters textarea").wait_for()
    expect(page.locator("#panel-parameters h2")).to_have_text(["Method A", "Method B"])
    drawn(page)
    visit.type("max_new_tokens", "900")
    visit.type("param-num_beams", "64")  # and long texts are the best: it would go on for minutes
    visit.type("param-length_penalty", "5")
    visit.generate()
    running = page.locator(".compare-view .side").first.locator(".state[data-state=running]")
    running.wait_for()
    waiting = page.locator(".compare-view .side").last.locator(".state[data-state=waiting]")
    expect(waiting).to_contain_text("1 run before this one")
    grown = page.locator(".compare-view .side").first.locator(".token:not(.prompt)")
    grown.nth(3).wait_for(state="attached")
    page.locator("#stop:enabled").wait_for()
    page.evaluate("document.querySelector('#stop').click()")
    expect(page.locator(".compare-view .state[data-state=stopped]")).to_have_count(2)
    expect(page.locator("#stop")).to_be_disabled()


def test_a_branch_is_compared_with_the_run_it_came_from(person):
    visit = person().open()
    greedy_run(visit)
    taken = press(visit, 2).get_by_role("button", name="Take b here")
    branched(visit, lambda: taken.press("Enter"))
    visit.page.get_by_role("button", name="Compare the run before with the one shown").click()
    visit.page.wait_for_function(OVER)
    expect(visit.page.locator(".compare-view .said")).to_contain_text("the same 2 tokens")
    expect(visit.page.locator(".compare-view .parts").first).to_contain_text("with which it began")
    assert words(visit, 0)[:5] == words(visit, 1)[:5] == "abcac"


def test_a_shared_comparison_opens_for_whoever_has_its_address(person):
    owner = person().open()
    compare(owner)
    owner.page.get_by_role("button", name="Share both").press("Enter")
    field = owner.page.locator(".bar-share input")
    expect(owner.page.locator(".bar-share-said")).to_contain_text("both runs")
    link = "?" + field.input_value().split("?")[1]

    guest = person()
    guest.open(link)
    guest.page.wait_for_function(OVER)
    assert [words(guest, side) for side in (0, 1)] == [words(owner, side) for side in (0, 1)]
    expect(guest.page.get_by_role("button", name="Share both")).to_have_count(0)

    owner.page.get_by_role("button", name="Revoke").press("Enter")
    expect(owner.page.locator(".bar-share")).to_have_count(0)
    again = person(context=guest.page.context).open(link)
    expect(again.page.locator(".bar-state")).to_contain_text("not shared with you (any more)")
