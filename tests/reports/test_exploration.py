from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.corpora.catalog import read_folder
from hearfelt.reports.exploration import Exploration, charts_of, explore, save_plots, sheets_of, steps_of


@pytest.fixture(scope="module")
def seen(toy: Path) -> Exploration:
    return explore(read_folder(toy), processes=1)


def test_every_chart_of_the_issue_is_drawn(seen: Exploration) -> None:
    names = [name for name, _ in charts_of(seen)]
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


def test_counts_are_those_of_the_corpus(seen: Exploration) -> None:
    charts = dict(charts_of(seen))
    assert [bar.get_width() for bar in charts["clips-by-emotion"].axes[0].patches] == [12] * 8
    assert [bar.get_width() for bar in charts["clips-by-sex"].axes[0].patches] == [48, 48]
    assert len(charts["clips-by-actor"].axes[0].patches) == 6


def test_each_emotion_has_a_sheet_on_one_time_axis(seen: Exploration) -> None:
    sheets = list(sheets_of(seen))
    assert [example.clip.emotion for example, _ in sheets] == list(seen.clips.emotions)
    assert len({example.clip.speaker for example, _ in sheets}) == 1
    assert {figure.axes[-1].get_xlim() for _, figure in sheets} == {(0, seen.longest_s)}


def test_a_voice_of_the_toy_gives_itself_away(seen: Exploration) -> None:
    assert seen.chart is not None
    assert seen.chart.leak is not None
    assert seen.chart.places.shape == (96, 2)
    assert seen.chart.leak.same_speaker > 2 * seen.chart.leak.same_speaker_by_chance


def test_progress_reaches_the_number_of_steps_told_before(toy: Path) -> None:
    found = read_folder(toy)
    done: list[int] = []
    explore(found, processes=1, progress=done.append)
    assert sum(done) == steps_of(found)


def test_plots_are_written_alone_as_png(seen: Exploration, tmp_path: Path) -> None:
    files = save_plots(seen, tmp_path / "plots")
    assert len(files) == len(set(files)) == 9 + 4 * 8
    assert sorted((tmp_path / "plots").iterdir()) == sorted(files)
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)
    assert {"05-angry-pitch.png", "05-angry-waveform.png"} <= {file.name for file in files}


def test_copies_are_on_the_map_once(toy: Path, tmp_path: Path) -> None:
    for emotion in ("calm", "sad"):
        for clip in sorted(toy.glob(f"*_{emotion}_*.wav")):
            for copy in ("one", "two"):
                target = tmp_path / emotion / f"{clip.stem}_{copy}.wav"
                target.parent.mkdir(exist_ok=True)
                shutil.copy(clip, target)
    seen = explore(read_folder(tmp_path, "folder"), processes=1)
    assert len(seen.clips) == 48
    assert seen.chart is not None
    assert len(seen.chart.clips) == 24


def noise(path: Path, *, level: float = 0.1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = level * np.random.default_rng(ord(path.stem[0])).normal(size=12_000)
    soundfile.write(path, samples, 8_000)


def test_a_few_clips_with_unknown_speakers_and_a_broken_one_are_explored(tmp_path: Path) -> None:
    for k in range(3):
        noise(tmp_path / "bliss" / f"{k}.wav")
    noise(tmp_path / "angry" / "silent.wav", level=0.0)
    (tmp_path / "angry" / "broken.wav").write_bytes(b"RIFFnothing")
    seen = explore(read_folder(tmp_path, "folder"), processes=1)
    assert seen.chart is None
    assert len(seen.clips) == 4
    assert [example.clip.emotion for example in seen.examples] == ["bliss"]
    assert "map-by-emotion" not in dict(charts_of(seen))
    assert "clips-by-sex" not in dict(charts_of(seen))
    assert len(save_plots(seen, tmp_path / "plots")) == 6 + 4
