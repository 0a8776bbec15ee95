"""Records the finished runs that a first visitor finds: `python -m explorer.ui.record_examples`.

To be run anew whenever the bundled models change: an example must be what they really do.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from explorer import decode
from explorer.ui.service import EXAMPLES
from storage import Store

# File name -> title and what is asked for. The first one is drawn.
RECORDED: dict[str, tuple[str, dict[str, Any]]] = {
    "1-beams": (
        "An example: four beams look for the most probable text",
        {"method": "beam_search", "num_beams": 4, "max_new_tokens": 32},
    ),
}
PROMPT = "Once upon a time there was a miller"


def main() -> None:
    EXAMPLES.mkdir(parents=True, exist_ok=True)
    for name, (title, asked) in RECORDED.items():
        trace = decode("target", PROMPT, **asked)
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
            owner = store.local_owner()
            store.keep(trace, owner)
            store.rename(trace.run_id, owner, title)
            (session,) = store.sessions(owner)
            store.rename_session(session.session_id, owner, title)
            text = "".join(store.export_session(session.session_id, owner))
        (EXAMPLES / f"{name}.json").write_text(text, encoding="utf-8")
        print(f"{name}: {len(text):,} bytes, {trace.text!r}")


if __name__ == "__main__":
    main()
