"""Decoding Explorer: see how a language model's text comes to be.

>>> import explorer
>>> trace = explorer.decode("target", "Once upon a time", method="beam_search", num_beams=4)
>>> trace.text
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from explorer.version import VERSION as __version__

if TYPE_CHECKING:
    from explorer.decoding import decode
    from explorer.models.loading import load_model

__all__ = ["__version__", "decode", "load_model"]

# Numpy's products here are small: a second thread would only wait for the first, at full speed.
# Read when numpy is loaded, so a program that loaded it before keeps what it has.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def __getattr__(name: str) -> Any:
    # Loaded on demand: importing torch takes seconds, and a list of methods does not need it.
    if name == "decode":
        from explorer.decoding import decode

        return decode
    if name == "load_model":
        from explorer.models.loading import load_model

        return load_model
    raise AttributeError(f"module 'explorer' has no attribute {name!r}")
