"""Hostile and invisible text stays plain, visible data in every picture."""

from __future__ import annotations

import json
import unicodedata

import pytest
from picture_makers import draw_all, fold, toy_events, traces

from visualizers import pictures
from visualizers.words import cells, finite, number, show_text, tail

HOSTILE = [
    "<script>alert(1)</script>",
    "${alert(1)}",
    "{{value}}",
    "`x`",
    "<img src=x onerror=alert(1)>",
    "![x](http://example.org/x.png)",
    "\u202eevil\u202c\u2066",
    "\x00\x1b[31m\n\t\r",
    "\ud800",
    "\u0301\u0301",
    "<a href='http://example.org'>link</a>",
    "&lt;b&gt;",
]


def hostile(token):
    return HOSTILE[token % len(HOSTILE)]


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, v in value.items():
            yield from strings(key)
            yield from strings(v)
    elif isinstance(value, list | tuple):
        for v in value:
            yield from strings(v)


@pytest.mark.parametrize(
    "method", ["sample", "beam_search", "speculative_tree", "contrastive_decoding"]
)
def test_hostile_tokens_come_out_as_visible_characters(method):
    for shift in range(0, len(HOSTILE), 5):
        events = toy_events(method, seed=shift)
        for picture in draw_all(fold(events), lambda t, k=shift: hostile(t + k)).values():
            plain = picture.to_dict()
            json.dumps(plain, ensure_ascii=False).encode()  # no lone surrogate is left
            for text in strings(plain):
                assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in text)
            # Plotly reads a little HTML: there, only our own few tags are left.
            charts = [plain["figure"], [[f["traces"], f.get("layout")] for f in plain["frames"]]]
            for text in strings(charts):
                for ours in ("<s>", "</s>", "<extra></extra>"):
                    text = text.replace(ours, "")
                assert "<" not in text


def test_hostile_names_and_reasons_of_an_imported_trace_are_made_visible_too():
    events = toy_events("beam_search")
    for event in events:
        for name in ("why", "stream", "by", "view"):
            if hasattr(event, name):
                setattr(event, name, "<b>\u202e\n")
    for picture in pictures(fold(events), hostile):
        for text in strings(picture.to_dict()):
            assert "\u202e" not in text
            assert "\n" not in text


def test_notes_are_plain_text_and_drawn_as_they_were_declared():
    events, _ = traces()["noted"]
    declared = [
        {"name": "row", "about": "a row", "unit": "nats", "drawn_as": "line"},
        {"name": "temperature", "about": "how hot", "unit": "", "drawn_as": "label"},
    ]
    drawn = draw_all(fold(events), hostile, declared)
    assert drawn["note temperature"].kind == "marks"
    assert "note row" not in drawn
    assert drawn["lines"].figure["data"][0]["type"] == "scatter"
    assert drawn["lines"].what == "What the method noted step by step: row."
    assert drawn["lines"].how.endswith("; row: a row.")
    assert drawn["note utility"].figure["data"][0]["type"] == "heatmap"
    assert drawn["note state"].marks[0].text == "step 1:  <script>alert(1)</script>"
    assert drawn["note mixed"].kind == "marks"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" the", " the"),
        ("\n\n", "↵↵"),
        ("a\tb", "a⇥b"),
        ("\u202e", "⟨u+202e⟩"),
        ("\x00", "⟨u+0000⟩"),
        ("\u0301", "◌\u0301"),
        ("⟨e2 80⟩", "⟨e2 80⟩"),
        ("日本", "日本"),
    ],
)
def test_invisible_characters_are_shown(text, shown):
    assert show_text(text) == shown
    assert show_text(shown) == shown


def test_a_token_by_itself_shows_its_spaces():
    assert show_text(" the ", alone=True) == "␣the␣"
    assert show_text("  ", alone=True) == "␣␣"
    assert show_text("", alone=True) == "∅"


def test_cells_are_those_of_a_monospaced_font():
    assert cells("abc") == 3
    assert cells("日本") == 4
    assert cells("e\u0301") == 1
    assert tail("abcdef", 4) == "…def"


def test_numbers_are_short_and_true():
    assert [number(x) for x in (0.12345, -1.5, 0.0, 0.000041, None, 7)] == [
        "0.123", "−1.5", "0", "4.10e−5", "−∞", "7",
    ]  # fmt: skip
    assert finite(float("nan")) is None
    assert finite(True) is None
    assert finite(2) == 2.0


def test_nothing_has_no_minus():
    assert [number(x) for x in (-0.0, 0.0, -0.5, 0)] == ["0", "0", "−0.5", "0"]
