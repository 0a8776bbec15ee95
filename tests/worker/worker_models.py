"""Models and a library for tests of workers; imported inside the worker's process too."""

from __future__ import annotations

import time

from explorer.models.library import Library
from explorer.models.table import TableLM

STEP_SECONDS = 0.25


class Endless(TableLM):
    """A table that never ends a text."""

    def __init__(self):
        super().__init__()
        self.eos_ids = frozenset()


class Slow(Endless):
    """A quarter of a second for each new token."""

    def logits(self, prefix):
        time.sleep(STEP_SECONDS)
        return super().logits(prefix)


class Hanging(Endless):
    """Stands still at its fourth token."""

    def logits(self, prefix):
        if len(prefix) == 5:
            time.sleep(600)
        return super().logits(prefix)


class Broken(Endless):
    """Breaks at its fourth token."""

    def logits(self, prefix):
        if len(prefix) == 5:
            raise ZeroDivisionError("the secret of the machine room")
        return super().logits(prefix)


class Hungry(Endless):
    def logits(self, prefix):
        raise MemoryError


MODELS = {
    "endless": Endless,
    "slow": Slow,
    "hanging": Hanging,
    "broken": Broken,
    "hungry": Hungry,
}


class Shelf(Library):
    def get(self, model_id, **where):
        return MODELS[model_id]() if model_id in MODELS else super().get(model_id, **where)
