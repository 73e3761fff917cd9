from __future__ import annotations

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from hearfelt.batch.manifest import is_manifest, manifest_digest, read_manifest
from hearfelt.errors import HearfeltError


def test_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    sources = ["a.wav", "täglich, b.wav", 'c "2".wav']
    text = tmp_path / "a.csv"
    text.write_text('\ufefftopic,source\n1,a.wav\n\n2,"täglich, b.wav"\n3,"c ""2"".wav"\n', encoding="utf-8")
    table = tmp_path / "a.PARQUET"
    pyarrow.parquet.write_table(pyarrow.table({"topic": [1, 2, 3], "source": sources}), table)
    assert list(read_manifest(str(text))) == list(read_manifest(str(table))) == sources
    assert is_manifest(str(text))
    assert is_manifest(str(table))


def test_an_empty_cell_is_an_empty_text(tmp_path: Path) -> None:
    table = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"source": ["a.wav", None]}), table)
    assert list(read_manifest(str(table))) == ["a.wav", ""]
    (tmp_path / "a.csv").write_text("topic,source\n1,a.wav\n2\n")
    assert list(read_manifest(str(tmp_path / "a.csv"))) == ["a.wav", ""]


def test_bytes_that_are_not_utf_8_come_through(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"source\ncaf\xe9.wav\n")
    assert list(read_manifest(str(tmp_path / "a.csv"))) == ["caf\udce9.wav"]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_table_without_the_column_is_refused_with_the_columns_it_has(name: str, tmp_path: Path) -> None:
    table = tmp_path / name
    if name.endswith("csv"):
        table.write_text("path,label\na.wav,sad\n")
    else:
        pyarrow.parquet.write_table(pyarrow.table({"path": ["a.wav"], "label": ["sad"]}), table)
    with pytest.raises(HearfeltError, match=f"{name}: its columns are path, label; one named source is wanted"):
        list(read_manifest(str(table)))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"", "its columns are none; one named source"),
        ("a.parquet", b"no table", "this is no Parquet file"),
        ("a.csv", b"source\n" + b'"' + b"a" * 200_000, "this is no CSV"),
    ],
)
def test_what_is_no_table_is_refused(name: str, content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(HearfeltError, match=sentence):
        list(read_manifest(str(tmp_path / name)))


def test_another_content_has_another_digest(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("source\na.wav\n")
    before = manifest_digest(str(table))
    table.write_text("source\nb.wav\n")
    assert manifest_digest(str(table)) != before
    with pytest.raises(HearfeltError, match="there is no such file"):
        manifest_digest(str(tmp_path / "nowhere.csv"))
