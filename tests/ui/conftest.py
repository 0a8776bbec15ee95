"""Browser tests are tried again: a busy machine may drop a key press or a paint.

A real fault fails three times in a row; everything without a browser is tried once. What had to be
tried again is listed at the end of a run (`-rR`), so that a test that often is gets mended.
"""

import pytest

TRIES = 3
BROWSING = {"browser", "visit"}  # the fixtures that open one


def pytest_collection_modifyitems(items):
    for item in items:
        if BROWSING & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.flaky(reruns=TRIES - 1))
