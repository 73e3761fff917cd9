"""The ear for pitch: tones have their period, noise has none, and neither level nor silence around says anything."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from hearfelt.models.encoders.pitch_statistics import (
    BAND_EDGES_HZ,
    HIGHEST_HZ,
    LAGS,
    LOWEST_HZ,
    PITCH_DIMENSIONS,
    PitchFrontEnd,
    pitch_statistics,
)
from hearfelt.models.frontend import RATE_HZ, LogMel

PITCHES_HZ = np.geomspace(LOWEST_HZ, HIGHEST_HZ, LAGS)


def voice(frequency_hz: float, seconds: float = 1.0) -> Tensor:
    """Ten harmonics, each weaker than the one before, at the level that the front end gives."""
    times = torch.arange(int(seconds * RATE_HZ), dtype=torch.float64) / RATE_HZ
    samples = sum(torch.sin(2 * torch.pi * frequency_hz * k * times) / k for k in range(1, 11))
    return LogMel()(samples.float()[None])[1]  # type: ignore[union-attr]


@pytest.mark.parametrize("frequency_hz", [80.0, 110.0, 180.0, 250.0, 330.0])
def test_a_voice_repeats_itself_at_its_pitch(frequency_hz: float) -> None:
    repeats = PitchFrontEnd()(voice(frequency_hz))[0, 3:-3, :LAGS].mean(dim=0).numpy()
    above = 0.75 * frequency_hz < PITCHES_HZ  # twice the period repeats as well
    place = np.flatnonzero(above)[repeats[above].argmax()]
    assert PITCHES_HZ[place] == pytest.approx(frequency_hz, rel=0.04)
    assert 0.85 < repeats[place] < 1.1


def test_noise_repeats_itself_nowhere() -> None:
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3 * RATE_HZ)).astype(np.float32))
    repeats = PitchFrontEnd()(LogMel()(noise)[1])[0, :, :LAGS].mean(dim=0)
    assert repeats[: LAGS // 2].abs().max() < 0.15


@pytest.mark.parametrize(("band", "frequency_hz"), [(1, 300.0), (2, 900.0), (3, 2_500.0), (4, 6_000.0)])
def test_each_band_hears_its_own_frequencies(band: int, frequency_hz: float) -> None:
    times = torch.arange(RATE_HZ) / RATE_HZ
    levels = PitchFrontEnd()(LogMel()(torch.sin(2 * torch.pi * frequency_hz * times)[None])[1])[0, 3:-3, LAGS:].mean(
        dim=0
    )
    assert int(levels[1:].argmax()) + 1 == band
    assert float(levels[band]) == pytest.approx(float(levels[0]), abs=0.05)
    assert BAND_EDGES_HZ[band][0] < frequency_hz < BAND_EDGES_HZ[band][1]


def test_a_spoken_frame_has_a_level_near_one() -> None:
    assert abs(float(PitchFrontEnd()(voice(150.0))[0, 3:-3, LAGS].mean())) < 0.5


def test_gain_changes_nothing_and_silence_around_little_in_what_repeats() -> None:
    plain = torch.sin(torch.arange(RATE_HZ) / 9)[None]
    around = torch.nn.functional.pad(plain, (3_200, 4_800))
    first, quiet, padded = (
        pitch_statistics(PitchFrontEnd()(LogMel()(one)[1])) for one in (plain, plain * 0.01, around)
    )
    torch.testing.assert_close(quiet, first, atol=1e-3, rtol=0)
    assert (padded - first)[0, :LAGS].abs().max() < 0.2  # 0.1 s of silence stays at either end


def test_a_clip_is_described_by_mean_deviation_and_change() -> None:
    frames = torch.tensor([[[1.0], [3.0], [2.0]]]).expand(1, 3, LAGS + 5)
    described = pitch_statistics(frames)
    assert described.shape == (1, PITCH_DIMENSIONS)
    parts = described.reshape(3, -1)[:, 0].tolist()
    assert parts == pytest.approx([2.0, np.sqrt(2 / 3), 1.5], abs=1e-4)


def test_a_tenth_of_a_second_is_enough() -> None:
    described = pitch_statistics(PitchFrontEnd()(torch.sin(torch.arange(1_600) / 9)[None]))
    assert described.isfinite().all()
