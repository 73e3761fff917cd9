"""Perturbations: what physics says of each, that the published ones are drawn, and that a draw is reproducible."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import signal

from hearfelt.augmentation import perturbations
from hearfelt.augmentation.perturbations import (
    AUGMENTATIONS,
    SMALL_CHANGES,
    Clipping,
    CropAfter,
    CropBefore,
    Gain,
    HighPass,
    LowPass,
    Noise,
    Offset,
    Perturbation,
    Pitch,
    Shift,
    Stretch,
    TelephoneBand,
    Tone,
    ZerosAfter,
    ZerosBefore,
    draw_copies,
)
from hearfelt.errors import AudioError, RecipeError

Samples = npt.NDArray[np.float32]
RATE_HZ = 16_000
MUSIC_HZ = 22_050
KINDS = [
    *(Clipping, CropAfter, CropBefore, Gain, HighPass, LowPass, Noise, Offset, Pitch, Shift, Stretch, TelephoneBand),
    *(Tone, ZerosAfter, ZerosBefore),
]


def tone(frequency_hz: float, seconds: float = 1.0, rate_hz: int = RATE_HZ) -> Samples:
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32)


def noise(seed: int = 0, seconds: float = 1.0) -> Samples:
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE_HZ)).astype(np.float32)


def loudness(sound: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def left_db(change: Perturbation, frequency_hz: float) -> float:
    """How much louder a steady tone is after the change, in dB, once it has settled."""
    sound = tone(frequency_hz)
    settled = slice(3 * RATE_HZ // 10, 9 * RATE_HZ // 10)  # 0.6 s: whole turns of every multiple of 5 Hz
    return 20 * float(np.log10(loudness(change.apply(sound, RATE_HZ)[settled]) / loudness(sound[settled])))


@pytest.mark.parametrize("snr_db", [40.0, 45.0, 50.0])
def test_the_tone_has_its_frequency_and_its_ratio_of_peaks(snr_db: float) -> None:
    sound = noise()
    added = Tone(snr_db, 6_000.0).apply(sound, RATE_HZ) - sound
    assert 20 * np.log10(np.abs(sound).max() / np.abs(added).max()) == pytest.approx(snr_db, abs=0.05)
    assert np.abs(np.fft.rfft(added)).argmax() == 6_000  # one second: a bin is a hertz


def test_zeros_go_where_they_are_said_to_go_and_the_sound_stays_whole() -> None:
    sound = noise()
    before, after = ZerosBefore(500).apply(sound, RATE_HZ), ZerosAfter(500).apply(sound, RATE_HZ)
    assert before.size == after.size == sound.size + 500
    np.testing.assert_array_equal(before[500:], sound)
    np.testing.assert_array_equal(after[:-500], sound)
    assert not before[:500].any()
    assert not after[-500:].any()


def test_a_crop_takes_away_what_zeros_had_put_there() -> None:
    sound = noise()
    np.testing.assert_array_equal(CropBefore(1_000).apply(ZerosBefore(1_000).apply(sound, RATE_HZ), RATE_HZ), sound)
    np.testing.assert_array_equal(CropAfter(1_000).apply(ZerosAfter(1_000).apply(sound, RATE_HZ), RATE_HZ), sound)


@pytest.mark.parametrize("crop", [CropBefore(100), CropAfter(100)])
def test_a_crop_of_everything_is_refused(crop: Perturbation) -> None:
    with pytest.raises(AudioError, match="100 samples; more than the 100 to be cut away are wanted"):
        crop.apply(np.ones(100, np.float32), RATE_HZ)


@pytest.mark.parametrize("share", [0.001, 0.002, 0.003])
def test_clipping_changes_its_share_of_the_samples_and_only_the_loudest(share: float) -> None:
    sound = noise()
    clipped = Clipping(share).apply(sound, RATE_HZ)
    changed = clipped != sound
    assert changed.sum() == int(share * sound.size)
    assert np.abs(sound[changed]).min() > np.abs(sound[~changed]).max()
    assert np.unique(np.abs(clipped[changed])).size == 1
    np.testing.assert_array_equal(np.sign(clipped), np.sign(sound))


def test_twenty_db_are_ten_times_and_undo_each_other() -> None:
    sound = noise()
    np.testing.assert_allclose(Gain(20.0).apply(sound, RATE_HZ), 10 * sound, rtol=1e-6)
    np.testing.assert_allclose(Gain(-20.0).apply(Gain(20.0).apply(sound, RATE_HZ), RATE_HZ), sound, rtol=1e-6)


@pytest.mark.parametrize("cutoff_hz", [50.0, 100.0, 150.0])
def test_the_high_pass_halves_the_power_at_its_cutoff_and_falls_6_db_an_octave(cutoff_hz: float) -> None:
    high_pass = HighPass(cutoff_hz)
    assert left_db(high_pass, cutoff_hz) == pytest.approx(-3.01, abs=0.02)
    assert left_db(high_pass, cutoff_hz / 10) - left_db(high_pass, cutoff_hz / 5) == pytest.approx(-6.0, abs=0.2)
    assert left_db(high_pass, 3_000.0) == pytest.approx(0.0, abs=0.02)
    assert abs(float(high_pass.apply(np.ones(RATE_HZ, np.float32), RATE_HZ)[-1])) < 1e-6  # no DC is left


@pytest.mark.parametrize("cutoff_hz", [7_500.0, 7_000.0, 6_500.0])
def test_the_low_pass_halves_the_power_at_its_cutoff_and_leaves_low_voices_alone(cutoff_hz: float) -> None:
    low_pass = LowPass(cutoff_hz)
    assert left_db(low_pass, cutoff_hz) == pytest.approx(-3.01, abs=0.02)
    assert left_db(low_pass, 200.0) == pytest.approx(0.0, abs=0.01)
    np.testing.assert_allclose(low_pass.apply(np.ones(RATE_HZ, np.float32), RATE_HZ)[-100:], 1.0, atol=1e-6)


@pytest.mark.parametrize("change", [*map(HighPass, HighPass.CUTOFFS_HZ), *map(LowPass, LowPass.CUTOFFS_HZ)], ids=str)
@pytest.mark.parametrize("sound", [noise(), tone(440.0, 0.2), np.ones(3, np.float32)], ids=["noise", "tone", "short"])
def test_the_filters_are_butterworths_of_order_1_run_sample_by_sample(
    change: HighPass | LowPass, sound: Samples
) -> None:
    kind = "highpass" if isinstance(change, HighPass) else "lowpass"
    b, a = signal.butter(1, change.cutoff_hz, kind, fs=RATE_HZ)
    np.testing.assert_allclose(change.apply(sound, RATE_HZ), signal.lfilter(b, a, sound), atol=1e-7)


def test_the_telephone_band_ends_at_4_khz() -> None:
    band = TelephoneBand()
    assert left_db(band, 1_000.0) == pytest.approx(0.0, abs=0.05)
    assert left_db(band, 3_000.0) == pytest.approx(0.0, abs=0.1)
    assert left_db(band, 5_000.0) < -80


def test_the_offset_moves_the_mean_and_nothing_else() -> None:
    sound = noise()
    moved = Offset(0.1).apply(sound, RATE_HZ)
    assert moved.mean() - sound.mean() == pytest.approx(0.1, abs=1e-6)
    np.testing.assert_allclose(moved - 0.1, sound, atol=1e-7)


DRAWN: dict[str, Callable[[Perturbation], float]] = {
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
    drawn = [DRAWN[name](SMALL_CHANGES[name](generator)) for _ in range(600)]
    assert set(drawn) == PUBLISHED[name]
    assert min(drawn.count(value) for value in PUBLISHED[name]) > 0.8 * len(drawn) / len(PUBLISHED[name])


def test_the_tone_is_drawn_between_5_and_7_khz() -> None:
    generator = np.random.default_rng(0)
    frequencies = [Tone.draw(generator).frequency_hz for _ in range(500)]
    assert 5_000 <= min(frequencies) < 5_050
    assert 6_950 < max(frequencies) <= 7_000


@pytest.mark.parametrize("kind", KINDS)
def test_every_perturbation_keeps_its_word_whatever_the_sound(kind: type[Perturbation]) -> None:
    generator = np.random.default_rng(3)
    for sound in (noise(), tone(200.0), np.zeros(5_000, np.float32), np.ones(2_000, np.float32)):
        kept = sound.copy()
        one = kind.draw(generator)
        changed = one.apply(sound, RATE_HZ)
        np.testing.assert_array_equal(sound, kept)  # the given samples stay as they are
        np.testing.assert_array_equal(changed, one.apply(sound, RATE_HZ))  # the same draw, the same sound
        assert not np.shares_memory(changed, sound)
        assert changed.dtype == np.float32
        assert np.isfinite(changed).all()
        assert eval(repr(one), vars(perturbations)) == one  # its name makes it again


def test_silence_stays_silent_under_everything_that_is_measured_by_the_sound() -> None:
    silence = np.zeros(4_000, np.float32)
    for name in SMALL_CHANGES:
        assert not SMALL_CHANGES[name](np.random.default_rng(0)).apply(silence, RATE_HZ).any()


def frequency_of(sound: Samples, rate_hz: int = MUSIC_HZ) -> float:
    """Where the spectrum of a tone's middle is highest, to a hundredth of a Hz."""
    middle = sound[sound.size // 8 : -sound.size // 8]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(middle.size), 1 << 21))
    return float(spectrum.argmax() * rate_hz / (1 << 21))


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 48_000])
def test_a_200_hz_tone_one_semitone_higher_is_211_9_hz_and_as_long(rate_hz: int) -> None:
    sound = tone(200.0, 2.5, rate_hz)
    higher, deeper = Pitch(1.0).apply(sound, rate_hz), Pitch(-1.0).apply(sound, rate_hz)
    assert higher.size == deeper.size == sound.size
    assert frequency_of(higher, rate_hz) == pytest.approx(211.89, abs=0.2)
    assert frequency_of(deeper, rate_hz) == pytest.approx(188.77, abs=0.2)


@pytest.mark.parametrize("rate", [0.8, 0.93, 1.0, 1.25])
@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 48_000])
def test_a_stretched_tone_has_n_over_rate_samples_and_its_pitch(rate: float, rate_hz: int) -> None:
    sound = tone(200.0, 2.5, rate_hz)
    stretched = Stretch(rate).apply(sound, rate_hz)
    assert stretched.size == round(sound.size / rate)
    assert frequency_of(stretched, rate_hz) == pytest.approx(200.0, abs=0.2)


def test_a_rhythm_is_stretched_with_the_sound() -> None:
    beats = np.zeros(3 * MUSIC_HZ, dtype=np.float32)
    for second in (0.5, 1.5, 2.5):  # beeps of 50 ms
        start = int(second * MUSIC_HZ)
        beats[start : start + 1102] = tone(1000.0, 0.05, MUSIC_HZ)[:1102]
    slower = Stretch(0.8).apply(beats, MUSIC_HZ)
    seconds = np.arange(slower.size) / MUSIC_HZ
    thirds = zip(np.array_split(seconds, 3), np.array_split(np.square(slower), 3), strict=True)
    centres = [np.average(times, weights=power) for times, power in thirds]
    assert centres == pytest.approx([0.525 / 0.8, 1.525 / 0.8, 2.525 / 0.8], abs=0.04)  # a hop is 0.023 s


def test_a_stretch_is_drawn_between_0_8_and_1_25_and_never_as_the_seed_had_it() -> None:
    generator = np.random.default_rng(0)
    rates = np.array([Stretch.draw(generator).rate for _ in range(2000)])
    assert rates.min() >= 0.8
    assert rates.max() <= 1.25
    assert np.mean(rates < 1) == pytest.approx(0.5, abs=0.05)
    sound = tone(200.0, 2.5, MUSIC_HZ)
    assert all(0.8 <= one.apply(sound, MUSIC_HZ).size / sound.size <= 1.25 for one in map(Stretch, rates[:20].tolist()))


def test_the_other_kinds_are_drawn_within_their_bounds() -> None:
    generator = np.random.default_rng(0)
    semitones = np.array([Pitch.draw(generator).semitones for _ in range(1000)])
    seconds = np.array([Shift.draw(generator).seconds for _ in range(1000)])
    snr_db = np.array([Noise.draw(generator).snr_db for _ in range(1000)])
    for drawn, low, high in ((semitones, -1, 1), (seconds, -0.2, 0.2), (snr_db, 15, 30)):
        assert low <= drawn.min() < low + 0.05 * (high - low)
        assert high >= drawn.max() > high - 0.05 * (high - low)


@pytest.mark.parametrize("snr_db", [15.0, 30.0, 45.0])
def test_noise_has_the_drawn_ratio_to_the_sound_and_is_white(snr_db: float) -> None:
    sound = tone(200.0, 2.5, MUSIC_HZ)
    noise = Noise(snr_db, seed=1).apply(sound, MUSIC_HZ) - sound
    assert 20 * np.log10(loudness(sound) / loudness(noise)) == pytest.approx(snr_db, abs=0.1)
    power = np.square(np.abs(np.fft.rfft(noise)))
    lower, upper = np.array_split(power, 2)
    assert lower.mean() == pytest.approx(upper.mean(), rel=0.05)


def test_a_shift_turns_the_sound_and_loses_nothing() -> None:
    sound = tone(200.0, 2.5, MUSIC_HZ)
    later = Shift(0.1).apply(sound, MUSIC_HZ)
    np.testing.assert_array_equal(later[2205:], sound[:-2205])
    np.testing.assert_array_equal(later[:2205], sound[-2205:])
    np.testing.assert_array_equal(Shift(-0.1).apply(later, MUSIC_HZ), sound)


@pytest.mark.parametrize("kind", AUGMENTATIONS.values(), ids=AUGMENTATIONS)
def test_augmentations_keep_the_loudness(kind: type[Perturbation]) -> None:
    generator = np.random.default_rng(5)
    sounds = [
        tone(200.0, 2.5, MUSIC_HZ),
        np.zeros(5000),
        np.ones(300),
        generator.normal(0, 0.3, 2205),
        tone(3000.0, rate_hz=8000),
    ]
    for sound in sounds:
        given = sound.astype(np.float32)
        one = kind.draw(generator)
        changed = one.apply(given, MUSIC_HZ)
        assert changed.ndim == 1
        assert loudness(changed) == pytest.approx(loudness(given), rel=0.1)


def test_the_same_state_of_the_generator_draws_the_same_copies() -> None:
    first, second, other = (draw_copies(50, tuple(AUGMENTATIONS), 3, np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert first == second
    assert first != other


def test_the_copies_of_a_clip_are_of_different_kinds_and_no_kind_is_left_out() -> None:
    drawn = draw_copies(100, tuple(AUGMENTATIONS), 3, np.random.default_rng(0))
    assert all(len({type(one) for one in copies}) == len(copies) == 3 for copies in drawn)
    counts = [sum(isinstance(one, kind) for copies in drawn for one in copies) for kind in AUGMENTATIONS.values()]
    assert min(counts) > 50
    repeated = draw_copies(10, ("noise",), 3, np.random.default_rng(0))
    assert all(len(set(copies)) == 3 for copies in repeated)
    assert draw_copies(2, (), 0, np.random.default_rng(0)) == [(), ()]


def test_an_unknown_kind_and_copies_of_none_are_refused() -> None:
    with pytest.raises(RecipeError, match="no augmentation is called 'echo'; there are noise, pitch, stretch, shift"):
        draw_copies(1, ("noise", "echo"), 1, np.random.default_rng(0))
    with pytest.raises(RecipeError, match="of no kind"):
        draw_copies(1, (), 1, np.random.default_rng(0))
