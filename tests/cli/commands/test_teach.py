from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_corpus

Here = Callable[..., tuple[int, str, str]]
LABELS = {"angry": "Furious", "sad": "Bored stiff", "happy": "Happy"}
PATTERN = r"/(\d\d) "


@pytest.fixture
def mine(toy: Path, tmp_path: Path) -> Path:
    """Recordings of one's own: a folder for each label, ``Furious/01 0007.wav`` spoken by 01."""
    for number, clip in enumerate(read_corpus(toy).where(emotion=LABELS)):
        target = tmp_path / "mine" / LABELS[clip.emotion] / f"{clip.speaker[-2:]} {number:04}.wav"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip.path, target)
    return tmp_path / "mine"


def test_teaching_writes_a_model_and_says_how_well_it_does(
    here: Here, mine: Path, sound_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine.onnx"
    code, said, wrong = here("teach", mine, "--out", out, "--base", sound_model, "--speaker-pattern", PATTERN)
    assert (code, wrong) == (0, "")
    assert "36 clips of 6 speakers, 3 labels" in said
    assert "by speaker" in said
    assert "by chance: UAR 33.3%" in said
    assert f"hearfelt recognize clip.wav --model {out}" in said
    for label in ("happy", "bored_stiff", "furious"):
        assert label in said


def test_two_speakers_are_enough(here: Here, mine: Path, sound_model: Path, tmp_path: Path) -> None:
    for number, clip in enumerate(sorted(mine.rglob("*.wav"))):
        clip.rename(clip.with_name(f"{'ab'[number % 2]} {number}.wav"))
    options = ("--out", tmp_path / "mine.onnx", "--base", sound_model, "--speaker-pattern", r"/(\w) ")
    code, said, wrong = here("teach", mine, *options, "--report", tmp_path / "mine.html")
    assert (code, wrong) == (0, f"{tmp_path / 'mine.html'}\n")
    assert "36 clips of 2 speakers, 3 labels" in said
    assert "still rising" not in said


def test_folders_of_parts_and_speakers_are_no_labels(here: Here, mine: Path, sound_model: Path, tmp_path: Path) -> None:
    nested = tmp_path / "nested"
    for place, clip in enumerate(sorted(mine.rglob("*.wav"))):
        target = nested / ("train", "test")[place % 2] / clip.name[:2] / clip.parent.name / clip.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, target)
    options = ("--out", tmp_path / "nested.onnx", "--base", sound_model)
    code, said, wrong = here("teach", nested, *options, "--speaker-pattern", r"^\w+/(\d\d)/")
    assert code == 0
    assert wrong.startswith("The folders Bored stiff, Furious, Happy are the labels, not test, train (--as folder:1")
    assert "36 clips of 6 speakers, 3 labels" in said
    assert [f"{label} " in said for label in ("bored_stiff", "furious", "happy", "test")] == [True, True, True, False]


def test_what_is_not_plain_is_asked_and_answered(here: Here, mine: Path, sound_model: Path, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    for place, clip in enumerate(sorted(mine.rglob("*.wav"))):
        target = asked / ("anna", "ben")[place % 2] / ("cat", "dog", "cow")[place // 12] / clip.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, target)
    code, said, wrong = here("teach", asked, "--out", tmp_path / "asked.onnx", "--base", sound_model)
    assert (code, said) == (4, "")
    assert wrong.count("\n") == 1
    assert "which folders are the labels, anna, ben (--as folder:1" in wrong
    for command in (("corpora", "check", asked), ("clips", asked), ("features", asked, "--out", tmp_path / "x.csv")):
        assert here(*command)[::2] == (4, wrong)
    code, said, _ = here("clips", asked, "--as", "folder:2")
    assert code == 0
    assert {line.split(",")[3] for line in said.splitlines()} == {"emotion", "cat", "cow", "dog"}
    code, said, _ = here("teach", asked, "--out", tmp_path / "asked.onnx", "--base", sound_model, "--as", "folder:2")
    assert code == 0
    assert "36 clips of unknown speakers, 3 labels" in said


def test_nothing_of_the_confusions_is_cut_at_a_narrow_terminal(
    here: Here, mine: Path, sound_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    out = tmp_path / "mine.onnx"
    _, said, _ = here("teach", mine, "--out", out, "--base", sound_model, "--speaker-pattern", PATTERN)
    table = said.split("(rows)")[1].split("Try it")[0]
    assert "…" not in table
    assert re.search(r"label +1 +2 +3 +recall", table)
    for label in ("happy", "furious", "bored_stiff"):
        assert re.search(rf"^ *\d {label} .*\d% *$", table, re.MULTILINE)


def test_the_new_file_works_everywhere(here: Here, mine: Path, sound_model: Path, tmp_path: Path) -> None:
    out, clip = tmp_path / "mine.onnx", next((mine / "Furious").iterdir())
    assert here("teach", mine, "--out", out, "--base", sound_model)[0] == 0
    code, said, _ = here("recognize", clip, "--model", out, "--format", "json", "--plot", tmp_path / "clip.png")
    answer = json.loads(said.splitlines()[0])
    assert code == 0
    assert list(answer["probabilities"]) == ["happy", "bored_stiff", "furious"]
    assert (tmp_path / "clip.png").stat().st_size > 5000
    code, said, _ = here("recognize", clip, "--model", out)
    assert (code, answer["emotion"] in said) == (0, True)
    assert here("recognize", clip, "--model", out, "--why")[0] == 0
    assert here("doctor", out)[0] == 0
    code, said, _ = here("card", out)
    assert code == 0
    assert "cross-validation by clip" in said


def test_unknown_speakers_are_said_loudly(here: Here, mine: Path, sound_model: Path, tmp_path: Path) -> None:
    code, said, wrong = here("teach", mine, "--out", tmp_path / "mine.onnx", "--base", sound_model)
    assert code == 0
    assert wrong.startswith("warning: speakers are unknown")
    assert "unknown speakers" in said
    assert "by clip" in said


def test_programs_get_one_object(here: Here, mine: Path, sound_model: Path, tmp_path: Path) -> None:
    (mine / "Happy" / "broken.wav").write_bytes(b"RIFF")
    command = ("teach", mine, "--out", tmp_path / "mine.onnx", "--base", sound_model, "--format", "json")
    code, said, wrong = here(*command)
    told = json.loads(said)
    assert code == 0
    assert told["labels"] == ["happy", "bored_stiff", "furious"]
    assert (told["clips"], told["speakers"], told["scored_by"]) == (36, None, "clip")
    assert 0 <= told["uar"] <= 1
    assert told["learning_curve"][-1]["uar"] == told["uar"]
    assert sum(map(sum, told["confusion"])) == 36
    assert "broken.wav" in told["left_out"]["cannot be read"][0]
    assert "left out: 1 file, cannot be read" in wrong
    assert "broken.wav" in wrong


def test_a_page_is_written_when_it_is_asked_for(here: Here, mine: Path, sound_model: Path, tmp_path: Path) -> None:
    page = tmp_path / "mine.html"
    command = ("teach", mine, "--out", tmp_path / "mine.onnx", "--base", sound_model, "--report", page)
    assert here(*command)[0] == 0
    text = page.read_text(encoding="utf-8")
    assert "These scores may be too good" in text
    assert "Would more clips help?" in text
    assert "bored_stiff" in text


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("--base", "svm"), 6, "svm: it takes 162 features and has no embedding to build on"),
        (("--base", "no.onnx"), 6, "there is no such model file"),
        (("--speaker-pattern", "(x"), 4, "is no regular expression"),
        (("--speakers", "no.csv"), 4, "there is no such table"),
        (("--as", "emodb"), 4, "is a clip of emodb"),
    ],
)
def test_a_slip_is_met_with_one_sentence(
    options: tuple[str, ...], code: int, sentence: str, here: Here, mine: Path, sound_model: Path, tmp_path: Path
) -> None:
    base = () if "--base" in options else ("--base", sound_model)
    got, said, wrong = here("teach", mine, "--out", tmp_path / "mine.onnx", *base, *options)
    assert (got, said) == (code, "")
    assert sentence in wrong
    assert wrong.count("\n") == 1
    assert not (tmp_path / "mine.onnx").exists()
