"""Augmentations: what physics says of each, and that the same draw gives the same sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.reference_sounds import STRETCHES, answers, stretch_sound

from hearfelt.audio.reader import audio_files, read_audio
from hearfelt.augmentation.transforms import (
    KINDS,
    Augmentation,
    Noise,
    Pitch,
    Shift,
    Stretch,
    draw_copies,
    time_stretched,
)
from hearfelt.errors import RecipeError

Samples = npt.NDArray[np.float32]

RATE_HZ = 22_050


def tone(frequency_hz: float, seconds: float = 2.5, rate_hz: int = RATE_HZ) -> Samples:
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32)


def loudness(sound: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def frequency_of(sound: Samples, rate_hz: int = RATE_HZ) -> float:
    """Where the spectrum of a tone's middle is highest, to a hundredth of a Hz."""
    middle = sound[sound.size // 8 : -sound.size // 8]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(middle.size), 1 << 21))
    return float(spectrum.argmax() * rate_hz / (1 << 21))


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 48_000])
def test_a_200_hz_tone_one_semitone_higher_is_211_9_hz_and_as_long(rate_hz: int) -> None:
    sound = tone(200.0, rate_hz=rate_hz)
    higher, deeper = Pitch(1.0).apply(sound, rate_hz), Pitch(-1.0).apply(sound, rate_hz)
    assert higher.size == deeper.size == sound.size
    assert frequency_of(higher, rate_hz) == pytest.approx(211.89, abs=0.2)
    assert frequency_of(deeper, rate_hz) == pytest.approx(188.77, abs=0.2)


@pytest.mark.parametrize("rate", [0.8, 0.93, 1.0, 1.25])
@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 48_000])
def test_a_stretched_tone_has_n_over_rate_samples_and_its_pitch(rate: float, rate_hz: int) -> None:
    sound = tone(200.0, rate_hz=rate_hz)
    stretched = Stretch(rate).apply(sound, rate_hz)
    assert stretched.size == round(sound.size / rate)
    assert frequency_of(stretched, rate_hz) == pytest.approx(200.0, abs=0.2)


def test_a_rhythm_is_stretched_with_the_sound() -> None:
    beats = np.zeros(3 * RATE_HZ, dtype=np.float32)
    for second in (0.5, 1.5, 2.5):  # beeps of 50 ms
        start = int(second * RATE_HZ)
        beats[start : start + 1102] = tone(1000.0, 0.05)[:1102]
    slower = Stretch(0.8).apply(beats, RATE_HZ)
    seconds = np.arange(slower.size) / RATE_HZ
    thirds = zip(np.array_split(seconds, 3), np.array_split(np.square(slower), 3), strict=True)
    centres = [np.average(times, weights=power) for times, power in thirds]
    assert centres == pytest.approx([0.525 / 0.8, 1.525 / 0.8, 2.525 / 0.8], abs=0.04)  # a hop is 0.023 s


def test_no_stretch_at_all_leaves_the_sound_as_it_is(toy: Path) -> None:
    audio = read_audio(audio_files(toy)[0])
    np.testing.assert_allclose(time_stretched(audio.samples, audio.rate_hz, rate=1.0), audio.samples, atol=2e-5)


@pytest.mark.parametrize("rate", STRETCHES)
def test_the_stretch_is_librosas_but_for_the_loudness_that_librosa_loses(toy: Path, rate: float) -> None:
    sound, theirs = stretch_sound(toy), answers()[f"stretch-{rate}"]
    ours = time_stretched(sound, 22_050, rate=rate)  # the rate for which librosa's frame is made
    assert loudness(ours) == pytest.approx(loudness(sound), rel=1e-3)
    assert loudness(theirs) < loudness(sound)
    likeness = np.corrcoef(ours[: theirs.size], theirs[: ours.size])[0, 1]
    assert likeness > 0.999


def test_a_stretch_is_drawn_between_0_8_and_1_25_and_never_as_the_seed_had_it() -> None:
    generator = np.random.default_rng(0)
    rates = np.array([Stretch.draw(generator).rate for _ in range(2000)])
    assert rates.min() >= 0.8
    assert rates.max() <= 1.25
    assert np.mean(rates < 1) == pytest.approx(0.5, abs=0.05)
    sound = tone(200.0)
    assert all(0.8 <= one.apply(sound, RATE_HZ).size / sound.size <= 1.25 for one in map(Stretch, rates[:20].tolist()))


def test_the_other_kinds_are_drawn_within_their_bounds() -> None:
    generator = np.random.default_rng(0)
    semitones = np.array([Pitch.draw(generator).semitones for _ in range(1000)])
    seconds = np.array([Shift.draw(generator).seconds for _ in range(1000)])
    snr_db = np.array([Noise.draw(generator).snr_db for _ in range(1000)])
    for drawn, low, high in ((semitones, -1, 1), (seconds, -0.2, 0.2), (snr_db, 15, 30)):
        assert low <= drawn.min() < low + 0.05 * (high - low)
        assert high >= drawn.max() > high - 0.05 * (high - low)


@pytest.mark.parametrize("snr_db", [15.0, 20.0, 30.0])
def test_noise_has_the_drawn_ratio_to_the_sound_and_is_white(snr_db: float) -> None:
    sound = tone(200.0)
    noise = Noise(snr_db, seed=1).apply(sound, RATE_HZ) - sound
    assert 20 * np.log10(loudness(sound) / loudness(noise)) == pytest.approx(snr_db, abs=0.1)
    power = np.square(np.abs(np.fft.rfft(noise)))
    lower, upper = np.array_split(power, 2)
    assert lower.mean() == pytest.approx(upper.mean(), rel=0.05)


def test_a_shift_turns_the_sound_and_loses_nothing() -> None:
    sound = tone(200.0)
    later = Shift(0.1).apply(sound, RATE_HZ)
    np.testing.assert_array_equal(later[2205:], sound[:-2205])
    np.testing.assert_array_equal(later[:2205], sound[-2205:])
    np.testing.assert_array_equal(Shift(-0.1).apply(later, RATE_HZ), sound)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_keeps_its_word_whatever_the_sound(kind: type[Augmentation]) -> None:
    generator = np.random.default_rng(5)
    sounds = [tone(200.0), np.zeros(5000), np.ones(300), generator.normal(0, 0.3, 2205), tone(3000.0, rate_hz=8000)]
    for sound in sounds:
        given = sound.astype(np.float32)
        kept = given.copy()
        one = kind.draw(generator)
        changed = one.apply(given, RATE_HZ)
        np.testing.assert_array_equal(given, kept)  # the given sound stays as it is
        np.testing.assert_array_equal(changed, one.apply(given, RATE_HZ))  # the same draw, the same sound
        assert changed.dtype == np.float32
        assert changed.ndim == 1
        assert np.isfinite(changed).all()
        assert loudness(changed) == pytest.approx(loudness(given), rel=0.1)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_name_of_a_draw_makes_it_again(kind: type[Augmentation]) -> None:
    one = kind.draw(np.random.default_rng(3))
    assert eval(repr(one), {"Noise": Noise, "Pitch": Pitch, "Shift": Shift, "Stretch": Stretch}) == one


def test_the_same_state_of_the_generator_draws_the_same_copies() -> None:
    first, second, other = (draw_copies(50, tuple(KINDS), 3, np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert first == second
    assert first != other


def test_the_copies_of_a_clip_are_of_different_kinds_and_no_kind_is_left_out() -> None:
    drawn = draw_copies(100, tuple(KINDS), 3, np.random.default_rng(0))
    assert all(len({type(one) for one in copies}) == len(copies) == 3 for copies in drawn)
    counts = [sum(isinstance(one, kind) for copies in drawn for one in copies) for kind in KINDS.values()]
    assert min(counts) > 50
    repeated = draw_copies(10, ("noise",), 3, np.random.default_rng(0))
    assert all(len(set(copies)) == 3 for copies in repeated)
    assert draw_copies(2, (), 0, np.random.default_rng(0)) == [(), ()]


def test_an_unknown_kind_and_copies_of_none_are_refused() -> None:
    with pytest.raises(RecipeError, match="no augmentation is called 'echo'; there are noise, pitch, stretch, shift"):
        draw_copies(1, ("noise", "echo"), 1, np.random.default_rng(0))
    with pytest.raises(RecipeError, match="of no kind"):
        draw_copies(1, (), 1, np.random.default_rng(0))
