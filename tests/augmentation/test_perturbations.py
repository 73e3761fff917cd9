"""Small changes: what physics says of each, and that they are the published ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import signal

from hearfelt.augmentation import perturbations as changes
from hearfelt.augmentation.perturbations import (
    RATE_HZ,
    SMALL_CHANGES,
    Change,
    Clipping,
    CropAfter,
    CropBefore,
    Gain,
    HighPass,
    LowPass,
    Offset,
    TelephoneBand,
    Tone,
    WhiteNoise,
    ZerosAfter,
    ZerosBefore,
)
from hearfelt.errors import AudioError

Samples = npt.NDArray[np.float32]
ALL = {**SMALL_CHANGES, "offset": Offset, "telephone band": TelephoneBand}


def tone(frequency_hz: float, seconds: float = 1.0) -> Samples:
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (0.5 * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32)


def noise(seed: int = 0, seconds: float = 1.0) -> Samples:
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE_HZ)).astype(np.float32)


def loudness(sound: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def left_db(change: Change, frequency_hz: float) -> float:
    """How much louder a steady tone is after the change, in dB, once it has settled."""
    sound = tone(frequency_hz)
    settled = slice(3 * RATE_HZ // 10, 9 * RATE_HZ // 10)  # 0.6 s: whole turns of every multiple of 5 Hz
    return 20 * float(np.log10(loudness(change.apply(sound)[settled]) / loudness(sound[settled])))


@pytest.mark.parametrize("snr_db", [40.0, 45.0, 50.0])
def test_the_tone_has_its_frequency_and_its_ratio_of_peaks(snr_db: float) -> None:
    sound = noise()
    added = Tone(snr_db, 6_000.0).apply(sound) - sound
    assert 20 * np.log10(np.abs(sound).max() / np.abs(added).max()) == pytest.approx(snr_db, abs=0.05)
    assert np.abs(np.fft.rfft(added)).argmax() == 6_000  # one second: a bin is a hertz


@pytest.mark.parametrize("snr_db", [35.0, 40.0, 45.0])
def test_the_noise_has_its_ratio_of_powers_and_is_white(snr_db: float) -> None:
    sound = tone(200.0)
    added = WhiteNoise(snr_db, seed=1).apply(sound) - sound
    assert 20 * np.log10(loudness(sound) / loudness(added)) == pytest.approx(snr_db, abs=0.1)
    lower, upper = np.array_split(np.square(np.abs(np.fft.rfft(added))), 2)
    assert lower.mean() == pytest.approx(upper.mean(), rel=0.05)


def test_zeros_go_where_they_are_said_to_go_and_the_sound_stays_whole() -> None:
    sound = noise()
    before, after = ZerosBefore(500).apply(sound), ZerosAfter(500).apply(sound)
    assert before.size == after.size == sound.size + 500
    np.testing.assert_array_equal(before[500:], sound)
    np.testing.assert_array_equal(after[:-500], sound)
    assert not before[:500].any()
    assert not after[-500:].any()


def test_a_crop_takes_away_what_zeros_had_put_there() -> None:
    sound = noise()
    np.testing.assert_array_equal(CropBefore(1_000).apply(ZerosBefore(1_000).apply(sound)), sound)
    np.testing.assert_array_equal(CropAfter(1_000).apply(ZerosAfter(1_000).apply(sound)), sound)


@pytest.mark.parametrize("crop", [CropBefore(100), CropAfter(100)])
def test_a_crop_of_everything_is_refused(crop: Change) -> None:
    with pytest.raises(AudioError, match="100 samples; more than the 100 to be cut away are wanted"):
        crop.apply(np.ones(100, np.float32))


@pytest.mark.parametrize("share", [0.001, 0.002, 0.003])
def test_clipping_changes_its_share_of_the_samples_and_only_the_loudest(share: float) -> None:
    sound = noise()
    clipped = Clipping(share).apply(sound)
    changed = clipped != sound
    assert changed.sum() == int(share * sound.size)
    assert np.abs(sound[changed]).min() > np.abs(sound[~changed]).max()
    assert np.unique(np.abs(clipped[changed])).size == 1
    np.testing.assert_array_equal(np.sign(clipped), np.sign(sound))


def test_twenty_db_are_ten_times_and_undo_each_other() -> None:
    sound = noise()
    np.testing.assert_allclose(Gain(20.0).apply(sound), 10 * sound, rtol=1e-6)
    np.testing.assert_allclose(Gain(-20.0).apply(Gain(20.0).apply(sound)), sound, rtol=1e-6)


@pytest.mark.parametrize("cutoff_hz", [50.0, 100.0, 150.0])
def test_the_high_pass_halves_the_power_at_its_cutoff_and_falls_6_db_an_octave(cutoff_hz: float) -> None:
    high_pass = HighPass(cutoff_hz)
    assert left_db(high_pass, cutoff_hz) == pytest.approx(-3.01, abs=0.02)
    assert left_db(high_pass, cutoff_hz / 10) - left_db(high_pass, cutoff_hz / 5) == pytest.approx(-6.0, abs=0.2)
    assert left_db(high_pass, 3_000.0) == pytest.approx(0.0, abs=0.02)
    assert abs(float(high_pass.apply(np.ones(RATE_HZ, np.float32))[-1])) < 1e-6  # no DC is left


@pytest.mark.parametrize("cutoff_hz", [7_500.0, 7_000.0, 6_500.0])
def test_the_low_pass_halves_the_power_at_its_cutoff_and_leaves_low_voices_alone(cutoff_hz: float) -> None:
    low_pass = LowPass(cutoff_hz)
    assert left_db(low_pass, cutoff_hz) == pytest.approx(-3.01, abs=0.02)
    assert left_db(low_pass, 200.0) == pytest.approx(0.0, abs=0.01)
    np.testing.assert_allclose(low_pass.apply(np.ones(RATE_HZ, np.float32))[-100:], 1.0, atol=1e-6)


@pytest.mark.parametrize("change", [*map(HighPass, HighPass.CUTOFFS_HZ), *map(LowPass, LowPass.CUTOFFS_HZ)], ids=str)
@pytest.mark.parametrize("sound", [noise(), tone(440.0, 0.2), np.ones(3, np.float32)], ids=["noise", "tone", "short"])
def test_the_filters_are_butterworths_of_order_1_run_sample_by_sample(
    change: HighPass | LowPass, sound: Samples
) -> None:
    kind = "highpass" if isinstance(change, HighPass) else "lowpass"
    b, a = signal.butter(1, change.cutoff_hz, kind, fs=RATE_HZ)
    np.testing.assert_allclose(change.apply(sound), signal.lfilter(b, a, sound), atol=1e-7)


def test_the_telephone_band_ends_at_4_khz() -> None:
    band = TelephoneBand()
    assert left_db(band, 1_000.0) == pytest.approx(0.0, abs=0.05)
    assert left_db(band, 3_000.0) == pytest.approx(0.0, abs=0.1)
    assert left_db(band, 5_000.0) < -80


def test_the_offset_moves_the_mean_and_nothing_else() -> None:
    sound = noise()
    moved = Offset(0.1).apply(sound)
    assert moved.mean() - sound.mean() == pytest.approx(0.1, abs=1e-6)
    np.testing.assert_allclose(moved - 0.1, sound, atol=1e-7)


DRAWN: dict[str, Callable[[Change], float]] = {
    "additive tone": lambda one: one.snr_db,  # type: ignore[attr-defined]
    "zeros before": lambda one: one.count,  # type: ignore[attr-defined]
    "zeros after": lambda one: one.count,  # type: ignore[attr-defined]
    "clipping": lambda one: one.share,  # type: ignore[attr-defined]
    "crop at the beginning": lambda one: one.count,  # type: ignore[attr-defined]
    "crop at the end": lambda one: one.count,  # type: ignore[attr-defined]
    "gain": lambda one: one.gain_db,  # type: ignore[attr-defined]
    "high-pass": lambda one: one.cutoff_hz,  # type: ignore[attr-defined]
    "low-pass": lambda one: one.cutoff_hz,  # type: ignore[attr-defined]
    "white noise": lambda one: one.snr_db,  # type: ignore[attr-defined]
}
PUBLISHED = {
    "additive tone": {40, 45, 50},
    "zeros before": {100, 500, 1000},
    "zeros after": {100, 500, 1000},
    "clipping": {0.001, 0.002, 0.003},
    "crop at the beginning": {100, 500, 1000},
    "crop at the end": {100, 500, 1000},
    "gain": {-2, -1, 1, 2},
    "high-pass": {50, 100, 150},
    "low-pass": {6500, 7000, 7500},
    "white noise": {35, 40, 45},
}


@pytest.mark.parametrize("name", SMALL_CHANGES)
def test_the_published_parameters_are_drawn_all_of_them_and_about_equally_often(name: str) -> None:
    generator = np.random.default_rng(0)
    drawn = [DRAWN[name](SMALL_CHANGES[name].draw(generator)) for _ in range(600)]
    assert set(drawn) == PUBLISHED[name]
    assert min(drawn.count(value) for value in PUBLISHED[name]) > 0.8 * len(drawn) / len(PUBLISHED[name])


def test_the_tone_is_drawn_between_5_and_7_khz() -> None:
    generator = np.random.default_rng(0)
    frequencies = [Tone.draw(generator).frequency_hz for _ in range(500)]
    assert 5_000 <= min(frequencies) < 5_050
    assert 6_950 < max(frequencies) <= 7_000


@pytest.mark.parametrize("kind", ALL.values(), ids=ALL)
def test_every_change_keeps_its_word_whatever_the_sound(kind: type[Change]) -> None:
    generator = np.random.default_rng(3)
    for sound in (noise(), tone(200.0), np.zeros(5_000, np.float32), np.ones(2_000, np.float32)):
        kept = sound.copy()
        one = kind.draw(generator)
        changed = one.apply(sound)
        np.testing.assert_array_equal(sound, kept)  # the given samples stay as they are
        np.testing.assert_array_equal(changed, one.apply(sound))  # the same draw, the same sound
        assert not np.shares_memory(changed, sound)
        assert changed.dtype == np.float32
        assert np.isfinite(changed).all()
        assert eval(repr(one), vars(changes)) == one  # its name makes it again


def test_silence_stays_silent_under_everything_that_is_measured_by_the_sound() -> None:
    silence = np.zeros(4_000, np.float32)
    for name in SMALL_CHANGES:
        assert not SMALL_CHANGES[name].draw(np.random.default_rng(0)).apply(silence).any()
