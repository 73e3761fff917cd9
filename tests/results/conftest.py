"""Timelines made by hand: two sides of a call, and one sound mixed."""

from __future__ import annotations

import pytest

from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import Segment, Timeline

LABELS = ("calm", "sad", 'a "dry" <joke> & co.')


def segment(start_s: float, end_s: float, *shares: float) -> Segment:
    probabilities = dict(zip(LABELS, shares, strict=True))
    emotion = max(probabilities, key=lambda label: probabilities[label])
    confidence = probabilities[emotion]
    return Segment(
        start_s, end_s, Prediction(emotion, confidence, probabilities, confidence < 0.5, end_s - start_s, "toy")
    )


@pytest.fixture
def mixed() -> Timeline:
    """One sound of 12.5 s: two segments that touch, a gap, and one that ends with the sound."""
    segments = (
        segment(0.5, 2.0, 0.7, 0.2, 0.1),
        segment(2.0, 3.1 + 0.2, 0.25, 0.45, 0.3),  # in binary 3.3000000000000003
        segment(10.0, 12.5, 0.1, 0.0, 0.9),
    )
    return Timeline("a, b.wav", None, 12.5, segments, LABELS, "toy")


@pytest.fixture
def sides() -> list[Timeline]:
    """Two sides of a call of 20 s that speak at once for a while."""
    left = (segment(0.0, 4.0, 0.6, 0.2, 0.2), segment(8.0, 9.25, 0.1, 0.8, 0.1))
    right = (segment(3.0, 8.5, 0.3, 0.4, 0.3),)
    return [Timeline("call.wav", place, 20.0, segments, LABELS, "toy") for place, segments in enumerate((left, right))]
