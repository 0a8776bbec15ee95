import pytest
from transformers import AutoTokenizer

from training.tokenizer import END, PAD, SPECIAL_TOKENS

TEXTS = [
    "Once upon a time…",
    "  two spaces, a tab\t, a line\n\n\nand no-break\u00a0space ",
    "“quotes” naïve Ærøskøbing 北風 🦊👩‍🔬 \u0000 \x7f e\u0301",
    '{"name": "Mara", "age": 31}',
    "47 + 38 = 85 don't DON'T I'll",
    "",
    " ",
    "\r\n",
    f"before{END}after",
]


@pytest.fixture(scope="module")
def loaded(tokenizer, tmp_path_factory):
    """As others get it: saved, then found by AutoTokenizer."""
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


@pytest.mark.parametrize("text", TEXTS)
def test_text_comes_back_exactly(loaded, text):
    assert loaded.decode(loaded(text)["input_ids"]) == text


def test_every_single_byte_has_a_token(loaded):
    every_byte = "".join(chr(c) for c in range(0x180)) + "\u2028\U0001f98a"
    assert loaded.decode(loaded(every_byte)["input_ids"]) == every_byte


def test_nothing_is_added_to_the_text(loaded):
    ids = loaded("One day the fox")["input_ids"]
    assert not set(ids) & set(loaded.all_special_ids)


def test_digits_stand_alone(loaded):
    digits = [i for i in loaded("a 1234")["input_ids"] if loaded.decode([i]).strip().isdigit()]
    assert len(digits) == 4


def test_special_tokens_are_single_and_first(loaded):
    assert [loaded(t)["input_ids"] for t in SPECIAL_TOKENS] == [
        [i] for i in range(len(SPECIAL_TOKENS))
    ]
    assert loaded.eos_token == loaded.bos_token == END
    assert loaded.pad_token == PAD
    assert loaded.model_max_length == 64
