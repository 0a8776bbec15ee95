"""Between text and token ids: a tokenizer with the rules that generation needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from explorer.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

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
        self.tokenizer: Any = tokenizer
        self.eos_ids = frozenset(eos_ids)
        self.decoder_start = decoder_start
        self._encoder_decoder = encoder_decoder

    def encode(self, text: str) -> list[int]:
        """Token ids with what the tokenizer puts in front, such as a beginning token.

        A causal model goes on where the prompt stops, so an end token that the tokenizer puts
        behind is left out; one that stands in the text itself is kept.
        """
        ids = self._ids(text, True)
        if self._encoder_decoder or not ids or ids[-1] not in self.eos_ids:
            return ids
        own = self._ids(text, False)
        starts = (i for i in range(len(ids)) if ids[i : i + len(own)] == own)
        # At least one token stays: OPT's beginning token is its end token too.
        least = max(1, next(starts, 0) + len(own))
        while len(ids) > least and ids[-1] in self.eos_ids:
            ids.pop()
        return ids

    def encode_chat(self, text: str) -> list[int]:
        """Token ids of one user message and the opening of the answer.

        The template writes the special tokens, so the tokenizer adds none.

        Raises:
            InputError: the tokenizer has no chat template, or the template refuses the message.
        """
        if not self.has_chat:
            raise InputError("This model has no chat template: turn the template off.")
        message = {"role": "user", "content": text}
        try:
            rendered = self.tokenizer.apply_chat_template(
                [message], add_generation_prompt=True, tokenize=False
            )
        except Exception as error:
            # A template is a program that came with the model: it may fail in any way.
            raise InputError(
                f"This model's chat template does not take the prompt ({error}): turn it off."
            ) from error
        return self._ids(rendered, False)

    @property
    def has_chat(self) -> bool:
        """Whether the tokenizer knows how a conversation is written."""
        return bool(self.tokenizer.chat_template)

    def decode(self, token_ids: Sequence[int], after: Sequence[int] = ()) -> str:
        """Text that the ids add behind `after`, spaces as the tokenizer has them."""
        before = self._plain(after) if after else ""
        whole = self._plain([*after, *token_ids])
        # A character whose bytes straddle the border is counted to the continuation.
        while before and not whole.startswith(before):
            before = before[:-1]
        return whole[len(before) :]

    def token_text(self, token_id: int) -> str:
        """One token alone; bytes that are no whole character as ⟨e2 80⟩."""
        token_id = int(token_id)
        if token_id in self._added:
            return self._added[token_id]
        piece: str | None = self.tokenizer.convert_ids_to_tokens(token_id)
        if piece is None:
            return f"⟨{token_id}⟩"
        if self._byte_level:
            return _bytes_text(bytes(self._bytes[c] for c in piece if c in self._bytes))
        if match := BYTE_TOKEN.fullmatch(piece):
            return _bytes_text(bytes([int(match[1], 16)]))
        return piece.replace("▁", " ")

    def _ids(self, text: str, special: bool) -> list[int]:
        # Not verbose: whether a prompt is too long is said where the context is known.
        ids: list[int] = self.tokenizer(text, add_special_tokens=special, verbose=False)[
            "input_ids"
        ]
        return ids

    def _plain(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    @cached_property
    def _added(self) -> dict[int, str]:
        """Tokens that stand outside the tokenizer's model, special or not, as they are written."""
        return {i: str(token) for i, token in self.tokenizer.added_tokens_decoder.items()}

    @cached_property
    def _bytes(self) -> dict[str, int]:
        from transformers.convert_slow_tokenizer import bytes_to_unicode

        table: dict[int, str] = bytes_to_unicode()  # type: ignore[no-untyped-call]
        return {character: byte for byte, character in table.items()}

    @cached_property
    def _byte_level(self) -> bool:
        backend: Any = getattr(self.tokenizer, "backend_tokenizer", None)
        return backend is not None and "ByteLevel" in repr(backend.decoder)


def _bytes_text(raw: bytes) -> str:
    text = raw.decode("utf-8", errors="replace")
    return f"⟨{raw.hex(' ')}⟩" if UNKNOWN_CHARACTER in text else text
