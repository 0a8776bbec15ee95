"""Tiny random networks of many families, and silence where transformers only chats."""

import pytest
import torch
from families import network
from transformers.utils import logging

logging.set_verbosity_error()
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def llama():
    return network("Llama")
