"""Branches on the page: another token, go on from here, what if; the map of the family."""

from __future__ import annotations

import pytest
from page_tools import CHROMIUM, SHOWN
from test_page_looks import AXE, RUN_AXE

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="There is no chromium on this machine.")
expect = playwright.expect
TEXT = "abcacabbd"  # of the greedy run behind abc


def greedy_run(visit):
    """Of six tokens, all of them plain."""
    visit.pick_method("Greedy")
    expect(visit.page.locator("#part-method .method-idea")).to_contain_text("most probable")
    visit.pick_model("target", "toy")
    visit.type("max_new_tokens", "6")
    visit.type("prompt", "abc")
    run_id = visit.generated()
    visit.wait_state("Done")
    assert visit.text == TEXT
    return run_id


def press(visit, place, key="Enter"):
    """A token of the text behind the prompt, from 0, by the keyboard; its panel."""
    token = visit.page.locator(".run-text .token:not(.prompt)").nth(place)
    token.press(key)
    panel = visit.page.locator(".token-panel")
    expect(panel).to_be_visible()
    return panel


def branched(visit, act):
    """What the page shows once an act has made another run; its id."""
    before = visit.href
    act()
    visit.page.wait_for_function("(before) => location.href !== before", arg=before)
    run_id = visit.href.split("run=")[1].split("&")[0]
    visit.page.wait_for_function(SHOWN, arg=run_id)
    visit.wait_state("Done")
    return run_id


def relatives(visit):
    return visit.page.locator(".family-run")


def test_another_token_is_taken_by_the_keyboard_alone(person):
    visit = person().open()
    parent = greedy_run(visit)
    expect(visit.page.locator(".family")).to_be_hidden()
    panel = press(visit, 2)
    assert panel.get_attribute("aria-label") == "Token a"
    taken = panel.get_by_role("button", name="Take b here")
    child = branched(visit, lambda: taken.press("Enter"))
    expect(panel).to_be_hidden()
    tokens = visit.page.locator(".run-text .token:not(.prompt)")
    expect(tokens).to_have_count(6)
    kinds = tokens.evaluate_all("(all) => all.map((t) => t.dataset.class)")
    assert kinds[:3] == ["text", "text", "forced"]
    assert visit.text.startswith("abcacb")

    expect(relatives(visit)).to_have_count(2)
    expect(relatives(visit).nth(1)).to_contain_text("at token 3, “b”")
    expect(relatives(visit).nth(1)).to_have_attribute("aria-current", "true")
    back = branched(visit, lambda: relatives(visit).nth(0).press("Enter"))
    assert back == parent
    assert visit.text == TEXT
    expect(relatives(visit).nth(0)).to_have_attribute("aria-current", "true")
    assert branched(visit, lambda: relatives(visit).nth(1).press("Enter")) == child


def test_a_branch_stands_in_the_session_of_its_parent(person):
    visit = person().open()
    greedy_run(visit)
    visit.drawer("library")
    visit.page.get_by_role("button", name="New session", exact=True).press("Enter")
    visit.page.get_by_label("Title of the session").fill("Lesson")
    visit.page.get_by_label("Title of the session").press("Enter")
    session = visit.page.locator("#field-session input")
    expect(session).to_have_value("Lesson (0)")
    panel = press(visit, 2)
    branched(visit, lambda: panel.get_by_role("button", name="Take b here").press("Enter"))
    expect(relatives(visit)).to_have_count(2)
    expect(session).to_have_value("Lesson (0)")


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious_where_branches_are_made(person, dark):
    visit = person().open()
    page = visit.page
    page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", dark)
    greedy_run(visit)
    branched(visit, press(visit, 1).get_by_role("button", name="Take").first.click)
    press(visit, 3).get_by_role("button", name="is chosen anew").click()
    expect(page.locator(".origin")).to_be_visible()
    press(visit, 2)
    page.add_script_tag(path=AXE)
    assert page.evaluate(RUN_AXE) == []


def test_a_panel_closes_and_gives_the_focus_back(person):
    visit = person().open()
    greedy_run(visit)
    panel = press(visit, 1)
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(visit.page.locator(".run-text .token:not(.prompt)").nth(1)).to_be_focused()


def test_a_token_is_typed_and_what_is_none_gets_a_sentence(person):
    visit = person().open()
    greedy_run(visit)
    panel = press(visit, 0)
    field = panel.get_by_label("Type a token here")
    field.fill("dd")
    field.press("Enter")
    expect(panel.get_by_role("alert")).to_contain_text("'dd' is no single token of 'toy'")
    assert field.input_value() == "dd"
    assert visit.text == TEXT
    field.fill("d")
    branched(visit, lambda: field.press("Enter"))
    assert visit.text.startswith("abcd")
    # And from there, at the token that was chosen, once more.
    panel = press(visit, 0)
    expect(panel).to_contain_text("chosen by a person")
    panel.get_by_label("Type a token here").fill("b")
    branched(visit, lambda: panel.get_by_label("Type a token here").press("Enter"))
    assert visit.text.startswith("abcb")
    expect(relatives(visit)).to_have_count(3)


def test_a_text_goes_on_behind_its_last_token(person):
    visit = person().open()
    greedy_run(visit)
    panel = press(visit, 5)
    branched(visit, panel.get_by_role("button", name="behind d").click)
    assert visit.text.startswith(TEXT)
    assert len(visit.text) > len(TEXT)
    visit.page.locator("#toggle-library").click()
    expect(visit.page.locator(".run-open")).to_have_count(2)


def test_what_if_with_another_method(person):
    visit = person().open()
    greedy_run(visit)
    press(visit, 3).get_by_role("button", name="b is chosen anew").click()
    told = visit.page.locator("#part-origin")
    expect(told).to_contain_text("Generate goes on abcaca (3 tokens behind the prompt are kept)")
    visit.pick_method("Beam search")
    expect(visit.page.locator("#field-param-num_beams")).to_be_visible()
    visit.type("prompt", "abd")
    visit.generate()
    problem = visit.page.locator(".field-problem", has_text="another prompt")
    expect(problem).to_be_visible()
    assert visit.text == TEXT
    visit.type("prompt", "abc")
    branched(visit, visit.generate)
    assert visit.text.startswith("abcaca")
    expect(told).to_be_hidden()
    expect(relatives(visit).nth(1)).to_contain_text("from token 4 on, Beam search")
    # The next run begins behind its prompt again.
    visit.generated()
    visit.wait_state("Done")
    expect(visit.page.locator(".family")).to_be_hidden()


def test_a_place_that_was_chosen_can_be_left(person):
    visit = person().open()
    greedy_run(visit)
    press(visit, 3).get_by_role("button", name="b is chosen anew").click()
    visit.page.get_by_role("button", name="Begin anew").click()
    expect(visit.page.locator(".origin")).to_be_hidden()
    visit.generated()
    visit.wait_state("Done")
    assert visit.text == TEXT
    expect(visit.page.locator(".family")).to_be_hidden()


def test_an_example_can_be_branched_from(person):
    visit = person().open()
    said = visit.text
    panel = press(visit, 3)
    branched(visit, panel.get_by_role("button", name="Continue from here").click)
    kept = visit.page.locator(".run-text .token:not(.prompt)").evaluate_all(
        "(all) => all.slice(0, 4).map((t) => t.textContent).join('')"
    )
    assert kept.replace(" ", "") in said.replace(" ", "")
    expect(relatives(visit)).to_have_count(2)


def test_a_share_that_was_revoked_while_it_is_open_gives_a_sentence(person):
    owner = person().open()
    greedy_run(owner)
    owner.page.get_by_role("button", name="Share").click()
    link = owner.page.locator(".bar-share input").input_value()
    guest = person().open("?" + link.split("?")[1])
    expect(guest.page.locator(".run-text p")).to_have_text(TEXT)
    panel = press(guest, 2)
    branched(guest, panel.get_by_role("button", name="Take b here").click)  # to one's own runs
    guest.open("?" + link.split("?")[1])
    panel = press(guest, 2)
    owner.page.get_by_role("button", name="Revoke").click()
    owner.page.locator(".bar-share").wait_for(state="detached")
    panel.get_by_role("button", name="Take b here").click()
    expect(panel.get_by_role("alert")).to_contain_text("There is no run")
    assert guest.text == TEXT
