"""The form: what is asked for, whatever the method (`method_form` has what is the method's own)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from explorer.registry import Method, all_methods, get_method
from explorer.settings import settings
from explorer.trace import Header
from explorer.ui.beginning import BETWEEN, OF_A_RUN, beginning, of_run
from explorer.ui.catalogue import about_method
from explorer.ui.parts import part

FIRST_METHOD, SECOND_METHOD = "beam_search", "sample"
FIRST_PROMPT = "In the middle of the forest"
FIRST_TOKENS = 48
MOST_SEED = 2**53 - 1  # what a browser can count to
PRESET_HELP = "Telling values for all parameters below; each can still be changed."
ABOUT_SECOND = (
    "A is the method above. Prompt, seed and number of tokens are the same for both; "
    "the parameters of A and of B stand in the drawer. On one device the two take turns."
)


@dataclass(frozen=True, slots=True)
class Ask:
    """The first row, and the line below it that says what the method is."""

    prompt: gr.Textbox
    method: gr.Dropdown
    go: gr.Button
    stop: gr.Button
    about: gr.HTML
    second: Second


@dataclass(frozen=True, slots=True)
class Second:
    """A second method for the same prompt, where two are compared."""

    on: gr.Checkbox
    method: gr.Dropdown
    preset: gr.Dropdown


@dataclass(frozen=True, slots=True)
class Common:
    """What every method has, and the models that were chosen for each role, whatever the method."""

    preset: gr.Dropdown
    max_new_tokens: gr.Slider
    seed: gr.Number
    chat: gr.Checkbox
    models: gr.State


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
        method = _method_picker(FIRST_METHOD, "Method", "field-method")
        with gr.Column(elem_id="field-run", scale=2, min_width=190):
            compare = gr.Checkbox(
                False, label="Compare two", interactive=True, elem_id="field-compare"
            )
            with gr.Row():
                go = gr.Button("Generate", variant="primary", elem_id="go", min_width=90)
                stop = gr.Button("Stop", interactive=False, elem_id="stop", min_width=60)
    second = _second_row(compare)
    about = part("method", about_method(get_method(FIRST_METHOD)))
    return Ask(prompt, method, go, stop, about, second)


def _second_row(on: gr.Checkbox) -> Second:
    """What is asked of the second method; shown by the style sheet while the box is ticked."""
    with gr.Row(elem_id="ask-second"):
        method = _method_picker(SECOND_METHOD, "Method B", "field-b-method")
        preset = gr.Dropdown(
            **_second_presets(get_method(SECOND_METHOD)),
            label="Preset of B",
            elem_id="field-b-preset",
            interactive=True,
            scale=3,
            min_width=200,
        )
        gr.HTML(f"<p>{ABOUT_SECOND}</p>", elem_id="about-second")
    return Second(on, method, preset)


def _method_picker(method_id: str, label: str, elem_id: str) -> gr.Dropdown:
    return gr.Dropdown(
        [(_choice(m), m.id) for m in all_methods().values()],
        value=method_id,
        label=label,
        interactive=True,
        elem_id=elem_id,
        scale=3,
        min_width=200,
    )


def common_controls() -> Common:
    """The drawer's fixed controls; they are placed by `method_form.place_controls`."""
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
            info="The text ends here at the latest; a method may end it sooner.",
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


def method_chosen(method_id: str, preset: str | None) -> tuple[dict[str, Any], Any]:
    """The line about a method, and its presets, unless one of them was chosen along with it."""
    method = get_method(method_id)
    chosen = (preset or "").startswith(f"{method.id}{BETWEEN}")
    return about_method(method), gr.skip() if chosen else gr.update(**_presets(method))


def begun_with(method_id: str, preset: str) -> tuple[str, Any]:
    """A method, and the list of its presets with one of them chosen."""
    method = get_method(method_id)
    chosen = f"{method.id}{BETWEEN}{preset}" if preset in method.presets else ""
    about = beginning(method, chosen).about
    more = {"value": chosen, "info": about} if chosen else {}
    return method.id, gr.update(**_presets(method) | more)


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


def second_chosen(method_id: str) -> Any:
    """The presets of the second method."""
    return gr.update(**_second_presets(get_method(method_id)))


def _second_presets(method: Method) -> dict[str, Any]:
    return _presets(method) | {"info": None}  # help would push it out of its row


def _choice(method: Method) -> str:
    return f"{method.family.capitalize()} › {method.title}"


def _presets(method: Method) -> dict[str, Any]:
    names = ["", *method.presets]
    choices = [(name or "defaults", f"{method.id}{BETWEEN}{name}") for name in names]
    return {"choices": choices, "value": choices[0][1], "info": PRESET_HELP}


def preset_help(method_id: str, preset: str) -> Any:
    """What to look at with the chosen preset."""
    about = beginning(get_method(method_id), preset).about
    return gr.update(info=about or PRESET_HELP)
