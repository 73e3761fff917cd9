from __future__ import annotations

import json

import pytest

from hearfelt.cli.display.output import print_json, print_rows

ROWS = [{"name": "toy [x]", "clips": 1440, "share": 0.5}, {"name": "mine, too", "clips": 2, "share": 1.0}]


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(ROWS, "json")
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ROWS


def test_csv_quotes_what_it_must(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(ROWS, "csv")
    assert capsys.readouterr().out == 'name,clips,share\ntoy [x],1440,0.5\n"mine, too",2,1.0\n'


def test_a_table_shows_every_value_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(ROWS, "table", title="Corpora")
    said = capsys.readouterr().out
    assert all(part in said for part in ("Corpora", "toy [x]", "1,440", "0.500", "mine, too"))


def test_no_rows_are_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("json", "csv", "table"):
        print_rows([], form)  # type: ignore[arg-type]
    assert capsys.readouterr().out.strip() == ""


def test_nan_is_no_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"confidence": float("nan")})


def test_json_is_ascii_for_every_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"source": "grüße\udcff.wav"})
    said = capsys.readouterr().out
    assert said.isascii()
    assert json.loads(said) == {"source": "grüße\udcff.wav"}
