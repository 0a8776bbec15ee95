"""A table as CSV (RFC 4180), for whatever reads it: a program, or a spreadsheet."""

from __future__ import annotations

import csv
from io import StringIO

from visualizers.picture import Cell, Table

# A spreadsheet takes a text that begins so for a formula, and runs it.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_text(table: Table) -> str:
    """All rows of a table, its columns first. Steps are counted from one, as on the page.

    A text that a spreadsheet would take for a formula has an apostrophe before it, numbers have
    not; what is not known is empty.
    """
    file = StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([_cell(name) for name in table.columns])
    counted = {i for i, name in enumerate(table.columns) if name == "step"}
    for row in table.rows:
        writer.writerow(
            [_cell(x + 1 if i in counted and isinstance(x, int) else x) for i, x in enumerate(row)]
        )
    return file.getvalue()


def _cell(value: Cell) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA):
        return f"'{value}"
    return value
