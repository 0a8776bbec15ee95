"""Phrases are what the tokenizer can write; others are refused in a sentence naming the field."""

import pytest
from oracle import toy_pair

from explorer.errors import InputError
from explorer.models.table import EOS
from explorer.phrases import phrase_tokens


class Poor:
    """A tokenizer with small letters and one token for what it does not know, which is no text."""

    eos_ids = frozenset({EOS})

    def __init__(self):
        self._table = toy_pair()["target"]

    def encode(self, text):
        return [ord(c) - ord("a") + 1 if c in "abcd" else 9 for c in text.lower()]

    def decode(self, ids, after=()):
        return self._table.decode([i for i in ids if i != 9])

    def token_text(self, token):
        return "<unk>" if token == 9 else self._table.token_text(token)


def test_a_phrase_is_the_tokens_that_write_it():
    assert phrase_tokens(Poor(), "abd", "phrases") == (1, 2, 4)


@pytest.mark.parametrize(("phrase", "nearest"), [("a;b", "'ab'"), ("€", "'<unk>'"), ("aB", "'ab'")])
def test_what_the_tokenizer_cannot_write_is_refused_with_what_comes_nearest(phrase, nearest):
    with pytest.raises(InputError) as refused:
        phrase_tokens(Poor(), phrase, "clauses")
    assert str(refused.value) == (
        f"clauses: {phrase!r} is not allowed: the target's tokenizer cannot write it; "
        f"what comes nearest is {nearest}."
    )


def test_the_bundled_tokenizer_writes_whatever_there_is():
    from explorer.models.library import Library

    target = Library().get("target")
    for phrase in (" golden ring", "Ärger", "日本 €", "a\tb", "<|question|>"):
        assert phrase_tokens(target, phrase, "phrases")
