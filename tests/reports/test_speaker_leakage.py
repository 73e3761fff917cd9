from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.reports.speaker_leakage import measure_leakage, standardized, tsne_map


def clips_of(pairs: list[tuple[str, str]]) -> Clips:
    return Clips(Clip("x", Path(), f"{k}.wav", f"x/{who}", emotion) for k, (who, emotion) in enumerate(pairs))


def test_shares_of_a_corpus_that_fits_on_a_line_are_counted_by_hand() -> None:
    clips = clips_of([("a", "sad"), ("a", "sad"), ("b", "calm"), ("b", "sad")])
    places = np.array([[0.0], [1.0], [2.5], [3.0]], np.float32)
    leak = measure_leakage(places, clips)
    # Nearest: 0-1, 1-0, 2-3, 3-2. Among other speakers: 0-2, 1-2, 2-1, 3-1.
    assert leak.same_speaker == 1.0
    assert leak.same_emotion == 0.5
    assert leak.same_emotion_of_others == 0.25
    assert leak.same_speaker_by_chance == pytest.approx(4 / 12)
    assert leak.same_emotion_by_chance == pytest.approx(6 / 12)


def test_a_block_of_many_clips_gives_the_same_as_all_pairs_at_once() -> None:
    generator = np.random.default_rng(0)
    places = generator.normal(0, 1, (1_100, 5)).astype(np.float32)
    clips = clips_of([(str(k % 7), "sad" if k % 3 else "calm") for k in range(1_100)])
    squares = np.square(places[:, None].astype(np.float64) - places[None]).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    nearest = squares.argmin(axis=1)
    expected = np.mean([clips[k].emotion == clips[int(n)].emotion for k, n in enumerate(nearest)])
    assert measure_leakage(places, clips).same_emotion == pytest.approx(expected)


def test_voices_apart_with_emotions_mixed_leak_and_chance_does_not() -> None:
    generator = np.random.default_rng(0)
    speakers = generator.integers(0, 5, 300)
    clips = clips_of([(str(who), "sad" if k % 2 else "calm") for k, who in enumerate(speakers)])
    apart = (speakers[:, None] * 10 + generator.normal(0, 1, (300, 4))).astype(np.float32)
    mixed = generator.normal(0, 1, (300, 4)).astype(np.float32)
    assert measure_leakage(apart, clips).same_speaker == 1.0
    assert measure_leakage(mixed, clips).same_speaker < 0.35


def test_features_get_mean_0_and_deviation_1_and_constant_ones_become_0() -> None:
    features = np.column_stack([np.arange(10) * 3 + 7, np.full(10, 5)]).astype(np.float32)
    scaled = standardized(features)
    np.testing.assert_allclose(scaled[:, 0].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(scaled[:, 0].std(), 1, rtol=1e-5)
    assert (scaled[:, 1] == 0).all()


def test_clips_alike_lie_together_on_the_map_and_the_map_is_the_same_each_time() -> None:
    generator = np.random.default_rng(0)
    features = np.concatenate([generator.normal(k * 20, 1, (10, 6)) for k in (-1, 1)]).astype(np.float32)
    places = tsne_map(standardized(features))
    assert places.shape == (20, 2)
    within = np.ptp(places[:10], axis=0).max()
    between = np.abs(places[:10].mean(axis=0) - places[10:].mean(axis=0)).max()
    assert between > within
    np.testing.assert_array_equal(places, tsne_map(standardized(features)))
