"""Decoding Explorer's web app: `python app.py`, then http://127.0.0.1:7860."""

from __future__ import annotations


def main() -> None:
    """Settings, store, worker, page, launch."""
    # Here and not above: the worker's processes import this file anew, and need none of it.
    from explorer.ui.serving import serve

    serve()


if __name__ == "__main__":
    main()
