"""Filters of a Fourier transform: what numpy's transform says of the same windowed frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hearfelt.models.fourier import FourierFilters


@pytest.mark.parametrize(("frame", "period"), [(400, 400), (640, 1024)])
def test_filters_give_the_transform_of_the_windowed_frame(frame: int, period: int) -> None:
    samples = np.random.default_rng(0).normal(size=frame)
    bins = [0, 1, 7, frame // 3]
    cosines, sines = FourierFilters(bins, frame, period)(torch.from_numpy(samples).float()[None, None], hop=frame)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    wanted = np.fft.rfft(samples * window, period)[bins]
    np.testing.assert_allclose(cosines[0, :, 0], wanted.real, atol=1e-4)
    np.testing.assert_allclose(sines[0, :, 0], -wanted.imag, atol=1e-4)


def test_it_is_no_part_of_what_is_learned_or_kept() -> None:
    transform = FourierFilters(range(4), 8, 8)
    assert list(transform.parameters()) == []
    assert transform.state_dict() == {}
