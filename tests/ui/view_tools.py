"""What a person does in the trace view that is alone in an app (`trace_harness.py`)."""

from __future__ import annotations


def press(page, name, button="load"):
    page.fill("#name textarea, #name input", name)
    # A plain click in the document: the pointer's click waits until nothing moves any more.
    page.evaluate("(id) => document.getElementById(id).click()", button)


def load(page, name):
    press(page, name)
    page.wait_for_function("document.querySelector('.state').dataset.state.match(/done|fail|stop/)")


def choose(page, picture):
    page.click(f".tab[data-picture='{picture}']")
    page.wait_for_selector(f".stage[data-picture='{picture}']")


def step_label(page):
    return page.text_content(".step-label")
