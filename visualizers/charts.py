"""What all Plotly figures share: axes, margins, and colours that follow the page."""

from __future__ import annotations

from typing import Any

CLEAR = "rgba(0,0,0,0)"
GRID = "rgba(128,128,128,0.25)"


def base_layout() -> dict[str, Any]:
    """A layout without title and background; the page sets the font's colour for its theme."""
    return {
        "margin": {"l": 56, "r": 16, "t": 8, "b": 44},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": {"align": "left"},
        "font": {"size": 13},
    }


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis that makes room for its labels."""
    return {
        "title": {"text": title},
        "automargin": True,
        "gridcolor": GRID,
        "zeroline": False,
        "fixedrange": False,
        **more,
    }


def with_legend(layout: dict[str, Any]) -> dict[str, Any]:
    """The layout with the names of its lines above them."""
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    return {
        **layout,
        "showlegend": True,
        "legend": legend,
        "margin": {**layout["margin"], "t": 36},
    }
