"""One app and one browser for all tests of the page: each person has a browser profile of theirs.

The owner's token is in the profile, so nobody sees what another test made.
"""

import os
import sys
from pathlib import Path

import pytest
from page_tools import (
    CHROMIUM,
    FLAGS,
    PATIENCE_MS,
    ROOT,
    Visit,
    answering,
    free_port,
    running_app,
)


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    with running_app(tmp_path_factory.mktemp("app"), preload="toy,draft", threads="1") as found:
        yield found


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("There is no chromium on this machine.")
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def person(browser, address):
    """Makes browser profiles; at the end nothing may have gone wrong in any."""
    contexts, visits = [], []

    def make(width=1440, height=900, context=None):
        if context is None:
            context = browser.new_context(viewport={"width": width, "height": height})
            contexts.append(context)
        visits.append(Visit(context, address))
        return visits[-1]

    yield make
    for visit in visits:
        visit.leave()
    for context in contexts:
        context.close()
    for visit in visits:
        assert visit.wrong == []
        assert visit.outside == []


@pytest.fixture(scope="session")
def view_address():
    """An app that has nothing but the view of a run."""
    port = free_port()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "GRADIO_ANALYTICS_ENABLED": "False"}
    environment.pop("TRACE_RUNS", None)
    harness = Path(__file__).with_name("trace_harness.py")
    with answering([sys.executable, str(harness), str(port)], port, environment) as found:
        yield found


@pytest.fixture
def page(browser, view_address):
    """A fresh visit of it; at its end nothing was complained of and nobody else was asked."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    wrong: list[str] = []
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    own = (view_address, "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(own) else wrong.append(r.url))
    page.goto(view_address)
    page.wait_for_selector(".trace-view .empty-title", timeout=60_000)
    yield page
    page.close()
    assert wrong == []
