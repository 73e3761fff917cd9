"""Many clips: the same numbers in any number of processes, from the cache and from the table."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio.reader import audio_files
from hearfelt.augmentation.perturbations import Noise, Pitch, Shift, Stretch
from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.errors import AudioError, HearfeltError
from hearfelt.features.classic import FEATURE_NAMES, RATE_HZ, classic_features, measured_part
from hearfelt.features.table import (
    TABLE_COLUMNS,
    Task,
    features_of,
    measure,
    measure_file,
    measure_files,
    refuse_other_tables,
    write_features,
)
from hearfelt.runtime.cache import Cache

NOWHERE = Cache(None)


@pytest.fixture(scope="module")
def clips(toy: Path) -> Clips:
    return read_corpus(toy)[:12]


def clip_at(path: Path) -> Clip:
    return Clip("mine", path.parent, path.name, "mine/a", "sad")


def written(path: Path, samples: np.ndarray, rate_hz: int = 16_000) -> Path:
    soundfile.write(path, samples, rate_hz)
    return path


def test_the_features_of_clips_are_those_of_each_in_their_order(clips: Clips) -> None:
    together = features_of(clips, cache=NOWHERE)
    assert together.shape == (12, 162)
    assert together.dtype == np.float32
    for row, clip in zip(together, clips, strict=True):
        samples, rate_hz = soundfile.read(clip.path, dtype="float32")
        np.testing.assert_array_equal(row, classic_features(samples, rate_hz))
    backwards = features_of(clips[::-1], cache=NOWHERE)
    np.testing.assert_array_equal(backwards, together[::-1])


def test_several_processes_give_the_same_numbers_as_one_in_the_same_order(clips: Clips) -> None:
    many = [clip for _ in range(26) for clip in clips]  # 312 sounds: enough for two processes
    done: list[int] = []
    alone = features_of(clips, processes=1, cache=NOWHERE)
    shared = features_of(many, processes=2, cache=NOWHERE, progress=done.append)
    np.testing.assert_array_equal(shared, np.tile(alone, (26, 1)))
    assert sum(done) == len(many)


def test_a_change_is_made_to_the_part_that_is_measured(clips: Clips) -> None:
    changes = [Noise(20.0, seed=3), None, Pitch(1.0), Stretch(1.25), Shift(0.1)]
    changed = features_of([clips[0]] * 5, augmentations=changes, cache=NOWHERE)
    samples, rate_hz = soundfile.read(clips[0].path, dtype="float32")
    part = measured_part(samples, rate_hz)
    for row, change in zip(changed, changes, strict=True):
        sound = part if change is None else change.apply(part, RATE_HZ)
        np.testing.assert_array_equal(row, classic_features(sound, RATE_HZ, window=None))
    assert len(np.unique(changed, axis=0)) == 5


def test_parts_of_a_file_are_measured_as_if_they_had_been_cut_out_before(
    toy: Path, joined: Path, tmp_path: Path
) -> None:
    cache = Cache(tmp_path / "cache.sqlite")
    clips, parts = read_corpus(toy)[:12], read_corpus(joined)[:12]
    wanted = features_of(clips, cache=NOWHERE)
    np.testing.assert_array_equal(features_of(parts, cache=cache), wanted)
    np.testing.assert_array_equal(features_of(parts, cache=cache), wanted)  # as they were remembered
    write_features(parts, wanted, tmp_path / "features.csv")
    with (tmp_path / "features.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["clip", "speaker", "emotion", "start_s", "end_s", *FEATURE_NAMES]
    assert [row[:5] for row in rows] == [
        ["all.wav", part.speaker, part.emotion, str(part.start_s), str(part.end_s)] for part in parts
    ]


def test_as_many_changes_as_clips_are_needed(clips: Clips) -> None:
    with pytest.raises(HearfeltError, match="2 augmentations for 12 clips"):
        features_of(clips, augmentations=[None, None], cache=NOWHERE)


def test_what_was_measured_once_is_not_measured_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.sqlite")
    path = written(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 16_000))
    first = features_of([clip_at(path)], cache=cache)
    keys = [key for key in _keys_in(cache) if key.startswith("classic:")]
    assert len(keys) == 1
    marked = np.arange(162, dtype="<f4")
    cache.put_many({keys[0]: marked.tobytes()})
    np.testing.assert_array_equal(features_of([clip_at(path)], cache=cache)[0], marked)
    noisy = features_of([clip_at(path)], augmentations=[Noise(20.0, seed=1)], cache=cache)
    assert not np.array_equal(noisy[0], marked)
    assert not np.array_equal(noisy, first)


def test_a_changed_file_is_measured_again_though_its_name_size_and_date_are_the_same(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.sqlite")
    generator = np.random.default_rng(0)
    path = written(tmp_path / "a.wav", generator.normal(0, 0.1, 16_000))
    facts = path.stat()
    before = features_of([clip_at(path)], cache=cache)
    written(path, generator.normal(0, 0.1, 16_000))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (facts.st_size, facts.st_mtime_ns)
    after = features_of([clip_at(path)], cache=cache)
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, features_of([clip_at(path)], cache=NOWHERE))


def test_a_damaged_entry_of_the_cache_is_measured_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.sqlite")
    path = written(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 16_000))
    first = features_of([clip_at(path)], cache=cache)
    cache.put_many(dict.fromkeys(_keys_in(cache), b"short"))
    np.testing.assert_array_equal(features_of([clip_at(path)], cache=cache), first)


def _keys_in(cache: Cache) -> list[str]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(cache.path)) as connection:  # type: ignore[arg-type]
        return [key for (key,) in connection.execute("SELECT key FROM kept")]


def test_a_clip_that_cannot_be_read_is_named_and_the_others_go_on(clips: Clips, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_text("no sound")
    mixed = [clips[0], clip_at(broken), clip_at(tmp_path / "lost.wav"), clips[1]]
    with pytest.raises(AudioError, match=r"broken\.wav"):
        features_of(mixed, cache=NOWHERE)
    measured = measure(mixed, cache=NOWHERE)
    assert list(measured.errors) == [1, 2]
    assert "lost.wav" in str(measured.errors[2])
    np.testing.assert_array_equal(measured.features[[0, 3]], features_of(clips[:2], cache=NOWHERE))
    assert measured.silent == ()


def test_a_silent_clip_is_finite_and_named(clips: Clips, tmp_path: Path) -> None:
    silent = written(tmp_path / "silent.wav", np.zeros(16_000))
    measured = measure([clips[0], clip_at(silent)], cache=NOWHERE)
    assert measured.silent == (1,)
    assert np.isfinite(measured.features).all()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_table_holds_clip_speaker_emotion_then_the_features_to_the_last_digit(
    clips: Clips, tmp_path: Path, suffix: str
) -> None:
    features = features_of(clips, cache=NOWHERE)
    path = tmp_path / f"features.{suffix}"
    write_features(clips, features, path)
    if suffix == "csv":
        with path.open(newline="") as file:
            header, *rows = csv.reader(file)
    else:
        parquet = pytest.importorskip("pyarrow.parquet")
        table = parquet.read_table(path)
        header, rows = table.column_names, list(zip(*table.to_pydict().values(), strict=True))
    assert header == ["clip", "speaker", "emotion", *FEATURE_NAMES] == list(TABLE_COLUMNS)
    assert [tuple(row[:3]) for row in rows] == [(clip.name, clip.speaker, clip.emotion) for clip in clips]
    np.testing.assert_array_equal(np.array([row[3:] for row in rows], dtype=np.float32), features)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_of_no_clips_has_a_header_all_the_same(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"none.{suffix}"
    write_features([], np.zeros((0, 162), dtype=np.float32), path)
    assert path.stat().st_size


def test_another_kind_of_table_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(HearfeltError, match=r"features\.xlsx: a table of features ends in \.csv or \.parquet"):
        refuse_other_tables(tmp_path / "features.xlsx")
    with pytest.raises(HearfeltError, match=r"ends in \.csv or \.parquet"):
        write_features([], np.zeros((0, 162), dtype=np.float32), tmp_path / "features")
    assert not list(tmp_path.iterdir())


def test_a_renamed_clip_is_remembered(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.sqlite")
    path = written(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 16_000))
    features_of([clip_at(path)], cache=cache)
    keys = _keys_in(cache)
    shutil.move(path, tmp_path / "b.wav")
    features_of([clip_at(tmp_path / "b.wav")], cache=cache)
    assert _keys_in(cache) == keys


def test_a_file_is_measured_once_for_each_change(toy: Path) -> None:
    path = audio_files(toy)[0]
    features = measure_file(Task(path, (None, Noise(20.0, seed=1), None)))
    assert isinstance(features, np.ndarray)
    assert features.shape == (3, 162)
    np.testing.assert_array_equal(features[0], features[2])
    assert not np.array_equal(features[0], features[1])


@pytest.mark.parametrize("processes", [1, 2])
def test_an_unreadable_file_is_an_answer_and_stops_no_other(toy: Path, tmp_path: Path, processes: int) -> None:
    path = audio_files(toy)[0]
    changes = (None,) * 110
    answers = list(
        measure_files([Task(path, changes), Task(tmp_path / "lost.wav", changes), Task(path, changes)], processes)
    )
    assert isinstance(answers[1], AudioError)
    assert "lost.wav" in str(answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])  # type: ignore[arg-type]


def test_a_script_can_use_several_processes_without_a_guard(toy: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from hearfelt.features.table import Task, measure_files\n"
        "tasks = [Task(Path(sys.argv[1]), (None,) * 160)] * 2\n"
        "print(sum(len(answer) for answer in measure_files(tasks, 2)))\n"
    )
    answer = subprocess.run([sys.executable, script, audio_files(toy)[0]], capture_output=True, text=True, check=True)
    assert answer.stdout == "320\n"
