"""The page in a browser: the first visit to its end, and whatever a person may do there."""

from __future__ import annotations

import pytest
from page_tools import CHROMIUM, long_run

from explorer.registry import FAMILIES, all_methods

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="There is no chromium on this machine.")


def toy(visit, prompt="ab"):
    visit.pick_model("target", "toy")
    visit.type("prompt", prompt)


def test_the_first_visit_to_its_end(person):
    visit = person().open()
    shown = visit.page.locator(".trace-view .run-text p")
    playwright.expect(shown).to_contain_text("forest")  # a finished example is drawn
    assert "run=" not in visit.href
    visit.pick_model("target", "draft")
    visit.type("prompt", "The old king had a daughter")
    visit.type("max_new_tokens", "12")
    run_id = visit.generated()
    visit.wait_state("Done")
    assert visit.text.startswith("The old king had a daughter")
    assert len(visit.text) > len("The old king had a daughter")
    visit.page.locator(".trace-view .picture .canvas, .trace-view .picture .chart").first.wait_for()

    visit.drawer("library")
    titles = visit.page.locator(".run-title")
    playwright.expect(titles).to_have_text(["The old king had a daughter"])
    visit.page.locator(".run-row").get_by_text("done").wait_for()

    again = person(context=visit.page.context).open(f"?run={run_id}")
    shown = again.page.locator(".trace-view .run-text p")
    playwright.expect(shown).to_have_text(visit.text)  # a run's own address shows it to its owner


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_has_its_form(person, family):
    method = next(m for m in all_methods().values() if m.family == family)
    visit = person().open()
    visit.pick_method(method.title)
    for name in method.params.model_fields:
        visit.page.locator(f"#field-param-{name}").wait_for()
    for role in method.models:
        visit.page.locator(f"#field-model-{role}").wait_for()
        visit.pick_model(role, "toy" if role == "target" else "toy-draft")
    playwright.expect(visit.page.locator(".method-line")).to_contain_text(method.idea)
    visit.type("prompt", "ab")
    visit.generated()
    visit.wait_state("Done")
    assert visit.text.startswith("ab")


def test_generate_pressed_while_the_controls_are_drawn_waits_for_them(person):
    """Every press in the moments after another method was chosen makes a run of that method."""
    visit = person().open()
    toy(visit)
    visit.drawer("catalogue")
    for title in ("Greedy", "Sampling", "Minimum Bayes risk"):
        visit.page.get_by_role("button", name=f"Use {title}", exact=True).click()
        visit.page.wait_for_function("() => document.body.dataset.drawing")
        visit.generated()
        visit.wait_state("Done")
    visit.drawer("library")
    rows = visit.page.locator(".run-row").all_inner_texts()
    assert [
        title in row
        for title, row in zip(("Minimum Bayes risk", "Sampling", "Greedy"), rows, strict=True)
    ] == [True] * 3


def test_generate_pressed_at_once_behind_another_method_makes_a_run_of_that(person):
    """No moment for the server to answer in between."""
    visit = person().open()
    toy(visit)
    visit.page.evaluate("document.querySelector(\"[aria-label='Use Greedy']\").click()")
    visit.generated()
    visit.wait_state("Done")
    visit.drawer("library")
    playwright.expect(visit.page.locator(".run-about")).to_contain_text("Greedy")

    # What is chosen already brings no new controls, so that there is nothing to wait for.
    again = """document.querySelector("[aria-label='Use Greedy']").click(), document.body.dataset"""
    assert "drawing" not in visit.page.evaluate(f"({{...({again})}})")


def test_wrong_input_is_told_beside_its_control_and_kept(person):
    visit = person().open()
    toy(visit, " ")
    visit.type("param-filters", "top_q=1")
    visit.pick_model("target", "/etc")
    visit.generate()
    visit.page.locator("#field-param-filters .field-problem").wait_for()
    assert "There is no filter 'top_q'" in visit.problem("param-filters")
    assert "The prompt is empty" in visit.problem("prompt")
    assert "not allowed" in visit.problem("model-target")
    box = visit.page.locator("#field-param-filters textarea")
    assert box.input_value() == "top_q=1", "Nothing typed is lost."
    assert box.get_attribute("aria-invalid") == "true"

    visit.type("param-filters", "none")
    toy(visit, "only the model can tell")
    visit.generate()
    told = visit.page.locator("#field-prompt .field-problem")
    playwright.expect(told).to_contain_text("reads the letters", timeout=20_000)
    toy(visit)
    visit.generated()
    visit.wait_state("Done")
    assert visit.page.locator(".field-problem").count() == 0


def test_stop_keeps_what_was_made(person):
    visit = person().open()
    long_run(visit)
    visit.page.evaluate("document.querySelector('#stop').click()")
    visit.wait_state("Stopped")
    playwright.expect(visit.page.locator("#stop")).to_be_disabled()


def test_closing_the_tab_ends_nothing(person):
    visit = person().open()
    run_id = long_run(visit)
    context = visit.page.context
    visit.page.close()
    back = person(context=context).open()
    back.drawer("library")
    row = back.page.locator(".run-open").first
    row.click()
    back.page.wait_for_function("(id) => location.href.includes(id)", arg=run_id)
    back.wait_state("Running")
    playwright.expect(back.page.locator("#stop")).to_be_enabled()
    back.page.evaluate("document.querySelector('#stop').click()")
    back.wait_state("Stopped")


def test_a_run_is_its_owners_until_it_is_shared(person):
    owner = person().open()
    toy(owner)
    run_id = owner.generated()
    owner.wait_state("Done")

    stranger = person().open(f"?run={run_id}")
    told = stranger.page.locator(".bar-state")
    playwright.expect(told).to_contain_text("There is no run")
    assert "run=" not in stranger.href or run_id in stranger.href
    shown = stranger.page.locator(".trace-view .run-text p")
    playwright.expect(shown).to_contain_text("forest")  # the example is there, the run is not

    owner.page.get_by_role("button", name="Share").click()
    link = owner.page.locator(".bar-share input").input_value()
    assert run_id in link and "share=" in link
    guest = person(context=stranger.page.context).open("?" + link.split("?")[1])
    playwright.expect(guest.page.locator(".trace-view .run-text p")).to_have_text(owner.text)
    assert guest.page.get_by_role("button", name="Share").count() == 0, "To read, not to share on."

    owner.page.get_by_role("button", name="Revoke").click()
    owner.page.locator(".bar-share").wait_for(state="detached")
    guest.open("?" + link.split("?")[1])
    playwright.expect(guest.page.locator(".bar-state")).to_contain_text("There is no run")


def test_runs_are_found_renamed_deleted_and_brought_back(person):
    visit = person().open()
    for prompt in ("ab", "ba"):
        toy(visit, prompt)
        visit.generated()
        visit.wait_state("Done")
    visit.drawer("library")
    titles = visit.page.locator(".run-title")
    playwright.expect(titles).to_have_text(["ba", "ab"])

    visit.page.get_by_role("button", name="Rename ba").click()
    field = visit.page.get_by_label("New title")
    field.fill("a name of mine")
    field.press("Enter")
    playwright.expect(titles).to_have_text(["a name of mine", "ab"])

    visit.type("search", "mine")
    visit.page.locator("#field-search textarea, #field-search input").first.press("Enter")
    playwright.expect(titles).to_have_text(["a name of mine"])
    visit.page.get_by_role("button", name="Delete a name of mine").click()
    playwright.expect(titles).to_have_count(0)
    visit.page.get_by_role("button", name="Bring back a name of mine").click()
    playwright.expect(titles).to_have_text(["a name of mine"])
