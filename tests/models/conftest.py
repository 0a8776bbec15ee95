"""Tiny random networks and folders of models, and silence where transformers only chats."""

import shutil
from pathlib import Path

import makers
import pytest
import torch
from families import network
from transformers.utils import logging

from explorer.settings import settings

logging.set_verbosity_error()
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def llama():
    return network("Llama")


@pytest.fixture(scope="session")
def tokenizer():
    return makers.byte_level()


@pytest.fixture(scope="session")
def sound(tmp_path_factory, tokenizer):
    """A folder with a tiny Llama; never changed."""
    return makers.save(tmp_path_factory.mktemp("sound"), makers.llama(tokenizer), tokenizer)


@pytest.fixture
def folder(sound, tmp_path):
    """A copy of it that a test may damage."""
    return Path(shutil.copytree(sound, tmp_path / "model"))


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """An empty folder of bundled models."""
    models = tmp_path / "models"
    models.mkdir()
    monkeypatch.setenv("EXPLORER_MODELS_FOLDER", str(models))
    settings.cache_clear()
    yield models
    settings.cache_clear()
