from __future__ import annotations

from pathlib import Path

import audformat
import pandas
import pytest

from hearfelt.corpora.catalog import identify, read_corpus, read_folder
from hearfelt.errors import CorpusError

FILES = ["wav/a.wav", "wav/b.wav", "wav/c.wav"]


@pytest.fixture
def database(standins) -> Path:
    """A database that audformat itself saved: labels of files, labels of parts, and who speaks."""
    root: Path = standins(*(name.removesuffix(".wav") for name in FILES))
    made = audformat.Database("mine")
    made.schemes["emotion"] = audformat.Scheme("str", labels=["anger", "sadness", "boredom"])
    made.schemes["speaker"] = audformat.Scheme("str")
    made["emotion"] = audformat.Table(audformat.filewise_index(FILES[:2]))
    made["emotion"]["emotion"] = audformat.Column(scheme_id="emotion")
    made["emotion"]["emotion"].set(["anger", "boredom"])
    parts = audformat.segmented_index([FILES[2]] * 2, ["0s", "1.5s"], ["1.5s", pandas.NaT])
    made["parts"] = audformat.Table(parts)
    made["parts"]["emotion"] = audformat.Column(scheme_id="emotion")
    made["parts"]["emotion"].set(["sadness", "anger"])
    made["files"] = audformat.Table(audformat.filewise_index(FILES))
    made["files"]["speaker"] = audformat.Column(scheme_id="speaker")
    made["files"]["speaker"].set(["s1", "s2", "s1"])
    made.save(str(root), storage_format="csv")
    return root


def test_a_database_is_a_corpus(database: Path) -> None:
    assert identify(database) == "audformat"
    clips = read_corpus(database)
    assert [(clip.clip, clip.emotion, clip.speaker, clip.start_s, clip.end_s) for clip in clips] == [
        ("wav/a.wav", "angry", "audformat/s1", 0, None),
        ("wav/b.wav", "boredom", "audformat/s2", 0, None),
        ("wav/c.wav", "sad", "audformat/s1", 0, 1.5),
        ("wav/c.wav", "angry", "audformat/s1", 1.5, None),
    ]


def test_two_tables_that_disagree_are_refused_by_name(database: Path) -> None:
    (database / "db.other.csv").write_text("file,emotion\nwav/a.wav,sadness\n")
    with pytest.raises(CorpusError, match=r"wav/a.wav is angry in db.emotion.csv and sad in db.other.csv"):
        read_corpus(database)
    assert [clip.emotion for clip in read_corpus(database / "db.other.csv")] == ["sad"]


def test_a_file_that_is_not_there_is_named(database: Path) -> None:
    (database / "wav" / "b.wav").unlink()
    assert read_folder(database).reading.missing == ("db.emotion.csv, line 3: there is no wav/b.wav",)


def test_a_file_without_a_label_is_no_clip(database: Path) -> None:
    (database / "db.emotion.csv").write_text("file,emotion\nwav/a.wav,\nwav/b.wav,sadness\n")
    assert read_folder(database).reading.unrecognized == {"wav/a.wav": "in no table with emotions"}


def test_a_database_without_emotions_is_refused(database: Path) -> None:
    for name in ("emotion", "parts"):
        (database / f"db.{name}.csv").unlink()
    with pytest.raises(CorpusError, match="has a column file and a column emotion"):
        read_corpus(database)
