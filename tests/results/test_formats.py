"""What every format keeps: read back with the tool's own library, or the standard one, the segments are there."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pympi
import pytest
import webvtt
from praatio import textgrid as praat

from hearfelt.errors import HearfeltError
from hearfelt.inference.timeline.segments import SegmentRow, rows_of
from hearfelt.results.formats import FORMATS, audacity_label, format_of, vtt_cue, write
from hearfelt.rows import SEGMENT_ROW, columns

Read = list[tuple[str, float, float, str]]  # side, from, to, what is said


def read_json(text: str | bytes, path: Path) -> Read:
    rows = [json.loads(line) for line in str(text).splitlines()]
    return [(_side(row["channel"]), row["start_s"], row["end_s"], row["emotion"]) for row in rows]


def read_csv(text: str | bytes, path: Path) -> Read:
    rows = list(csv.DictReader(io.StringIO(str(text))))
    return [(_side(row["channel"]), float(row["start_s"]), float(row["end_s"]), row["emotion"]) for row in rows]


def read_parquet(data: str | bytes, path: Path) -> Read:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert isinstance(data, bytes)
    rows = parquet.read_table(io.BytesIO(data)).to_pylist()
    return [(_side(row["channel"]), row["start_s"], row["end_s"], row["emotion"]) for row in rows]


def read_textgrid(text: str | bytes, path: Path) -> Read:
    path.write_text(str(text), encoding="utf-8")
    grid = praat.openTextgrid(str(path), includeEmptyIntervals=False)
    tiers = [name for name in grid.tierNames if "confidence" not in name]
    return [
        ("" if name == "emotion" else name, start_s, end_s, label)
        for name in tiers
        for start_s, end_s, label in grid.getTier(name).entries
    ]


def read_vtt(text: str | bytes, path: Path) -> Read:
    path.write_text(str(text), encoding="utf-8")
    return [
        (cue.voice or "", _seconds(cue.start), _seconds(cue.end), unescape(cue.text).rpartition(" ")[0].rstrip("?"))
        for cue in webvtt.read(str(path))
    ]


def read_audacity(text: str | bytes, path: Path) -> Read:
    rows = [line.split("\t") for line in str(text).splitlines()]
    assert all(len(row) == 3 for row in rows)
    found = []
    for start_s, end_s, said in rows:
        side, _, words = said.rpartition(": ")
        found.append((side, float(start_s), float(end_s), words.rpartition(" ")[0].rstrip("?")))
    return found


def read_elan(text: str | bytes, path: Path) -> Read:
    path.write_text(str(text), encoding="utf-8")
    document = pympi.Elan.Eaf(str(path))
    tiers = document.get_tier_ids_for_linguistic_type("emotion")
    return [
        ("" if tier == "emotion" else tier, start_ms / 1000, end_ms / 1000, value)
        for tier in tiers
        for start_ms, end_ms, value in document.get_annotation_data_for_tier(tier)
    ]


def _seconds(clock: str) -> float:
    hours, minutes, rest = clock.split(":")
    return int(hours) * 3_600 + int(minutes) * 60 + float(rest)


def _side(channel: object) -> str:
    return "" if channel in (None, "") else ("left", "right")[int(str(channel))]


READERS: dict[str, Callable[[str | bytes, Path], Read]] = {
    "json": read_json,
    "jsonl": read_json,
    "csv": read_csv,
    "parquet": read_parquet,
    "textgrid": read_textgrid,
    "vtt": read_vtt,
    "audacity": read_audacity,
    "elan": read_elan,
}


def told(timelines) -> Read:
    return sorted(
        (row.side, round(row.segment.start_s, 6), round(row.segment.end_s, 6), row.segment.emotion)
        for row in rows_of(timelines)
    )


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_written_is_read_back(form: str, mixed, tmp_path: Path) -> None:
    found = READERS[form](write([mixed], form), tmp_path / f"a{FORMATS[form].suffix}")
    assert sorted(found) == told([mixed])


@pytest.mark.parametrize("form", FORMATS)
def test_two_sides_stay_two(form: str, sides, tmp_path: Path) -> None:
    found = READERS[form](write(sides, form), tmp_path / f"a{FORMATS[form].suffix}")
    assert sorted(found) == told(sides)


@pytest.mark.parametrize("form", FORMATS)
def test_a_sound_without_speech_makes_a_file_without_segments(form: str, mixed, tmp_path: Path) -> None:
    silent = write([replace(mixed, segments=())], form)
    assert READERS[form](silent, tmp_path / f"a{FORMATS[form].suffix}") == []


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "parquet"])
def test_a_table_holds_several_sounds(form: str, mixed, sides, tmp_path: Path) -> None:
    found = READERS[form](write([*sides, mixed], form), tmp_path / "table")
    assert [one[0] for one in found] == ["left", "right", "left", "", "", ""]


@pytest.mark.parametrize("form", ["textgrid", "vtt", "audacity", "elan"])
def test_annotations_describe_one_sound(form: str, mixed, sides) -> None:
    with pytest.raises(HearfeltError, match="describes one sound, not 2"):
        write([*sides, mixed], form)


def test_an_unknown_format_is_met_with_those_there_are() -> None:
    with pytest.raises(HearfeltError, match=r"^xlsx: not a format of timelines; these are: json, jsonl, csv, parquet"):
        write([], "xlsx")


def test_an_ending_says_the_format_whatever_its_case() -> None:
    endings = (".json", ".JSONL", ".csv", ".parquet", ".textgrid", ".vtt", ".txt", ".EAF")
    assert [format_of(Path(f"a{ending}")).name for ending in endings] == list(FORMATS)
    with pytest.raises(HearfeltError, match=r"^a\.doc: not the ending of a timeline's file; use \.json, "):
        format_of(Path("a.doc"))


def test_json_and_json_lines_are_the_same(mixed) -> None:
    assert write([mixed], "json") == write([mixed], "jsonl")


def test_csv_has_a_column_for_each_label_and_is_empty_where_channels_were_mixed(mixed) -> None:
    head, first, *_ = str(write([mixed], "csv")).splitlines()
    assert head == (
        'source,channel,start_s,end_s,emotion,confidence,calm,sad,"a ""dry"" <joke> & co.",'
        "unsure,warnings,model,duration_s,error"
    )
    assert first == '"a, b.wav",,0.5,2.0,calm,0.7,0.7,0.2,0.1,False,,toy,1.5,'


def test_every_table_has_the_same_columns_and_json_the_same_names(mixed) -> None:
    names = columns(mixed.labels, SEGMENT_ROW)
    assert next(csv.reader(io.StringIO(str(write([mixed], "csv"))))) == names
    parquet = pytest.importorskip("pyarrow.parquet")
    data = write([mixed], "parquet")
    assert isinstance(data, bytes)
    assert parquet.read_schema(io.BytesIO(data)).names == names
    assert (*json.loads(str(write([mixed], "jsonl")).splitlines()[0]), "error") == SEGMENT_ROW


def test_times_have_no_digits_that_mean_nothing(mixed) -> None:
    assert '"end_s": 3.3,' in str(write([mixed], "json"))
    assert ",2.0,3.3,sad," in str(write([mixed], "csv"))
    assert audacity_label(SegmentRow("a.wav", None, mixed.segments[1])) == "2.000000\t3.300000\tsad? 45%\n"


def test_a_cue_is_spoken_by_its_side_and_a_question_mark_says_unsure(mixed) -> None:
    sure, unsure, marked = mixed.segments
    assert vtt_cue(SegmentRow("a.wav", 0, sure, "left")) == "00:00:00.500 --> 00:00:02.000\n<v left>calm 70%\n\n"
    assert vtt_cue(SegmentRow("a.wav", None, unsure)) == "00:00:02.000 --> 00:00:03.300\nsad? 45%\n\n"
    assert 'a "dry" &lt;joke&gt; &amp; co. 90%' in vtt_cue(SegmentRow("a.wav", None, marked))


def test_a_label_with_line_breaks_and_tabs_stays_on_its_line(mixed) -> None:
    broken = replace(mixed.segments[0], prediction=replace(mixed.segments[0].prediction, emotion="my\n\n-->\tdog"))
    assert audacity_label(SegmentRow("a.wav", None, broken)).count("\t") == 2
    assert vtt_cue(SegmentRow("a.wav", None, broken)).splitlines()[1] == "my --&gt; dog 70%"
