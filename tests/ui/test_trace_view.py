"""The trace view in a browser: what it shows is what was recorded, and text is only ever text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from page_tools import CHROMIUM
from trace_runs import RUNS
from view_tools import choose, load, press, step_label

from explorer.ui.payload import pictures_payload
from visualizers import pictures
from visualizers.picture import Shown, visible_at

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="There is no chromium on this machine.")
HERE = Path(__file__).parent

# Shown marks as [of, class, text], for every step of the slider.
WALK = """(last) => {
  const slider = document.querySelector('.steps input');
  const shown = [];
  for (let step = 0; step <= last; step++) {
    slider.value = step;
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    const here = [];
    for (const node of document.querySelectorAll('.canvas [data-of]')) {
      if (node.style.display === 'none' || node.parentNode.closest('[style*="none"]')) continue;
      const own = node.tagName === 'tspan' ? node
        : node.querySelector(':scope > text:not(.sign-of):not(:has(tspan))');
      here.push([node.dataset.of, node.dataset.class, own ? own.textContent : '']);
    }
    shown.push(here);
  }
  return shown;
}"""
COLUMNS = """() => document.querySelector('.chart').data.map((trace) =>
  ['x', 'y', 'z', 'text', 'hovertext'].map((name) => trace[name]).filter(Array.isArray))"""


def has_text(page, expected):
    """Wait for it: a chunk that came is laid out with the next frame."""
    page.wait_for_function(
        "(text) => document.querySelector('.run-text p').textContent === text", arg=expected
    )
    return True


def text(page):
    return page.eval_on_selector(".run-text p", "(p) => p.textContent")


def expected_text(name, step=None):
    run = RUNS[name]()
    ribbon = pictures(run.trace().fold(), run.token_text, [])[0]
    step = ribbon.last_step if step is None else step
    prompt = "".join(t["text"] for t in ribbon.data["prompt"])
    shown = [
        (t["place"], t["text"])
        for t in ribbon.data["tokens"]
        if any(a <= step and (b is None or step < b) for a, b, _ in t["shows"])
    ]
    return prompt + "".join(text for _, text in sorted(shown))


# What is shown is what was recorded -----------------------------------------------------------


@pytest.mark.parametrize("name", ["search", "rounds", "sample", "hostile search"])
def test_the_marks_shown_at_every_step_are_those_of_the_reference(page, name):
    load(page, name)
    run = RUNS[name]()
    for picture in pictures(run.trace().fold(), run.token_text, []):
        if picture.kind != "marks" or picture.id == "ribbon":
            continue
        choose(page, picture.id)
        for step, shown in enumerate(page.evaluate(WALK, picture.last_step)):
            marks = sorted(Shown(*mark) for mark in shown)
            assert marks == visible_at(picture, step), f"{picture.id}, step {step}"


@pytest.mark.parametrize("name", ["sample", "rounds"])
def test_the_points_of_a_figure_are_those_of_the_reference(page, name):
    load(page, name)
    run = RUNS[name]()
    for picture in pictures(run.trace().fold(), run.token_text, []):
        if picture.kind != "plotly":
            continue
        choose(page, picture.id)
        for step in (0, picture.last_step // 2, picture.last_step):
            page.evaluate(
                "(s) => { const r = document.querySelector('.steps input'); r.value = s;"
                " r.dispatchEvent(new Event('input', {bubbles: true})); }",
                step,
            )
            page.wait_for_selector(f".chart[data-step='{step}']", timeout=20_000)
            traces = page.evaluate(COLUMNS)
            points = [
                (place, i, json.dumps(values))
                for place, columns in enumerate(traces)
                for i, values in enumerate(zip(*columns, strict=True))
            ]
            assert len(points) == len(visible_at(picture, step)), f"{picture.id}, step {step}"


@pytest.mark.parametrize("name", ["search", "rounds", "one", "none", "long"])
def test_the_text_at_a_step_is_the_ribbons(page, name):
    load(page, name)
    assert has_text(page, expected_text(name))
    page.keyboard.press("Escape")
    page.focus(".steps input")
    page.keyboard.press("Home")
    assert text(page) == expected_text(name, 0)


def test_a_stub_opens_and_closes_with_the_keyboard(page):
    load(page, "search")
    choose(page, "hypotheses")
    stub = page.locator(".canvas .stub").first
    stub.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".panel [data-of]")
    assert stub.get_attribute("aria-expanded") == "true"
    stub.focus()
    page.keyboard.press("Escape")
    assert page.locator(".panel").count() == 0


def test_a_table_has_the_rows_of_the_step(page):
    load(page, "sample")
    page.click(".colouring .table-toggle")
    page.wait_for_selector(".body > .table-box td")
    assert page.locator(".body > .table-box tr").count() == 41
    page.focus(".steps input")
    page.keyboard.press("Home")
    assert page.locator(".body > .table-box tr").count() == 2


# Stepping ---------------------------------------------------------------------------------------


def test_stepping_by_keys_buttons_and_slider(page):
    load(page, "sample")
    assert step_label(page) == "step 40 of 40", "Counted as the command line counts them."
    assert page.get_attribute(".steps input", "aria-valuetext") == "step 40 of 40"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert step_label(page) == "step 38 of 40"
    assert text(page) == expected_text("sample", 37)
    assert page.text_content(".sentence").startswith("Step 38:")
    page.keyboard.press("ArrowRight")
    page.click("button[aria-label='one step back']")
    page.click("button[aria-label='first step']")
    assert step_label(page) == "step 1 of 40"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(" ")
    page.wait_for_function("document.querySelector('.step-label').textContent !== 'step 1 of 40'")
    assert page.locator("button[aria-label='pause']").count() == 1
    page.keyboard.press(" ")
    assert page.locator("button[aria-label='play']").count() == 1
    page.focus(".steps input")
    page.keyboard.press("End")
    assert step_label(page) == "step 40 of 40"


def test_arrow_keys_walk_along_the_text_and_show_what_is_known(page):
    load(page, "sample")
    page.focus(".run-text .token[tabindex='0']")
    page.keyboard.press("Home")
    assert page.locator(".run-text .token[tabindex='0']").count() == 1
    page.keyboard.press("End")
    tip = page.text_content(".tip")
    for word in ("probability", "surprisal", "entropy", "proposed by", "removed by top_k"):
        assert word in tip
    assert page.get_attribute(".run-text .token:focus", "aria-describedby")
    page.keyboard.press("Escape")
    assert page.locator(".tip").is_hidden()
    page.keyboard.press("ArrowLeft")
    assert step_label(page) == "step 40 of 40", "walking along the text is no stepping"
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Continue from here").press("Enter")
    page.wait_for_function("document.querySelector('#picked textarea').value !== ''")
    assert page.input_value("#picked textarea") == "sample continue 39"


def test_thousands_of_marks_are_stepped_through(page):
    """How fast is measured by `benchmarks/page.py`."""
    load(page, "large")
    choose(page, "rounds")
    page.evaluate("""() => {
      const slider = document.querySelector('.steps input');
      for (let step = 1; step <= 40; step += 1) {
        slider.value = step;
        slider.dispatchEvent(new Event('input', {bubbles: true}));
      }
    }""")
    assert page.locator(".canvas [data-of]").count() > 2000
    assert step_label(page).startswith("step 41 of ")


# Streaming --------------------------------------------------------------------------------------


def test_two_hundred_tokens_stream_without_loss_and_nothing_jumps(page):
    page.evaluate("""() => { window.shift = 0; window.counts = [];
      new PerformanceObserver((list) => { for (const e of list.getEntries())
        if (!e.hadRecentInput) window.shift += e.value; })
        .observe({type: 'layout-shift', buffered: false});
      new MutationObserver(() => window.counts.push(
        document.querySelectorAll('.run-text .token:not(.prompt)').length))
        .observe(document.querySelector('.run-text'), {childList: true, subtree: true}); }""")
    press(page, "200", "stream")
    page.wait_for_function(
        "document.querySelector('.state').dataset.state === 'done'", timeout=60_000
    )
    page.wait_for_selector(".caption", state="attached")
    assert has_text(page, expected_text("200"))
    counts = page.evaluate("window.counts")
    assert counts == sorted(counts), "the text only ever grows"
    shift = page.evaluate("window.shift")
    assert shift < 0.05
    page.wait_for_function("document.querySelector('.step-label').textContent.endsWith('of 200')")


def test_one_may_step_back_while_the_run_goes_on(page):
    page.fill("#pace input", "15")
    press(page, "200", "stream")
    page.wait_for_selector(".tab")
    page.evaluate("document.querySelector(\"button[aria-label='first step']\").click()")
    held = step_label(page).split(" of ")[0]
    assert held == "step 1"
    page.wait_for_timeout(1500)
    assert step_label(page).split(" of ")[0] == held
    page.evaluate("document.querySelector(\"button[aria-label='last step']\").click()")
    page.wait_for_function(
        "document.querySelector('.state').dataset.state === 'done'", timeout=60_000
    )
    assert has_text(page, expected_text("200"))


def test_what_was_lost_on_the_way_is_filled_in_while_the_run_goes_on(page):
    page.fill("#pace input", "15")
    press(page, "gaps", "stream")
    page.wait_for_function(
        "document.querySelector('.state').dataset.state === 'running'"
        " && document.querySelectorAll('.run-text .token').length > 60",
        timeout=60_000,
    )
    shown = text(page)
    assert expected_text("gaps").startswith(shown)


def test_a_token_pressed_before_the_run_is_read_learns_what_else_there_was(page):
    held = []

    def hold(route):
        held.append(route) if "overview" in (route.request.post_data or "") else route.continue_()

    page.route("**/component_server**", hold)
    press(page, "200", "stream")
    page.wait_for_function(
        "document.querySelector('.state').dataset.state === 'done'", timeout=60_000
    )
    page.locator(".run-text .token").nth(20).click()
    told = page.locator(".token-panel .told")
    assert "is being fetched" in told.inner_text()
    for route in held:
        route.continue_()
    told.locator(".alternatives").wait_for()
    assert "is being fetched" not in told.inner_text()


def test_a_picture_pressed_while_the_end_is_fetched_takes_nothing_away(page):
    """Whoever holds the overview of the end back sees the picture first, and then both."""
    run = RUNS["search"]()
    told = pictures_payload(run.trace(), run.token_text)["captions"][-1]
    held = []

    def hold(route):
        held.append(route) if "overview" in (route.request.post_data or "") else route.continue_()

    page.fill("#pace input", "4")
    press(page, "search", "stream")
    page.wait_for_selector(".tab")
    page.route("**/component_server**", hold)
    page.wait_for_function(
        "document.querySelector('.state').dataset.state === 'done'", timeout=60_000
    )
    other = page.locator(".tab[aria-selected=false]").first.get_attribute("data-picture")
    choose(page, other)
    assert held and page.text_content(".sentence") != told
    for route in held:
        route.continue_()
    page.wait_for_function(
        "(told) => document.querySelector('.sentence').textContent === told", arg=told
    )
    assert page.get_attribute(".stage", "data-picture") == other


@pytest.mark.parametrize(("name", "first"), [("search", "hypotheses"), ("rounds", "rounds")])
def test_what_few_runs_have_is_shown_first(page, name, first):
    """The order as a whole: `test_examples.py`."""
    load(page, name)
    page.wait_for_selector(".tab")
    assert page.get_attribute(".tab", "data-picture") != first, "it is not just the first of all"
    assert page.get_attribute(".tab[aria-selected=true]", "data-picture") == first


def test_a_search_streams_its_leading_hypothesis(page):
    press(page, "search", "stream")
    page.wait_for_function(
        "document.querySelector('.state').dataset.state === 'done'", timeout=60_000
    )
    page.wait_for_selector(".tab[aria-selected=true]")
    assert has_text(page, expected_text("search"))


# Ends, errors, hostile text -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["failed", "stopped"])
def test_a_run_that_did_not_come_to_its_end_says_why_and_shows_what_there_is(page, name):
    press(page, name, "stream")
    page.wait_for_function(f"document.querySelector('.state').dataset.state === '{name}'")
    sentence = RUNS[name]().end.sentence or "Stopped."
    assert sentence in page.text_content(".state")
    page.wait_for_selector(".tab[aria-selected=true]")
    assert has_text(page, expected_text(name))


def test_nothing_yet_wrong_and_nothing_again(page):
    assert "Nothing has been run yet" in page.text_content(".trace-view")
    press(page, "nobody's")
    page.wait_for_function("document.querySelector('.state').dataset.state === 'failed'")
    assert "There is no run" in page.text_content(".state")
    press(page, "", "wrong")
    page.wait_for_function("document.querySelector('.state').textContent.includes('deleted')")
    press(page, "", "clear")
    page.wait_for_selector(".empty-title", state="visible")


@pytest.mark.parametrize("name", ["hostile", "hostile search", "hostile rounds"])
@pytest.mark.parametrize("button", ["load", "stream"])
def test_hostile_text_is_only_text(page, name, button):
    press(page, name, button)
    page.wait_for_function(
        "document.querySelector('.state').dataset.state === 'done'", timeout=60_000
    )
    page.wait_for_selector(".tab")
    assert has_text(page, expected_text(name))
    for picture in page.eval_on_selector_all(".tab", "(all) => all.map((t) => t.dataset.picture)"):
        choose(page, picture)
        page.click(".pictures .table-toggle")
        page.wait_for_timeout(200)
        page.click(".pictures .table-toggle")
    page.focus(".run-text .token[tabindex='0']")
    page.keyboard.press("Home")
    for _ in range(24):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("window.hacked") is None
    assert page.locator(".trace-view :is(script, img, iframe, a, h1)").count() == 0
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "long tokens break, or scroll in their own box"


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1024, 768)])
def test_on_a_small_screen_the_page_itself_does_not_scroll_sideways(page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    for name in ("search", "rounds", "long"):
        load(page, name)
        page.wait_for_selector(".stage > *")
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    small = page.eval_on_selector_all(
        ".trace-view :is(.sign, .tab, .table-toggle, select)",
        "(all) => all.filter((b) => b.offsetHeight && b.offsetHeight < 40).map((b) => b.className)",
    )
    assert width > 640 or small == []


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(page, dark):
    page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", dark)
    page.add_script_tag(path=str(HERE / "axe.min.js"))
    for name, picture in [("rounds", "rounds"), ("search", "hypotheses"), ("sample", "entropy")]:
        load(page, name)
        choose(page, picture)
        page.click(".pictures .table-toggle")
        found = page.evaluate("""async () => (await axe.run('.trace-view')).violations
          .filter((v) => ['serious', 'critical'].includes(v.impact))
          .map((v) => `${v.id}: ${v.nodes[0].html}`)""")
        assert found == []
