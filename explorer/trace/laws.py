"""A whole law in an event: half precision, as text.

A log-probability of -5 is known to 0.002 then, one near zero far better; a choice has its most
probable candidates in full precision beside it. Text, because JSON knows no bytes.
"""

from __future__ import annotations

from base64 import b64decode, b64encode

import numpy as np
from numpy.typing import NDArray

BYTES_A_TOKEN = 2
MOST_TOKENS = 2**20  # no model has as many; more would keep whoever sends it through filters busy
HALF = np.dtype("<f2")


def law_text(logps: NDArray[np.float16]) -> str:
    """Log-probabilities (V,) in nats, -inf where impossible, as base64 of little-endian float16."""
    return b64encode(logps.astype(HALF, copy=False).tobytes()).decode("ascii")


def read_law(text: str) -> NDArray[np.float16]:
    """The log-probabilities (V,) again.

    Raises:
        ValueError: it is no base64, or what it says is no law: a number is missing, NaN or
            above 0, all are -inf, or there are too many. The message goes on behind "in event 5, ".
    """
    try:
        packed = b64decode(text, validate=True)
    except ValueError:
        raise ValueError("its law is no base64") from None
    if not packed or len(packed) % BYTES_A_TOKEN:
        raise ValueError("its law is cut")
    logps = np.frombuffer(packed, HALF)
    if len(logps) > MOST_TOKENS:
        raise ValueError(f"its law has more than {MOST_TOKENS:,} tokens")
    if not (logps <= 0).all() or not np.isfinite(logps).any():
        raise ValueError("its law is none")
    return logps
