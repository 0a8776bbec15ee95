"""What programs may call, and that nothing else is offered."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from page_tools import ROOT

from explorer.registry import all_methods

TOKEN = "t" * 40


@pytest.fixture(scope="module")
def client(address):
    from gradio_client import Client

    return Client(address, verbose=False, analytics_enabled=False)


def run(client, **more):
    asked = {"method": "greedy", "prompt": "ab", "models": {"target": "toy"}} | more
    return client.predict(**asked, api_name="/run")


def test_three_functions_are_offered(client):
    offered = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(offered) == {"/list_methods", "/run", "/get_trace"}


def test_methods_are_listed(client):
    listed = client.predict(api_name="/list_methods")
    assert [method["id"] for method in listed] == list(all_methods())


def test_a_run_and_its_trace(client):
    answer = run(client, owner_token=TOKEN, max_new_tokens=5)
    assert answer["status"] == "done"
    trace = client.predict(answer["run_id"], owner_token=TOKEN, api_name="/get_trace")
    assert trace["header"]["prompt"] == "ab"
    assert trace["events"][-1]["kind"] == "done"


def test_a_trace_is_its_owners(client):
    answer = run(client)
    assert len(answer["owner_token"]) >= 32, "Whoever names no token gets a new one."
    for token in ("", TOKEN):
        with pytest.raises(Exception, match="There is no run"):
            client.predict(answer["run_id"], owner_token=token, api_name="/get_trace")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"method": "nonsense"}, "There is no method"),
        ({"prompt": ""}, "The prompt is empty"),
        ({"params": {"filters": "top_q=1"}}, "There is no filter"),
        ({"params": {"nonsense": 1}}, "has no parameter"),
        ({"models": {"target": "/etc"}}, "not allowed"),
        ({"models": {"target": "../secret"}}, "not allowed"),
        ({"seed": -1}, "seed"),
        ({"max_new_tokens": 10**9}, "max_new_tokens"),
        ({"owner_token": "short"}, "owner token"),
    ],
)
def test_what_is_not_allowed_is_told_in_a_sentence(client, wrong, sentence):
    with pytest.raises(Exception, match=sentence):
        run(client, **wrong)


def test_importing_the_app_loads_nothing_heavy():
    """The worker's processes import it anew."""
    code = "import sys, app; print([m for m in ('torch', 'gradio') if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, text=True
    )
    assert found.stdout.strip() == "[]", found.stderr
