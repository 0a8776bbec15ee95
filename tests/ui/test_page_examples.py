"""The panel of examples: opened at once, told what to notice, and run again by oneself."""

from __future__ import annotations

import pytest
from page_tools import CHROMIUM

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="There is no chromium on this machine.")
expect = playwright.expect


def opened(visit, title):
    """By the keyboard."""
    visit.page.locator("#toggle-gallery").press("Enter")
    button = visit.page.get_by_role("button", name=f"Open the example of {title}", exact=True)
    button.press("Enter")
    expect(visit.page.locator(".bar-title")).to_have_text(f"Example: {title}")
    return button


def test_an_example_opens_and_says_what_to_notice(person):
    visit = person().open()
    expect(visit.page.locator(".bar-notice")).to_contain_text("What to notice: ")
    button = opened(visit, "Momentum decoding")
    expect(button).to_have_attribute("aria-current", "true")
    visit.wait_state("Done")
    expect(visit.page.locator(".bar-notice")).to_contain_text("resistance")
    again = person(context=visit.page.context).open("?" + visit.href.split("?")[1])
    expect(again.page.locator(".bar-title")).to_have_text("Example: Momentum decoding")
    assert again.text == visit.text


def test_run_it_yourself_asks_for_the_same(person):
    visit = person().open()
    opened(visit, "Dynamic beam allocation")
    visit.page.get_by_role("button", name="Run it yourself").press("Enter")
    field = visit.page.locator("#field-param-phrases textarea")
    expect(field).to_have_value(" golden ring; river")
    prompt = visit.page.locator("#field-prompt textarea")
    expect(prompt).to_have_value("One day the fox")
    # The controls begin anew when they are asked for again, whatever was typed meanwhile.
    field.fill("lamp")
    visit.page.get_by_role("button", name="Run it yourself").click()
    expect(field).to_have_value(" golden ring; river")

    visit.pick_model("target", "toy")
    visit.type("param-phrases", "b")
    visit.type("prompt", "ab")
    visit.generated()
    visit.wait_state("Done")
    visit.pick_method("Greedy")
    expect(field).to_have_count(0)
    visit.page.get_by_role("button", name="Use its settings").click()
    expect(field).to_have_value("b")
    expect(prompt).to_have_value("ab")
    expect(visit.page.locator("#field-model-target input")).to_have_value("toy")


def test_generate_pressed_at_once_takes_the_settings_that_were_asked_for(person):
    visit = person().open()
    opened(visit, "Greedy")
    before = visit.href
    visit.page.evaluate("""() => {
      [...document.querySelectorAll('.bar-actions button')]
        .find((button) => button.textContent === 'Run it yourself').click();
      document.querySelector('#go').click();
    }""")
    visit.page.wait_for_function("(before) => location.href !== before", arg=before)
    visit.drawer("library")
    expect(visit.page.locator(".run-about").first).to_contain_text("Greedy · ")
