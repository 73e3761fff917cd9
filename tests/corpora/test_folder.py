from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.corpora.catalog import identify, read_corpus, read_folder
from hearfelt.corpora.folder import suggested_label
from hearfelt.errors import CorpusError


def table(root: Path, text: str, name: str = "table.csv") -> Path:
    path = root / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_folder_for_each_emotion_names_it_however_it_is_spelled(standins) -> None:
    root = standins("Anger/1", "happiness/1", "SAD/1.flac", "pleasant surprise/1")
    assert identify(root) == "folder"
    assert read_corpus(root).count("emotion") == {"happy": 1, "sad": 1, "angry": 1, "surprised": 1}


def test_labels_beyond_the_eight_keep_their_own_names(standins) -> None:
    assert read_corpus(standins("boredom/1", "Contempt/1", "calm/1")).emotions == ("calm", "boredom", "contempt")


def test_without_a_table_nobody_is_said_to_speak(standins) -> None:
    clips = read_corpus(standins("sad/anna/1", "angry/anna/1"))
    assert clips.speakers == ("folder/unknown",)
    assert not any(clip.speaker_is_known for clip in clips)


def test_an_emotion_deeper_down_is_found(standins) -> None:
    assert read_corpus(standins("train/angry/1", "test/sad/1")).emotions == ("sad", "angry")


def test_sound_in_no_folder_is_a_stranger(standins) -> None:
    found = read_folder(standins("sad/1", "sad/2", "loose"), "folder")
    assert found.reading.unrecognized == {"loose.wav": "in no folder that names its emotion"}


def test_a_table_says_who_speaks(standins) -> None:
    root = standins("a", "b", "deep/c")
    table(
        root,
        "path,emotion,speaker,sex,language,room\na.wav,Joy,anna,F,DE,hall\nb.wav,sad,ben,male,,\ndeep/c.wav,fear,,,,\n",
    )
    a, b, c = read_corpus(root)
    assert (a.name, a.emotion, a.speaker, a.sex, a.language) == ("a.wav", "happy", "folder/anna", "female", "de")
    assert a.extra == {"room": "hall"}
    assert (b.sex, c.speaker, c.emotion) == ("male", "folder/unknown", "fearful")


@pytest.mark.parametrize("name", ["mine.tsv", "mine.csv"])
def test_the_table_itself_may_be_given(standins, name: str) -> None:
    root = standins("a", "b")
    mark = "\t" if name.endswith("tsv") else ","
    path = table(root, f"path{mark}emotion\na.wav{mark}sad\n", name)
    assert [clip.name for clip in read_corpus(path)] == ["a.wav"]
    assert read_corpus(path) == read_corpus(root)
    assert read_folder(path).reading.unrecognized == {"b.wav": "not in " + name}


def test_paths_with_backslashes_and_whole_paths_are_found(standins) -> None:
    root = standins("deep/a", "b")
    table(root, f"path,emotion\ndeep\\a.wav,sad\n{root / 'b.wav'},calm\n")
    assert [clip.name for clip in read_corpus(root)] == ["b.wav", "deep/a.wav"]


def test_sound_beside_the_tables_folder_is_found(standins, tmp_path: Path) -> None:
    standins("a", below="sound")
    (tmp_path / "lists").mkdir()
    path = table(tmp_path / "lists", "path,emotion\n../sound/a.wav,sad\n")
    assert read_corpus(path)[0].path.is_file()


def test_a_path_that_is_not_there_is_named_with_its_line(standins) -> None:
    root = standins("a")
    table(root, "path,emotion\na.wav,sad\ngone.wav,calm\nlost.wav,calm\n")
    with pytest.raises(CorpusError, match=r"table\.csv, line 3: there is no gone\.wav \(and 1 more\)"):
        read_corpus(root)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("a.wav,\n", "line 2: a.wav has no emotion"),
        (",sad\n", "line 2: no path"),
        ("a.txt,sad\n", "line 2: a.txt does not end like a sound file"),
        ("a.wav,sad\na.wav,happy\n", "line 3: a.wav is happy, spoken by folder/unknown, and in line 2 sad"),
        ("", "no rows"),
    ],
)
def test_a_row_that_cannot_be_meant_is_named_with_its_line(standins, rows: str, fault: str) -> None:
    path = table(standins("a"), f"path,emotion\n{rows}")
    with pytest.raises(CorpusError) as refused:
        read_corpus(path)
    assert fault in str(refused.value)


def test_the_same_row_twice_is_one_clip(standins) -> None:
    root = standins("a")
    table(root, "path,emotion\na.wav,sad\na.wav,sadness\n")
    assert len(read_corpus(root)) == 1


def test_an_unknown_sex_is_left_open_and_said(standins) -> None:
    root = standins("a")
    table(root, "path,emotion,sex\na.wav,sad,divers\n")
    found = read_folder(root)
    assert found.reading.clips[0].sex == ""
    assert "divers" in found.reading.odd["a.wav"]


def test_a_given_table_without_the_columns_is_refused(standins) -> None:
    path = table(standins("a"), "file,mood\na.wav,sad\n")
    with pytest.raises(CorpusError, match=r"no column emotion \(label would do\); it has file, mood"):
        read_corpus(path)


@pytest.mark.parametrize("columns", ["file;Label", "FileName;emotion", "Path;label"])
@pytest.mark.parametrize("name", ["mine.csv", "mine.txt"])
def test_a_table_in_the_folder_is_found_whatever_its_columns_are_called(standins, columns: str, name: str) -> None:
    root = standins("a", "b")
    table(root, f"{columns}\na.wav;sad\nb.wav;calm\n", name)
    assert read_corpus(root, "folder").count("emotion") == {"calm": 1, "sad": 1}


@pytest.mark.parametrize("column", ["clip", "source"])
def test_a_table_that_hearfelt_wrote_is_read_when_it_is_given_and_never_looked_for(standins, column: str) -> None:
    root = standins("sad/a", "sad/b")
    path = table(root, f"{column},speaker,emotion\nsad/a.wav,folder/anna,calm\nsad/b.wav,folder/unknown,calm\n")
    assert read_corpus(root).emotions == ("sad",)
    given = read_corpus(path)
    assert given.emotions == ("calm",)
    assert [clip.speaker for clip in given] == ["folder/anna", "folder/unknown"]
    assert not given[1].speaker_is_known


def test_rows_with_times_are_parts_of_a_file_in_the_order_of_time(standins) -> None:
    root = standins("a", "b")
    path = table(root, "path,emotion,start,end\na.wav,sad,0.05,\na.wav,calm,,0.05\nb.wav,sad,,\n")
    clips = read_corpus(path)
    assert [(clip.name, clip.clip, clip.emotion) for clip in clips] == [
        ("a.wav#t=0,0.05", "a.wav", "calm"),
        ("a.wav#t=0.05", "a.wav", "sad"),
        ("b.wav", "b.wav", "sad"),
    ]
    assert read_folder(path).reading.unrecognized == {}


def test_one_part_with_two_labels_and_times_that_cannot_be_meant_are_refused_with_their_line(standins) -> None:
    root = standins("a")
    twice = table(root, "path,emotion,start\na.wav,sad,0.05\na.wav,calm,0.050\n")
    with pytest.raises(CorpusError, match=r"line 3: a\.wav#t=0\.05 is calm.*, and in line 2 sad"):
        read_corpus(twice)
    with pytest.raises(CorpusError, match="line 2: a part from 2 to 1"):
        read_corpus(table(root, "path,emotion,start,end\na.wav,sad,2,1\n"))


def test_two_tables_are_one_too_many(standins) -> None:
    root = standins("a")
    table(root, "path,emotion\na.wav,sad\n", "one.csv")
    table(root, "path,emotion\na.wav,calm\n", "two.csv")
    with pytest.raises(CorpusError, match=r"several tables could say what is in it \(one\.csv, two\.csv\)"):
        read_corpus(root, "folder")
    assert read_corpus(root / "two.csv").emotions == ("calm",)


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("agnry", "angry"),
        ("hapy", "happy"),
        ("05_angry", "angry"),
        ("voice_fear", "fearful"),
        ("suprised", "surprised"),
        ("angry", ""),
        ("boredom", ""),
        ("contempt", ""),
        ("excited", ""),
        ("unhappy", ""),
        ("unhapy", ""),
        ("Not_Happy", ""),
        ("not-angry", ""),
        ("no fear", ""),
        ("non_neutral", ""),
        ("nonneutral", ""),
        ("unsurprised", ""),
        ("uncalm", ""),
        ("without_anger", ""),
        ("anger_free", ""),
        ("angerless", ""),
        ("happy_or_sad", ""),
        ("disgst", "disgust"),
        ("nuetral", "neutral"),
    ],
)
def test_a_misspelt_label_is_guessed_and_another_one_is_not(label: str, meant: str) -> None:
    assert suggested_label(label) == meant
