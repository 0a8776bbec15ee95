"""Between text and token ids: a tokenizer with the rules that generation needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from explorer.errors import InputError

BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
UNKNOWN_CHARACTER = "\ufffd"


class Text:
    """A tokenizer, its end tokens, and where an encoder-decoder's output begins."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        eos_ids: Sequence[int],
        decoder_start: int = 0,
        encoder_decoder: bool = False,
    ) -> None:
        self.tokenizer = tokenizer
        self.eos_ids = frozenset(eos_ids)
        self.decoder_start = decoder_start
        self._encoder_decoder = encoder_decoder

    def encode(self, text: str) -> list[int]:
        """Token ids with what the tokenizer puts in front; no end token where a text goes on."""
        ids: list[int] = self.tokenizer(text)["input_ids"]
        if not self._encoder_decoder:
            while ids and ids[-1] in self.eos_ids and len(ids) > 1:
                ids = ids[:-1]
        return ids

    def encode_chat(self, text: str) -> list[int]:
        """Token ids of one user message and the opening of the answer.

        Raises:
            InputError: the tokenizer has no chat template.
        """
        if not self.tokenizer.chat_template:
            raise InputError("This model has no chat template: turn the template off.")
        rendered = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
        )
        return self.tokenizer(rendered, add_special_tokens=False)["input_ids"]

    def decode(self, token_ids: Sequence[int], after: Sequence[int] = ()) -> str:
        """Text that the ids add behind `after`, spaces as the tokenizer has them."""
        before = self._plain(after) if after else ""
        whole = self._plain([*after, *token_ids])
        # A character whose bytes straddle the border is counted to the continuation.
        while before and not whole.startswith(before):
            before = before[:-1]
        return whole[len(before) :]

    def _plain(self, ids: Sequence[int]) -> str:
        return self.tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )

    def token_text(self, token_id: int) -> str:
        """One token alone; bytes that are no whole character as ⟨e2 80⟩."""
        piece: str | None = self.tokenizer.convert_ids_to_tokens(int(token_id))
        if piece is None:
            return f"⟨{token_id}⟩"
        if token_id in self._special:
            return piece
        if match := BYTE_TOKEN.fullmatch(piece):
            return _bytes_text(bytes([int(match[1], 16)]))
        if self._byte_level:
            return _bytes_text(bytes(self._bytes[c] for c in piece if c in self._bytes))
        return piece.replace("▁", " ")

    @cached_property
    def _special(self) -> frozenset[int]:
        return frozenset(self.tokenizer.all_special_ids)

    @cached_property
    def _bytes(self) -> dict[str, int]:
        return {character: byte for byte, character in bytes_to_unicode().items()}

    @cached_property
    def _byte_level(self) -> bool:
        backend: Any = getattr(self.tokenizer, "backend_tokenizer", None)
        return backend is not None and "ByteLevel" in repr(backend.decoder)


def _bytes_text(raw: bytes) -> str:
    text = raw.decode("utf-8", errors="replace")
    return f"⟨{raw.hex(' ')}⟩" if UNKNOWN_CHARACTER in text else text
