"""From settings to a page that answers."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from explorer.settings import Settings, settings
from explorer.ui.page import Page
from explorer.ui.parts import ASSETS, script
from explorer.ui.service import Service
from explorer.ui.theme import theme

MOST_WATCHERS = 200  # threads: each tab that watches a run holds one
TABS_REMEMBERED = 2000
# In the head, so that nothing is drawn before it is known how the person likes it.
HEAD = "<script>(() => {{\n{}\n}})()</script>".format(
    "\n".join(script(f"{name}.js") for name in ("preferences", "look", "press"))
)


def serve(**launched: Any) -> None:
    """Open the app and stay until it is closed."""
    service = Service(settings())
    try:
        page = Page(service)
        page.blocks.queue(max_size=None, default_concurrency_limit=None)
        page.blocks.launch(**launch_options(settings()), **launched)
    finally:
        service.close()


def launch_options(chosen: Settings) -> dict[str, Any]:
    """How the page is served: nothing counted, nothing shown that is not ours to show."""
    return {
        "theme": theme(),
        "css_paths": [ASSETS / "css" / name for name in ("page.css", "about.css", "reproduce.css")],
        "head": HEAD,
        "footer_links": ["api"],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "max_file_size": chosen.max_trace_bytes,
        "max_threads": MOST_WATCHERS,
        "state_session_capacity": TABS_REMEMBERED,
        "allowed_paths": [],
    }
