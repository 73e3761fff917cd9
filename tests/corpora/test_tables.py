from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.corpora.tables import columns_of, read_table
from hearfelt.errors import CorpusError


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_commas_semicolons_and_tabs_are_told_apart(tmp_path: Path, mark: str) -> None:
    path = write(tmp_path / "table.csv", f"path{mark}emotion\na.wav{mark}sad\n")
    assert read_table(path) == [(2, {"path": "a.wav", "emotion": "sad"})]


def test_padding_capitals_and_a_byte_order_mark_are_taken_off(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", "\ufeff Path ,EMOTION\n a.wav ,  sad \n")
    assert read_table(path) == [(2, {"path": "a.wav", "emotion": "sad"})]


def test_quotes_windows_line_ends_and_empty_lines_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", 'path,emotion\r\n"a, b.wav",sad\r\n\r\nc.wav,calm\r\n')
    assert read_table(path) == [
        (2, {"path": "a, b.wav", "emotion": "sad"}),
        (4, {"path": "c.wav", "emotion": "calm"}),
    ]


def test_a_short_row_has_empty_fields(tmp_path: Path) -> None:
    assert read_table(write(tmp_path / "t.csv", "path,emotion,sex\na.wav,sad\n"))[0][1]["sex"] == ""


def test_a_lacking_column_is_named_beside_those_there_are(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", "path,label\na.wav,sad\n")
    with pytest.raises(CorpusError, match=r"table\.csv: no column emotion; it has path, label, and path and emotion"):
        read_table(path, needs=("path", "emotion"))


def test_an_empty_table_has_no_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", "")
    assert columns_of(path) == ()
    with pytest.raises(CorpusError, match="it has nothing"):
        read_table(path, needs=("path",))


def test_a_table_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", "päth,emotion\n", "latin-1")
    with pytest.raises(CorpusError, match="not text in UTF-8"):
        read_table(path)


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="there is no such table"):
        read_table(tmp_path / "table.csv")
