from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import replace

import pytest

from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import ExtraMissingError, HearfeltError
from hearfelt.features.classic import GROUPS
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.results import tables
from hearfelt.results.formats import write
from hearfelt.results.tables import (
    TABLE_FORMATS,
    error_row,
    prediction_row,
    table_format,
    why_cells,
    why_names,
    write_rows,
)
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


SAD = Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "tiny")
CUT_SHORT = SoundWarning("cut_short", "1.00 s of 2.00 s are there", {"there_s": 1.0, "promised_s": 2.0})
SHAPLEY = Explanation(SAD, 1.0, 0.5, dict.fromkeys(GROUPS, 0.1))
OCCLUSION = Occlusion(SAD, 1.0, 0.5, (0.2, 1.0, 1.8), (0.0, -2.0, 1.0), BANDS_HZ, (0.3,) * len(BANDS_HZ))


def cells(why: Explanation | Occlusion, input_kind: str) -> dict[str, object]:
    labels, names = ("calm", "sad"), why_names(input_kind)
    row = table_row({**prediction_row("a.wav", SAD, why), **why_cells(why)}, labels, names)
    return dict(zip(columns(labels, names), row, strict=True))


@pytest.mark.parametrize(("kind", "why"), [("classic-162", SHAPLEY), ("sound", OCCLUSION)])
def test_a_table_with_explanations_has_a_number_in_each_of_their_columns(
    kind: str, why: Explanation | Occlusion
) -> None:
    row = cells(why, kind)
    assert (row["source"], row["emotion"], row["calm"], row["sad"], row["error"]) == ("a.wav", "sad", 0.3, 0.7, None)
    more = [name for name in why_names(kind) if name not in PREDICTION_ROW]
    assert more
    assert all(isinstance(row[name], float) for name in more)


def test_the_stretch_that_changes_most_is_named_by_its_ends() -> None:
    row = cells(OCCLUSION, "sound")
    assert (row["without_start_s"], row["without_end_s"], row["without_effect"]) == (0.75, 1.25, -2.0)


def test_json_has_an_explanation_only_if_one_is_wanted() -> None:
    assert "why" not in prediction_row("a.wav", SAD)
    assert prediction_row("a.wav", SAD, SHAPLEY)["why"] == SHAPLEY.to_dict()
    assert error_row("a.wav", "empty") == {"source": "a.wav", "error": "empty"}


def test_json_has_the_plausible_labels_of_a_model_with_quantiles() -> None:
    row = prediction_row("a.wav", replace(SAD, quantiles={"0.9": 0.8, "0.5": 0.5}))
    assert row["plausible"] == {"0.9": ["sad", "calm"], "0.5": ["sad"]}
    assert "plausible" not in prediction_row("a.wav", SAD)
    names = columns(("calm", "sad"))
    assert len(table_row(row, ("calm", "sad"))) == len(names)
    assert "plausible" not in names


def test_json_has_the_names_of_the_schema_in_their_order_and_all_of_each_warning() -> None:
    odd = replace(SAD, warnings=(CUT_SHORT, SoundWarning("very_quiet", "it is very quiet")))
    assert (*prediction_row("a.wav", odd), "error") == PREDICTION_ROW
    assert prediction_row("a.wav", SAD)["warnings"] == []
    assert prediction_row("a.wav", odd)["warnings"] == [
        {"code": "cut_short", "text": "1.00 s of 2.00 s are there", "there_s": 1.0, "promised_s": 2.0},
        {"code": "very_quiet", "text": "it is very quiet"},
    ]
