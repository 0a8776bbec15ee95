"""A store in a folder of its own, and somebody who uses it."""

from __future__ import annotations

import secrets
import shutil

import pytest

from storage import Store
from storage.store import FILE


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """The file of an empty database: made once, as making the tables takes longer than a test."""
    folder = tmp_path_factory.mktemp("empty")
    Store(folder).close()
    return folder / FILE


@pytest.fixture
def folder(tmp_path, empty):
    """A data folder with an empty database."""
    made = tmp_path / "data"
    made.mkdir()
    shutil.copy(empty, made)
    return made


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """One store for every test that looks no deeper: each has owners of its own, as users do."""
    with Store(tmp_path_factory.mktemp("store")) as opened:
        yield opened


@pytest.fixture
def fresh(folder):
    """A store whose file a test may look into or fill."""
    with Store(folder) as opened:
        yield opened


@pytest.fixture
def me(store):
    return store.owner_of(secrets.token_urlsafe(30))


@pytest.fixture
def stranger(store):
    return store.owner_of(secrets.token_urlsafe(30))
