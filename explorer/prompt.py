"""Which prompts are taken, and how they become tokens."""

from __future__ import annotations

import unicodedata

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


def make_prompt(model: LanguageModel, text: str, chat: bool) -> Prompt:
    """The prompt's tokens, through the chat template if wanted.

    Raises:
        InputError: the prompt is not allowed, or too long for the model's context.
    """
    check_prompt(text)
    ids = model.encode_chat(text) if chat else model.encode(text)
    if model.room(len(ids)) < 1:
        raise InputError(
            f"The prompt has {len(ids)} tokens; {model.model_id} has room for "
            f"{model.context_length - 1} before the first new one."
        )
    return Prompt(text, tuple(ids))
