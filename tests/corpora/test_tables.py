from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from hearfelt.corpora.tables import Row, columns_of, is_table, read_table
from hearfelt.errors import CorpusError

PLAIN = "path,emotion,speaker\na b.wav,sad,anna\nc.wav,calm,\n"
WANTED = [
    {"path": "a b.wav", "emotion": "sad", "speaker": "anna"},
    {"path": "c.wav", "emotion": "calm", "speaker": ""},
]


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def fields(path: Path) -> list[dict[str, str]]:
    return [dict(row.fields) for row in read_table(path)]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ".CSV"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_one_table_is_the_same_however_it_is_saved(
    tmp_path: Path, suffix: str, mark: str, end: str, encoding: str
) -> None:
    text = PLAIN.replace(",", mark).replace("\n", end)
    assert fields(write(tmp_path / f"table{suffix}", text, encoding)) == WANTED


@pytest.mark.parametrize("order", ["le", "be"])
def test_both_byte_orders_of_utf_16_are_read(tmp_path: Path, order: str) -> None:
    assert fields(write(tmp_path / "table.csv", f"\ufeff{PLAIN}", f"utf-16-{order}")) == WANTED


@pytest.mark.parametrize("path", ["path", "file", "filename", "file_name", "clip", "source", "Source", " FILE "])
@pytest.mark.parametrize("label", ["emotion", "label", "Label"])
def test_columns_are_known_in_any_case_and_under_several_names(tmp_path: Path, path: str, label: str) -> None:
    table = write(tmp_path / "table.csv", f"{label};{path};Start;END_S\nsad;a.wav;1;2\n")
    (row,) = read_table(table)
    assert row.fields == {"emotion": "sad", "path": "a.wav", "start_s": "1", "end_s": "2"}


def test_of_several_names_for_one_column_the_plainest_counts_and_the_others_stay(tmp_path: Path) -> None:
    table = write(tmp_path / "table.csv", "source,path,label,emotion\nradio,a.wav,7,sad\n")
    assert fields(table) == [{"source": "radio", "path": "a.wav", "label": "7", "emotion": "sad"}]


def test_padding_quotes_and_empty_lines_are_read(tmp_path: Path) -> None:
    table = write(tmp_path / "table.csv", '\n "path" ; emotion \n"a; b.wav";  sad \n\n;;\n" ""c"".wav";calm\n')
    assert [(row.where, row["path"], row["emotion"]) for row in read_table(table)] == [
        (f"{table}, line 3", "a; b.wav", "sad"),
        (f"{table}, line 6", '"c".wav', "calm"),
    ]


def test_marks_inside_a_quoted_header_do_not_divide(tmp_path: Path) -> None:
    assert columns_of(write(tmp_path / "table.csv", '"Path";"note, more, even more"\n')) == (
        "path",
        "note, more, even more",
    )


def test_the_separator_that_excel_writes_first_is_taken(tmp_path: Path) -> None:
    assert fields(write(tmp_path / "table.csv", "sep=;\r\npath;note\r\na.wav;b,c\r\n")) == [
        {"path": "a.wav", "note": "b,c"}
    ]


def test_a_table_of_one_column_is_not_divided(tmp_path: Path) -> None:
    assert fields(write(tmp_path / "table.txt", "source\na, b.wav\n")) == [{"path": "a, b.wav"}]


def test_a_short_row_has_empty_fields_and_a_long_one_no_more_than_there_are_columns(tmp_path: Path) -> None:
    assert fields(write(tmp_path / "t.csv", "path,emotion\na.wav\nb.wav,sad,and,more\n")) == [
        {"path": "a.wav", "emotion": ""},
        {"path": "b.wav", "emotion": "sad"},
    ]


def test_letters_that_divide_lines_elsewhere_stay_in_a_field(tmp_path: Path) -> None:
    name = "a\u2028b\x0bc.wav"
    assert fields(write(tmp_path / "t.csv", f"path\n{name}\n")) == [{"path": name}]


def test_parquet_says_the_same_and_keeps_every_row(tmp_path: Path) -> None:
    table = tmp_path / "a.PARQUET"
    columns = {"Topic": [1, 2, 3], "Source": ["a.wav", None, " täglich, b.wav"], "start": [0.5, None, 1.0]}
    pyarrow.parquet.write_table(pyarrow.table(columns), table)
    assert fields(table) == [
        {"topic": "1", "path": "a.wav", "start_s": "0.5"},
        {"topic": "2", "path": "", "start_s": ""},
        {"topic": "3", "path": "täglich, b.wav", "start_s": "1.0"},
    ]
    rows = list(read_table(table, needs=("path",), only=("path", "start_s")))
    assert [dict(row.fields) for row in rows] == [
        {"path": "a.wav", "start_s": "0.5"},
        {"path": "", "start_s": ""},
        {"path": "täglich, b.wav", "start_s": "1.0"},
    ]
    assert rows[1].where == f"{table}, row 2"


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_lacking_column_is_named_beside_those_there_are(name: str, tmp_path: Path) -> None:
    table = tmp_path / name
    if name.endswith("csv"):
        table.write_text("Ort,Gefühl\na.wav,sad\n", encoding="utf-8")
    else:
        pyarrow.parquet.write_table(pyarrow.table({"Ort": ["a.wav"], "Gefühl": ["sad"]}), table)
    with pytest.raises(CorpusError) as refused:
        list(read_table(table, needs=("path", "emotion")))
    assert str(refused.value) == (
        f"{table}: no column path (file or filename or file_name or clip or source would do); it has ort, gefühl, and"
        " path and emotion are needed"
    )


def test_an_empty_table_has_no_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", "\n \n")
    assert columns_of(path) == ()
    with pytest.raises(CorpusError, match="it has nothing, and path is needed"):
        list(read_table(path, needs=("path",)))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("päth,emotion\n".encode("latin-1"), ": not text in UTF-8"),
        ("path,emotion\na.wav,müde\n".encode("latin-1"), "line 2: not text in UTF-8"),
        ("path,emotion\na.wav,sad\n".encode("utf-16-le"), ": not text in UTF-8"),  # without a mark nobody can know
        ("\ufeffpath\na.wav\n".encode("utf-16-le") + b"x", ": not text in UTF-8"),
        (b'path,emotion\na.wav,sad\nb.wav,"calm\nc.wav,sad\n', "line 3: a quotation mark is opened here and never"),
        (b"path\n" + b'"' + b"a" * 200_000, "line 2: this is no CSV that can be read"),
        (b"\x89PNG\r\n\x1a\n\0\0", ": not text in UTF-8"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(CorpusError) as refused:
        list(read_table(tmp_path / "table.csv"))
    assert f"table.csv{'' if fault.startswith(':') else ', '}{fault}" in str(refused.value)


def test_what_is_no_parquet_or_not_there_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"no table")
    (tmp_path / "folder.csv").mkdir()
    for name, sentence in (
        ("a.parquet", "this is no Parquet file"),
        ("table.csv", "there is no such table"),
        ("folder.csv", "cannot be read"),
    ):
        with pytest.raises(CorpusError, match=sentence):
            list(read_table(tmp_path / name))


def test_a_backslash_divides_folders_unless_a_file_is_called_so(tmp_path: Path) -> None:
    row = Row("here", {"path": "sub\\b.wav"})
    assert row.path_in(str(tmp_path)) == "sub/b.wav"
    (tmp_path / "sub\\b.wav").write_bytes(b"sound")
    assert row.path_in(str(tmp_path)) == "sub\\b.wav"


def test_bytes_that_are_not_utf_8_come_through_if_a_file_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"source\ncaf\xe9.wav\n")
    (row,) = read_table(tmp_path / "a.csv")
    with pytest.raises(CorpusError, match="line 2: not text in UTF-8"):
        row.path_in(str(tmp_path))
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"sound")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert row.path_in(str(tmp_path)) == "caf\udce9.wav"


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1.5", 1.5),
        ("1,5", 1.5),
        ("90", 90.0),
        ("0 days 00:00:01.500000", 1.5),  # as pandas and audformat write it
        ("1 days 01:00:00", 90_000.0),
        ("1 day, 1:00:00", 90_000.0),  # as Python does
        ("00:01:30.25", 90.25),
        ("1:30", 90.0),
    ],
)
def test_times_are_read_as_seconds_or_as_a_clock(written: str, seconds: float) -> None:
    assert Row("here", {"start_s": written}).part == (seconds, None)


@pytest.mark.parametrize("empty", ["", "NaT", "nan"])
def test_an_empty_time_is_the_beginning_or_the_end(empty: str) -> None:
    assert Row("here", {"start_s": empty, "end_s": empty}).part == (0.0, None)
    assert Row("here", {"start_s": empty, "end_s": "2"}).part == (0.0, 2.0)
    assert Row("here", {"start_s": "2", "end_s": empty}).part == (2.0, None)
    assert Row("here", {}).part == (0.0, None)


@pytest.mark.parametrize(
    ("start", "end", "fault"),
    [
        ("2", "1", "here: a part from 2 to 1; an end after the start is wanted"),
        ("2", "2", "here: a part from 2 to 2; an end"),
        ("", "0", "here: a part from 0 to 0; an end"),
        ("-1", "2", "here: start '-1'; seconds from the beginning of the sound, such as 12.5 or 0:00:12.5, are wanted"),
        ("soon", "2", "here: start 'soon'; seconds"),
        ("1", "inf", "here: end 'inf'; seconds"),
    ],
)
def test_times_that_cannot_be_meant_are_refused_in_a_sentence(start: str, end: str, fault: str) -> None:
    with pytest.raises(CorpusError) as refused:
        _ = Row("here", {"start_s": start, "end_s": end}).part
    assert str(refused.value).startswith(fault)


def test_a_long_table_is_read_in_memory_that_does_not_grow(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("source,note\n")
        file.writelines(f"{number}.wav,{'x' * 100}\n" for number in range(15_000))  # 1.6 MB
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_table(path)) == 15_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 500_000


def test_tables_are_told_by_their_endings() -> None:
    assert all(map(is_table, ("a.csv", "a.tsv", "a.txt", "a.Parquet")))
    assert not any(map(is_table, ("a.wav", "csv", "a.jsonl", "a.xlsx")))
