"""Events of the page are no API: not documented, not offered to clients, checked all the same."""

from __future__ import annotations

from typing import Any

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
