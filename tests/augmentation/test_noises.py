"""Noise made by code: reproducible, finite, of the promised length and level, and of different kinds."""

from __future__ import annotations

import numpy as np
import pytest

from hearfelt.augmentation.noises import NOISES, make_noise

SECONDS = 16_000


class NoDrop:
    """A generator whose random shares are all too large for a drop of rain; the rest is drawn as usual."""

    def __init__(self) -> None:
        self._generator = np.random.default_rng(0)

    def random(self, size: int | None = None) -> object:
        return np.full(size, 0.999) if size else 0.999

    def __getattr__(self, name: str) -> object:
        return getattr(self._generator, name)


@pytest.mark.parametrize("kind", NOISES)
def test_it_is_finite_and_of_the_promised_length_and_level(kind: str) -> None:
    peaks = []
    for seed in range(40):
        samples = make_noise(kind, np.random.default_rng(seed))
        assert samples.dtype == np.float32
        assert 1 * SECONDS <= len(samples) <= 5 * SECONDS
        assert np.isfinite(samples).all()
        assert samples.std() > 0
        peaks.append(float(np.abs(samples).max()))
    assert 0.009 < min(peaks) < 0.3 < max(peaks) <= 1.0  # levels from quiet to full scale


@pytest.mark.parametrize("kind", NOISES)
def test_the_same_seed_gives_the_same_sound_and_another_another(kind: str) -> None:
    one, again, other = (make_noise(kind, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert len(one) != len(other) or not np.array_equal(one, other)


def test_kinds_differ() -> None:
    sounds = [make_noise(kind, np.random.default_rng(0)) for kind in NOISES]
    assert len({sound.tobytes() for sound in sounds}) == len(NOISES)


def test_rain_without_a_drop_is_no_division_by_zero() -> None:
    samples = make_noise("rain", NoDrop())  # type: ignore[arg-type]
    assert np.isfinite(samples).all()
    assert samples.std() > 0


def test_a_tone_has_a_pitch_and_rain_has_none() -> None:
    """Most of a tone's power is in a few frequencies."""

    def concentration(kind: str) -> float:
        shares = []
        for seed in range(40):
            power = np.abs(np.fft.rfft(make_noise(kind, np.random.default_rng(seed))[:SECONDS])) ** 2
            shares.append(np.sort(power)[-40:].sum() / power.sum())
        return float(np.median(shares))

    assert concentration("tone") > 0.9
    assert concentration("rain") < 0.5
