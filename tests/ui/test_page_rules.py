"""Rules of the page that need no browser: controls fit their schema, names that may not be used."""

from __future__ import annotations

import pytest

from explorer.registry import all_methods
from explorer.ui.checks import FieldErrors, checked_job

pytest.importorskip("gradio", reason="gradio is not installed")

PRESETS = [(m.id, preset) for m in all_methods().values() for preset in ("", *m.presets)]


@pytest.mark.parametrize(("method_id", "preset"), PRESETS)
def test_untouched_controls_give_the_preset(method_id, preset):
    from explorer.ui.controls import controls

    method = all_methods()[method_id]
    wanted = method.presets[preset].values if preset else {}
    made = list(controls(method, wanted, "test"))
    values = {control.name: control.read(control.component.value) for control in made}
    assert method.params.model_validate(values) == method.parse(wanted)


def test_every_wrong_field_is_named():
    with pytest.raises(FieldErrors) as told:
        checked_job(
            {
                "method": "speculative_sampling",
                "prompt": "",
                "params": {"gamma": 0, "filters": "top_q=1"},
                "models": {"target": "/etc/passwd", "draft": "no such"},
                "seed": 0,
            }
        )
    assert set(told.value.found) == {
        "prompt",
        "param-gamma",
        "param-filters",
        "model-target",
        "model-draft",
    }


@pytest.mark.parametrize(
    "name", ["/etc", "..", "../x", "a/../b", "~/models", "assets/models/draft"]
)
def test_folders_are_refused(name):
    with pytest.raises(FieldErrors, match=r"not allowed|There is no model"):
        checked_job({"method": "greedy", "prompt": "ab", "models": {"target": name}})
