from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.corpora.catalog import read_folder
from hearfelt.reports.exploration import (
    Exploration,
    charts_of,
    explore,
    save_plots,
    sheets_of,
    steps_of,
    write_exploration,
)


@pytest.fixture(scope="module")
def explored(toy: Path) -> Exploration:
    return explore(read_folder(toy), processes=1)


def test_every_chart_is_drawn(explored: Exploration) -> None:
    names = [name for name, _ in charts_of(explored)]
    assert names == [
        "clips-by-emotion",
        "clips-by-actor",
        "clips-by-sex",
        "duration",
        "duration-by-emotion",
        "loudness",
        "loudness-by-emotion",
        "map-by-emotion",
        "map-by-actor",
    ]


def test_counts_are_those_of_the_corpus(explored: Exploration) -> None:
    charts = dict(charts_of(explored))
    assert [bar.get_width() for bar in charts["clips-by-emotion"].axes[0].patches] == [12] * 8
    assert [bar.get_width() for bar in charts["clips-by-sex"].axes[0].patches] == [48, 48]
    assert len(charts["clips-by-actor"].axes[0].patches) == 6


def test_each_emotion_has_a_sheet_on_one_time_axis(explored: Exploration) -> None:
    sheets = list(sheets_of(explored))
    assert [example.clip.emotion for example, _ in sheets] == list(explored.clips.emotions)
    assert len({example.clip.speaker for example, _ in sheets}) == 1
    assert {figure.axes[-1].get_xlim() for _, figure in sheets} == {(0, explored.longest_s)}


def test_the_speakers_of_the_toy_leak(explored: Exploration) -> None:
    assert explored.map is not None
    assert explored.map.leak is not None
    assert explored.map.places is not None
    assert explored.map.places.shape == (96, 2)
    assert explored.map.leak.same_speaker > 2 * explored.map.leak.same_speaker_by_chance


def test_without_scikit_learn_leakage_is_measured_and_the_map_is_left_out(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    seen = explore(read_folder(toy), processes=1)
    assert seen.map is not None
    assert seen.map.leak is not None
    assert "map-by-emotion" not in dict(charts_of(seen))
    page = write_exploration(seen, tmp_path / "toy.html").read_text("utf-8")
    assert "hearfelt[map]" in page
    assert "have the same speaker" in page


def test_progress_reaches_the_announced_number_of_steps(toy: Path) -> None:
    found = read_folder(toy)
    done: list[int] = []
    explore(found, processes=1, progress=done.append)
    assert sum(done) == steps_of(found)


def test_plots_are_written_alone_as_png(explored: Exploration, tmp_path: Path) -> None:
    angry = [example for example in explored.examples if example.clip.emotion == "angry"]
    files = save_plots(replace(explored, examples=tuple(angry)), tmp_path / "plots")
    assert len(files) == len(set(files)) == 9 + 4
    assert sorted((tmp_path / "plots").iterdir()) == sorted(files)
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)
    assert {"01-angry-pitch.png", "01-angry-waveform.png"} <= {file.name for file in files}


def test_copies_are_on_the_map_once(toy: Path, tmp_path: Path) -> None:
    for emotion in ("calm", "sad"):
        for clip in sorted(toy.glob(f"*_{emotion}_*.wav")):
            for copy in ("one", "two"):
                target = tmp_path / emotion / f"{clip.stem}_{copy}.wav"
                target.parent.mkdir(exist_ok=True)
                shutil.copy(clip, target)
    explored = explore(read_folder(tmp_path, "folder"), processes=1)
    assert len(explored.clips) == 48
    assert explored.map is not None
    assert len(explored.map.clips) == 24


def noise(path: Path, *, level: float = 0.1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = level * np.random.default_rng(ord(path.stem[0])).normal(size=12_000)
    soundfile.write(path, samples, 8_000)


def test_a_few_clips_with_unknown_speakers_and_a_broken_one_are_explored(tmp_path: Path) -> None:
    for k in range(3):
        noise(tmp_path / "bliss" / f"{k}.wav")
    noise(tmp_path / "angry" / "silent.wav", level=0.0)
    (tmp_path / "angry" / "broken.wav").write_bytes(b"RIFFnothing")
    explored = explore(read_folder(tmp_path, "folder"), processes=1)
    assert explored.map is None
    assert len(explored.clips) == 4
    assert [example.clip.emotion for example in explored.examples] == ["bliss"]
    assert "map-by-emotion" not in dict(charts_of(explored))
    assert "clips-by-sex" not in dict(charts_of(explored))
    assert len(save_plots(explored, tmp_path / "plots")) == 6 + 4


@pytest.fixture(scope="module")
def report(explored: Exploration, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "explore.html"
    write_exploration(replace(explored, examples=explored.examples[:2]), path)
    assert path.stat().st_size < 10e6
    return path.read_text(encoding="utf-8")


def test_each_emotion_has_a_player_and_a_drawing(report: str) -> None:
    assert report.count("<audio ") == 2
    assert report.count("data:audio/flac;base64,") == 2
    assert len(re.findall(r'aria-label="Waveform, spectrogram, mel spectrogram and pitch of one', report)) == 2


def test_the_report_has_five_parts(report: str) -> None:
    titles = re.findall(r"<h2 [^>]*>([^<]+)</h2>", report)
    assert titles == [
        "Clips",
        "Length and loudness",
        "Sound of each emotion",
        "Speaker leakage",
        "Check",
    ]


def test_speaker_leakage_is_described_with_numbers(report: str) -> None:
    assert "Clips of one speaker lie close together" in report
    assert "have the same speaker (16&nbsp;% by chance)" in report
    assert re.search(r"<dd>\d\d&nbsp;%</dd>", report)


def test_the_result_of_the_check_is_shown(report: str) -> None:
    assert "No file is missing, damaged or doubtful." in report


def test_names_that_look_like_html_stay_names(toy: Path, tmp_path: Path) -> None:
    root = tmp_path / "<b>mine"
    for place, clip in enumerate(sorted(toy.glob("0[12]_*_1.wav"))):
        folder = root / ("<i>bliss" if place % 2 else "$x_{ & angry")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, folder / f"<img src=x onerror=alert({place})>.wav")
    (root / "<i>bliss" / "<script>.wav").write_bytes(b"no sound")
    text = write_exploration(explore(read_folder(root, "folder"), processes=1), tmp_path / "p.html").read_text("utf-8")
    assert "<img src=x" not in text
    assert "<script" not in text
    assert "<i>" not in text
    assert "&lt;b&gt;mine" in text
    assert "&lt;script&gt;.wav" in text
    assert "Not complete" in text


def test_a_corpus_without_audible_clips_has_a_report(tmp_path: Path) -> None:
    (tmp_path / "mine" / "angry").mkdir(parents=True)
    (tmp_path / "mine" / "angry" / "broken.wav").write_bytes(b"no sound")
    explored = explore(read_folder(tmp_path / "mine", "folder"), processes=1)
    text = write_exploration(explored, tmp_path / "p.html").read_text("utf-8")
    assert "No clip has audible sound." in text
    assert "A map needs" in text
