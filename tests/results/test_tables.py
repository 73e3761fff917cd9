from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import replace

import pytest

from hearfelt.errors import ExtraMissingError, HearfeltError
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.results import tables
from hearfelt.results.formats import write
from hearfelt.results.tables import TABLE_FORMATS, table_format, write_rows
from hearfelt.rows import PART_ROW, PREDICTION_ROW, SEGMENT_ROW, columns, table_row

files = pytest.importorskip("pyarrow.parquet")


def parquet(timelines: list[Timeline]) -> bytes:
    data = write(timelines, "parquet")
    assert isinstance(data, bytes)
    return data


def test_every_column_has_one_kind_also_where_nobody_speaks(mixed) -> None:
    for timeline in (mixed, replace(mixed, segments=())):
        schema = files.read_schema(io.BytesIO(parquet([timeline])))
        kinds = {name: str(schema.field(name).type) for name in schema.names}
        assert list(kinds.values())[:7] == ["string", "int32", "double", "double", "string", "double", "double"]
        assert list(kinds.values())[9:] == ["bool", "string", "string", "double", "string"]


def test_pandas_reads_the_same_numbers(sides) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(io.BytesIO(parquet(sides)))
    assert frame["channel"].tolist() == [0, 1, 0]
    assert frame["confidence"].tolist() == [0.6, 0.4, 0.8]
    assert frame["unsure"].tolist() == [False, True, False]


def test_mixed_channels_are_null_and_not_zero(mixed) -> None:
    assert files.read_table(io.BytesIO(parquet([mixed]))).column("channel").null_count == 3


def test_one_table_holds_the_answers_of_one_model(mixed) -> None:
    with pytest.raises(HearfeltError, match="other labels than the first timeline's"):
        parquet([mixed, replace(mixed, labels=("calm", "sad"))])


CUT = {"code": "cut_short", "text": "1.00 s of 2.00 s are there", "there_s": 1.0, "promised_s": 2.0}
QUIET = {"code": "very_quiet", "text": "it is very quiet"}
LABELS = ["calm", "source"]
ROWS = [
    {
        "source": 'a, "b".wav',
        "emotion": "source",
        "confidence": 0.1 + 0.2,
        "probabilities": {"calm": 1 - (0.1 + 0.2), "source": 0.1 + 0.2},
        "unsure": False,
        "warnings": [CUT, QUIET],
        "model": "mine",
        "duration_s": 1.5,
    },
    {"source": "line\nbreak.wav", "model": "mine", "error": "line\nbreak.wav: empty"},
]


def written(form: str, names: tuple[str, ...] = PREDICTION_ROW) -> bytes:
    file = io.BytesIO()
    write_rows(ROWS, LABELS, names, file, form, facts={"model": "mine"})
    return file.getvalue()


def test_csv_comes_back() -> None:
    first, *rest = csv.reader(io.StringIO(written("csv").decode(), newline=""))
    assert first == columns(LABELS)
    assert rest == [["" if cell is None else str(cell) for cell in table_row(row, LABELS)] for row in ROWS]


def test_json_lines_come_back_in_the_order_of_the_schema() -> None:
    assert [json.loads(line) for line in written("jsonl").splitlines()] == ROWS
    moved = {**ROWS[0], "start_s": 0.5}  # added behind the others
    file = io.BytesIO()
    write_rows([moved], LABELS, PART_ROW, file, "jsonl")
    assert list(json.loads(file.getvalue()))[:3] == ["source", "start_s", "emotion"]


@pytest.mark.parametrize("names", [PREDICTION_ROW, PART_ROW, SEGMENT_ROW])
def test_parquet_comes_back_in_groups(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_ROWS", 1)
    table = files.ParquetFile(io.BytesIO(written("parquet", names)))
    assert table.num_row_groups == 2
    assert table.schema_arrow.names == columns(LABELS, names)
    assert [list(row.values()) for row in table.read().to_pylist()] == [table_row(row, LABELS, names) for row in ROWS]
    assert table.schema_arrow.metadata[b"model"] == b"mine"


@pytest.mark.parametrize("form", TABLE_FORMATS)
def test_a_table_without_rows_has_its_columns(form: str) -> None:
    file = io.BytesIO()
    write_rows([], LABELS, PREDICTION_ROW, file, form)
    if form == "parquet":
        assert files.read_table(io.BytesIO(file.getvalue())).column_names == columns(LABELS)
    else:
        assert file.getvalue().decode() == (",".join(columns(LABELS)) + "\n" if form == "csv" else "")


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
