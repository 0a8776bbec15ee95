"""Who sees, hears or holds the page otherwise: contrast and names by axe, phones, the dark."""

from __future__ import annotations

import pytest
from page_tools import CHROMIUM, Visit

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="There is no chromium on this machine.")

AXE = __file__.replace("test_page_looks.py", "axe.min.js")
RUN_AXE = """async () => (await axe.run({resultTypes: ['violations']})).violations
  .filter((v) => ['serious', 'critical'].includes(v.impact))
  .flatMap((v) => v.nodes.map((n) => v.id + ' ' + n.target.join(' ')))"""
PALE = """() => {
  const line = document.createElement('p');
  line.id = 'pale';
  line.textContent = 'hardly to be read';
  line.style.color = '#ccc';
  line.style.background = '#fff';
  document.querySelector('#main').prepend(line);
}"""
OPEN_REPRODUCE = """() => document.querySelector(".reproduce").hidden
  && document.dispatchEvent(new CustomEvent("reproduce"))"""
ABOVE_FOLD = """() => {
  const low = (place) => document.querySelector(place).getBoundingClientRect().bottom;
  return [low('#go'), document.querySelector('.run-text .token').getBoundingClientRect().bottom];
}"""


@pytest.fixture(scope="module")
def visit(browser, address):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield Visit(context, address).open()
    context.close()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768), (390, 844)])
def test_the_first_screen(visit, width, height):
    visit.page.set_viewport_size({"width": width, "height": height})
    visit.drawer("none" if width < 900 else "parameters")
    assert max(visit.page.evaluate(ABOVE_FOLD)) < height * 0.6
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("drawer", ["parameters", "library", "catalogue", "gallery", "about"])
def test_axe_finds_nothing_serious(visit, drawer, dark):
    visit.page.set_viewport_size({"width": 1440, "height": 900})
    visit.page.evaluate("document.dispatchEvent(new CustomEvent('about', {detail: 'mirostat'}))")
    visit.page.locator(".about h2").wait_for()
    visit.page.evaluate(OPEN_REPRODUCE)
    visit.page.locator(".reproduce pre").wait_for()
    visit.drawer(drawer)
    visit.page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", dark)
    visit.page.wait_for_timeout(400)
    visit.page.add_script_tag(path=AXE)
    assert visit.page.evaluate(RUN_AXE) == []


def test_axe_would_find_pale_text(visit):
    """Negative control."""
    visit.page.evaluate(PALE)
    visit.page.add_script_tag(path=AXE)
    found = visit.page.evaluate(RUN_AXE)
    visit.page.evaluate("document.querySelector('#pale').remove()")
    assert found == ["color-contrast #pale"]
