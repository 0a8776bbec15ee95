"""A table as CSV reads back as it was, and no text in it is a formula."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
from trace_runs import RUNS

from explorer.ui.payload import pictures_payload
from explorer.ui.spreadsheet import csv_text
from visualizers.picture import Table


def read(text):
    return list(csv.reader(StringIO(text, newline="")))


def test_commas_quotes_and_line_breaks_come_back():
    table = Table(["token", "why"])
    rows = [['a "quoted" one', "one, two"], ["two\nlines", ""], [" space ", "漢字"]]
    for row in rows:
        table.add(0, *row)
    text = csv_text(table)
    assert read(text) == [["token", "why"], *rows]
    assert text.startswith("token,why\r\n")
    assert '"a ""quoted"" one","one, two"\r\n' in text


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=1", "  =1", "\n=1"])
def test_a_text_that_a_spreadsheet_would_run_is_disarmed(cell):
    table = Table([cell])
    table.add(0, cell)
    assert read(csv_text(table)) == [[f"'{cell}"], [f"'{cell}"]]


def test_numbers_stay_numbers_and_what_is_unknown_is_empty():
    table = Table(["step", "score", "node"])
    table.add(2, 2, -1.25, 7)
    table.add(3, 3, None, -1)
    assert read(csv_text(table))[1:] == [["3", "-1.25", "7"], ["4", "", "-1"]]


@pytest.mark.parametrize("name", ["search", "rounds", "sample", "hostile"])
def test_every_picture_has_its_whole_table_as_csv(name):
    run = RUNS[name]()
    trace = run.trace()
    listed = pictures_payload(trace, run.token_text)["pictures"]
    for picture in [*(p["id"] for p in listed), "ribbon"]:
        asked = {"picture": picture}
        table = pictures_payload(trace, run.token_text, asked | {"want": "table"})["table"]
        rows = read(pictures_payload(trace, run.token_text, asked | {"want": "csv"})["text"])
        assert len(rows) == len(table["rows"]) + 1
        assert not any(cell[:1] in ("=", "+", "@") for row in rows for cell in row)
