"""A method's page is opened from where the method is named, and read and left by the keyboard."""

from __future__ import annotations


def heading(visit):
    return visit.page.locator(".about h2")


def test_the_page_of_a_method_is_opened_used_and_closed(person):
    visit = person().open()
    visit.page.get_by_role("button", name="About this method").press("Enter")
    heading(visit).get_by_text("Beam search", exact=True).wait_for()
    assert visit.page.evaluate("document.activeElement.textContent") == "Beam search"
    said = visit.page.locator(".about").inner_text()
    for words in (
        "What to look at",
        "break it",
        "num_beams",
        "checks of its own",
        "https://arxiv"[8:],
    ):
        assert words in said
    visit.page.get_by_role("button", name="Close", exact=True).press("Enter")
    assert visit.page.evaluate("document.body.dataset.drawer") == "parameters"
    assert visit.page.evaluate("document.activeElement.ariaLabel") == "About this method"

    visit.drawer("catalogue")
    visit.page.get_by_role("button", name="About Mirostat").click()
    heading(visit).get_by_text("Mirostat", exact=True).wait_for()
    visit.page.get_by_role("button", name="Use this method").click()
    visit.page.locator("#field-param-tau").wait_for()

    visit.drawer("about")
    visit.page.get_by_role("button", name="Use the preset break it").click()
    shown = "() => document.querySelector('#field-param-tau input[type=number]').value === '15'"
    visit.page.wait_for_function(shown)
    visit.page.locator("#field-preset").get_by_text("μ runs away").wait_for()

    # The run that is shown is another method's.
    visit.page.get_by_role("button", name="About the method", exact=True).click()
    heading(visit).get_by_text("Beam search", exact=True).wait_for()


def test_a_method_that_is_none_is_said_so(person):
    visit = person(390, 844).open()
    visit.page.evaluate("document.dispatchEvent(new CustomEvent('about', {detail: '<b>x'}))")
    heading(visit).get_by_text("no such page").wait_for()
    assert "<b>x" in visit.page.locator(".about").inner_text()
