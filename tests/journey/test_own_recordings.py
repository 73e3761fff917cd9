"""A new user's way with recordings of their own, every step as typed: from a folder to a model that recognizes.

The recordings are the toy corpus under other names, with a table that says who speaks; nobody tells hearfelt that they
are synthetic.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from hearfelt.cli.main import run
from hearfelt.corpora.catalog import read_corpus
from hearfelt.emotions import EMOTIONS

RECIPES = Path(__file__).parents[2] / "src" / "hearfelt" / "recipes"
RATES = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Person:
    """Somebody at a shell, in a home folder of their own."""

    home: Path

    def types(self, *words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run one command and look at how it ended."""
        command = [sys.executable, "-m", "hearfelt", *(str(word) for word in words)]
        environment = {**os.environ, **RATES, "HOME": str(self.home)}
        done = subprocess.run(
            command, cwd=self.home, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=300
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done


@pytest.fixture(scope="module")
def person(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A person whose home holds recordings with a table, and a model trained on all but one speaker."""
    home = tmp_path_factory.mktemp("home")
    mine = home / "mine"
    rows = []
    for number, clip in enumerate(read_corpus(toy)):
        target = mine / f"Memo {number:03}.wav"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(clip.path, target)
        rows.append((target.name, clip.emotion, clip.speaker.replace("toy/", "friend ")))
    with (mine / "who.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "emotion", "speaker"), *rows])
    someone = Person(home)
    away = "folder/" + rows[0][2]
    someone.types(
        "train", RECIPES / "svm.toml", "--corpus", "folder=~/mine", "--without-speakers", away, "--out", "model"
    )
    return someone


def test_the_recordings_become_a_table_of_clips(person: Person) -> None:
    person.types("clips", "~/mine", "--out", "clips.csv")
    with (person.home / "clips.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 96
    assert {row["emotion"] for row in rows} == set(EMOTIONS)
    assert len({row["speaker"] for row in rows}) == 6


def test_the_recordings_become_a_table_of_features(person: Person) -> None:
    person.types("features", "~/mine", "--out", "features.csv", "--jobs", 1)
    header, *rows = (person.home / "features.csv").read_text(encoding="utf-8").splitlines()
    assert header.split(",")[:4] == ["clip", "speaker", "emotion", "chroma_c"]
    assert len(header.split(",")) == 3 + 162
    assert len(rows) == 96


def test_the_check_counts_every_emotion(person: Person) -> None:
    report = json.loads(person.types("corpora", "check", "~/mine", "--format", "json").stdout)
    assert report["complete"] is True
    assert report["counts"]["emotion"] == dict.fromkeys(EMOTIONS, 12)


def test_the_page_about_the_recordings_carries_everything_inside(person: Person) -> None:
    person.types("explore", "~/mine", "--out", "mine.html")
    page = (person.home / "mine.html").read_text(encoding="utf-8")
    assert page.count("<audio") >= len(EMOTIONS)
    assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page) == []


def test_the_card_says_what_the_model_has_heard(person: Person) -> None:
    card = json.loads(person.types("card", "model/model.onnx", "--format", "json").stdout)
    assert tuple(card["labels"]) == EMOTIONS
    assert card["training_speakers"] == [f"folder/friend 0{number}" for number in range(2, 7)]
    assert card["corpora"]["folder"]["clips"] == 80


def test_the_model_recognizes_a_speaker_it_has_not_heard(person: Person) -> None:
    said = person.types("recognize", "~/mine", "--model", "model/model.onnx", "--format", "json").stdout
    with (person.home / "mine" / "who.csv").open(encoding="utf-8", newline="") as file:
        truth = {row["path"]: row for row in csv.DictReader(file)}
    answers = {Path(line["source"]).name: line["emotion"] for line in map(json.loads, said.splitlines())}
    assert len(answers) == 96
    strangers = [name for name, row in truth.items() if row["speaker"] == "friend 01"]
    assert sum(answers[name] == truth[name]["emotion"] for name in strangers) > len(strangers) / 2


def test_measuring_on_a_speaker_the_model_has_heard_is_refused(person: Person) -> None:
    command = ("evaluate", "--model", "model/model.onnx", "--protocol", "by-speaker", "--corpus", "folder=~/mine")
    done = person.types(*command, "--out", "leaky", code=4)
    assert "friend 02" in done.stderr
    assert not (person.home / "leaky" / "summary.json").exists()


def test_measuring_the_recipe_on_strangers_writes_what_others_read(person: Person) -> None:
    command = ("evaluate", RECIPES / "svm.toml", "--protocol", "by-speaker", "--folds", 3, "--corpus", "folder=~/mine")
    person.types(*command, "--jobs", 1, "--out", "strangers")
    folder = person.home / "strangers"
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["clip", "speaker", "fold", "seed", "label", *EMOTIONS]
    assert len({row["clip"] for row in rows}) == len(rows) == 96
    assert all(sum(float(row[emotion]) for emotion in EMOTIONS) == pytest.approx(1, abs=1e-5) for row in rows)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert (summary["protocol"], summary["leaky"], summary["seeds"]) == ("by-speaker", False, [0])
    right = sum(max(EMOTIONS, key=lambda emotion: float(row[emotion])) == row["label"] for row in rows)
    assert summary["pooled"]["0"]["accuracy"] == pytest.approx(right / 96)
    assert (folder / "report.html").read_text(encoding="utf-8").casefold().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("train", RECIPES / "svm.toml", "-c", "folder=~/nowhere", "-o", "x"), 4, "nowhere"),
        (("train", "no-recipe.toml", "-c", "folder=~/mine", "-o", "x"), 5, "no-recipe.toml"),
        (("evaluate", RECIPES / "svm.toml", "-p", "by-speker", "-c", "folder=~/mine", "-o", "x"), 4, "by-speaker"),
        (("evaluate", RECIPES / "svm.toml", "-p", "emobox-ravdess", "-c", "folder=~/mine", "-o", "x"), 4, "ravdess"),
        (("train", RECIPES / "svm.toml", "-c", "folder=~/mine", "-o", "x", "--drop", "hapy"), 4, "happy"),
        (("clips", "~/empty"), 4, "empty"),
        (("explore", "~/empty", "--out", "x.html"), 4, "empty"),
    ],
    ids=lambda value: " ".join(str(word) for word in value[:4]) if isinstance(value, tuple) else str(value),
)
def test_a_slip_is_met_with_one_sentence(
    words: tuple[object, ...],
    code: int,
    said: str,
    person: Person,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (person.home / "empty").mkdir(exist_ok=True)
    monkeypatch.chdir(person.home)
    monkeypatch.setenv("HOME", str(person.home))
    with pytest.raises(SystemExit) as end:  # in this process: starting one for each slip takes longer than the slip
        run([str(word) for word in words])
    told = capsys.readouterr().err
    assert end.value.code == code
    assert re.fullmatch(r"hearfelt: [^\n]+\n", told)
    assert said in told
    assert not (person.home / "x").exists()
