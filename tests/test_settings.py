"""Settings come from EXPLORER_ variables; a wrong one is a sentence."""

from pathlib import Path

import pytest

from explorer.errors import InputError
from explorer.settings import Settings, settings


@pytest.fixture(autouse=True)
def fresh():
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_defaults(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"EXPLORER_{name.upper()}", raising=False)
    chosen = settings()
    assert chosen.data_folder == Path.home() / ".decoding-explorer"
    assert (chosen.models_folder.parts[-2:]) == ("assets", "models")
    assert (chosen.device, chosen.dtype, chosen.threads) == ("auto", "auto", None)
    assert chosen.max_prompt_characters == 20_000
    assert chosen.max_new_tokens == 1024
    assert chosen.max_trace_bytes == 64 * 2**20


def test_the_environment_is_read_once(monkeypatch):
    monkeypatch.setenv("EXPLORER_THREADS", "3")
    monkeypatch.setenv("EXPLORER_DATA_FOLDER", "~/elsewhere")
    assert settings().threads == 3
    assert settings().data_folder == Path.home() / "elsewhere"
    monkeypatch.setenv("EXPLORER_THREADS", "4")
    assert settings().threads == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [("THREADS", "many"), ("THREADS", "0"), ("DTYPE", "float8"), ("MAX_NEW_TOKENS", "-1")],
)
def test_a_wrong_value_is_a_sentence(monkeypatch, name, value):
    monkeypatch.setenv(f"EXPLORER_{name}", value)
    with pytest.raises(InputError, match=f"{name.lower()} = '{value}' is not allowed"):
        settings()


def test_every_setting_is_described():
    assert all(field.description for field in Settings.model_fields.values())
