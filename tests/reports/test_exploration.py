from __future__ import annotations

import io
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio.reader import Audio, read_audio
from hearfelt.corpora import file_statistics
from hearfelt.corpora.catalog import read_folder
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.file_statistics import FileStatistics, statistics_of_files
from hearfelt.features import table
from hearfelt.reports.exploration import (
    Example,
    Exploration,
    charts_of,
    choose_examples,
    explore,
    measure_leakage,
    save_plots,
    sheets_of,
    standardized,
    steps_of,
    trimmed,
    tsne_map,
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


RATE_HZ = 16_000


def write(root: Path, name: str, seconds: float = 1.0, peak: float = 0.5) -> None:
    sound = peak * np.sin(2 * np.pi * 200 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    soundfile.write(root / name, sound, RATE_HZ)


def clip(root: Path, name: str, speaker: str, emotion: str, **more: str) -> Clip:
    write(root, name)
    return Clip("x", root, name, f"x/{speaker}", emotion, **more)


def chosen(clips: list[Clip]) -> list[str]:
    kept = Clips(clips)
    return [example.clip.name for example in choose_examples(kept, statistics_of_files(clip.path for clip in kept))]


def test_one_speaker_with_the_same_words_stands_for_every_emotion(tmp_path: Path) -> None:
    clips = [
        clip(tmp_path, "1.wav", "a", "calm", statement="kids"),
        clip(tmp_path, "2.wav", "b", "calm", statement="kids"),
        clip(tmp_path, "3.wav", "b", "sad", statement="dogs"),
        clip(tmp_path, "4.wav", "b", "calm", statement="dogs"),
        clip(tmp_path, "5.wav", "b", "sad", statement="dogs", channel="song"),
    ]
    assert chosen(clips) == ["4.wav", "3.wav"]


def test_an_emotion_that_this_speaker_lacks_is_taken_from_another(tmp_path: Path) -> None:
    clips = [clip(tmp_path, f"{k}.wav", "a", emotion) for k, emotion in enumerate(("calm", "sad"))]
    assert chosen([*clips, clip(tmp_path, "9.wav", "b", "angry")]) == ["0.wav", "1.wav", "9.wav"]


def test_strong_feeling_is_preferred(tmp_path: Path) -> None:
    clips = [clip(tmp_path, f"{k}.wav", "a", "sad", intensity=i) for k, i in enumerate(("normal", "strong"))]
    assert chosen(clips) == ["1.wav"]


def test_unreadable_and_silent_clips_are_passed_over(tmp_path: Path) -> None:
    clips = [clip(tmp_path, f"{k}.wav", "a", "sad") for k in range(3)]
    (tmp_path / "0.wav").write_bytes(b"no sound")
    write(tmp_path, "1.wav", peak=0.0)
    assert chosen(clips) == ["2.wav"]
    assert chosen(clips[:2]) == []


def test_more_labels_than_fit_are_cut_off_in_order() -> None:
    clips = Clips(Clip("x", Path(), f"{k}", "x/a", f"label-{k:02d}") for k in range(20))
    facts = {clip.path: FileStatistics(error="x") for clip in clips}
    assert choose_examples(clips, facts) == ()


def test_silence_at_both_ends_goes_and_a_pause_within_stays() -> None:
    sound = np.zeros(5 * RATE_HZ, np.float32)
    sound[RATE_HZ : RATE_HZ + 8_000] = 0.5
    sound[3 * RATE_HZ : 3 * RATE_HZ + 8_000] = 0.5
    kept = trimmed(Audio(sound, RATE_HZ))
    assert kept.duration_s == pytest.approx(2.5 + 0.2, abs=0.02)


def test_of_a_long_clip_the_first_eight_seconds_are_kept() -> None:
    assert trimmed(Audio(np.full(60 * 1_000, 0.5, np.float32) * np.resize([1, -1], 60_000), 1_000)).duration_s == 8.0


def test_silence_stays_what_it_is() -> None:
    assert trimmed(Audio(np.zeros(1_000, np.float32), 1_000)).duration_s == 1.0


def test_the_player_gets_the_same_sound_at_most_at_24_khz() -> None:
    sound = (0.5 * np.sin(2 * np.pi * 200 * np.arange(48_000) / 48_000)).astype(np.float32)
    example = Example(Clip("x", Path(), "a.wav", "x/a", "sad"), Audio(sound, 48_000))
    heard, rate_hz = soundfile.read(io.BytesIO(example.flac()))
    assert rate_hz == 24_000
    np.testing.assert_allclose(heard[1_000:-1_000], sound[::2][1_000:-1_000], atol=0.01)


def clips_of(pairs: list[tuple[str, str]]) -> Clips:
    return Clips(Clip("x", Path(), f"{k}.wav", f"x/{who}", emotion) for k, (who, emotion) in enumerate(pairs))


def test_shares_of_a_corpus_that_fits_on_a_line_are_counted_by_hand() -> None:
    clips = clips_of([("a", "sad"), ("a", "sad"), ("b", "calm"), ("b", "sad")])
    places = np.array([[0.0], [1.0], [2.5], [3.0]], np.float32)
    leak = measure_leakage(places, clips)
    # Nearest: 0-1, 1-0, 2-3, 3-2. Among other speakers: 0-2, 1-2, 2-1, 3-1.
    assert leak.same_speaker == 1.0
    assert leak.same_emotion == 0.5
    assert leak.same_emotion_of_others == 0.25
    assert leak.same_speaker_by_chance == pytest.approx(4 / 12)
    assert leak.same_emotion_by_chance == pytest.approx(6 / 12)


def test_a_block_of_many_clips_gives_the_same_as_all_pairs_at_once() -> None:
    generator = np.random.default_rng(0)
    places = generator.normal(0, 1, (1_100, 5)).astype(np.float32)
    clips = clips_of([(str(k % 7), "sad" if k % 3 else "calm") for k in range(1_100)])
    squares = np.square(places[:, None].astype(np.float64) - places[None]).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    nearest = squares.argmin(axis=1)
    expected = np.mean([clips[k].emotion == clips[int(n)].emotion for k, n in enumerate(nearest)])
    assert measure_leakage(places, clips).same_emotion == pytest.approx(expected)


def test_voices_apart_with_emotions_mixed_leak_and_chance_does_not() -> None:
    generator = np.random.default_rng(0)
    speakers = generator.integers(0, 5, 300)
    clips = clips_of([(str(who), "sad" if k % 2 else "calm") for k, who in enumerate(speakers)])
    apart = (speakers[:, None] * 10 + generator.normal(0, 1, (300, 4))).astype(np.float32)
    mixed = generator.normal(0, 1, (300, 4)).astype(np.float32)
    assert measure_leakage(apart, clips).same_speaker == 1.0
    assert measure_leakage(mixed, clips).same_speaker < 0.35


def test_features_get_mean_0_and_deviation_1_and_constant_ones_become_0() -> None:
    features = np.column_stack([np.arange(10) * 3 + 7, np.full(10, 5)]).astype(np.float32)
    scaled = standardized(features)
    np.testing.assert_allclose(scaled[:, 0].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(scaled[:, 0].std(), 1, rtol=1e-5)
    assert (scaled[:, 1] == 0).all()


def test_clips_alike_lie_together_on_the_map_and_the_map_is_the_same_each_time() -> None:
    generator = np.random.default_rng(0)
    features = np.concatenate([generator.normal(k * 20, 1, (10, 6)) for k in (-1, 1)]).astype(np.float32)
    places = tsne_map(standardized(features))
    assert places.shape == (20, 2)
    within = np.ptp(places[:10], axis=0).max()
    between = np.abs(places[:10].mean(axis=0) - places[10:].mean(axis=0)).max()
    assert between > within
    np.testing.assert_array_equal(places, tsne_map(standardized(features)))


def test_each_file_is_decoded_once_even_without_a_cache(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARFELT_CACHE", "off")
    decoded: list[Path] = []

    def counted(path: Path, **options: bool) -> Audio:
        decoded.append(path)
        return read_audio(path, **options)

    for module in (file_statistics, table):
        monkeypatch.setattr(module, "read_audio", counted)
    explored = explore(read_folder(toy), processes=1)
    assert len(decoded) == len(set(decoded)) == len(explored.clips)
