"""Explanations of one prediction, for tests of what is said of them."""

from __future__ import annotations

from hearfelt.features.classic import GROUPS
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.prediction import Prediction

ANGRY = Prediction("angry", 0.8, {"angry": 0.8, "sad": 0.2}, False, 3.0, "tiny")


def explanation(**shares: float) -> Explanation:
    return Explanation(ANGRY, 1.0, 0.0, {**dict.fromkeys(GROUPS, 0.0), **shares})


def occlusion(times: dict[int, float], bands: dict[int, float], *, windows: int = 29) -> Occlusion:
    middles = tuple(0.125 + place * 2.75 / (windows - 1) for place in range(windows))
    time_effects = tuple(times.get(place, 0.0) for place in range(windows))
    return Occlusion(
        ANGRY, 1.4, 0.25, middles, time_effects, BANDS_HZ, tuple(bands.get(place, 0.0) for place in range(8))
    )
