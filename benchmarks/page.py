"""How fast the page is: one JSON line a figure. `python -m benchmarks.page [figure …]`

Needs chromium and playwright, and a machine that does nothing else meanwhile. The app runs in a
process of its own with a fresh data folder; the browser is on the same machine.

start        seconds from the command to the first page
first_visit  seconds until the text and the controls, and until a picture, are there; bytes
first_token  seconds from the click to the first token, the model loaded
stream       updates a second that reach the page while 200 tokens stream
step         milliseconds from moving the slider to the next painted frame, about 2,000 nodes
shift        how far things jump while a run streams, as the browser counts it (at most 0.05 is
             wanted): the first run after the example, and the next one, on three screens
watched      how much longer a run takes that an HTTP client watches
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from gradio_client import Client
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
PORT = 7877
ADDRESS = f"http://127.0.0.1:{PORT}"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PROMPT = "Once upon a time there was a miller"
STARTS = 3
STEPS_TRIED = 40
SCREENS = [(1440, 900), (1024, 768), (390, 844)]
PAIRS = 9  # of a watched and an unwatched run
WATCHED_TOKENS = 400
TOKEN = "benchmark" * 4

# Counts how often the text changes, by what is really in the document.
COUNT_UPDATES = """() => {
  window.updates = [];
  const seen = () => window.updates.push(performance.now());
  new MutationObserver(seen).observe(document.querySelector('.run-text'),
    {childList: true, subtree: true});
}"""
COUNT_SHIFTS = """() => {
  window.shifts = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
  }).observe({type: 'layout-shift'});
}"""
STEP = """(to) => new Promise((done) => {
  const slider = document.querySelector('.steps input');
  const began = performance.now();
  slider.value = to;
  slider.dispatchEvent(new Event('input', {bubbles: true}));
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
})"""


def main(wanted: list[str]) -> None:
    figures: dict[str, Callable[[Browser], dict[str, Any]]] = {
        "first_visit": first_visit,
        "first_token": first_token,
        "stream": stream,
        "step": step,
        "shift": shift,
        "watched": watched,
    }
    starts = []
    for _ in range(STARTS - 1):
        with app() as seconds:
            starts.append(seconds)
    with app() as seconds, sync_playwright() as playwright:
        starts.append(seconds)
        tell("start", seconds=statistics.median(starts), worst_s=max(starts))
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for name, measure in figures.items():
            if not wanted or name in wanted:
                tell(name, **measure(browser))
        browser.close()


@contextmanager
def app() -> Iterator[float]:
    """The app, and the seconds until its first answer."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "EXPLORER_DATA_FOLDER": folder,
            "GRADIO_SERVER_PORT": str(PORT),
        }
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            while not answers():
                time.sleep(0.02)
                assert process.poll() is None, "the app ended by itself"
            yield time.perf_counter() - began
        finally:
            process.terminate()
            process.wait(30)


def answers() -> bool:
    try:
        urllib.request.urlopen(ADDRESS, timeout=5).close()
    except OSError:
        return False
    return True


def first_visit(browser: Browser) -> dict[str, Any]:
    warm_up(browser)
    texts, pictures, sizes = [], [], []
    for _ in range(3):
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        received: list[float] = []
        session.on(
            "Network.loadingFinished", lambda e, r=received: r.append(e["encodedDataLength"])
        )
        began = time.perf_counter()
        page.goto(ADDRESS, wait_until="commit")
        ready(page)
        texts.append(time.perf_counter() - began)
        page.locator(".trace-view .canvas, .trace-view .chart").first.wait_for()
        pictures.append(time.perf_counter() - began)
        page.wait_for_timeout(3000)
        sizes.append(sum(received))
        page.context.close()
    return {
        "text_and_controls_s": statistics.median(texts),
        "picture_s": statistics.median(pictures),
        "megabytes": statistics.median(sizes) / 1e6,
    }


def first_token(browser: Browser) -> dict[str, Any]:
    page = opened(browser)
    generate(page, 8)
    found = []
    for _ in range(5):
        began = time.perf_counter()
        generate(page, 8, wait=False)
        page.wait_for_function("() => !document.querySelector('.run-text .token:not(.prompt)')")
        page.wait_for_function("() => document.querySelector('.run-text .token:not(.prompt)')")
        found.append(time.perf_counter() - began)
        ended(page)
    page.context.close()
    return {"seconds": statistics.median(found), "worst_s": max(found)}


def stream(browser: Browser) -> dict[str, Any]:
    page = opened(browser)
    pick(page, "greedy")
    generate(page, 8)
    page.evaluate(COUNT_UPDATES)
    generate(page, 200)
    times = page.evaluate("window.updates")
    page.context.close()
    seconds = (times[-1] - times[0]) / 1000
    return {"updates": len(times), "seconds": seconds, "a_second": len(times) / seconds}


def step(browser: Browser) -> dict[str, Any]:
    page = opened(browser)
    page.locator("#field-param-num_beams input[type=number]").fill("32")
    generate(page, 125)
    page.locator(".trace-view .canvas").first.wait_for()
    last = int(page.locator(".steps input").get_attribute("max") or 0)
    found = [page.evaluate(STEP, i * last // STEPS_TRIED) for i in range(STEPS_TRIED)]
    page.context.close()
    return {"steps": last, "median_ms": statistics.median(found), "worst_ms": max(found)}


def shift(browser: Browser) -> dict[str, Any]:
    found = {}
    for width, height in SCREENS:
        page = opened(browser, width, height)
        page.locator(".trace-view .canvas, .trace-view .chart").first.wait_for()
        page.evaluate(COUNT_SHIFTS)
        # Other limits, so that the next run is no repetition; the drawer is closed as on a phone.
        for name, tokens in (("first", 48), ("next", 47)):
            page.evaluate("document.body.dataset.drawer = 'parameters'")
            limit(page, tokens)
            page.evaluate("document.body.dataset.drawer = 'none'")
            page.wait_for_timeout(1500)
            page.evaluate("window.shifts = 0")
            press_generate(page)
            page.wait_for_timeout(1500)  # what comes behind the end: pictures, the list of runs
            found[f"{name}_{width}"] = page.evaluate("window.shifts")
        page.context.close()
    return found


def watched(_: Browser) -> dict[str, Any]:
    """The same run with and without an HTTP client that reads its stream as a tab does."""
    client = Client(ADDRESS, verbose=False, analytics_enabled=False)
    asked = {"method": "greedy", "prompt": PROMPT, "max_new_tokens": WATCHED_TOKENS}
    pieces: list[int] = []

    def seconds(watch: bool) -> float:
        run = client.submit(**asked, owner_token=TOKEN, api_name="/run")
        run_id = Tab().newest_run()
        if watch:
            pieces.append(Tab(f"?run={run_id}").watch())
        return float(run.result()["seconds"])

    seconds(True)
    pairs = [(seconds(False), seconds(True)) for _ in range(PAIRS)]
    alone, seen = zip(*pairs, strict=True)
    return {"unwatched_s": statistics.median(alone), "watched_s": statistics.median(seen),
            "ratio": statistics.median(w / a for a, w in pairs),
            "pieces": statistics.median(pieces)}  # fmt: skip


class Tab:
    """What a browser tab says to the server, without the browser."""

    def __init__(self, query: str = "") -> None:
        self.http = httpx.Client(base_url=f"{ADDRESS}/gradio_api/", timeout=60)
        self.session = secrets.token_hex(8)
        events = httpx.get(f"{ADDRESS}/config").json()["dependencies"]
        self.events = {event["api_name"]: event for event in events}
        for _ in self.call("_arrive", query):
            pass

    def call(self, name: str, query: str = "") -> Iterator[dict[str, Any]]:
        """The messages that an event of the page answers with, as they come."""
        event = self.events[name]
        # The server keeps the states itself; the owner's token is what the browser keeps.
        data: list[Any] = [TOKEN] + [None] * (len(event["inputs"]) - 1)
        asked = {"data": data, "fn_index": event["id"], "session_hash": self.session}
        self.http.post(f"queue/join{query}", json=asked).raise_for_status()
        told = {"session_hash": self.session}
        with self.http.stream("GET", "queue/data", params=told) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    message = json.loads(line.removeprefix("data: "))
                    yield message
                    if message["msg"] == "process_completed":
                        assert message["success"], message
                        return

    def newest_run(self) -> str:
        *_, last = self.call("_find")
        return str(last["output"]["data"][0]["runs"][0]["run"])

    def watch(self) -> int:
        """Read the stream to its end; how many pieces it had."""
        return sum(message["msg"] == "process_generating" for message in self.call("_watch"))


# What a person does ------------------------------------------------------------------------------


def opened(browser: Browser, width: int = 1440, height: int = 900) -> Page:
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.goto(ADDRESS)
    ready(page)
    page.locator("#field-prompt textarea").fill(PROMPT)
    return page


def ready(page: Page) -> None:
    page.locator("#field-param-filters textarea").wait_for(state="attached")
    page.locator(".run-text .token").first.wait_for()


def warm_up(browser: Browser) -> None:
    opened(browser).context.close()


def pick(page: Page, method: str) -> None:
    page.evaluate("document.body.dataset.drawer = 'catalogue'")
    page.get_by_role("button", name=f"Use {method.capitalize()}", exact=True).click()
    page.evaluate("document.body.dataset.drawer = 'parameters'")
    page.locator("#field-param-num_beams").wait_for(state="detached")


def generate(page: Page, tokens: int, wait: bool = True) -> float:
    """A run of so many tokens; with `wait`, the seconds that it took."""
    limit(page, tokens)
    return press_generate(page, wait)


def limit(page: Page, tokens: int) -> None:
    page.locator("#field-max_new_tokens input[type=number]").fill(str(tokens))


def press_generate(page: Page, wait: bool = True) -> float:
    before = page.evaluate("location.href")
    # By the keyboard: a press by the document would not count as one of a person's.
    page.evaluate("document.querySelector('#go').focus()")
    page.keyboard.press("Enter")
    if not wait:
        return 0.0
    page.wait_for_function("(before) => location.href !== before", arg=before)
    run_id = page.evaluate("new URLSearchParams(location.search).get('run')")
    page.wait_for_function(
        "(id) => document.querySelector('.trace-view').dataset.run === id", arg=run_id
    )
    return ended(page)


def ended(page: Page) -> float:
    done = "() => document.querySelector('.trace-view .state').textContent.includes('Done')"
    page.wait_for_function(done, timeout=300_000)
    page.wait_for_function("() => document.querySelector('#stop').disabled")
    run_id = page.evaluate("new URLSearchParams(location.search).get('run')")
    entry = page.locator(".trace-view .totals").inner_text().split("\n")
    assert run_id
    return float(entry[entry.index("seconds") + 1])


def tell(figure: str, **values: Any) -> None:
    rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in values.items()}
    print(json.dumps({"benchmark": "page", "figure": figure, **rounded}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
