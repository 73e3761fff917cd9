from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path, PurePosixPath

import pytest

from hearfelt.corpora.catalog import identify, read_corpora, read_corpus, read_folder
from hearfelt.corpora.check import check_corpus
from hearfelt.corpora.folder import label_level, suggested_label
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


PEOPLE, BEYOND_THE_EIGHT, NOBODY_KNOWS = ["anna", "ben"], ["bored", "polite"], ["cat", "dog"]
PARTS = ["test", "train"]


def below(*levels: Sequence[str]) -> list[str]:
    """Name a clip in each combination of folders."""
    return [f"{'/'.join(path)}/1" for path in product(*levels)]


def labels(names: Sequence[str]) -> list[str]:
    """Find the labels of clips with these names."""
    paths = [PurePosixPath(name).parts[:-1] for name in names]
    level = label_level(Path("mine"), paths)
    return sorted({path[level.place] for path in paths})


@pytest.mark.parametrize("part", ["train", "Test", "dev", "val", "valid", "validation", "eval", "train_set", "test 2"])
@pytest.mark.parametrize("wanted", [BEYOND_THE_EIGHT, NOBODY_KNOWS])
def test_parts_of_a_set_are_no_labels(part: str, wanted: list[str]) -> None:
    assert labels(below([part, "training"], wanted)) == wanted
    assert labels(below(wanted, [part, "training"])) == wanted
    assert labels([*below(wanted), *below([part], wanted)]) == wanted


@pytest.mark.parametrize(
    "groups",
    [
        ["session 1", "session 2"],
        ["Session_anna", "Session_ben"],
        ["01", "02", "03"],
        ["2024-05-01", "2024-05-02"],
        ["Actor_01", "Actor_02"],
        ["s1", "s2"],
        ["F01", "M03"],
        ["speaker1a", "speaker1b"],
        ["Monday", "Tuesday"],
    ],
)
def test_sessions_and_numbered_speakers_are_no_labels_above_or_below(groups: list[str]) -> None:
    assert labels(below(groups, NOBODY_KNOWS)) == NOBODY_KNOWS
    assert labels(below(NOBODY_KNOWS, groups)) == NOBODY_KNOWS
    assert labels(below(PARTS, groups, NOBODY_KNOWS)) == NOBODY_KNOWS


@pytest.mark.parametrize("wanted", [BEYOND_THE_EIGHT, ["angry", "boredom", "sad"], ["01_bored", "02_dog"]])
def test_names_of_emotions_are_the_labels_above_or_below_people(wanted: list[str]) -> None:
    assert labels(below(PEOPLE, wanted)) == wanted
    assert labels(below(wanted, PEOPLE)) == wanted
    assert labels(below(PARTS, ["session1", "session2"], PEOPLE, wanted)) == wanted


def test_a_folder_around_everything_is_no_label() -> None:
    assert labels(below(["recordings"], NOBODY_KNOWS)) == NOBODY_KNOWS
    assert labels(below(["bored"], PEOPLE)) == ["bored"]


def test_the_topmost_folders_are_the_labels_where_nothing_below_repeats() -> None:
    assert labels(["dog/rex/1", "dog/fido/1", "cat/tom/1"]) == NOBODY_KNOWS


def test_clips_of_a_label_may_lie_deeper_than_others() -> None:
    assert labels(["dog/1", "dog/rex/2", "cat/3"]) == NOBODY_KNOWS
    assert labels(["dog/1", "cat/2", "second/dog/3", "second/cat/4"]) == NOBODY_KNOWS


def test_what_stands_alone_is_the_label_whatever_it_is_called() -> None:
    assert labels(below(["speaker1", "speaker2"])) == ["speaker1", "speaker2"]


@pytest.mark.parametrize(
    ("names", "question"),
    [
        (
            below(PEOPLE, NOBODY_KNOWS),
            "mine: which folders are the labels, anna, ben (--as folder:1, --corpus folder:1=DIR)"
            " or cat, dog (--as folder:2, --corpus folder:2=DIR)?",
        ),
        (
            below(["angry", "sad"], ["calm", "happy"]),
            "mine: which folders are the labels, angry, sad (--as folder:1, --corpus folder:1=DIR)"
            " or calm, happy (--as folder:2, --corpus folder:2=DIR)?",
        ),
        (
            below(PARTS, ["speaker1", "speaker2"]),
            "mine: which folders are the labels, test, train (--as folder:1, --corpus folder:1=DIR)"
            " or speaker1, speaker2 (--as folder:2, --corpus folder:2=DIR)?",
        ),
        (
            below([*BEYOND_THE_EIGHT, "test"]),
            "mine: are the folders bored, polite, test (--as folder:1, --corpus folder:1=DIR) labels, or parts of a"
            " set, in which a folder for each label is wanted?",
        ),
    ],
)
def test_what_is_not_plain_is_asked_in_one_sentence_that_names_the_option(names: list[str], question: str) -> None:
    with pytest.raises(CorpusError) as asked:
        labels(names)
    assert str(asked.value) == question


def test_the_answer_to_the_question_is_taken_in_every_form(standins) -> None:
    root = standins(*below(PEOPLE, NOBODY_KNOWS))
    with pytest.raises(CorpusError, match="which folders are the labels"):
        read_corpus(root)
    for name, wanted in {"folder:1": PEOPLE, "folder:2": NOBODY_KNOWS, "folder:-1": NOBODY_KNOWS}.items():
        assert list(read_corpus(root, name).emotions) == wanted
        assert list(read_corpora({name: root}).emotions) == wanted
        assert list(check_corpus(root, name).counts["emotion"]) == wanted
    assert read_folder(root, "folder:1").form.name == "folder"
    assert list(read_corpus(standins(*below(PARTS), below="parts"), "folder:1").emotions) == PARTS


def test_files_that_do_not_lie_so_deep_are_named(standins) -> None:
    root = standins("session/dog/1", "session/cat/2", "cat/3")
    assert read_folder(root, "folder:2").reading.unrecognized == {"cat/3.wav": "in no folder that names its emotion"}
    with pytest.raises(CorpusError, match="no sound lies in folders of level 3; there are 2 levels"):
        read_corpus(root, "folder:3")


@pytest.mark.parametrize("name", ["folder:", "folder:0", "folder:x", "folder:1.5"])
def test_a_level_that_cannot_be_meant_is_refused(standins, name: str) -> None:
    with pytest.raises(CorpusError, match=f"{name}: a level of folders is 1 for the topmost"):
        read_corpus(standins("sad/1"), name)


def test_a_table_has_no_levels(standins) -> None:
    root = standins("a/b/1")
    (root / "table.csv").write_text("path,emotion\na/b/1.wav,sad\n")
    with pytest.raises(CorpusError, match="a table says the labels"):
        read_corpus(root / "table.csv", "folder:1")
    assert read_corpus(root).emotions == ("sad",)
    assert read_corpus(root, "folder:2").emotions == ("b",)


def test_what_was_taken_is_said_where_there_was_a_choice(standins) -> None:
    root, said = standins(*below(PEOPLE, BEYOND_THE_EIGHT)), []
    assert identify(root) == "folder"
    clips = read_corpus(root, remark=said.append)
    assert said == [
        "The folders bored, polite are the labels, not anna, ben (--as folder:1, --corpus folder:1=DIR);"
        " no folder is taken for a speaker."
    ]
    assert clips.speakers == ("folder/unknown",)
    assert said[0] in check_corpus(root).remarks
    read_corpora({"folder:2": root}, remark=said.append)
    read_corpus(standins("sad/1", "angry/1", below="plain"), remark=said.append)
    assert len(said) == 1
