"""Notes and tuning against librosa and what musicians know."""

from __future__ import annotations

import librosa
import numpy as np
import numpy.typing as npt
import pytest

from hearfelt.features.chroma import NOTES, chroma_filters, frame_chroma, tuning_of
from hearfelt.features.spectrum import frame_magnitudes

RATE_HZ = 22_050


def chord(*frequencies_hz: float, seconds: float = 1.0) -> npt.NDArray[np.float32]:
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return sum(np.sin(2 * np.pi * frequency_hz * times) for frequency_hz in frequencies_hz).astype(np.float32) / 4  # type: ignore[union-attr]


@pytest.mark.parametrize("tuning", [-0.5, -0.13, 0.0, 0.49])
@pytest.mark.parametrize("rate_hz", [16_000, 22_050])
def test_chroma_filters_are_librosas(rate_hz: int, tuning: float) -> None:
    theirs = librosa.filters.chroma(sr=rate_hz, n_fft=2048, tuning=tuning)
    np.testing.assert_allclose(chroma_filters(rate_hz, tuning), theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_tuning_is_librosas_to_the_bar_of_its_histogram(seed: int) -> None:
    generator = np.random.default_rng(seed)
    frequencies_hz = generator.uniform(100, 4000, 6)
    sound = chord(*frequencies_hz) + generator.normal(0, 0.02, RATE_HZ).astype(np.float32)
    magnitudes = frame_magnitudes(sound)
    assert tuning_of(magnitudes, RATE_HZ) == librosa.estimate_tuning(S=magnitudes.T, sr=RATE_HZ)


@pytest.mark.parametrize("cents", [-40, -20, 10, 30])
def test_an_instrument_out_of_tune_is_heard_to_be(cents: int) -> None:
    notes = [frequency_hz * 2 ** (cents / 1200) for frequency_hz in (440.0, 554.365, 659.255)]
    assert tuning_of(frame_magnitudes(chord(*notes)), RATE_HZ) == pytest.approx(cents / 100, abs=0.03)


def test_the_chroma_of_an_a_major_chord_is_highest_at_its_three_notes() -> None:
    chroma = frame_chroma(frame_magnitudes(chord(440.0, 554.365, 659.255)), RATE_HZ)[20]
    assert {NOTES[note] for note in chroma.argsort()[-3:]} == {"A", "C#", "E"}
    assert chroma.max() == 1.0


def test_a_silent_frame_has_no_note_and_leaves_the_others_alone() -> None:
    sound = chord(440.0, seconds=2.0)
    sound[: sound.size // 2] = 0.0
    chroma = frame_chroma(frame_magnitudes(sound), RATE_HZ)
    assert not chroma[:10].any()
    assert NOTES[chroma[-10].argmax()] == "A"


def test_sound_without_a_peak_is_taken_to_be_in_tune() -> None:
    assert tuning_of(frame_magnitudes(chord(50.0)) * 0, RATE_HZ) == 0.0
