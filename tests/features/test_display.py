from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.reference_sounds import PITCHED, answers

from hearfelt.audio.reader import read_audio
from hearfelt.features.display import FLOOR_DB, envelope, mel_spectrogram, outline, pitch, spectrogram


def tone(frequency_hz: float, *, rate_hz: int = 16_000, seconds: float = 1.0, peak: float = 0.5) -> np.ndarray:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return (peak * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32)


def buzz(frequency_hz: float, *, rate_hz: int = 16_000) -> np.ndarray:
    """Thirty harmonics of equal strength, as a bright voice has them."""
    harmonics = [k for k in range(1, 31) if k * frequency_hz < rate_hz / 2]
    return np.sum([tone(k * frequency_hz, rate_hz=rate_hz) for k in harmonics], axis=0).astype(np.float32)


@pytest.mark.parametrize("frequency_hz", [70.0, 110.0, 200.0, 440.0, 780.0])
@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 48_000])
def test_a_tone_has_the_pitch_that_it_was_made_with(frequency_hz: float, rate_hz: int) -> None:
    heard = pitch(tone(frequency_hz, rate_hz=rate_hz), rate_hz)
    inner = slice(5, -5)
    assert heard.is_voiced[inner].all()
    np.testing.assert_allclose(heard.frequency_hz[inner], frequency_hz, rtol=0.01)


@pytest.mark.parametrize("frequency_hz", [100.0, 150.0, 300.0])
def test_a_bright_voice_is_heard_at_its_lowest_harmonic(frequency_hz: float) -> None:
    heard = pitch(buzz(frequency_hz), 16_000)
    np.testing.assert_allclose(heard.frequency_hz[5:-5], frequency_hz, rtol=0.01)


def test_a_voice_whose_lowest_harmonic_is_missing_keeps_its_pitch() -> None:
    heard = pitch(buzz(120.0) - tone(120.0), 16_000)
    np.testing.assert_allclose(np.median(heard.frequency_hz[heard.is_voiced]), 120.0, rtol=0.01)


def test_a_glide_is_followed_from_its_beginning_to_its_end() -> None:
    times = np.arange(16_000) / 16_000
    sound = np.sin(2 * np.pi * (100 * times + 100 * times**2)).astype(np.float32)  # 100 Hz rising to 300 Hz
    heard = pitch(sound, 16_000)
    np.testing.assert_allclose(heard.frequency_hz[10:-10], 100 + 200 * heard.times_s[10:-10], rtol=0.04)


def test_noise_has_no_pitch() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    assert pitch(noise, 16_000).is_voiced.mean() < 0.05


def test_silence_has_no_pitch_and_a_pause_has_none_either() -> None:
    assert not pitch(np.zeros(16_000, np.float32), 16_000).is_voiced.any()
    sound = np.concatenate([tone(200.0), np.zeros(16_000, np.float32)])
    heard = pitch(sound, 16_000)
    assert heard.is_voiced[5:95].all()
    assert not heard.is_voiced[110:].any()
    assert (heard.frequency_hz[~heard.is_voiced] == 0).all()


def test_a_quiet_voice_has_the_same_pitch_as_a_loud_one() -> None:
    loud, quiet = pitch(buzz(180.0), 16_000), pitch(buzz(180.0) * 1e-3, 16_000)
    np.testing.assert_array_equal(loud.is_voiced, quiet.is_voiced)
    np.testing.assert_allclose(loud.frequency_hz, quiet.frequency_hz, rtol=1e-3)


@pytest.mark.parametrize("length", [1, 20, 800, 1_600])
def test_a_sound_shorter_than_a_frame_is_drawn_without_an_error(length: int) -> None:
    sound = np.full(length, 0.25, np.float32)
    assert np.isfinite(pitch(sound, 8_000).frequency_hz).all()
    assert np.isfinite(spectrogram(sound, 8_000).level_db).all()
    assert np.isfinite(mel_spectrogram(sound, 8_000).level_db).all()


def test_a_sine_of_full_scale_is_0_db_at_its_frequency_and_half_of_it_6_db_less() -> None:
    full = spectrogram(tone(1_000.0, peak=1.0), 16_000)
    middle = full.level_db[:, full.level_db.shape[1] // 2]
    assert abs(float(middle.max())) < 0.1
    assert abs(full.frequencies_hz[int(middle.argmax())] - 1_000.0) < 16
    half = spectrogram(tone(1_000.0, peak=0.5), 16_000)
    np.testing.assert_allclose(full.level_db.max() - half.level_db.max(), 20 * np.log10(2), atol=0.01)


def test_the_mel_spectrogram_has_its_maximum_in_the_band_of_the_tone() -> None:
    shown = mel_spectrogram(tone(2_000.0), 16_000)
    band = int(shown.level_db[:, shown.level_db.shape[1] // 2].argmax())
    assert shown.frequencies_hz[band - 1] < 2_000.0 < shown.frequencies_hz[band + 1]
    assert (np.diff(shown.frequencies_hz) > 0).all()


def test_silence_is_the_floor_and_never_minus_infinity() -> None:
    assert (spectrogram(np.zeros(8_000, np.float32), 8_000).level_db == FLOOR_DB).all()


def test_an_hour_has_no_more_frames_than_a_minute() -> None:
    minute = spectrogram(np.zeros(60 * 1_000, np.float32), 1_000, frames=300)
    hour = spectrogram(np.zeros(3_600 * 1_000, np.float32), 1_000, frames=300)
    assert minute.level_db.shape[1] <= 301
    assert hour.level_db.shape[1] <= 301
    assert hour.times_s[-1] > 3_590


def test_times_end_where_the_sound_ends_at_every_rate() -> None:
    for rate_hz in (8_000, 48_000):
        sound = tone(200.0, rate_hz=rate_hz, seconds=2.0)
        for times_s in (spectrogram(sound, rate_hz).times_s, pitch(sound, rate_hz).times_s):
            assert 1.95 < times_s[-1] <= 2.01


def test_the_envelope_keeps_every_peak() -> None:
    sound = np.zeros(10_000, np.float32)
    sound[4_321], sound[777] = 0.9, -0.8
    low, high = envelope(sound, 100)
    assert len(low) == len(high) == 100
    assert low.min() == np.float32(-0.8)
    assert high.max() == np.float32(0.9)
    assert envelope(np.zeros(0, np.float32), 10)[0].size == 0


@pytest.mark.corpora
def test_on_real_voices_the_pitch_agrees_with_librosas_pyin(ravdess) -> None:
    wrong = total = 0
    for name in PITCHED:
        audio = read_audio(ravdess / name)
        ours = pitch(audio.samples, audio.rate_hz)
        theirs = answers()[f"pitch-{Path(name).stem}"]
        shared = min(len(theirs), len(ours.times_s))
        both = ours.is_voiced[:shared] & (theirs[:shared] > 0)
        apart = np.abs(np.log2(ours.frequency_hz[:shared][both] / theirs[:shared][both]))
        wrong, total = wrong + int((apart > 0.2).sum()), total + int(both.sum())
    assert total > 150
    assert wrong / total < 0.03


@given(some.lists(some.integers(0, 300), max_size=8), some.integers(0, 40), some.integers(0, 10_000))
def test_however_it_is_cut_each_stretch_has_its_own_extremes(lengths: list[int], columns: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    parts = [generator.normal(size=length).astype(np.float32) for length in lengths]
    samples = np.concatenate([np.zeros(0, np.float32), *parts])
    found = outline(parts, 100, columns=columns)
    size = round(found.column_s * 100)
    stretches = [samples[start : start + size] for start in range(0, len(samples), size)]
    assert found.lowest.tolist() == [stretch.min() for stretch in stretches]
    assert found.highest.tolist() == [stretch.max() for stretch in stretches]
    assert found.duration_s == len(samples) / 100
    most = max(2, columns)
    assert len(stretches) <= 2 * most
    assert len(stretches) >= min(most, len(samples))


def test_an_hour_needs_no_more_than_a_minute() -> None:
    minute = np.zeros(60 * 1_000, np.float32)
    assert len(outline((minute for _ in range(60)), 1_000, columns=500).lowest) < 1_000 + 1


def test_silence_without_a_sample_is_an_empty_outline() -> None:
    found = outline([], 16_000)
    assert (len(found.lowest), found.duration_s) == (0, 0.0)
