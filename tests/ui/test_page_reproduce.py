"""How a run is made again: opened, read and left by the keyboard, for examples and shared runs."""

from __future__ import annotations


def opened(visit):
    visit.page.get_by_role("button", name="Reproduce", exact=True).press("Enter")
    visit.page.locator(".reproduce pre").wait_for()
    return visit.page.locator(".reproduce pre")


def test_an_example_is_reproduced_in_three_ways(person):
    visit = person().open()
    code = opened(visit)
    assert "explorer.decode(" in code.inner_text()
    visit.page.keyboard.press("ArrowRight")
    assert code.inner_text().startswith("python -m explorer run beam_search")
    visit.page.keyboard.press("ArrowRight")
    assert "model.generate(" in code.inner_text()
    visit.page.get_by_role("button", name="Copy the code").click()
    visit.page.locator(".reproduce").get_by_text("Copied").wait_for()
    visit.page.get_by_role("tab", name="Python").focus()
    visit.page.keyboard.press("Escape")
    assert not code.is_visible()
    assert visit.page.evaluate("document.activeElement.textContent") == "Reproduce"


def test_a_guest_reproduces_a_shared_run(person):
    mine = person().open()
    mine.pick_method("Sampling")
    mine.pick_model("target", "toy")
    mine.type("prompt", "ab")
    run_id = mine.generated()
    mine.wait_state("Done")  # how it is made again is known whole once it is over
    code = opened(mine).inner_text()
    assert "method='sample'" in code and "'toy'" in code
    mine.page.get_by_role("button", name="Share").click()
    link = mine.page.locator(".bar-share input").input_value()

    guest = person(390, 844).open(link.split("/", 3)[3])
    assert opened(guest).inner_text() == code
    # What is told of one run goes when another is shown.
    guest.drawer("gallery")
    assert run_id in guest.href
    guest.page.locator(".gallery button").first.click()
    guest.page.locator(".reproduce pre").wait_for(state="hidden")
