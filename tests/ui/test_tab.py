"""What the handlers of one tab share, and that none takes back what another one was told."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from explorer.settings import Settings
from explorer.ui.page import Page
from explorer.ui.service import Service
from explorer.ui.tab import PAGE, Tab
from explorer.worker import make_job

TOKEN = "m" * 40
PATIENCE = 60


def in_its_loop(coroutine):
    """Run in a thread of its own: where browser tests ran before, this one has a loop already."""
    with ThreadPoolExecutor() as pool:
        return pool.submit(asyncio.run, coroutine).result()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page, and 30 runs of its visitor."""
    service = Service(Settings(data_folder=tmp_path_factory.mktemp("data"), preload=""))
    owner = service.store.owner_of(TOKEN)
    for number in range(PAGE + 5):
        header = make_job(method="greedy", prompt=f"run {number}").header
        service.store.create_run(header, owner)
        service.store.finish(header.run_id, "stopped")

    async def made():
        return Page(service)  # without a loop that runs, Gradio makes some that nobody closes

    yield in_its_loop(made())
    service.close()


def test_the_handlers_of_a_tab_are_given_the_same_object(page):
    handler = next(f for f in page.blocks.fns.values() if f.name == "_standing")

    async def given(state):
        return (await page.blocks.preprocess_data(handler, [TOKEN, None], state))[1]

    async def three():
        tab, other = SessionState(page.blocks), SessionState(page.blocks)
        return [await given(tab), await given(tab), await given(other)]

    first, again, other = in_its_loop(three())
    assert isinstance(first, Tab)
    assert again is first
    assert other is not first


class Turn:
    """A lock that tells when somebody has to wait for it."""

    def __init__(self, waited_for):
        self.lock, self.waited_for = threading.Lock(), waited_for

    def __enter__(self):
        if self.lock.locked():
            self.waited_for.set()
        self.lock.acquire()

    def __exit__(self, *_):
        self.lock.release()


def test_a_slow_answer_does_not_take_back_what_was_pressed_meanwhile(page, monkeypatch):
    """A run is over and the list is read for that; while it is, "Show more" is pressed."""
    tab = Tab()
    reading, pressed, listed = threading.Event(), threading.Event(), []
    runs = page.service.store.runs

    def slow(*args, **kwargs):
        if not reading.is_set():
            reading.set()
            assert pressed.wait(PATIENCE)
        return runs(*args, **kwargs)

    def over():
        listed.append(page._standing(TOKEN, tab)[page.my_runs.list])

    def more():
        wish = gr.EventData(None, {"action": "more"})
        listed.append(page.my_runs._act_on_list(TOKEN, tab, "", wish)[page.my_runs.list])
        pressed.set()

    monkeypatch.setattr(page.service.store, "runs", slow)
    # The press has to wait for its turn, or is answered at once: in both cases the reading goes on.
    tab.turn = Turn(pressed)
    threads = [threading.Thread(target=over)]
    threads[0].start()
    assert reading.wait(PATIENCE)
    threads.append(threading.Thread(target=more))
    threads[1].start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [len(value["runs"]) for value in listed] == [PAGE, PAGE + 5]
