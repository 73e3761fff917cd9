"""The benchmark of the speech check."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "no_speech.py"
RATE_HZ = 16_000


@pytest.fixture(scope="module")
def sounds() -> object:
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        import no_speech_sounds
    finally:
        sys.path.remove(str(SCRIPT.parent))
    return no_speech_sounds


def test_the_made_tones_have_the_frequencies_of_the_standards(sounds: object) -> None:
    kinds = {
        kind: (samples, rate) for kind, samples, rate in reversed(list(sounds.made_sounds((1.0,))))
    }  # first of each
    for kind, frequencies_hz in {"dial tone": {350, 440}, "busy tone": {480, 620}, "hum": {50}}.items():
        samples, rate = kinds[kind]
        spectrum = np.abs(np.fft.rfft(samples[: rate // 2]))  # one line each 2 Hz
        assert {int(place) * 2 for place in np.argsort(spectrum)[-len(frequencies_hz) :]} == frequencies_hz


def test_a_word_is_cut_where_it_is_loud(sounds: object) -> None:
    time_s = np.arange(3 * RATE_HZ) / RATE_HZ
    tone = np.sin(2 * np.pi * 200 * time_s)
    envelope = np.where((time_s > 0.5) & (time_s < 1.5), 0.3, 0.001) + np.where((time_s > 1.8) & (time_s < 2.3), 1, 0)
    for cut in (sounds.loudest_word, sounds.last_word):
        word = cut((tone * envelope).astype(np.float32), RATE_HZ)
        assert len(word) / RATE_HZ == pytest.approx(0.5, abs=0.31)
        assert np.abs(word).mean() > 0.3


def test_a_few_clips_of_a_corpus_are_asked_and_every_row_has_its_bar(ravdess: Path, tmp_path: Path) -> None:
    out = tmp_path / "no_speech.json"
    command = [
        sys.executable,
        "-W",
        "error",
        str(SCRIPT),
        "--corpus",
        f"ravdess={ravdess}",
        "--sample",
        "4",
        "--lengths",
        "0.5",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--timed", "0", "--json", str(out)], env=environment, capture_output=True, text=True, timeout=600
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = {row["group"]: row for row in json.loads(out.read_text(encoding="utf-8"))["rows"]}
    assert [rows[name]["most"] for name in ("ravdess speech", "ravdess song")] == [0.02, 0.02]
    assert {row["least"] for name, row in rows.items() if name.startswith("synthetic")} == {1.0}
