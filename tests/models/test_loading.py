"""Models load ready to be read as trees."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers as hf
from makers import change, llama, save, sentence, sentencepiece_like, t5

from explorer.errors import ModelError
from explorer.models.loading import bundled_folders, compatible, load_model
from explorer.models.table import TableLM
from explorer.tree import ROOT, TokenTree

ROOT_FOLDER = Path(__file__).parents[2]
STORIES = ROOT_FOLDER / "../shared/data/models/stories260K"


def speak_of_the_same_tokens(one, other):
    """Whether two models that are said to be compatible are: all ids are the same texts."""
    compatible(one, other)
    ids = range(one.vocab_size)
    return [*map(one.token_text, ids)] == [*map(other.token_text, range(other.vocab_size))]


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
    pair = load_model("toy"), load_model("toy-draft")
    assert all(isinstance(toy, TableLM) for toy in pair)
    assert speak_of_the_same_tokens(*pair)


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
    assert speak_of_the_same_tokens(load_model("target"), load_model("draft"))


# Two models ---------------------------------------------------------------------------------------


def test_one_tokenizer_is_compatible(sound, folder):
    assert speak_of_the_same_tokens(load_model(str(sound)), load_model(str(folder)))


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
