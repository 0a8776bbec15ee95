"""The controls of the chosen method: its models and its parameters, drawn anew for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from explorer.decoding import DEFAULT_MODELS
from explorer.models.library import bundled
from explorer.registry import Method, get_method
from explorer.ui.beginning import beginning
from explorer.ui.controls import Control, controls
from explorer.ui.form import Ask, Common, preset_help
from explorer.ui.parts import part, script

SECOND = "b-"  # before the names of a second method's fields
ROLES = {
    "target": "Target: the model whose text we want",
    "draft": "Draft: the model that guesses",
    "amateur": "Amateur: the weaker model",
    "judge": "Judge: a model that says what texts are worth",
}

Submit = Callable[..., Any]  # who asks and from where, then the keywords of a job, or of two


@dataclass(frozen=True, slots=True)
class Own:
    """The controls of one method: its models and its parameters."""

    method: Method
    prefix: str  # before the names of its controls, to tell a second method's apart
    models: dict[str, gr.Dropdown]  # by role
    params: list[Control]

    @property
    def components(self) -> list[Any]:
        return [*self.models.values(), *(control.component for control in self.params)]

    def read(self, values: Sequence[Any]) -> dict[str, Any]:
        """The keywords of a job that are this method's, out of its controls' values."""
        models, params = values[: len(self.models)], values[len(self.models) :]
        return {
            "method": self.method.id,
            "models": {
                role: model
                for role, model in zip(self.models, models, strict=True)
                if model or role not in self.method.optional
            },
            "params": {c.name: c.read(x) for c, x in zip(self.params, params, strict=True)},
        }


def place_controls(
    ask: Ask,
    common: Common,
    who: list[Any],
    loaded: Any,
    submit: Submit,
    outputs: list[Any],
    every: dict[str, Any],
) -> None:
    """Preset, the method's own controls, and what all methods share, in this order.

    `submit` gets the values of `who`, and behind them the keywords of a job, or of two.
    """
    gr.HTML("<h2>Method A</h2>", elem_id="heading-first")
    common.preset.render()
    common.preset.input(preset_help, [ask.method, common.preset], [common.preset], **every)
    _draw_controls(ask, common, who, loaded, submit, outputs, every)
    for component in (common.max_new_tokens, common.seed, common.chat):
        component.render()


def _draw_controls(
    ask: Ask,
    common: Common,
    who: list[Any],
    loaded: Any,
    submit: Submit,
    outputs: list[Any],
    every: dict[str, Any],
) -> None:
    """Draws the method's controls anew for each method and preset, with what Generate reads."""

    second = ask.second
    for chosen in (ask.method.change, common.preset.change, second.on.change,
                   second.method.change, second.preset.change):  # fmt: skip
        chosen(None, js=script("drawing.js"))

    # Another method brings other presets, so it is always a preset that changes.
    @gr.render(
        inputs=[
            ask.method,
            common.preset,
            second.on,
            second.method,
            second.preset,
            common.models,
        ],
        triggers=[loaded, common.preset.change, second.on.change, second.preset.change],
        show_progress="hidden",
        concurrency_limit=None,
    )
    def draw(
        method_id: str,
        preset: str,
        two: bool,
        other_id: str,
        other_preset: str,
        kept: dict[str, str],
    ) -> None:
        sides = [_own(method_id, preset, kept)]
        if two:
            # No gr.HTML: it would be shown as the one at its place before, which is hidden.
            gr.Markdown("## Method B")
            sides.append(_own(other_id, other_preset, kept, SECOND))
        for side in sides:
            for role, picker in side.models.items():
                keep = partial(_keep_model, side.prefix + role)
                picker.input(keep, [picker, common.models], [common.models], **every)
        fixed = [ask.prompt, common.seed, common.max_new_tokens, common.chat]

        def send(*given: Any) -> Any:
            values = given[len(who) :]
            prompt, seed, max_new_tokens, chat = values[: len(fixed)]
            shared = {
                "prompt": prompt,
                "seed": 0 if seed is None else seed,
                "max_new_tokens": max_new_tokens,
                "chat": bool(chat),
            }
            jobs, at = [], len(fixed)
            for side in sides:
                upto = at + len(side.components)
                jobs.append(shared | side.read(values[at:upto]))
                at = upto
            return submit(*given[: len(who)], *jobs)

        gr.on(
            [ask.go.click, ask.prompt.submit],
            send,
            inputs=[*who, *fixed, *(c for side in sides for c in side.components)],
            outputs=outputs,
            **every,
        )
        part("drawn")


def _own(method_id: str, preset: str, kept: dict[str, str], prefix: str = "") -> Own:
    """Draws the controls of one method; `prefix` tells those of a second one apart."""
    method = get_method(method_id)
    begin = beginning(method, preset)
    params = list(controls(method, begin.params, begin.key, prefix))
    models = {}
    for role in method.roles:
        chosen = begin.models.get(role) or kept.get(prefix + role)
        key = f"{chosen}/{begin.key if begin.models else ''}"
        models[role] = _model_picker(role, chosen, key, prefix)
    return Own(method, prefix, models, params)


def _keep_model(role: str, model: str | None, kept: dict[str, str]) -> dict[str, str]:
    """The next method that has the role begins with the same model."""
    return {**kept, role: model or DEFAULT_MODELS.get(role.removeprefix(SECOND), "")}


def _model_picker(role: str, chosen: str | None, key: str, prefix: str) -> gr.Dropdown:
    names = [model.name for model in bundled() if not model.problem]
    choices = [(name, name) for name in (*names, "toy", "toy-draft")]
    return gr.Dropdown(
        choices if role in DEFAULT_MODELS else [("none", ""), *choices],
        value=chosen or DEFAULT_MODELS.get(role, ""),
        label=ROLES[role],
        info="Or type an id of the Hugging Face hub: owner/name, or owner/name@revision.",
        allow_custom_value=True,
        interactive=True,
        elem_id=f"field-{prefix}model-{role}",
        key=f"{prefix}model/{role}/{key}",
    )
