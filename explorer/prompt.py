"""Which prompts are taken, and how they become tokens."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from explorer.errors import InputError, shown
from explorer.run import Prompt
from explorer.settings import settings
from explorer.view import LanguageModel

ALLOWED_CONTROLS = "\n\t\r"


def check_prompt(text: str) -> str:
    """The prompt as it was given, if it can be decoded from.

    Raises:
        InputError: empty, too long, or with control characters or lone surrogates.
    """
    if not text.strip():
        raise InputError("The prompt is empty: type at least one word to continue.")
    most = settings().max_prompt_characters
    if len(text) > most:
        raise InputError(f"The prompt has {len(text):,} characters; at most {most:,} are allowed.")
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in ALLOWED_CONTROLS:
            raise InputError(
                f"The prompt holds the control character {shown(character)}; "
                "of these only line break and tab are allowed."
            )
    return text


def make_prompt(
    model: LanguageModel, text: str, chat: bool, begun: Sequence[int] = (), forced: int = 0
) -> Prompt:
    """The prompt's tokens, through the chat template if wanted, and the continuation so far.

    Raises:
        InputError: the prompt is not allowed, or too long for the model's context; or what it
            begins with is none of the model's text, or has ended.
    """
    check_prompt(text)
    ids = model.encode_chat(text) if chat else model.encode(text)
    ids = [*ids, *begun]
    if wrong := next((token for token in begun if token >= model.vocab_size), None):
        raise InputError(
            f"There is no token {wrong} to begin with: {model.model_id} has tokens up to "
            f"{model.vocab_size - 1}."
        )
    if model.eos_ids.intersection(begun):
        raise InputError("The text to begin with has an end token: behind it nothing follows.")
    if model.room(len(ids), len(begun)) < 1:
        raise InputError(
            f"The prompt has {len(ids)} tokens; {model.model_id} has room for "
            f"{model.context_length - 1} before the first new one."
        )
    return Prompt(text, tuple(ids), tuple(begun), forced)
