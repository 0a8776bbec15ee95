"""Whether a run is what its method claims, on a press: by the target alone, in words."""

from __future__ import annotations


def verdict(visit):
    visit.page.get_by_role("button", name="Verify", exact=True).press("Enter")
    said = visit.page.locator(".verdict:not([data-how=asked]) p")
    said.wait_for()
    return said


def run_of(visit, title):
    visit.pick_method(title)
    visit.pick_model("target", "toy")
    visit.type("prompt", "ab")
    visit.generated()
    visit.wait_state("Done")


def test_a_lossless_run_is_verified_and_the_word_goes_with_it(person):
    visit = person().open()
    run_of(visit, "Prompt lookup")
    assert verdict(visit).inner_text().startswith("✓ The target alone writes the same")
    run_of(visit, "Unified layer skipping")
    assert visit.page.locator(".verdict p").count() == 0, "it was of the run before"
    assert "≈ Unified layer skipping does not claim" in verdict(visit).inner_text()
    assert visit.wrong == []
