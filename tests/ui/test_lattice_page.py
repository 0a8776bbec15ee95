"""The lattice on the page: a press on a token reads out a whole text, and shows its way."""

from explorer.ui.examples import declared


def test_a_press_on_a_token_reads_out_the_best_text_through_it(person):
    run = next(example.run_id for example in declared() if example.method == "lattice")
    visit = person().open(f"?run={run}")
    visit.page.locator('[role=tab][data-picture="lattice"]').click()
    tokens = visit.page.locator('.stage[data-picture="lattice"] g.text[data-node]')
    tokens.nth(9).click()
    story = visit.page.locator(".story")
    story.get_by_text("the most probable", exact=True).wait_for()
    story.get_by_text("texts through it", exact=True).wait_for()
    way = visit.page.locator(".stage .on-way")
    assert way.count() > 9, "the way goes on behind the token, to an end"
    # The same by keyboard, at the next token below or behind.
    tokens.nth(9).focus()
    visit.page.keyboard.press("ArrowDown")
    told = story.locator("h3").inner_text()
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_function(
        "(told) => document.querySelector('.story h3').innerText !== told", arg=told
    )
