"""Text of models and persons is only ever text, wherever it comes from and wherever it is shown."""

from __future__ import annotations

import json

import pytest
from page_tools import CHROMIUM, Visit

from explorer.ui.examples import Examples

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="There is no chromium on this machine.")

HOSTILE = (
    "<script>window.hit=1</script><img src=x onerror=window.hit=2>${window.hit=3}"
    "{{window.hit}}`${window.hit=4}`![x](https://example.invalid/p.png)"
    '"onmouseover="window.hit=5\u202egnihton\u2066 &lt;b&gt;<b>bold</b>'
)


@pytest.fixture(scope="module")
def visit(browser, address):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield Visit(context, address).open()
    context.close()


@pytest.fixture(autouse=True)
def nothing_happened(visit):
    yield
    assert visit.page.evaluate("window.hit") is None
    assert (
        visit.page.locator(
            ".trace-view b, .trace-view img, .runs b, .runs img, .run-bar b, .run-bar img"
        ).count()
        == 0
    )
    assert visit.wrong == []
    assert visit.outside == []


def test_a_hostile_prompt(visit):
    visit.pick_model("target", "draft")
    visit.type("prompt", HOSTILE)
    visit.type("max_new_tokens", "6")
    visit.generated()
    visit.wait_state("Done")
    assert "<script>window.hit=1</script>" in visit.text
    visit.drawer("library")
    for place in (".run-title", ".bar-title"):
        playwright.expect(visit.page.locator(place).first).to_contain_text("<script>")


def test_a_hostile_session_from_a_file(visit, tmp_path):
    examples = Examples()
    run = examples.trace(next(iter(examples))).to_dict()
    plain = "".join(c for c in HOSTILE if c.isprintable())
    run |= {"title": plain[:190], "note": plain, "tags": [plain[:48]]}
    session = {"decoding_explorer_session": 1, "title": plain[:180], "runs": [run]}
    run["header"] |= {"prompt": HOSTILE, "method": plain[:60], "run_id": "0123456789abcdef"}
    run["header"]["models"] = {"target": "../../../etc<img src=x onerror=window.hit=6>"}
    for event in run["events"]:
        if event["kind"] == "mark":
            event["why"] = plain
    file = tmp_path / "hostile.json"
    file.write_text(json.dumps(session))

    visit.drawer("library")
    before = visit.href
    visit.page.locator("input[type=file]").first.set_input_files(file)
    visit.page.wait_for_function("(before) => location.href !== before", arg=before)
    visit.wait_state("Done")
    assert visit.page.locator(".bar-title").inner_text().startswith("<script>")
    for place in (".run-tags", ".bar-tags"):
        visit.page.locator(place, has_text="#<script>").first.wait_for()
    playwright.expect(visit.page.locator(".bar-note")).to_contain_text("<script>")
    for tab in visit.page.locator(".pictures .tab").all():
        tab.click()
        visit.page.wait_for_timeout(200)
    visit.page.locator("#field-session input").click()


def test_a_hostile_address(visit):
    visit.open("?run=%3Cimg%20src%3Dx%20onerror%3Dwindow.hit%3D7%3E&share=%24%7Bwindow.hit%3D8%7D")
    playwright.expect(visit.page.locator(".bar-state")).to_contain_text("There is no run")


def test_a_file_that_is_none(visit, tmp_path):
    file = tmp_path / "none.json"
    file.write_text("{not json")
    visit.drawer("library")
    visit.page.locator("input[type=file]").first.set_input_files(file)
    told = visit.page.locator(".runs .field-problem")
    playwright.expect(told).to_contain_text("damaged")
