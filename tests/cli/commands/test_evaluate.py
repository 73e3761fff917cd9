from __future__ import annotations

import csv
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hearfelt.cli.display.evaluation import print_segment_results
from hearfelt.emotions import EMOTIONS
from hearfelt.evaluation.metrics import LabelSpan
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.segment_results import RecordingRows, SegmentResults, summarize

Here = Callable[..., tuple[int, str, str]]
Run = Callable[..., subprocess.CompletedProcess[str]]

# Only to be quick: a machine of any kind is trained in the same way.
RECIPE = 'name = "mine"\nnetwork = "svm"\n'


@pytest.fixture
def hearfelt(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder, in this process: a fresh one would import torch for every command."""
    monkeypatch.chdir(tmp_path)

    def start(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        for name, value in {"COLUMNS": "80", **variables}.items():
            monkeypatch.setenv(name, value)
        return subprocess.CompletedProcess(arguments, *here(*arguments))

    return start


@pytest.fixture(scope="module")
def folder(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody's own data: a folder for each emotion, and nobody knows who speaks."""
    home = tmp_path_factory.mktemp("own")
    for emotion in ("calm", "angry"):
        (home / emotion).mkdir()
        for path in sorted(toy.glob(f"**/*_{emotion}_1.wav")):
            shutil.copy(path, home / emotion / path.name)
    (home / "calm" / "broken.wav").write_text("no sound")
    return home


def test_the_protocols_are_listed_with_the_leaky_one_marked(hearfelt: Run) -> None:
    listed = hearfelt("protocols", COLUMNS="140")
    assert listed.returncode == 0
    assert all(name in listed.stdout for name in PROTOCOLS)
    [line] = [line for line in listed.stdout.splitlines() if "seed-ravdess" in line]
    assert "leaky" in line


def test_the_protocols_come_as_json_and_csv_for_programs(hearfelt: Run) -> None:
    rows = [json.loads(line) for line in hearfelt("protocols", "--format", "json").stdout.splitlines()]
    assert {row["name"]: row["leaky"] for row in rows} == {p.name: p.leaky for p in PROTOCOLS.values()}
    lines = list(csv.DictReader(hearfelt("protocols", "--format", "csv").stdout.splitlines()))
    assert [line["name"] for line in lines] == [row["name"] for row in rows]


def test_a_recipe_is_trained_and_tested_in_every_fold_and_a_repeated_call_goes_on(
    hearfelt: Run, toy: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(RECIPE)
    command = ("evaluate", "mine.toml", "--protocol", "by-speaker", "--folds", 2, "--seeds", 2, "--jobs", 1)
    first = hearfelt(*command, "--corpus", f"toy={toy}", "--out", "by-speaker/mine")
    assert first.returncode == 0, first.stderr
    assert "mine on by-speaker" in first.stdout
    assert "seed 0   seed 1" in first.stdout
    out = tmp_path / "by-speaker" / "mine"
    summary = json.loads((out / "summary.json").read_text())
    assert [(run["fold"], run["seed"], run["epoch"]) for run in summary["runs"]] == [
        (1, 0, None),
        (2, 0, None),
        (1, 1, None),
        (2, 1, None),
    ]
    assert summary["recipe"]["network"] == "svm"
    with (out / "predictions.csv").open(newline="") as file:
        header, *rows = list(csv.reader(file))
    assert header == ["clip", "speaker", "fold", "seed", "label", *EMOTIONS]
    assert len(rows) == 2 * 96
    assert (out / "report.html").is_file()

    models = {path: path.stat().st_mtime_ns for path in out.glob("runs/**/*.onnx")}
    assert len(models) == 4
    (out / "summary.json").unlink()  # as if the process had been lost at the end
    again = hearfelt(*command, "--corpus", f"toy={toy}", "--out", "by-speaker/mine")
    assert again.stdout == first.stdout
    assert json.loads((out / "summary.json").read_text()) == summary
    assert {path: path.stat().st_mtime_ns for path in out.glob("runs/**/*.onnx")} == models


def test_a_finished_model_answers_somebody_s_own_folder(
    hearfelt: Run, model: Path, folder: Path, tmp_path: Path
) -> None:
    done = hearfelt(
        "evaluate", "--model", model, "-p", "by-speaker", "-c", f"folder={folder}", "-o", "out", "-f", "json"
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["model"] == "tiny"
    assert (summary["seeds"], [run["fold"] for run in summary["runs"]]) == ([0], [1])
    assert [one["clip"] for one in summary["unanswered"]] == ["calm/broken.wav"]
    assert summary["intervals"] is None


def test_what_cannot_be_told_or_answered_is_said(hearfelt: Run, model: Path, folder: Path) -> None:
    done = hearfelt(
        "evaluate", "--model", model, "-p", "by-speaker", "-c", f"folder={folder}", "-o", "out", COLUMNS="200"
    )
    assert "the speakers of folder are unknown" in done.stdout
    assert "not answered: calm/broken.wav" in done.stdout
    assert "95 %" not in done.stdout


def test_a_model_is_not_tested_on_speakers_whom_it_has_heard(hearfelt: Run, model: Path, toy: Path) -> None:
    refused = hearfelt("evaluate", "--model", model, "-p", "by-speaker", "-c", f"toy={toy}", "-o", "out")
    assert refused.returncode == 4
    assert refused.stdout == ""
    assert "would test tiny on 2 of its training speakers (toy/01, toy/02)" in refused.stderr


def test_a_leaky_protocol_says_so_in_the_terminal(hearfelt: Run, ravdess: Path, model: Path, tmp_path: Path) -> None:
    done = hearfelt(
        "evaluate", "-m", model, "-p", "seed-ravdess", "-c", f"ravdess={ravdess}", "-o", "out", COLUMNS="200"
    )
    assert done.returncode == 0, done.stderr
    assert "leaky seed-ravdess is leaky" in done.stdout
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["leaky"] is True
    assert "is leaky" in (tmp_path / "out" / "report.html").read_text()


def test_conversations_are_not_made_of_speakers_whom_the_model_has_heard(
    hearfelt: Run, ravdess: Path, make_sound_model: Callable[..., bytes], tmp_path: Path
) -> None:
    (tmp_path / "mine.onnx").write_bytes(make_sound_model({"training_speakers": ("ravdess/13", "ravdess/14")}))
    command = ("evaluate", "-m", "mine.onnx", "-p", "ravdess-conversations", "-c", f"ravdess={ravdess}", "-o", "out")
    refused = hearfelt(*command)
    assert refused.returncode == 4
    assert "would test sound-toy on 1 of its training speakers (ravdess/13); test it on" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_results_over_time_show_both_ways_and_where_the_files_are(capsys: pytest.CaptureFixture[str]) -> None:
    truth = (LabelSpan(1.0, 2.0, "sad"), LabelSpan(3.0, 4.0, "calm"))
    predictions = {"timeline": truth[:1], "naive": (LabelSpan(0.0, 5.0, "sad"),)}
    recordings = (RecordingRows("000", "mine/a", 5.0, truth, predictions),)
    summary = {"protocol": "ravdess-conversations", "left_out": {"of others": 3}}
    summary |= summarize(("calm", "sad"), recordings)
    print_segment_results(SegmentResults(Path("results/mine"), ("calm", "sad"), recordings, summary))
    lines = capsys.readouterr().out.splitlines()
    [rate] = [line.split() for line in lines if line.strip().startswith("error rate ") and "than" not in line]
    [alarm] = [line.split() for line in lines if line.strip().startswith("false alarm")]
    assert (rate[-3:], alarm[-3:]) == (["50.0", "200.0", "50.0"], ["0.0", "150.0", "0.0"])
    assert "error rate 75.0 % lower than the naive way's" in lines
    assert "left out: 3 clips of others" in lines
    assert any("results/mine/recordings.csv" in line for line in lines)


@pytest.mark.parametrize("given", [(), ("mine.toml", "--model", "classic")])
def test_a_recipe_or_a_model_is_wanted_and_not_both(hearfelt: Run, tmp_path: Path, given: tuple[str, ...]) -> None:
    wrong = hearfelt("evaluate", *given, "-p", "by-speaker", "-c", f"folder={tmp_path}", "-o", "out")
    assert wrong.returncode == 2
    assert "exactly one of them" in " ".join(wrong.stderr.replace("│", " ").split())


def test_a_finished_model_has_one_seed(hearfelt: Run, model: Path, tmp_path: Path) -> None:
    wrong = hearfelt("evaluate", "-m", model, "--seeds", 2, "-p", "by-speaker", "-c", f"folder={tmp_path}", "-o", "out")
    assert wrong.returncode == 2
    assert "there is one seed" in " ".join(wrong.stderr.replace("│", " ").split())


def test_a_misspelt_protocol_is_told_before_anything_else(hearfelt: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(RECIPE)
    wrong = hearfelt("evaluate", "mine.toml", "-p", "by-speakers", "-c", f"toy={tmp_path}", "-o", "out")
    assert wrong.returncode == 4
    assert wrong.stderr == "hearfelt: no protocol is called 'by-speakers'; did you mean by-speaker?\n"


def test_an_incomplete_corpus_is_refused_in_words(hearfelt: Run, model: Path, toy: Path) -> None:
    wrong = hearfelt("evaluate", "-m", model, "-p", "emobox-ravdess", "-c", f"toy={toy}", "-o", "out")
    assert wrong.returncode == 4
    assert wrong.stderr.startswith("hearfelt: emobox-ravdess is over ravdess alone")


def test_pages_of_the_repository_are_no_business_of_the_installed_program(hearfelt: Run, tmp_path: Path) -> None:
    page = tmp_path / "docs" / "results.md"
    page.parent.mkdir()
    page.write_text("mine")
    refused = hearfelt("results")
    assert refused.returncode == 2
    assert "No such command 'results'" in refused.stderr
    assert page.read_text() == "mine"


def test_clips_are_compared_with_references_of_the_same_speaker(
    hearfelt: Run, reference_model: Path, toy: Path, tmp_path: Path
) -> None:
    (tmp_path / "few").mkdir()
    for path in sorted(toy.glob("**/*_[as]*_1.wav")):  # angry, sad, surprised
        if not path.name.startswith(("01", "02")):  # whom the model's card names
            shutil.copy(path, tmp_path / "few" / path.name)
    given = ("evaluate", "--model", reference_model, "-p", "by-speaker", "-c", "toy=few", "--jobs", 1)
    done = hearfelt(*given, "-o", "out", "--reference-clips", 2, "--reference-by", "speaker", "--reference-draws", 2)
    assert done.returncode == 0
    assert "each clip compared with 2 others of its speaker; mean of 2 draws" in done.stdout
    assert "mean of 2 draws" in done.stdout
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["reference"] == {"clips": 2, "by": "speaker", "draws": 2, "emotion": None}
    done = hearfelt(*given, "-o", "each", "--reference-clips", 2, "--reference-emotion", "each", COLUMNS="120")
    assert done.returncode == 0
    assert "UAR %, and its change with references of 2 clips of one emotion" in done.stdout
    assert json.loads((tmp_path / "each" / "single_emotions.json").read_text())["reference"]["emotion"] == "each"


def test_options_of_references_that_mean_nothing_are_refused(hearfelt: Run, reference_model: Path, toy: Path) -> None:
    given = ("evaluate", "--model", reference_model, "-p", "by-speaker", "-c", f"toy={toy}", "-o", "out")
    done = hearfelt(*given, "--reference-emotion", "sad")
    assert (done.returncode, "give the size of the references, too" in done.stderr) == (2, True)
    done = hearfelt(*given, "--trained", "elsewhere")
    assert (done.returncode, "--trained is for recipes" in done.stderr) == (2, True)
