"""Text comes back as it was, tokens can be shown alone, prompts end where a model may go on."""

import pytest
from makers import CHAT, byte_level, sentencepiece_like

from explorer.errors import InputError
from explorer.models.text import Text

EMOJI = "😀"
TEXTS = [
    "once upon a time",
    "  two spaces, then\na line\tand a tab ",
    f"naïve “quotes” {EMOJI} 日本語",
    "zero\x00and\x1bescape",
    "a",
    "<|nothing special|>",
]


@pytest.fixture(scope="module")
def bpe():
    return Text(byte_level(), eos_ids=[1])


@pytest.fixture(scope="module")
def pieces():
    return Text(sentencepiece_like(), eos_ids=[2])


@pytest.mark.parametrize("text", TEXTS)
def test_byte_level_text_comes_back(bpe, text):
    assert bpe.decode(bpe.encode(text)) == text


@pytest.mark.parametrize("text", ["the bed", "the  bed", f"the {EMOJI} bed", "a\nb"])
def test_pieces_come_back(pieces, text):
    ids = pieces.encode(text)
    assert ids[0] == 1
    assert pieces.decode(ids) == text


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("which", ["bpe", "pieces"])
def test_a_text_cut_anywhere_is_the_whole_text(which, text, request):
    """Prompt and continuation add up, but for a character that the cut splits."""
    reader = request.getfixturevalue(which)
    ids = reader.encode(text)
    for cut in range(len(ids) + 1):
        before, behind = reader.decode(ids[:cut]), reader.decode(ids[cut:], after=ids[:cut])
        assert before.rstrip("\ufffd") + behind == reader.decode(ids)


def test_a_character_across_the_border_belongs_to_the_continuation(bpe):
    ids = bpe.encode(f"time {EMOJI}!")
    start = len(bpe.encode("time "))
    assert bpe.decode(ids[:start]) == "time "
    for cut in range(start, start + 4):
        assert bpe.decode(ids[cut:], after=ids[:cut]) == f"{EMOJI}!"


def test_the_continuation_keeps_its_space(pieces):
    ids = pieces.encode("the the")
    assert pieces.decode(ids[2:], after=ids[:2]) == " the"
    assert pieces.decode(ids[2:]) == "the"


def test_byte_level_tokens_alone(bpe):
    shown = [bpe.token_text(i) for i in bpe.encode(f"once upon a {EMOJI}\n")]
    assert "".join(shown[:-6]) == "once upon a"
    assert shown[-6:] == [" ", "⟨f0⟩", "⟨9f⟩", "⟨98⟩", "⟨80⟩", "\n"]
    assert " upon" in shown or " u" in shown


def test_pieces_alone(pieces):
    ids = pieces.encode("the\n€")
    assert [pieces.token_text(i) for i in ids] == ["<s>", " the", "\n", "⟨e2⟩", "⟨82⟩", "⟨ac⟩"]


def test_added_tokens_are_shown_as_written(bpe):
    assert [bpe.token_text(i) for i in (0, 1)] == ["<s>", "</s>"]
    added = bpe.tokenizer.convert_tokens_to_ids("two  spaces")
    assert bpe.token_text(added) == "two  spaces"


def test_every_token_can_be_shown(bpe, pieces):
    for reader in (bpe, pieces):
        for token in range(len(reader.tokenizer)):
            assert reader.token_text(token)


def test_an_id_beyond_the_vocabulary_is_shown_as_its_number(bpe):
    assert bpe.token_text(len(bpe.tokenizer) + 5) == f"⟨{len(bpe.tokenizer) + 5}⟩"


def test_special_tokens_are_not_text(bpe):
    ids = bpe.encode("once")
    assert bpe.decode([0, *ids, 1]) == "once"


def test_a_beginning_is_put_where_the_tokenizer_puts_one():
    assert Text(byte_level(begin=True), [1]).encode("once")[0] == 0
    assert Text(byte_level(begin=False), [1]).encode("once")[0] != 0


def test_an_end_that_the_tokenizer_adds_is_left_out_where_the_text_goes_on():
    plain = byte_level()("once")["input_ids"]
    assert Text(byte_level(begin=True, end=True), [1]).encode("once") == [0, *plain]
    encoder = Text(byte_level(begin=True, end=True), [1], encoder_decoder=True)
    assert encoder.encode("once") == [0, *plain, 1]


def test_an_end_that_a_person_wrote_is_kept():
    plain = byte_level()("once")["input_ids"]
    assert Text(byte_level(), [1]).encode("once</s>") == [*plain, 1]
    assert Text(byte_level(begin=True, end=True), [1]).encode("once</s>") == [0, *plain, 1]
    assert Text(byte_level(), [1]).encode("</s>") == [1]


def test_the_end_that_the_tokenizer_adds_goes_even_behind_nothing():
    assert Text(byte_level(begin=True, end=True), [1]).encode("") == [0]


def test_a_beginning_that_is_also_the_end_is_kept():
    """OPT begins every text with its end token."""
    reader = Text(byte_level(begin=True), eos_ids=[0])
    assert reader.encode("once")[0] == 0
    assert reader.encode("") == [0]


def test_a_long_text_is_not_commented(bpe, caplog):
    reader = Text(byte_level(model_max_length=4), eos_ids=[1])
    assert len(reader.encode("once upon a time " * 50)) > 4
    assert not caplog.records


def test_chat_writes_its_own_special_tokens():
    reader = Text(byte_level(begin=True, end=True, chat_template=CHAT), eos_ids=[1])
    ids = reader.encode_chat("hello")
    text = reader.tokenizer.decode(ids)
    assert reader.has_chat
    assert text == "<s>user: hello</s><s>assistant:"
    assert [ids.count(0), ids.count(1)] == [2, 1]


def test_without_a_template_there_is_no_chat(bpe):
    assert not bpe.has_chat
    with pytest.raises(InputError, match="no chat template"):
        bpe.encode_chat("hello")


@pytest.mark.parametrize("template", ["{{ raise_exception('no user') }}", "{% for %}", "{{ 1/0 }}"])
def test_a_template_that_fails_is_a_sentence(template):
    reader = Text(byte_level(chat_template=template), eos_ids=[1])
    with pytest.raises(InputError, match="chat template does not take the prompt"):
        reader.encode_chat("hello")
