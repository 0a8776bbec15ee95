"""Colours and type of the page: Gradio's base theme, with the contrast that it lacks."""

from __future__ import annotations

import gradio as gr

SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
# The blue of text that stays, in every picture; darker where white stands on it.
BLUE, DEEP_BLUE, LIGHT_BLUE = "#0072B2", "#005f96", "#7cc4ee"


def theme() -> gr.themes.Base:
    """The theme, light and dark. Help text, slider limits and buttons reach 4.5 : 1."""
    base = gr.themes.Base(
        primary_hue="sky", neutral_hue="slate", font=SANS, font_mono=MONO, radius_size="sm"
    )
    return base.set(
        body_background_fill="#ffffff",
        body_background_fill_dark="#14181f",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_border_width_dark="0px",
        block_shadow="none",
        block_label_text_color="#334155",
        block_label_text_color_dark="#cbd5e1",
        block_title_text_color="#1e293b",
        block_title_text_color_dark="#e2e8f0",
        block_title_text_weight="600",
        block_info_text_color="#475569",
        block_info_text_color_dark="#b6c2d1",
        body_text_color="#1e293b",
        body_text_color_dark="#e6ebf2",
        body_text_color_subdued="#475569",
        body_text_color_subdued_dark="#b6c2d1",
        input_border_width="1px",
        input_border_width_dark="1px",
        input_background_fill="#ffffff",
        input_background_fill_dark="#1d232d",
        input_border_color="#94a3b8",
        input_border_color_dark="#5b6879",
        input_placeholder_color="#64748b",
        input_placeholder_color_dark="#9aa8ba",
        link_text_color=BLUE,
        link_text_color_dark=LIGHT_BLUE,
        link_text_color_visited=BLUE,
        link_text_color_visited_dark=LIGHT_BLUE,
        link_text_color_hover=DEEP_BLUE,
        link_text_color_hover_dark="#b7e0f8",
        button_primary_background_fill=BLUE,
        button_primary_background_fill_dark=BLUE,
        button_primary_background_fill_hover=DEEP_BLUE,
        button_primary_background_fill_hover_dark=DEEP_BLUE,
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        button_secondary_background_fill="#eef2f6",
        button_secondary_background_fill_dark="#2a323f",
        button_secondary_text_color="#1e293b",
        button_secondary_text_color_dark="#e6ebf2",
        checkbox_border_color="#64748b",
        checkbox_border_color_dark="#8594a8",
        slider_color=BLUE,
        slider_color_dark=LIGHT_BLUE,
    )
