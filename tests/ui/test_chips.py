"""The chips of the filter chain: moved, changed, switched off, and what is seen of it at once."""

from __future__ import annotations

import pytest
from page_tools import SHOWN

THIRD = "choice 2 0"  # in sampling each step makes one
WOULD = "() => document.querySelector('.chart').data[4]"
STEP = """(step) => {
  const slider = document.querySelector('.steps input');
  slider.value = step;
  slider.dispatchEvent(new Event('input', {bubbles: true}));
}"""


@pytest.fixture
def chips(person):
    """A person before the law of a run of the toy table with two filters."""
    visit = person().open()
    visit.pick_method("Sampling")
    visit.page.locator("#part-method .method-idea", has_text="Draw").wait_for()
    visit.pick_model("target", "toy")
    visit.type("prompt", "ab")
    visit.type("param-filters", "temperature=0.7,top_p=0.9")
    visit.type("max_new_tokens", "8")
    visit.generated()
    visit.wait_state("Done")
    visit.page.click(".tab[data-picture='distribution']")
    visit.page.locator(".chip").first.wait_for()
    return visit


def names(visit):
    return visit.page.locator(".chip-name").all_inner_texts()


def told(visit, words):
    visit.page.wait_for_function(
        "(words) => document.querySelector('.chip-told').textContent.includes(words)", arg=words
    )


def would(visit, holds):
    """What it would become, once that holds of the figure."""
    visit.page.wait_for_function(f"() => {{ const t = ({WOULD})(); return {holds}; }}")
    return visit.page.evaluate(WOULD)


def test_an_added_filter_shows_at_once_what_the_law_would_become(chips):
    assert names(chips) == ["temperature", "top_p"]
    assert chips.page.evaluate(WOULD) is None
    chips.page.select_option(".chip-add", "top_k")
    assert names(chips) == ["temperature", "top_p", "top_k"]
    chips.page.fill(".chip:nth-child(3) input[type=text]", "1")
    assert would(chips, "t?.x.length === 1")["x"] == [1]
    told(chips, "top_k")
    chips.page.click("text=As it was")
    would(chips, "!t")
    assert names(chips) == ["temperature", "top_p"]


def test_filters_change_places_by_key_and_button_and_keep_the_focus(chips):
    page = chips.page
    page.focus(".chip:nth-child(1) .chip-name")
    page.keyboard.press("Alt+ArrowRight")
    assert names(chips) == ["top_p", "temperature"]
    assert page.evaluate("document.activeElement.textContent") == "temperature"
    assert page.locator(".chip-body").nth(1).get_attribute("aria-label") == "2 of 2: temperature"
    page.get_by_role("button", name="temperature earlier").press("Enter")
    assert names(chips) == ["temperature", "top_p"]
    assert page.get_by_role("button", name="temperature later").is_enabled()
    page.get_by_role("button", name="Remove top_p").press("Enter")
    assert names(chips) == ["temperature"]
    assert page.evaluate("document.activeElement.ariaLabel") == "Remove temperature"


def test_a_filter_is_dragged_to_another_place(chips):
    page = chips.page
    first, last = (page.locator(".chip-name").nth(i).bounding_box() for i in (0, 1))
    page.mouse.move(first["x"] + 5, first["y"] + 5)
    page.mouse.down()
    page.mouse.move(last["x"] + last["width"] + 200, last["y"] + 5, steps=8)
    page.mouse.up()
    assert names(chips) == ["top_p", "temperature"]
    would(chips, "!!t")


def test_what_is_switched_off_does_nothing_and_the_chain_stays_from_step_to_step(chips):
    page = chips.page
    for i in (1, 2):
        page.uncheck(f".chip:nth-child({i}) input[type=checkbox]")
    before = "document.querySelector('.chart').data[0].x"
    would(chips, f"JSON.stringify(t?.x) === JSON.stringify({before})")
    page.evaluate(STEP, 2)
    page.wait_for_selector(".chart[data-step='2']")
    would(chips, "!!t")
    assert page.locator(".chip.off").count() == 2


def test_a_wrong_value_is_a_sentence_and_nothing_is_lost(chips):
    chips.page.fill(".chip:nth-child(2) input[type=text]", "seven")
    told(chips, "top_p=seven is not allowed: p must be a number, at least 0 and at most 1.")
    assert chips.page.get_by_role("button", name="Rerun from here").is_disabled()
    chips.page.fill(".chip:nth-child(2) input[type=text]", "0.5")
    told(chips, "would be removed")
    assert chips.page.get_by_role("button", name="Rerun from here").is_enabled()


def test_a_rerun_from_here_draws_from_what_was_shown(chips):
    page = chips.page
    page.evaluate(STEP, 2)
    page.wait_for_selector(".chart[data-step='2']")
    page.get_by_role("button", name="temperature later").press("Enter")
    page.fill(".chip:nth-child(1) input[type=text]", "0.6")
    shown = would(chips, f"t && document.querySelector('.frame-choice').value === '{THIRD}'")
    before = chips.href
    page.get_by_role("button", name="Rerun from here").press("Enter")
    page.wait_for_function("(before) => location.href !== before", arg=before)
    page.wait_for_function(SHOWN, arg=chips.href.split("run=")[1].split("&")[0])
    chips.wait_state("Done")
    page.evaluate(STEP, 0)
    page.wait_for_selector(".chart[data-step='0']")
    page.wait_for_selector(".chips:not(.still)")
    assert names(chips) == ["top_p", "temperature"]
    now = page.evaluate("() => document.querySelector('.chart').data[2]")
    assert now["y"] == shown["y"]
    assert now["x"] == pytest.approx(shown["x"], abs=2e-3)


def test_while_a_run_streams_a_sentence_keeps_their_place_and_nothing_jumps(chips):
    page = chips.page
    chips.pick_method("Beam search")  # with many beams, it takes a while
    page.locator("#field-param-num_beams").wait_for()
    chips.pick_model("target", "draft")
    chips.type("param-num_beams", "32")
    chips.type("max_new_tokens", "64")
    page.evaluate("""() => { window.shifts = []; window.sentences = new Set();
      new PerformanceObserver((list) => { for (const e of list.getEntries())
        if (!e.hadRecentInput  // the press itself makes room for the text
            && e.sources.some((x) => x.node?.closest?.('.chips, .stage')))
          window.shifts.push([e.value, e.sources.map(
            (x) => [x.node?.className, x.previousRect.y, x.currentRect.y])]); })
        .observe({type: 'layout-shift', buffered: false});
      const told = document.querySelector('.chip-instead');
      new MutationObserver(() => window.sentences.add(told.textContent))
        .observe(told, {childList: true, characterData: true, subtree: true}); }""")
    chips.generated()
    chips.wait_state("Done")
    chips.page.locator(
        ".chip-instead", has_text="was not kept"
    ).wait_for()  # at the last step of so wide a search
    page.evaluate(STEP, 0)
    page.locator(".chip-add").wait_for()
    assert "The filters can be moved once the run is over." in page.evaluate(
        "[...window.sentences]"
    )
    shifts = page.evaluate("window.shifts")
    assert sum(value for value, _ in shifts) < 0.05, shifts


def test_without_a_whole_law_a_sentence_says_why_and_no_control_is_dead(person):
    visit = person().open()  # the example was recorded without
    visit.page.click(".tab[data-picture='distribution']")
    visit.page.locator(".chip-instead", has_text="recorded without whole laws").wait_for()
    assert not visit.page.locator(".chip-acts").is_visible()
    example = visit.href
    visit.page.get_by_role("button", name="Run it again, with its laws").press("Enter")
    visit.page.wait_for_function("(before) => location.href !== before", arg=example)
    visit.wait_state("Done")
    visit.page.locator(".chip-list .chip, .chip-none").first.wait_for()
