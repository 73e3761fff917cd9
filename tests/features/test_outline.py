from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from hearfelt.features.outline import outline


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
