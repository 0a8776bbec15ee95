"""Heads are read back as they were written, and only for the model they were trained on."""

import json

import pytest
import torch
from makers import byte_level, llama, save

from explorer.errors import ModelError, UnknownName
from explorer.models.heads import About, Head, load_head, write_head
from explorer.models.library import Library, bundled, known_models
from explorer.models.loading import load_model
from explorer.models.table import TableLM
from explorer.settings import settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A bundle of one model."""
    folder = tmp_path_factory.mktemp("models")
    tokenizer = byte_level()
    save(folder / "target", llama(tokenizer), tokenizer)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return load_model(str(folder / "target"))


@pytest.fixture
def head(folder, model, monkeypatch):
    """A head beside the model, as it was written."""
    monkeypatch.setenv("EXPLORER_MODELS_FOLDER", str(folder))
    settings.cache_clear()
    width = model.net.config.hidden_size
    about = About(kind="reward", model="target", revision=model.revision, layer=2)
    head = Head("scorer", about, torch.linspace(-1, 1, width), torch.tensor(0.25))
    write_head(folder / "scorer", head)
    yield head
    settings.cache_clear()


def test_a_head_is_read_back(head, model):
    read = load_head("scorer", model)
    assert read.about == head.about
    assert torch.equal(read.weight, head.weight) and torch.equal(read.bias, head.bias)
    states = torch.randn(3, 5, len(head.weight))
    by_hand = (states * head.weight).sum(-1) + 0.25
    torch.testing.assert_close(read(states), by_hand)
    torch.testing.assert_close(read.score(states), by_hand.mean(-1))
    torch.testing.assert_close(read.value(states), 1 / (1 + (-by_hand).exp()))


def test_a_head_reads_what_a_view_gives(head, model):
    from explorer.tree import ROOT, TokenTree

    view = model.open(TokenTree(), [5, 6, 7], "target", [head.about.layer])
    assert load_head("scorer", model)(view.hidden([ROOT], head.about.layer)).shape == (1,)


def test_a_head_is_no_model(head):
    assert "scorer" not in [m.name for m in bundled()]
    assert "scorer" not in known_models()


def test_a_head_that_is_not_there(head, model):
    with pytest.raises(UnknownName, match="scorer"):
        load_head("scorr", model)


def test_a_head_of_other_weights_is_refused(head, model, folder):
    path = folder / "scorer" / "head.json"
    path.write_text(path.read_text().replace(model.revision, "sha256:of another day"))
    with pytest.raises(ModelError, match="fits no other weights"):
        load_head("scorer", model)
    with pytest.raises(ModelError, match="without a revision"):
        load_head("scorer", TableLM())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("head.json", "{", "head.json cannot be read"),
        ("head.json", '{"kind": "taste"}', "head.json: kind"),
        ("head.safetensors", "oh no", "head.safetensors cannot be read"),
        ("head.safetensors", None, "head.safetensors is missing"),
    ],
)
def test_damage_is_a_sentence_that_names_the_file(head, model, folder, name, content, said):
    path = folder / "scorer" / name
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(ModelError, match=said):
        load_head("scorer", model)
    assert Library(10**9).get("target").model_id == "target"  # the others still work


@pytest.mark.parametrize("weight", [torch.zeros(2, 3), torch.tensor([float("nan")])])
def test_numbers_that_are_no_head(head, model, folder, weight):
    write_head(folder / "scorer", Head("scorer", head.about, weight, torch.tensor(0.0)))
    with pytest.raises(ModelError, match="no vector"):
        load_head("scorer", model)


def test_another_head_weight_is_missing(head, model, folder):
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(3)}, folder / "scorer" / "head.safetensors")
    with pytest.raises(ModelError, match="damaged"):
        load_head("scorer", model)
    assert json.loads((folder / "scorer" / "head.json").read_text())["layer"] == 2
