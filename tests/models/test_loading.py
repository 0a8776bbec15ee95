"""Models load ready to be read as trees, or not at all and with a sentence that says why."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers as hf
from makers import byte_level, llama, save, sentencepiece_like, t5
from safetensors.torch import load_file, save_file

from explorer.errors import InputError, ModelError, UnknownName
from explorer.models.loading import bundled_folders, compatible, load_model
from explorer.models.table import TableLM
from explorer.settings import settings
from explorer.tree import ROOT, TokenTree

ROOT_FOLDER = Path(__file__).parents[2]
STORIES = ROOT_FOLDER / "../shared/data/models/stories260K"


@pytest.fixture(scope="session")
def tokenizer():
    return byte_level()


@pytest.fixture(scope="session")
def sound(tmp_path_factory, tokenizer):
    """A folder with a tiny Llama; never changed."""
    return save(tmp_path_factory.mktemp("sound"), llama(tokenizer), tokenizer)


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


def change(path, **changes):
    """Sets fields of a JSON file; None takes one out."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def sentence(model_id, kind=ModelError, **options):
    """What is said when this model is asked for: one line, no traceback's words."""
    with pytest.raises(kind) as caught:
        load_model(str(model_id), **options)
    said = str(caught.value)
    assert said.endswith(".")
    assert "\n" not in said
    assert "Traceback" not in said
    return said


# What loads ---------------------------------------------------------------------------------------


def test_a_folder_loads_and_says_what_it_is(sound):
    model = load_model(str(sound))
    said = model.describe()
    assert said["class"] == "LlamaForCausalLM"
    assert (said["dtype"], said["device"]) == ("float32", "cpu")
    assert (said["reading"], said["attention"]) == ("tree", "sdpa")
    assert said["revision"].startswith("sha256:")
    assert model.context_length == 64
    assert model.eos_ids == {1}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_numbers_are_stored_and_computed_in_any_format(tmp_path, tokenizer, dtype):
    name = str(dtype).removeprefix("torch.")
    save(tmp_path, llama(tokenizer).to(dtype), tokenizer)
    assert load_model(str(tmp_path)).dtype == torch.float32
    there = load_model(str(tmp_path), dtype=name)
    assert there.dtype == dtype
    assert there.reading == "tree"


def test_an_encoder_decoder_loads(tmp_path, tokenizer):
    model = load_model(str(save(tmp_path, t5(tokenizer), tokenizer)))
    assert model.encoder_decoder
    assert model.reading == "tree"
    assert model.text.decoder_start == 0
    assert model.context_length == 4096


def test_what_cannot_be_read_as_a_tree_is_replayed(tmp_path, tokenizer):
    torch.manual_seed(0)
    net = hf.MambaForCausalLM(
        hf.MambaConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, state_size=8)
    )
    assert load_model(str(save(tmp_path, net, tokenizer))).reading == "replay"


def test_weights_in_several_files(tmp_path, tokenizer, sound):
    parts = save(tmp_path, llama(tokenizer), tokenizer, max_shard_size="40KB")
    assert len(list(parts.glob("model-*.safetensors"))) > 1
    mine, other = load_model(str(parts)).net.state_dict(), load_model(str(sound)).net.state_dict()
    assert all(torch.equal(mine[name], other[name]) for name in other)


def test_the_toy_needs_no_files():
    assert isinstance(load_model("toy"), TableLM)
    compatible(load_model("toy"), load_model("toy-draft"))


def test_every_end_of_the_generation_config(folder):
    change(folder / "generation_config.json", eos_token_id=[1, 7])
    assert load_model(str(folder)).eos_ids == {1, 7}


def test_ends_come_from_the_config_where_generation_says_none(folder):
    change(folder / "generation_config.json", eos_token_id=None)
    change(folder / "config.json", eos_token_id=5)
    assert load_model(str(folder)).eos_ids == {5}
    change(folder / "config.json", eos_token_id=None)
    assert load_model(str(folder)).eos_ids == {1}  # the tokenizer's


def test_the_same_files_have_the_same_revision(sound, folder):
    revision = load_model(str(sound)).revision
    assert load_model(str(folder)).revision == revision
    assert load_model(str(folder), revision=revision).revision == revision
    change(folder / "config.json", rms_norm_eps=0.1)
    assert load_model(str(folder)).revision != revision
    assert "its files are others" in sentence(folder, revision=revision)


def test_loading_is_silent_and_imports_late(sound):
    """The command line lists and refuses things before it pays seconds for transformers."""
    code = (
        "import sys, explorer.models.library; from explorer.models.loading import load_model; "
        "load_model('toy'); assert 'transformers' not in sys.modules; "
        f"load_model({str(sound)!r}); assert 'transformers' in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT_FOLDER,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not STORIES.is_dir(), reason="the shared model stories260K is not here")
def test_stories_are_told_as_transformers_tells_them():
    model = load_model(str(STORIES))
    assert model.reading == "tree"
    prompt = model.encode("Once upon a time")
    assert prompt[0] == 1  # <s>
    tree, node, ids = TokenTree(), ROOT, []
    view = model.open(tree, prompt, "target")
    for _ in range(60):
        ids.append(int(view([node])[0].argmax()))
        node = tree.add(node, ids[-1])
    wanted = model.net.generate(
        torch.tensor([prompt]), max_new_tokens=60, do_sample=False, pad_token_id=0
    )
    assert ids == wanted[0, len(prompt) :].tolist()
    assert model.decode(ids, after=prompt).startswith(", there was a little girl named")


@pytest.mark.parametrize("name", ["target", "draft"])
def test_the_bundled_models_load(name):
    if name not in bundled_folders():
        pytest.skip(f"the bundled model {name} has not been trained here")
    model = load_model(name)
    assert model.reading == "tree"
    assert model.model_id == name
    assert model.eos_ids
    assert model.decode(model.encode("Once upon a time")) == "Once upon a time"


def test_the_bundled_models_go_together():
    if not {"target", "draft"} <= set(bundled_folders()):
        pytest.skip("the bundled models have not been trained here")
    compatible(load_model("target"), load_model("draft"))


# What does not ------------------------------------------------------------------------------------


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
    sentence(folder)


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


# The hub ------------------------------------------------------------------------------------------


def offline(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def test_the_hub_cannot_be_reached(monkeypatch, bundle):
    offline(monkeypatch)
    assert "cannot be reached" in sentence("nobody-at-all/nothing")


def test_a_mistyped_bundled_name_without_a_network(monkeypatch, bundle, sound):
    shutil.copytree(sound, bundle / "target")
    offline(monkeypatch)
    said = sentence("tagret")
    assert "did you mean 'target'" in said
    assert "cannot be reached" in said


def hub_error(name, status):
    import httpx2
    from huggingface_hub import errors

    request = httpx2.Request("GET", "https://example.invalid")
    return getattr(errors, name)(
        "lines\nof details", response=httpx2.Response(status, request=request)
    )


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("RepositoryNotFoundError", 401, "has no model"),
        ("GatedRepoError", 403, "is gated"),
        ("DisabledRepoError", 403, "disabled"),
        ("RevisionNotFoundError", 404, "no revision"),
        ("HfHubHTTPError", 500, "could not be fetched"),
    ],
)
def test_what_the_hub_refuses(monkeypatch, bundle, name, status, said):
    def refuse(*args, **options):
        raise hub_error(name, status)

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    assert said in sentence("some/model", revision="v1")


@pytest.mark.parametrize("error", [ConnectionError(), OSError(28, "No space left"), TimeoutError()])
def test_what_happens_on_the_way(monkeypatch, bundle, error):
    def fail(*args, **options):
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    assert "could not be fetched" in sentence("some/model")


def test_a_bare_word_that_the_hub_does_not_know(monkeypatch, bundle, sound):
    shutil.copytree(sound, bundle / "target")

    def refuse(*args, **options):
        raise hub_error("RepositoryNotFoundError", 401)

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    assert "did you mean 'target'" in sentence("targt", UnknownName)


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def fetched(tmp_path, sound, monkeypatch):
    """The hub's cache as it is after a model was fetched once; the network is gone."""
    place = tmp_path / "hub" / "models--some--model"
    shutil.copytree(sound, place / "snapshots" / COMMIT)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    offline(monkeypatch)


def test_what_was_fetched_before_needs_no_network(fetched, bundle):
    model = load_model("some/model")
    assert model.model_id == "some/model"
    assert model.revision == COMMIT
    assert load_model("some/model", revision=COMMIT).revision == COMMIT


def test_a_revision_may_be_written_behind_an_id(fetched, bundle):
    model = load_model(f"some/model@{COMMIT}")
    assert (model.model_id, model.revision) == ("some/model", COMMIT)
    with pytest.raises(ModelError):
        load_model("some/model@another")


class Listed:
    """A file of the hub as a dry run lists it."""

    def __init__(self, filename, file_size):
        self.filename, self.file_size = filename, file_size


def test_too_large_a_model_is_not_even_fetched(tmp_path, monkeypatch, bundle, sound):
    """Only the configuration is there when the memory is asked."""
    shutil.copytree(sound, tmp_path / COMMIT, ignore=shutil.ignore_patterns("*.safetensors"))
    asked = []

    def download(model_id, *, allow_patterns, dry_run=False, **options):
        asked.append((allow_patterns[0], dry_run))
        return [Listed("model.safetensors", 10**15)] if dry_run else str(tmp_path / COMMIT)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert "needs about" in sentence("some/model")
    assert asked == [("*.json", False), ("model.safetensors", True)]


# Two models ---------------------------------------------------------------------------------------


def test_one_tokenizer_is_compatible(sound, folder):
    compatible(load_model(str(sound)), load_model(str(folder)))


def test_another_tokenizer_is_not(sound, folder):
    sentencepiece_like().save_pretrained(folder)
    for other in (str(folder), "toy"):
        draft = load_model(other)
        with pytest.raises(ModelError, match="different tokenizers") as caught:
            compatible(load_model(str(sound)), draft)
        assert str(sound) in str(caught.value)
        assert draft.model_id in str(caught.value)


def test_logits_of_another_width_are_not(sound, tmp_path, tokenizer):
    wide = save(tmp_path, llama(tokenizer, vocab_size=len(tokenizer) + 3), tokenizer)
    with pytest.raises(ModelError, match="cannot be compared"):
        compatible(load_model(str(sound)), load_model(str(wide)))
