from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path, PurePosixPath

import pytest

from hearfelt.corpora.catalog import identify, read_corpora, read_corpus, read_folder
from hearfelt.corpora.check import check_corpus
from hearfelt.corpora.label_folders import label_level
from hearfelt.errors import CorpusError

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
