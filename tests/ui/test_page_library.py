"""What a person keeps of runs: tags and notes, files, two tabs at once."""

from __future__ import annotations

import pytest
from page_tools import CHROMIUM, long_run

import explorer
from storage import Store

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="There is no chromium on this machine.")
expect = playwright.expect

HOSTILE = "<img src=x onerror=window.hit=1>${window.hit=2}"
TOO_LARGE = 200 * 2**20


def made(visit, prompt="ab"):
    """A finished run."""
    drawer = visit.page.evaluate("document.body.dataset.drawer")
    visit.drawer("parameters")
    visit.pick_model("target", "toy")
    visit.type("prompt", prompt)
    run_id = visit.generated()
    visit.wait_state("Done")
    visit.drawer(drawer)
    return run_id


def write(visit, tags, note=None):
    """By the keyboard alone."""
    visit.page.locator("[data-act=describe]").press("Enter")
    field = visit.page.locator(".bar-form input")
    expect(field).to_be_focused()
    field.fill(tags)
    if note is not None:
        visit.page.locator(".bar-form textarea").fill(note)
    field.press("Enter")


def test_tags_and_a_note_are_written_found_and_read_by_a_guest(person):
    visit = person().open()
    made(visit, "ba")
    made(visit)
    write(visit, f"first, {HOSTILE}", f"a line\n{HOSTILE}")
    tags = visit.page.locator(".bar-tags .tag")
    expect(tags).to_have_text([f"#{HOSTILE}", "#first"])
    expect(visit.page.locator(".bar-note")).to_have_text(f"a line\n{HOSTILE}")
    expect(visit.page.locator("[data-act=describe]")).to_be_focused()

    tags.last.press("Enter")
    expect(visit.page.locator("#field-search :is(textarea, input)")).to_have_value("tag:first")
    expect(visit.page.locator(".run-title")).to_have_text(["ab"])
    visit.type("search", "")
    visit.page.locator("#field-search :is(textarea, input)").press("Enter")
    expect(visit.page.locator(".run-title")).to_have_text(["ab", "ba"])
    visit.page.locator(".run-tags .tag", has_text="#first").press("Enter")
    expect(visit.page.locator(".run-title")).to_have_text(["ab"])

    visit.page.get_by_role("button", name="Share").click()
    link = visit.page.locator(".bar-share input").input_value()
    guest = person().open("?" + link.split("?")[1])
    expect(guest.page.locator(".bar-tags span.tag")).to_have_text([f"#{HOSTILE}", "#first"])
    expect(guest.page.locator(".bar-note")).to_contain_text("a line")
    assert guest.page.locator("[data-act=describe]").count() == 0
    for seen in (visit, guest):
        assert seen.page.evaluate("window.hit") is None

    visit.page.locator("[data-act=describe]").click()
    visit.page.get_by_role("button", name="Take off the tag first").click()
    visit.page.get_by_role("button", name="Save", exact=True).click()
    expect(tags).to_have_text([f"#{HOSTILE}"])


def test_a_tag_that_is_not_allowed_is_told_beside_it_and_kept(person):
    visit = person().open()
    made(visit)
    long = "x" * 51
    write(visit, long, "a note")
    told = visit.page.locator(".bar-form .field-problem")
    expect(told).to_contain_text("The tag has 51 characters; at most 50 are allowed.")
    assert visit.page.locator(".bar-form input").input_value() == long
    assert visit.page.locator(".bar-form textarea").input_value() == "a note"
    visit.page.locator(".bar-form input").press("Escape")
    expect(visit.page.locator(".bar-form")).to_have_count(0)
    expect(visit.page.locator(".bar-note")).to_have_text("")


def test_a_title_that_is_not_allowed_is_told_and_kept(person):
    visit = person().open()
    made(visit)
    visit.drawer("library")
    visit.page.get_by_role("button", name="Rename ab").click()
    field = visit.page.get_by_label("New title")
    field.fill(" ")
    field.press("Enter")
    expect(visit.page.locator(".runs .field-problem")).to_contain_text("The title is empty")
    expect(field).to_have_value(" ")
    field.fill("better")
    field.press("Enter")
    expect(visit.page.locator(".run-title")).to_have_text(["better"])


def test_a_file_of_200_megabytes_is_refused_in_a_sentence(person, tmp_path):
    visit = person().open()
    made(visit)
    visit.drawer("library")
    file = tmp_path / "large.json"
    with file.open("wb") as hole:
        hole.truncate(TOO_LARGE)
    visit.page.locator("input[type=file]").first.set_input_files(file)
    told = visit.page.locator(".runs .field-problem")
    expect(told).to_contain_text("The file has 200 MiB; at most 64 are allowed.")
    expect(visit.page.locator(".run-title")).to_have_text(["ab"])
    made(visit, "ba")
    expect(visit.page.locator(".run-title")).to_have_text(["ba", "ab"])
    assert told.count() == 0


def test_two_tabs_on_one_session(person):
    one = person().open()
    first = made(one, "ab")
    two = person(context=one.page.context).open(f"?run={first}")
    made(two, "ba")
    for tab in (one, two):
        tab.drawer("library")
    titles = [tab.page.locator(".run-title") for tab in (one, two)]
    expect(titles[1]).to_have_text(["ba", "ab"])

    one.page.get_by_role("button", name="Rename ab").click()
    one.page.get_by_label("New title").fill("renamed in one")
    one.page.get_by_label("New title").press("Enter")
    expect(titles[0]).to_have_text(["ba", "renamed in one"])

    two.page.get_by_role("button", name="Delete ab").click()
    expect(titles[1]).to_have_text(["ba"])

    # The first tab still shows the run; whatever it does with it now is answered by a sentence.
    assert one.text.startswith("ab")
    one.page.get_by_role("button", name="Share").click()
    expect(one.page.locator(".bar-state")).to_contain_text("There is no run")
    one.page.get_by_role("button", name="Rename renamed in one").click()
    one.page.get_by_label("New title").press("Enter")
    expect(one.page.locator(".runs .field-problem")).to_contain_text("There is no run")
    expect(titles[0]).to_have_text(["ba"])

    two.page.get_by_role("button", name="Bring back").click()
    expect(titles[1]).to_have_text(["ba", "renamed in one"])
    made(one, "bb")
    for tab in (one, two):
        tab.type("search", "")
        tab.page.locator("#field-search :is(textarea, input)").press("Enter")
        expect(tab.page.locator(".run-title")).to_have_text(["bb", "ba", "renamed in one"])


def press(visit, name):
    visit.page.get_by_role("button", name=name, exact=True).press("Enter")


def session_titled(visit, title, name="New session"):
    """By the keyboard alone."""
    press(visit, name)
    field = visit.page.get_by_label("Title of the session")
    expect(field).to_be_focused()
    field.fill(title)
    field.press("Enter")


def choose(visit, words):
    visit.page.locator("#field-session input").click()
    visit.page.get_by_role("option", name=words).click()


def test_new_runs_go_into_the_chosen_session_and_move_to_another(person):
    visit = person().open()
    made(visit, "ab")
    visit.drawer("library")
    titles = visit.page.locator(".run-title")
    session_titled(visit, HOSTILE)
    expect(visit.page.locator("#field-session input")).to_have_value(f"{HOSTILE} (0)")
    expect(titles).to_have_count(0)
    made(visit, "ba")
    expect(titles).to_have_text(["ba"])
    session_titled(visit, "Lesson one", "Rename the session")
    expect(visit.page.locator("#field-session input")).to_have_value("Lesson one (1)")

    choose(visit, "All runs")
    expect(titles).to_have_text(["ba", "ab"])
    visit.page.locator(".run-open", has_text="ab").last.click()
    expect(visit.page.locator(".bar-title")).to_have_text("ab")
    visit.page.locator("[data-act=describe]").press("Enter")
    visit.page.locator(".bar-form select").select_option(label="Lesson one")
    press(visit, "Save")
    # With the answer the form closes, and the list of sessions has its new numbers.
    expect(visit.page.locator(".bar-form")).to_have_count(0)
    choose(visit, "Lesson one (2)")
    expect(titles).to_have_text(["ba", "ab"])

    press(visit, "Delete the session")
    expect(titles).to_have_count(0)
    press(visit, "Bring back Lesson one")
    expect(titles).to_have_text(["ba", "ab"])
    assert visit.page.evaluate("window.hit") is None


def test_a_list_is_narrowed_down_to_a_method_a_model_and_a_tag(person):
    visit = person().open()
    made(visit, "ab")
    write(visit, "lesson one, rest")
    visit.pick_method("Greedy")
    made(visit, "ba")
    visit.drawer("library")
    titles = visit.page.locator(".run-title")
    search = visit.page.locator("#field-search :is(textarea, input)")
    visit.page.get_by_label("Only this method").select_option("greedy")
    expect(search).to_have_value("method:greedy")
    expect(titles).to_have_text(["ba"])
    visit.page.get_by_label("Only this tag").select_option("lesson one")
    expect(search).to_have_value('method:greedy tag:"lesson one"')
    expect(visit.page.locator(".run-none")).to_contain_text("No run matches")
    visit.page.get_by_label("Only this method").select_option("")
    expect(titles).to_have_text(["ab"])
    search.fill("tag:rest model:toy a")
    search.press("Enter")
    expect(titles).to_have_text(["ab"])
    search.fill("")
    search.press("Enter")
    expect(titles).to_have_text(["ba", "ab"])


def test_a_shared_session_is_read_until_its_link_is_revoked(person):
    owner = person().open()
    made(owner, "ab")
    made(owner, "ba")
    owner.drawer("library")
    expect(owner.page.locator(".run-title")).to_have_text(["ba", "ab"])
    choose(owner, "(2)")
    press(owner, "Share the session")
    link = owner.page.locator(".session .bar-share input").input_value()

    guest = person().open("?" + link.split("?")[1])
    titles = guest.page.locator(".run-title")
    expect(titles).to_have_text(["ba", "ab"])
    assert guest.page.get_by_role("button", name="Delete ab").count() == 0
    guest.page.locator(".run-open", has_text="ab").last.click()
    expect(guest.page.locator(".bar-title")).to_have_text("ab")
    expect(guest.page.locator(".run-text p")).to_contain_text("ab")
    shown = guest.text

    press(owner, "Revoke the link")
    owner.page.locator(".session .bar-share").wait_for(state="detached")
    guest.page.locator(".run-open").first.click()
    expect(guest.page.locator(".bar-state")).to_contain_text("not shared with you (any more)")
    expect(guest.page.locator(".trace-view p.state")).to_contain_text("not shared with you (any")
    assert guest.text == shown, "What was open stays."
    again = person(context=guest.page.context).open("?" + link.split("?")[1])
    expect(again.page.locator(".bar-state")).to_contain_text("revoked")


@pytest.fixture
def many_runs(tmp_path):
    """A file with a session of 30 runs."""
    with Store(tmp_path) as store:
        owner = store.owner_of("m" * 40)
        for _ in range(30):
            store.keep(explorer.decode("toy", "ab", max_new_tokens=1), owner)
        file = tmp_path / "many.json"
        file.write_text("".join(store.export_session(store.sessions(owner)[0].session_id, owner)))
    return file


def test_show_more_adds_to_the_list_and_keeps_the_place(person, many_runs):
    visit = person().open()
    visit.drawer("library")
    visit.page.locator("input[type=file]").first.set_input_files(many_runs)
    openers = visit.page.locator(".run-open")
    expect(openers).to_have_count(25)
    more = visit.page.get_by_role("button", name="Show more runs")
    more.focus()
    place = scrolled(visit)
    assert place > 0
    more.press("Enter")
    expect(openers).to_have_count(30)
    expect(openers.nth(25)).to_be_focused()
    expect(more).to_have_count(0)
    assert scrolled(visit) == place
    openers.nth(27).press("Enter")
    expect(openers.nth(27)).to_have_attribute("aria-current", "true")
    expect(openers.nth(27)).to_be_focused()
    expect(openers).to_have_count(30)
    assert scrolled(visit) >= place


def scrolled(visit):
    return visit.page.evaluate("document.querySelector('#drawer').scrollTop")


def test_a_run_that_goes_on_is_stopped_and_deleted(person):
    visit = person().open()
    long_run(visit)
    visit.drawer("library")
    visit.page.get_by_role("button", name="Delete Once upon").evaluate("(b) => b.click()")
    offer = visit.page.get_by_role("button", name="Stop and delete")
    offer.evaluate("(b) => b.click()")
    expect(visit.page.locator(".run-title")).to_have_count(0)
    visit.page.get_by_role("button", name="Bring back").press("Enter")
    expect(visit.page.locator(".run-row")).to_contain_text("stopped")
