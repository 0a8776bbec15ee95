"""The app in a process of its own, and what a person does on its page."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE_MS = 30_000
CHOSEN = """(title) => !document.body.dataset.drawing &&
    document.querySelector('#field-method input').value.endsWith('› ' + title)"""
SHOWN = "(id) => document.querySelector('.trace-view').dataset.run === id"
# What Gradio's page logs by itself when a stream ends with its tab.
NOISE = re.compile(r"ERR_ABORTED|net::ERR_INCOMPLETE|queue/data")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def answering(program: list[str], port: int, environment: dict[str, str]):
    """A server in a process of its own; yields its address once it answers."""
    server = subprocess.Popen(program, cwd=ROOT, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(900):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, "The server ended by itself."
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def running_app(folder: Path, **settings: str):
    """The app on a free port, with a data folder of its own; yields its address."""
    port = free_port()
    given = {f"EXPLORER_{name}".upper(): value for name, value in settings.items()}
    environment = os.environ | given | {
        "EXPLORER_DATA_FOLDER": str(folder / "data"),
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
    }  # fmt: skip
    with answering([sys.executable, "app.py"], port, environment) as address:
        yield address


class Visit:
    """A tab. It remembers what went wrong in it, and every request that left the machine."""

    def __init__(self, context, address: str) -> None:
        self.page = context.new_page()
        self.address = address
        self.wrong: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on("request", self._request)
        self.page.set_default_timeout(PATIENCE_MS)

    def open(self, query: str = "") -> Visit:
        self.page.goto(f"{self.address}/{query}")
        self.page.locator("#field-param-filters textarea").wait_for(state="attached")
        # Whatever is drawn first; the sentence is there once the run has been read.
        self.page.wait_for_function(
            "() => document.querySelector('.run-text .token, .bar-state[data-kind=problem]')"
        )
        return self

    def leave(self) -> None:
        """Whatever still runs is stopped: others share the app.

        What the browser says from here on is about streams that end with the tab.
        """
        if not self.page.is_closed():
            # One look for both: the run may end between two.
            self.page.evaluate("document.querySelector('#stop:enabled')?.click()")
            if self.page.locator("#stop").count():
                self.page.locator("#stop:disabled").wait_for(state="attached")
        self.page.remove_listener("console", self._heard)

    @property
    def href(self) -> str:
        return self.page.evaluate("location.href")

    @property
    def state(self) -> str:
        return self.page.locator(".trace-view p.state").inner_text()

    @property
    def text(self) -> str:
        return self.page.locator(".trace-view .run-text").text_content() or ""

    def drawer(self, name: str) -> None:
        self.page.evaluate("(name) => { document.body.dataset.drawer = name; }", name)

    def type(self, field: str, text: str) -> None:
        self.page.locator(f"#field-{field} >> css=textarea, input").first.fill(text)

    def pick_model(self, role: str, name: str) -> None:
        box = self.page.locator(f"#field-model-{role} input")
        box.click()
        box.fill(name)
        box.press("Enter")
        box.blur()

    def pick_method(self, title: str) -> None:
        self.drawer("catalogue")
        self.page.get_by_role("button", name=f"Use {title}", exact=True).click()
        self.drawer("parameters")
        self.page.wait_for_function(CHOSEN, arg=title)  # and its controls are drawn

    def generate(self) -> None:
        """Press Generate by the document: a page that streams never lies still for a click."""
        self.page.evaluate("document.querySelector('#go').click()")

    def generated(self) -> str:
        """Generate, and wait for the new run; its id."""
        before = self.href
        self.generate()
        self.page.wait_for_function("(before) => location.href !== before", arg=before)
        run_id = self.href.split("run=")[1].split("&")[0]
        self.page.wait_for_function(SHOWN, arg=run_id)
        return run_id

    def wait_state(self, words: str) -> None:
        self.page.wait_for_function(
            "(words) => document.querySelector('.trace-view p.state')?.textContent.includes(words)",
            arg=words,
        )
        # What came with it is laid out with the next frame.
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")

    def problem(self, field: str) -> str:
        return self.page.locator(f"#field-{field} .field-problem").inner_text()

    def _heard(self, message) -> None:
        if message.type == "error" and not NOISE.search(message.text):
            self.wrong.append(message.text)

    def _dialog(self, dialog) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request) -> None:
        url = request.url
        if not url.startswith((self.address, "data:", "blob:")):
            self.outside.append(url)


def long_run(visit):
    """A run that goes on until it is stopped: hundreds of steps with all the beams there may be,
    and long texts are the best.
    """
    visit.pick_method("Beam search")
    visit.pick_model("target", "target")
    visit.type("prompt", "Once upon a time")
    visit.type("param-num_beams", "64")
    visit.type("param-length_penalty", "5")
    visit.type("max_new_tokens", "900")
    run_id = visit.generated()
    visit.wait_state("Running")
    visit.page.locator("#stop:enabled").wait_for()
    return run_id
