from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.corpora.file_statistics import AlsoComputed, statistics_of_files
from hearfelt.features.table import feature_bytes
from hearfelt.runtime.cache import Cache

RATE = 8_000
TONE = 0.25 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)


def test_what_is_found_in_a_tone_is_what_physics_says(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.stack([TONE, TONE], axis=1), RATE)
    facts = statistics_of_files([path])[path]
    assert (facts.rate_hz, facts.channels, facts.duration_s) == (RATE, 2, 1.0)
    assert facts.peak_db == pytest.approx(20 * np.log10(0.25), abs=0.01)
    assert facts.rms_db == pytest.approx(20 * np.log10(0.25 / np.sqrt(2)), abs=0.01)
    assert facts.clipped_share == 0
    assert not facts.is_silent


def test_clipping_and_silence_are_seen(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loud.wav", np.clip(8 * TONE, -1, 1), RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    loud, silent = statistics_of_files([tmp_path / "loud.wav", tmp_path / "silent.wav"]).values()
    assert loud.clipped_share == pytest.approx(2 / 3, abs=0.02)  # |sin| is over one half for 2/3 of the time
    assert silent.is_silent


def test_copies_in_other_containers_have_one_digest(tmp_path: Path) -> None:
    numbers = (TONE * 2**15).astype(np.int16)  # whole numbers, so that no writer rounds
    soundfile.write(tmp_path / "a.wav", numbers, RATE)
    soundfile.write(tmp_path / "b.flac", numbers, RATE)
    soundfile.write(tmp_path / "c.wav", numbers[::-1], RATE)
    a, b, c = statistics_of_files(sorted(tmp_path.iterdir())).values()
    assert a.digest == b.digest != c.digest


def test_an_unreadable_file_has_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no sound")
    facts = statistics_of_files([tmp_path / "a.wav", tmp_path / "gone.wav"])
    assert "a.wav" in facts[tmp_path / "a.wav"].error
    assert "no such file" in facts[tmp_path / "gone.wav"].error


def test_a_file_at_which_a_process_dies_is_named_and_the_others_are_measured(
    tmp_path: Path, dies_at: Callable[[str], None]
) -> None:
    paths = [tmp_path / f"{number:03d}.wav" for number in range(101)]
    for number, path in enumerate(paths):
        soundfile.write(path, TONE * (number + 1) / 102, RATE)
    cache, wanted = Cache(None), paths[2:4]
    also = [AlsoComputed(feature_bytes, wanted) for _ in "ab"]
    here = {}
    for some in (paths[:50], paths[50:]):
        here |= statistics_of_files(some, cache=cache, also=also[0])
    dies_at("001.wav")
    there = statistics_of_files(paths, cache=cache, also=also[1])
    assert "001.wav: cannot be read" in there[paths[1]].error
    assert "SIGSEGV" in there[paths[1]].error
    assert {**there, paths[1]: here[paths[1]]} == here
    assert also[0].results == also[1].results
    assert list(also[0].results) == wanted


def test_a_second_look_decodes_nothing_and_a_changed_file_is_noticed(tmp_path: Path) -> None:
    cache, path = Cache(tmp_path / "cache.sqlite"), tmp_path / "a.wav"
    soundfile.write(path, TONE, RATE)
    first = statistics_of_files([path], cache=cache)[path]
    assert statistics_of_files([path], cache=cache)[path] == first
    soundfile.write(path, TONE[: RATE // 2], RATE)
    assert statistics_of_files([path], cache=cache)[path].duration_s == 0.5


def test_progress_reaches_the_number_of_files_whether_known_or_not(tmp_path: Path) -> None:
    cache, paths = Cache(tmp_path / "cache.sqlite"), [tmp_path / f"{name}.wav" for name in "abc"]
    for place, path in enumerate(paths):
        soundfile.write(path, TONE * (place + 1) / 3, RATE)
    for known in (paths[:1], paths, paths):
        told: list[int] = []
        statistics_of_files(known, cache=cache, progress=told.append)
        assert sum(told) == len(known)
