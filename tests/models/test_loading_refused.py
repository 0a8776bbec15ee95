"""What is no model, is damaged or does not fit is refused with a sentence that says why."""

import json

import pytest
import torch
import transformers as hf
from makers import change, llama, save, sentence
from safetensors.torch import load_file, save_file

from explorer.errors import InputError
from explorer.models.loading import load_model


@pytest.mark.parametrize(
    "model_id", ["", "  ", "a b", "é", "a\x00b", "x" * 100_000, "user/model\n", "<script>"]
)
def test_what_can_be_no_id(model_id):
    assert "\x00" not in sentence(model_id, InputError)


@pytest.mark.parametrize("model_id", ["./nowhere", "/no/where", "~/nowhere", "a/b/c", "..\\x"])
def test_a_folder_that_is_not_there(model_id):
    assert "There is no folder" in sentence(model_id)


def test_a_file_is_no_folder(sound):
    assert "is a file" in sentence(sound / "model.safetensors")


def test_an_empty_folder(tmp_path):
    assert "no config.json" in sentence(tmp_path)


def test_a_folder_without_weights(folder):
    (folder / "model.safetensors").unlink()
    assert "no weights" in sentence(folder)


def test_weights_that_could_run_code(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"never opened")
    said = sentence(folder)
    assert "pytorch_model.bin" in said
    assert "safetensors" in said


def cut(file):
    return file[: len(file) // 2]


def noise(file):
    return bytes(range(256)) * 100


def nothing(file):
    return b""


def lie_about_the_header(file):
    return (2**62).to_bytes(8, "little") + file[8:]


def lie_about_the_shape(file):
    return file.replace(b",32]", b",33]", 1)


def lie_about_the_place(file):
    return file.replace(b'"data_offsets":[0,', b'"data_offsets":[9,')


@pytest.mark.parametrize(
    "damage",
    [cut, noise, nothing, lie_about_the_header, lie_about_the_shape, lie_about_the_place],
)
def test_a_damaged_weight_file(folder, damage):
    path = folder / "model.safetensors"
    before = path.read_bytes()
    path.write_bytes(damage(before))
    assert path.read_bytes() != before
    assert "damaged: model.safetensors is no whole" in sentence(folder)


def test_a_part_that_is_missing(tmp_path, tokenizer):
    folder = save(tmp_path, llama(tokenizer), tokenizer, max_shard_size="40KB")
    next(folder.glob("model-00002*")).unlink()
    assert "incomplete" in sentence(folder)


@pytest.mark.parametrize("name", ["../outside.safetensors", 7, ""])
def test_an_index_that_points_elsewhere(tmp_path, tokenizer, name):
    folder = save(tmp_path, llama(tokenizer), tokenizer, max_shard_size="40KB")
    change(folder / "model.safetensors.index.json", weight_map={"lm_head.weight": name})
    said = sentence(folder)
    assert "model.safetensors.index.json" in said or "is missing" in said


def test_a_weight_that_is_missing(folder):
    path = folder / "model.safetensors"
    weights = load_file(path)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    said = sentence(folder)
    assert "1 of the weights" in said
    assert "layers.1.mlp.up_proj" in said


def test_weights_of_another_shape(folder):
    change(folder / "config.json", intermediate_size=96)
    said = sentence(folder)
    assert "mlp.down_proj.weight' has the shape [32, 64]" in said
    assert "asks for [32, 96]" in said


def test_weights_that_are_no_numbers(folder):
    path = folder / "model.safetensors"
    weights = load_file(path)
    weights["model.norm.weight"][:] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})
    assert "NaN" in sentence(folder)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", "\x00\x01", "[" * 100_000, '{"model_type": "llama", "x": }']
)
@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
def test_a_damaged_configuration(folder, name, content):
    (folder / name).write_text(content)
    assert name in sentence(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": "wide"},
        {"num_hidden_layers": -1},
        {"num_hidden_layers": 3},
        {"num_hidden_layers": 10**7},
        {"hidden_size": 10**9},
        {"vocab_size": 10**12},
        {"vocab_size": 0},
        {"num_attention_heads": 0},
        {"num_attention_heads": 5},
        {"hidden_act": "none such"},
        {"rope_parameters": {"rope_type": "none such", "rope_theta": 1.0}},
        {"max_position_embeddings": "long"},
    ],
    ids=str,
)
def test_a_configuration_that_says_what_cannot_be(folder, changes):
    change(folder / "config.json", **changes)
    assert sentence(folder)


@pytest.mark.parametrize(
    ("model_type", "extra", "said"),
    [
        ("none such", {}, "does not know"),
        (None, {}, "does not know"),
        (7, {}, "does not know"),
        ("mine", {"auto_map": {"AutoConfig": "code.Config"}}, "never run"),
        ("vit", {}, "neither a causal language model nor"),
        ("whisper", {}, "neither a causal language model nor"),
    ],
)
def test_an_architecture_that_cannot_write(folder, model_type, extra, said):
    (folder / "code.py").write_text("raise SystemExit('code of the model was run')")
    (folder / "config.json").write_text(json.dumps({"model_type": model_type} | extra))
    assert said in sentence(folder)


def test_code_beside_a_known_architecture_is_not_run(folder):
    (folder / "code.py").write_text("raise SystemExit('code of the model was run')")
    change(
        folder / "config.json",
        auto_map={"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"},
    )
    change(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["code.T", None]})
    assert load_model(str(folder)).describe()["class"] == "LlamaForCausalLM"


def test_a_network_that_looks_at_later_words(tmp_path, tokenizer):
    torch.manual_seed(0)
    net = hf.BertLMHeadModel(
        hf.BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            initializer_range=0.5,
        )
    )
    assert "later words" in sentence(save(tmp_path, net, tokenizer))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"model": {}}', "\x00" * 50])
def test_a_damaged_tokenizer(folder, content):
    (folder / "tokenizer.json").write_text(content)
    assert "tokenizer" in sentence(folder)


def test_no_tokenizer(folder):
    for path in folder.glob("tokenizer*"):
        path.unlink()
    assert "no tokenizer" in sentence(folder)


def test_a_tokenizer_larger_than_the_embedding(tmp_path, tokenizer):
    folder = save(tmp_path, llama(tokenizer, vocab_size=100), tokenizer)
    assert "do not belong together" in sentence(folder)


def test_more_than_the_memory_holds(sound, monkeypatch):
    monkeypatch.setattr("explorer.models.hardware.free_bytes", lambda device: 1000)
    said = sentence(sound)
    assert "needs about" in said
    assert "are free" in said


def test_a_device_or_format_that_is_not_there(sound):
    assert "auto, cpu" in sentence(sound, InputError, device="cuda:99")
    assert "float32" in sentence(sound, InputError, dtype="float8")
