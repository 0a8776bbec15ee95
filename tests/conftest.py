"""What every test shares: one thread, and fixtures of toy models."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # tests import their oracles by name

torch.set_num_threads(1)


@pytest.fixture
def pair():
    """A target and a draft table of three tokens: small enough to walk every path."""
    from oracle import toy_pair

    return toy_pair(vocab_size=3)
