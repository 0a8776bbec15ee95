"""What can be held of the ZeroGPU worker without a Space; its runs are in test_promises."""

from __future__ import annotations

import inspect
import pickle
import sys
import types

import pytest
from worker_models import Shelf
from worker_tools import Memory, job

from explorer.settings import Settings
from explorer.worker import make_worker
from explorer.worker.zero import MOST_SECONDS, ZeroWorker, estimate_seconds, within_the_estimate


@pytest.fixture
def memory():
    return Memory()


def test_the_estimate_grows_with_the_tokens_up_to_the_most():
    estimates = [estimate_seconds(job("toy", max_new_tokens=n)) for n in (1, 64, 256, 1024)]
    assert estimates == sorted(estimates)
    assert estimates[0] < estimates[1]
    assert estimates[-1] == MOST_SECONDS
    assert estimate_seconds(job("toy", max_new_tokens=1024, max_seconds=20)) == 30


@pytest.mark.parametrize("tokens", [1, 64, 1024])
def test_a_run_ends_by_itself_before_the_gpu_is_taken(tokens):
    wanted = within_the_estimate(job("toy", max_new_tokens=tokens))
    assert 0 < wanted.request.max_seconds < estimate_seconds(wanted)
    assert wanted.header.limits["max_seconds"] == wanted.request.max_seconds


def test_on_a_space_the_generator_is_decorated_with_the_estimate(monkeypatch, memory):
    seen = {}

    def gpu(duration):
        seen["duration"] = duration
        return lambda stream: seen.setdefault("stream", stream)

    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=gpu))
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    worker = make_worker(Settings(preload=""), memory)
    assert isinstance(worker, ZeroWorker)
    worker.close()
    assert inspect.isgeneratorfunction(seen["stream"])
    # spaces asks with the arguments of the generator itself.
    assert seen["duration"](job("toy"), "file") == estimate_seconds(job("toy"))


def test_what_goes_to_the_gpu_and_back_is_pickled(memory):
    crossed = []

    def decorate(stream):
        def forked(*arguments):
            for message in stream(*pickle.loads(pickle.dumps(arguments))):
                packed = pickle.dumps(message)
                assert b"torch." not in packed  # no class of torch is named: plain Python
                crossed.append(packed)
                yield pickle.loads(packed)

        return forked

    worker = ZeroWorker(memory, desks=1, library=Shelf, decorate=decorate)
    wanted = job("endless", max_new_tokens=8)
    worker.submit(wanted)
    assert memory.end(wanted.run_id) == ("done", "")
    assert crossed
    worker.close()


@pytest.mark.parametrize("kind", ["quota", "mistake", "silence"])
def test_what_the_platform_refuses_is_a_failed_run(memory, kind):
    class Refused(Exception):
        message = "You have exceeded your GPU quota."

    def decorate(stream):
        def forked(wanted, stop_file):
            if wanted.request.seed == 1:
                yield from stream(wanted, stop_file)
            elif kind != "silence":
                raise Refused if kind == "quota" else RuntimeError("inside")

        return forked

    worker = ZeroWorker(memory, desks=1, library=Shelf, decorate=decorate)
    refused, after = job("toy"), job("toy", seed=1)
    worker.submit(refused)
    worker.submit(after)
    status, sentence = memory.end(refused.run_id)
    assert status == "failed"
    expected = {"quota": "exceeded your GPU quota", "mistake": "mistake", "silence": "taken away"}
    assert expected[kind] in sentence
    assert "inside" not in sentence
    assert memory.end(after.run_id) == ("done", "")
    worker.close()
