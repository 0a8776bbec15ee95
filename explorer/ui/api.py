"""What programs may call: three functions, typed and documented on the page's API view."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from explorer.errors import ExplorerError
from explorer.registry import all_methods
from explorer.ui.service import Service, Visitor


def publish(service: Service) -> None:
    """Offer the API on the page that is being built."""

    def list_methods() -> list[dict[str, Any]]:
        """Every decoding method: id, title, family, idea, paper, claims, presets, parameters.

        `params` of each is a JSON schema.
        """
        return [method.describe() for method in all_methods().values()]

    def run(
        method: str,
        prompt: str,
        params: dict[str, Any] | None = None,
        models: dict[str, str] | None = None,
        seed: int = 0,
        max_new_tokens: int = 64,
        chat: bool = False,
        owner_token: str = "",
    ) -> dict[str, Any]:
        """Decode a prompt, wait for the end, and tell what came out.

        `params` are the method's own, `models` name a model for each of its roles. Without an
        `owner_token` (32 to 128 letters, digits, - or _) a new one is made; it comes back with the
        answer, and with it the run is found again.
        """
        visitor = Visitor(owner_token or secrets.token_urlsafe(24))
        values = {"params": params or {}, "models": models or {}}
        with _sentences():
            run_id = service.start(
                visitor,
                {
                    "method": method,
                    "prompt": prompt,
                    "seed": seed,
                    "max_new_tokens": max_new_tokens,
                    "chat": chat,
                    **values,
                },
            )
            service.wait(run_id, visitor)
            summary = service.trace(run_id, visitor).summary()
            info = service.place(run_id, visitor).info
        assert info is not None
        told = {"status": info.status, "sentence": info.sentence}
        return {**summary, **told, "owner_token": visitor.token}

    def get_trace(run_id: str, owner_token: str = "", share: str = "") -> dict[str, Any]:
        """A run's whole trace, header and events, for its owner or with a share id."""
        visitor = Visitor(owner_token or secrets.token_urlsafe(24), share)
        with _sentences():
            return service.trace(run_id, visitor).to_dict()

    for function in (list_methods, run, get_trace):
        gr.api(function, api_visibility="public", concurrency_limit=None)


@contextmanager
def _sentences() -> Iterator[None]:
    """What was wrong reaches the caller as a sentence, without a traceback."""
    try:
        yield
    except ExplorerError as error:
        raise gr.Error(str(error), print_exception=False) from None
