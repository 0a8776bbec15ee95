"""What leaves the page as a file, and the tables beside the pictures."""

from __future__ import annotations

import csv
import json
import struct
from xml.etree import ElementTree

import pytest
from page_tools import CHROMIUM
from trace_runs import RUNS
from view_tools import choose, load, step_label

from explorer.trace import Trace
from visualizers import pictures

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="There is no chromium on this machine.")
SVG = "{http://www.w3.org/2000/svg}"


def saved(page, name, folder):
    with page.expect_download() as coming:
        page.click(f".exports button:text-is('{name}')")
    path = folder / coming.value.suggested_filename
    coming.value.save_as(path)
    return path


@pytest.mark.parametrize("dark", [False, True])
def test_a_drawing_leaves_as_an_svg_that_needs_nothing_else(page, tmp_path, dark):
    page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", dark)
    load(page, "search")
    choose(page, "hypotheses")
    page.click("button[aria-label='one step back']")
    path = saved(page, "SVG", tmp_path)
    assert path.name == "run-search-hypotheses-step-19.svg"
    root = ElementTree.parse(path).getroot()
    shown = page.eval_on_selector_all(
        ".canvas-box > svg tspan",
        "(all) => all.filter((t) => t.checkVisibility()).map((t) => t.textContent)",
    )
    assert [t.text or "" for t in root.iter(f"{SVG}tspan")] == shown
    assert root.find(f"{SVG}title").text == "Tree of hypotheses, step 19 of 20, run search"
    assert "Step 19: " in root.find(f"{SVG}desc").text
    ground = root.find(f"{SVG}rect")
    assert ground.get("fill") == "#ffffff"
    whole = path.read_text(encoding="utf-8")
    assert "var(" not in whole and "url(" not in whole and "class=" not in whole
    letters = next(t for t in root.iter(f"{SVG}text") if t.text and t.text.startswith("Tree"))
    assert "rgb(26, 29, 36)" in letters.get("style"), "dark letters on light ground"


@pytest.mark.parametrize(
    ("name", "picture"),
    [("rounds", "rounds"), ("rounds", "passes"), ("sample", "entropy"), ("sample", "distribution")],
)
def test_every_kind_of_picture_leaves_as_svg_and_as_png_of_twice_its_size(
    page, tmp_path, name, picture
):
    load(page, name)
    choose(page, picture)
    root = ElementTree.parse(saved(page, "SVG", tmp_path)).getroot()
    title = next(p.title for p in pictures(RUNS[name]().trace().fold(), RUNS[name]().token_text)
                 if p.id == picture)  # fmt: skip
    assert root.find(f"{SVG}title").text.startswith(title)
    data = saved(page, "PNG", tmp_path).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert abs(width - 2 * float(root.get("width"))) <= 2
    assert abs(height - 2 * float(root.get("height"))) <= 2


def test_the_table_leaves_whole_and_the_trace_can_be_read_again(page, tmp_path):
    run = RUNS["search"]()
    load(page, "search")
    choose(page, "hypotheses")
    page.click("button[aria-label='first step']")
    with saved(page, "CSV", tmp_path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    table = next(
        p for p in pictures(run.trace().fold(), run.token_text) if p.id == "hypotheses"
    ).table
    assert rows[0] == table.columns
    assert len(rows) == len(table.rows) + 1, "of the whole run, whatever the step"
    path = saved(page, "JSON", tmp_path)
    assert path.name == "run-search.json"
    assert json.loads(path.read_text()) == json.loads(json.dumps(Trace.to_dict(run.trace())))


def test_a_row_leads_to_its_token_and_has_its_sign(page):
    load(page, "search")
    choose(page, "hypotheses")
    page.click(".pictures .table-toggle")
    row = page.locator(".pictures .table-box tr:has(td:text-is('pruned'))").first
    assert row.locator(".sign-of").text_content() == "·"
    step = row.locator("td").first.inner_text()
    row.locator("button").click()
    page.wait_for_selector(".story:not([hidden])")
    page.wait_for_selector(".canvas .ring")
    assert f"pruned at step {step}:" in page.inner_text(".story .why")
    assert step_label(page).startswith(f"step {step} of ")


def test_long_tables_are_read_page_by_page_and_by_a_word(page):
    load(page, "large")
    choose(page, "rounds")
    page.click(".pictures .table-toggle")
    count = page.locator(".pictures .rows-count")
    rows = page.locator(".pictures .table-box tr:has(td)")
    page.wait_for_function("document.querySelector('.pictures .rows-count').textContent")
    total = int(count.inner_text().split(" of ")[1])
    assert count.inner_text().endswith(f"to {total} of {total}"), "the last page first"
    assert count.inner_text().startswith(f"rows {total - 199} to ")
    assert rows.count() == 200
    earlier, later = (
        page.locator(f".pictures .rows-bar button:text-is('{name} rows')")
        for name in ("Earlier", "Later")
    )
    assert later.is_disabled()
    earlier.click()
    assert count.inner_text() == f"rows {total - 399} to {total - 200} of {total}"
    assert rows.count() == 200
    later.click()
    assert later.is_disabled()
    page.fill(".pictures .rows-bar input", "rejected")
    assert 0 < rows.count() <= 200
    assert all("rejected" in text for text in rows.all_inner_texts())
    page.fill(".pictures .rows-bar input", "xyz")
    assert count.inner_text() == "No row has it."


@pytest.mark.parametrize("name", ["search", "rounds"])
def test_every_picture_says_what_it_is_and_can_be_saved(page, name):
    run = RUNS[name]()
    load(page, name)
    for picture in pictures(run.trace().fold(), run.token_text):
        if picture.id == "ribbon":
            continue
        choose(page, picture.id)
        assert page.inner_text(".picture .what") == picture.what
        assert picture.how in page.inner_text(".picture")
        assert page.locator(".picture .table-toggle").first.is_visible()
        assert page.locator(".exports button").all_inner_texts() == ["PNG", "SVG", "CSV", "JSON"]
