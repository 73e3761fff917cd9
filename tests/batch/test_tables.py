from __future__ import annotations

import csv
import io
import json
import sys

import pyarrow.parquet
import pytest

from hearfelt.batch import tables
from hearfelt.batch.tables import columns, table_format, write_table
from hearfelt.errors import ExtraMissingError, HearfeltError
from hearfelt.results.segment_rows import FACTS, column_names

CUT = {"code": "cut_short", "text": "1.00 s of 2.00 s are there", "there_s": 1.0, "promised_s": 2.0}
QUIET = {"code": "very_quiet", "text": "it is very quiet"}
NAMES = columns(["calm", "sad"], timeline=False)
ROWS = [
    ['a, "b".wav', "sad", 0.1 + 0.2, 1 - (0.1 + 0.2), 0.1 + 0.2, False, "mine", 1.5, [CUT, QUIET], None],
    ["line\nbreak.wav", None, None, None, None, None, "mine", None, None, "line\nbreak.wav: empty"],
]
IN_COLUMNS = [[*ROWS[0][:-2], "cut_short;very_quiet", None], ROWS[1]]  # what CSV and Parquet hold


def written(form: str) -> bytes:
    file = io.BytesIO()
    write_table(ROWS, NAMES, file, form, facts={"model": "mine"})
    return file.getvalue()


TAKEN = [name for name in columns(["calm", "sad"], timeline=True) if name not in ("calm", "sad")]


@pytest.mark.parametrize("is_of_segments", [False, True])
def test_labels_that_are_called_as_a_column_have_columns_of_their_own(is_of_segments: bool) -> None:
    names = columns(TAKEN, timeline=is_of_segments)
    assert len(set(names)) == len(names)
    facts = len(TAKEN) if is_of_segments else len(TAKEN) - 3
    assert [name for name in names if name.startswith("p_")] == [f"p_{name}" for name in TAKEN]
    assert len(names) == facts + len(TAKEN)
    said = {"source": "a.wav", "emotion": "error", "unsure": False, "model": "mine", "warnings": [], "error": None}
    row = [said.get(name, 0) for name in names]
    tables = {}
    for form in ("parquet", "csv", "jsonl"):
        file = io.BytesIO()
        write_table([row], names, file, form, facts={})
        tables[form] = file.getvalue()
    table = pyarrow.parquet.read_table(io.BytesIO(tables["parquet"]))
    assert {str(table.schema.field(f"p_{name}").type) for name in TAKEN} == {"double"}
    assert list(json.loads(tables["jsonl"])) == table.column_names == names
    assert next(csv.DictReader(io.StringIO(tables["csv"].decode())))["emotion"] == "error"


def test_a_label_is_called_the_same_in_every_table() -> None:
    labels = [*TAKEN, "calm", "p_error"]
    assert set(columns(labels, timeline=False)) >= set(column_names(labels)) - set(FACTS)


def test_csv_comes_back() -> None:
    first, *rest = csv.reader(io.StringIO(written("csv").decode(), newline=""))
    assert first == NAMES
    assert rest == [["" if value is None else str(value) for value in row] for row in IN_COLUMNS]


def test_json_lines_come_back() -> None:
    lines = written("jsonl").decode().splitlines()
    assert [list(json.loads(line).values()) for line in lines] == ROWS
    assert list(json.loads(lines[0])) == NAMES


def test_parquet_comes_back_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_ROWS", 1)
    table = pyarrow.parquet.ParquetFile(io.BytesIO(written("parquet")))
    assert table.num_row_groups == 2
    assert [list(row.values()) for row in table.read().to_pylist()] == IN_COLUMNS
    assert {field.name: str(field.type) for field in table.schema_arrow} == {
        "source": "string",
        "emotion": "string",
        "confidence": "double",
        "calm": "double",
        "sad": "double",
        "unsure": "bool",
        "model": "string",
        "duration_s": "double",
        "warnings": "string",
        "error": "string",
    }


def test_a_table_without_rows_has_its_columns() -> None:
    file = io.BytesIO()
    write_table([], NAMES, file, "parquet", facts={})
    assert pyarrow.parquet.read_table(io.BytesIO(file.getvalue())).column_names == NAMES


@pytest.mark.parametrize("place", ["emotions", "emotions.txt", "emotions.parquet.gz", "folder.csv/emotions"])
def test_an_ending_that_is_no_table_is_refused(place: str) -> None:
    with pytest.raises(HearfeltError, match=r"a table ends in \.parquet, \.csv or \.jsonl"):
        table_format(place)


def test_parquet_without_its_package_is_refused_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ExtraMissingError, match=r"hearfelt\[parquet\]"):
        table_format("emotions.parquet")
    assert table_format("EMOTIONS.CSV") == "csv"
