"""Frames, mel bands and decibels against torch, librosa and the pencil."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.reference_sounds import (
    CHROMA,
    EVERY_BIN,
    LEVEL_LENGTHS,
    MEL_RATES_HZ,
    RATE_HZ,
    answers,
    chord,
    level_sound,
    tuned_sound,
)

from hearfelt.features.spectrum import (
    NOTES,
    chroma_filters,
    frame_chroma,
    frame_magnitudes,
    frame_rms,
    mel_filters,
    mel_power,
    power_to_db,
    tuning_of,
    zero_crossing_rates,
)

SOUND = np.random.default_rng(0).normal(0.0, 0.1, 30_000).astype(np.float32)


@pytest.mark.parametrize("length", [1, 511, 512, 2047, 2048, 10_000, 30_000])
def test_magnitudes_are_torchs_to_the_last_digit_but_one(length: int) -> None:
    sound = torch.from_numpy(SOUND[:length]).double()
    window = torch.hann_window(2048, dtype=torch.float64)
    theirs = torch.stft(sound, 2048, 512, window=window, pad_mode="constant", return_complex=True).abs()
    np.testing.assert_allclose(frame_magnitudes(SOUND[:length]).T, theirs, rtol=1e-6, atol=1e-7)


def test_a_tone_in_the_middle_of_a_bin_has_half_the_windows_sum() -> None:
    bin_40 = np.cos(2 * np.pi * 40 * np.arange(8192) / 2048).astype(np.float32)
    magnitudes = frame_magnitudes(bin_40)[8]  # the window sums to 1,024
    assert magnitudes.argmax() == 40
    assert magnitudes[40] == pytest.approx(512, rel=1e-5)
    assert magnitudes[[39, 41]] == pytest.approx([256, 256], rel=1e-5)


@pytest.mark.parametrize("rate_hz", MEL_RATES_HZ)
def test_mel_filters_are_librosas(rate_hz: int) -> None:
    with np.errstate(all="raise"):
        ours = mel_filters(rate_hz, bands=40)
    np.testing.assert_allclose(ours, answers()[f"mel-{rate_hz}"], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("length", [2048, 30_000, 300_000])
def test_mel_power_summed_in_blocks_is_the_whole_product(length: int) -> None:
    magnitudes = frame_magnitudes(np.resize(SOUND, length))
    whole = np.square(magnitudes).astype(np.float64) @ mel_filters(22_050).T
    np.testing.assert_allclose(mel_power(magnitudes, 22_050), whole, rtol=1e-5)


def test_decibels_stop_at_minus_100_and_80_below_the_loudest() -> None:
    power = np.array([[1e-3, 1e-12], [1e-5, 1e-4]], dtype=np.float32)
    assert power_to_db(power) == pytest.approx(np.array([[-30.0, -100.0], [-50.0, -40.0]]))
    loud = np.array([[100.0, 1e-12]], dtype=np.float32)
    assert power_to_db(loud) == pytest.approx(np.array([[20.0, -60.0]]))


@pytest.mark.parametrize("length", LEVEL_LENGTHS)
def test_loudness_and_zero_crossings_of_frames_are_librosas(length: int) -> None:
    sound = level_sound(length)
    np.testing.assert_allclose(frame_rms(sound), answers()[f"rms-{length}"], rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(zero_crossing_rates(sound), answers()[f"crossings-{length}"], atol=1e-7)


def test_a_crossing_is_counted_in_four_overlapping_frames() -> None:
    sound = np.ones(10_000, dtype=np.float32)
    sound[5000:] = -1.0
    crossings = zero_crossing_rates(sound) * 2048
    assert crossings.tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(("rate_hz", "tuning"), CHROMA)
def test_chroma_filters_are_librosas(rate_hz: int, tuning: float) -> None:
    theirs = answers()[f"chroma-{rate_hz}-{tuning}"]
    np.testing.assert_allclose(chroma_filters(rate_hz, tuning)[:, ::EVERY_BIN], theirs, rtol=1e-6, atol=1e-9)


def test_tuning_is_librosas_to_the_bar_of_its_histogram() -> None:
    ours = [tuning_of(frame_magnitudes(tuned_sound(seed)), RATE_HZ) for seed in range(20)]
    assert ours == answers()["tuning"].tolist()


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
