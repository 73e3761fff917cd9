"""Views: what physics says of a clip played faster, and that a worn one is still a clip."""

from __future__ import annotations

import numpy as np
import pytest

from hearfelt.training.augmented_copies import RATE_HZ, Variant, at_speed, degrade


def tone(frequency_hz: float, n: int = RATE_HZ) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(n) / RATE_HZ)).astype(np.float32)


def voice(seconds: float = 1.5) -> np.ndarray:
    n = int(seconds * RATE_HZ)
    harmonics = sum(np.sin(2 * np.pi * 150 * k * np.arange(n) / RATE_HZ) / k for k in range(1, 40))
    return (0.1 * harmonics * np.sin(np.arange(n) / 3_000)).astype(np.float32)


def loudest_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE_HZ / len(samples))


@pytest.mark.parametrize("speed", [0.8, 0.9, 1.1, 1.25])
def test_played_faster_a_tone_is_higher_and_shorter(speed: float) -> None:
    heard = at_speed(tone(1_000), speed)
    assert loudest_hz(heard) == pytest.approx(1_000 * speed, abs=2)
    assert len(heard) == pytest.approx(RATE_HZ / speed, abs=1)
    assert heard.dtype == np.float32


def test_as_it_is_is_as_it_is() -> None:
    samples = tone(1_000)
    assert at_speed(samples, 1.0) is samples
    assert Variant() == Variant(1.0, False)


def test_slower_and_faster_again_is_the_clip() -> None:
    samples = tone(1_000)
    back = at_speed(at_speed(samples, 0.8), 1.25)
    inside = slice(500, 15_000)  # but for the ends, where a filter hears silence
    np.testing.assert_allclose(back[inside], samples[inside], atol=1e-3)


def test_the_same_numbers_wear_a_clip_in_the_same_way() -> None:
    one, again, other = (degrade(voice(), np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_a_clip_given_stays_as_it_is() -> None:
    samples = voice()
    before = samples.copy()
    for seed in range(20):
        degrade(samples, np.random.default_rng(seed))
    np.testing.assert_array_equal(samples, before)


def test_worn_clips_are_damaged_in_many_ways_and_none_is_lost() -> None:
    samples = voice()
    copies = [degrade(samples, np.random.default_rng(seed)) for seed in range(60)]
    assert all(copy.dtype == np.float32 and np.isfinite(copy).all() for copy in copies)
    lengths = {len(copy) for copy in copies}
    assert min(lengths) >= len(samples) - 2_000
    assert max(lengths) <= len(samples) + 2_000
    assert len(lengths) > 4  # ends are cut and padded
    high = [_share_above(copy, 4_500) for copy in copies]
    assert min(high) < 1e-6  # some went through a telephone and met no noise
    assert max(high) > 0.03  # others are noisy
    whole = [copy for copy in copies if len(copy) == len(samples)]
    assert min(_likeness(copy, samples) for copy in whole) > 0.6  # the voice is still there


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.5])
def test_a_short_clip_is_never_cut_or_padded(seconds: float) -> None:
    samples = voice(seconds)
    assert {len(degrade(samples, np.random.default_rng(seed))) for seed in range(40)} == {len(samples)}


def _share_above(samples: np.ndarray, frequency_hz: float) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float(power[int(frequency_hz * len(samples) / RATE_HZ) :].sum() / power.sum())


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation at the best shift of a few samples, which filters bring."""
    return max(float(np.corrcoef(np.roll(one, shift), other)[0, 1]) for shift in range(-40, 41))
