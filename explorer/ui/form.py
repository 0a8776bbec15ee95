"""The form: what is asked for, and a control for each parameter of the chosen method."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from explorer.decoding import DEFAULT_MODELS
from explorer.models.library import bundled
from explorer.registry import CLAIMS, FAMILIES, Method, all_methods, get_method
from explorer.sampling.chain import FILTERS, example
from explorer.settings import settings
from explorer.trace import Header
from explorer.ui.beginning import BETWEEN, OF_A_RUN, Beginning, beginning, of_run
from explorer.ui.controls import controls
from explorer.ui.parts import part, script

FIRST_METHOD = "beam_search"
FIRST_PROMPT = "Once upon a time there was a miller"
FIRST_TOKENS = 48
MOST_SEED = 2**53 - 1  # what a browser can count to
ROLES = {
    "target": "Target: the model whose text we want",
    "draft": "Draft: the model that guesses",
    "amateur": "Amateur: the weaker model",
}
ABOUT_FILTERS = "What may stand between a model's law and the choice, by commas, in their order."
PRESET_HELP = "Telling values for all parameters below; each can still be changed."


@dataclass(frozen=True, slots=True)
class Ask:
    """The first row, and the line below it that says what the method is."""

    prompt: gr.Textbox
    method: gr.Dropdown
    go: gr.Button
    stop: gr.Button
    about: gr.HTML


@dataclass(frozen=True, slots=True)
class Common:
    """What every method has, and the models that were chosen for each role, whatever the method."""

    preset: gr.Dropdown
    max_new_tokens: gr.Slider
    seed: gr.Number
    chat: gr.Checkbox
    models: gr.State


Submit = Callable[..., Any]  # who asks and from where, then the keywords of a job


def ask_row() -> Ask:
    """Prompt, method and the two buttons."""
    with gr.Row(elem_id="ask"):
        prompt = gr.Textbox(
            FIRST_PROMPT,
            label="Prompt",
            lines=1,
            max_lines=6,
            max_length=settings().max_prompt_characters,
            # Only what is drawn later reads these, so Gradio would take them for displays.
            interactive=True,
            elem_id="field-prompt",
            scale=6,
            min_width=260,
        )
        method = gr.Dropdown(
            [(_choice(m), m.id) for m in all_methods().values()],
            value=FIRST_METHOD,
            label="Method",
            interactive=True,
            elem_id="field-method",
            scale=3,
            min_width=200,
        )
        with gr.Column(elem_id="field-run", scale=2, min_width=190), gr.Row():
            go = gr.Button("Generate", variant="primary", elem_id="go", min_width=90)
            stop = gr.Button("Stop", interactive=False, elem_id="stop", min_width=60)
    about = part("method", about_method(get_method(FIRST_METHOD)))
    return Ask(prompt, method, go, stop, about)


def common_controls() -> Common:
    """The drawer's fixed controls; they are placed by `place_controls`."""
    most = settings().max_new_tokens
    return Common(
        gr.Dropdown(
            **_presets(get_method(FIRST_METHOD)),
            label="Preset",
            elem_id="field-preset",
            interactive=True,
            render=False,
        ),
        gr.Slider(
            1,
            most,
            min(FIRST_TOKENS, most),
            step=1,
            label="Most new tokens",
            elem_id="field-max_new_tokens",
            interactive=True,
            render=False,
        ),
        gr.Number(
            0,
            label="Seed",
            info="The same seed draws the same tokens.",
            minimum=0,
            maximum=MOST_SEED,
            precision=0,
            elem_id="field-seed",
            interactive=True,
            render=False,
        ),
        gr.Checkbox(
            False,
            label="Chat template",
            info="Send the prompt as a message, as the model's own template says.",
            elem_id="field-chat",
            interactive=True,
            render=False,
        ),
        gr.State({}),
    )


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

    `submit` gets the values of `who`, and behind them the keywords of a job.
    """
    common.preset.render()
    common.preset.input(_preset_help, [ask.method, common.preset], [common.preset], **every)
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

    for chosen in (ask.method.change, common.preset.change):
        chosen(None, js=script("drawing.js"))

    # Another method brings other presets, so it is always a preset that changes.
    @gr.render(
        inputs=[ask.method, common.preset, common.models],
        triggers=[loaded, common.preset.change],
        show_progress="hidden",
        concurrency_limit=None,
    )
    def draw(method_id: str, preset: str, kept: dict[str, str]) -> None:
        method = get_method(method_id)
        begin = beginning(method, preset)
        own = list(controls(method, begin.params, f"param/{begin.key}"))
        chosen = kept | begin.models
        models = [_model_picker(role, chosen.get(role), begin) for role in method.models]
        for role, picker in zip(method.models, models, strict=True):
            keep = partial(_keep_model, role)
            picker.input(keep, [picker, common.models], [common.models], **every)
        fixed = [ask.prompt, common.seed, common.max_new_tokens, common.chat]

        def send(*given: Any) -> Any:
            values = given[len(who) :]
            rest = values[len(fixed) :]
            prompt, seed, max_new_tokens, chat = values[: len(fixed)]
            named = zip(own, rest[len(models) :], strict=True)
            job = {
                "method": method.id,
                "prompt": prompt,
                "seed": 0 if seed is None else seed,
                "max_new_tokens": max_new_tokens,
                "chat": bool(chat),
                "models": dict(zip(method.models, rest, strict=False)),
                "params": {control.name: control.read(value) for control, value in named},
            }
            return submit(*given[: len(who)], job)

        gr.on(
            [ask.go.click, ask.prompt.submit],
            send,
            inputs=[*who, *fixed, *models, *(control.component for control in own)],
            outputs=outputs,
            **every,
        )
        part("drawn")


def method_chosen(method_id: str, preset: str | None) -> tuple[dict[str, Any], Any]:
    """The line about a method, and its presets, unless one of them was chosen along with it."""
    method = get_method(method_id)
    chosen = (preset or "").startswith(f"{method.id}{BETWEEN}")
    return about_method(method), gr.skip() if chosen else gr.update(**_presets(method))


def fields(ask: Ask, common: Common) -> list[Any]:
    """What `filled` fills."""
    return [
        ask.prompt,
        ask.method,
        common.preset,
        common.max_new_tokens,
        common.seed,
        common.chat,
        common.models,
    ]


def filled(ask: Ask, common: Common, header: Header) -> dict[Any, Any]:
    """The form as it would ask for this run again.

    Raises:
        InputError: this program cannot make such a run; the sentence says why.
    """
    method, chosen = of_run(header)
    presets = _presets(method)
    most = header.limits.get("max_new_tokens") or FIRST_TOKENS
    return {
        ask.prompt: header.prompt,
        ask.method: method.id,
        common.preset: gr.update(choices=[*presets["choices"], (OF_A_RUN, chosen)], value=chosen),
        common.max_new_tokens: min(int(most), settings().max_new_tokens),
        common.seed: header.seed if header.seed <= MOST_SEED else 0,
        common.chat: header.chat,
        common.models: header.models,
    }


def about_method(method: Method) -> dict[str, Any]:
    claims = [[claim, CLAIMS[claim]] for claim in sorted(method.claims)]
    return {"id": method.id, "title": method.title, "idea": method.idea, "claims": claims,
            "paper": method.paper}  # fmt: skip


def catalogue() -> list[dict[str, Any]]:
    """All methods by family, and the filters that their chains are made of."""
    methods = all_methods().values()
    families = [
        {
            "family": family.capitalize(),
            "about": about,
            "methods": [about_method(m) for m in methods if m.family == family],
        }
        for family, about in FAMILIES.items()
        if any(m.family == family for m in methods)
    ]
    filters = {"family": "Filters", "about": ABOUT_FILTERS, "filters": _filters()}
    return [*families, filters]


def _filters() -> list[list[str]]:
    """Each filter as it is written, with example numbers, and what it does."""
    found = []
    for kind in FILTERS.values():
        about = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
        found.append([example(kind), about])
    return found


def _keep_model(role: str, model: str | None, kept: dict[str, str]) -> dict[str, str]:
    """The next method that has the role begins with the same model."""
    return {**kept, role: model or DEFAULT_MODELS[role]}


def _model_picker(role: str, chosen: str | None, begin: Beginning) -> gr.Dropdown:
    names = [model.name for model in bundled() if not model.problem]
    return gr.Dropdown(
        [*names, "toy", "toy-draft"],
        value=chosen or DEFAULT_MODELS[role],
        label=ROLES[role],
        info="Or type an id of the Hugging Face hub: owner/name.",
        allow_custom_value=True,
        interactive=True,
        elem_id=f"field-model-{role}",
        key=f"model/{role}/{chosen}/{begin.key if begin.models else ''}",
    )


def _choice(method: Method) -> str:
    return f"{method.family.capitalize()} › {method.title}"


def _presets(method: Method) -> dict[str, Any]:
    names = ["", *method.presets]
    choices = [(name or "defaults", f"{method.id}{BETWEEN}{name}") for name in names]
    return {"choices": choices, "value": choices[0][1], "info": PRESET_HELP}


def _preset_help(method_id: str, preset: str) -> Any:
    """What to look at with the chosen preset."""
    about = beginning(get_method(method_id), preset).about
    return gr.update(info=about or PRESET_HELP)
