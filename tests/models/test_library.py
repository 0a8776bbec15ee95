"""What was loaded once is not loaded again, until another model needs its room."""

import shutil

import pytest
import torch
from makers import byte_level, llama, save

from explorer.errors import InputError, ModelError
from explorer.models.library import Library, bundled, known_models
from explorer.settings import settings


class Stub:
    """A model that is so many bytes and nothing else."""

    def __init__(self, model_id, size):
        self.model_id = model_id
        self.net = torch.nn.Linear(size // 4, 1, bias=False)


@pytest.fixture
def loads():
    """The ids that were loaded, in order."""
    return []


@pytest.fixture
def load(loads):
    def load(model_id, *, make_room, device, dtype, revision=None):
        if model_id == "broken":
            raise ModelError("broken is damaged.")
        loads.append(model_id)
        make_room(400, torch.device(device))
        return Stub(model_id, 400)

    return load


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """A folder of bundled models: one sound, one damaged, one that is empty."""
    models = tmp_path / "models"
    tokenizer = byte_level()
    save(models / "target", llama(tokenizer), tokenizer)
    (models / "target" / "README.md").write_text(
        "---\nlicense: mit\n---\n# target\n\nThe model whose text\nis decoded. It is small.\n"
    )
    shutil.copytree(models / "target", models / "draft")
    (models / "draft" / "model.safetensors").write_bytes(b"oh no")
    (models / "draft" / "README.md").unlink()
    (models / "notes").mkdir()
    monkeypatch.setenv("EXPLORER_MODELS_FOLDER", str(models))
    settings.cache_clear()
    yield models
    settings.cache_clear()


def test_a_model_is_loaded_once(load, loads):
    library = Library(1000, load)
    assert library.get("a") is library.get("a")
    assert loads == ["a"]


def test_formats_and_revisions_are_kept_apart(load):
    library = Library(10_000, load)
    models = {
        id(library.get("a")),
        id(library.get("a", dtype="bfloat16")),
        id(library.get("a", revision="v1")),
    }
    assert len(models) == 3
    assert library.get("a", device="cpu", dtype="float32") is library.get("a")


def test_the_least_used_makes_room(load, loads):
    library = Library(1000, load)
    for model_id in ("a", "b", "a", "c"):
        library.get(model_id)
    assert library.loaded() == ["a", "c"]
    library.get("b")
    assert loads == ["a", "b", "c", "b"]


def test_one_model_beyond_the_limit_is_still_loaded(load):
    library = Library(100, load)
    assert library.get("a").model_id == "a"
    assert library.get("b").model_id == "b"
    assert library.loaded() == ["b"]


def test_a_failure_is_not_remembered(load):
    library = Library(1000, load)
    library.get("a")
    with pytest.raises(ModelError):
        library.get("broken")
    assert library.loaded() == ["a"]


def test_a_device_that_is_not_there(load):
    with pytest.raises(InputError, match="no device"):
        Library(1000, load).get("a", device="abacus")


def test_settings_choose_the_format(load, monkeypatch, bundle):
    monkeypatch.setenv("EXPLORER_DTYPE", "bfloat16")
    settings.cache_clear()
    model = Library(10**9).get("target")
    assert model.dtype == torch.bfloat16


def test_a_damaged_bundled_model_hides_no_other(bundle):
    draft, notes, target = bundled()
    assert (target.name, target.purpose) == ("target", "The model whose text is decoded.")
    assert target.problem == ""
    assert (draft.name, draft.purpose) == ("draft", "")
    assert "damaged" in draft.problem
    assert notes.problem
    library = Library(10**9)
    with pytest.raises(ModelError, match="draft is damaged"):
        library.get("draft")
    assert library.get("target").model_id == "target"
    assert known_models() == ["draft", "notes", "target", "toy", "toy-draft"]


def test_no_bundled_models_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_MODELS_FOLDER", str(tmp_path / "none"))
    settings.cache_clear()
    assert bundled() == []
    settings.cache_clear()
