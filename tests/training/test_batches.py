import numpy as np
import pytest

from training.batches import Batches, Source
from training.errors import TrainingError

STREAM = Source("a", np.arange(1000, dtype=np.uint16), 1.0)
OTHER = Source("b", np.arange(2000, 3000, dtype=np.uint16), 3.0)


def make(sources=(STREAM, OTHER), **changes):
    return Batches(
        sources, **{"context": 10, "batch_size": 4, "steps": 100, "seed": (7,), **changes}
    )


def test_a_batch_depends_on_the_step_alone():
    forward, jump = make(), make()
    rows = [forward.batch(step) for step in range(100)]
    assert all((jump.batch(step) == rows[step]).all() for step in (99, 3, 50))
    assert (make(seed=(8,)).batch(0) != rows[0]).any()


def test_windows_are_stretches_of_the_stream():
    row = make().batch(0)
    assert row.shape == (4, 11)
    assert (row.diff(dim=1) == 1).all()


def test_nothing_repeats_within_a_pass():
    batches = make((STREAM,), batch_size=1, steps=90)
    starts = [int(batches.batch(step)[0, 0]) for step in range(90)]
    assert len(set(starts)) == 90
    assert len({s % 10 for s in starts}) == 1


def test_later_passes_cut_elsewhere():
    batches = make((STREAM,), batch_size=1, steps=1000)
    assert len({int(batches.batch(step)[0, 0]) % 10 for step in range(1000)}) > 3


def test_sources_are_read_in_the_given_proportion():
    batches = make(steps=1000)
    share = np.mean([bool(row[0] >= 2000) for s in range(1000) for row in batches.batch(s)])
    assert share == pytest.approx(0.75, abs=0.02)


def test_too_little_text_is_a_sentence():
    with pytest.raises(TrainingError, match="shorter context"):
        make(context=600)
