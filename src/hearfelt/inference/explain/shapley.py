"""Explain a prediction from the 162 features: exact Shapley values of the five feature groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hearfelt.features.classic import GROUPS
from hearfelt.frozen import FrozenDict
from hearfelt.inference.prediction import Prediction

__all__ = ["GROUPS_IN_WORDS", "Explanation", "shapley_values"]

Floats = npt.NDArray[np.float64]

# What each of the five feature groups measures, in plain words: in a sentence, and in a chart.
GROUPS_IN_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "chroma": ("the notes in it", "which notes sound (chroma)"),
    "mfcc": ("the timbre of the voice", "timbre of the voice (MFCC)"),
    "zero_crossing_rate": ("hiss and sharpness", "hiss and sharpness (zero crossings)"),
    "mel": ("the mix of low and high tones", "low and high tones (mel spectrum)"),
    "rms": ("loudness", "loudness (RMS)"),
}


@dataclass(frozen=True, repr=False)
class Explanation:
    """How much each feature group spoke for or against the predicted emotion.

    Attributes:
        prediction: the prediction that is explained.
        log_odds: ``log(p / (1 - p))`` of its calibrated probability.
        base_log_odds: the mean of the same over the background clips, before any feature is known.
        contributions: for each feature group its share of the change; they add up to ``log_odds - base_log_odds``.

    Example:
        >>> sad = Prediction("sad", 0.75, {"calm": 0.25, "sad": 0.75}, False, 2.0, "classic")
        >>> why = Explanation(sad, 1.1, 0.1, {"chroma": 0.0, "mfcc": 0.7, "rms": 0.3})
        >>> why, sum(why.contributions.values()) == why.log_odds - why.base_log_odds
        (<Explanation of sad: mfcc +0.70>, True)
    """

    prediction: Prediction
    log_odds: float
    base_log_odds: float
    contributions: Mapping[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "contributions", FrozenDict(self.contributions))

    @property
    def emotion(self) -> str:
        """The emotion that the log-odds are of."""
        return self.prediction.emotion

    def __repr__(self) -> str:
        group, share = max(self.contributions.items(), key=lambda pair: abs(pair[1]))
        return f"<Explanation of {self.emotion}: {group} {share:+.2f}>"

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the prediction as numbers for JSON."""
        return {
            "method": "shapley",
            "log_odds": self.log_odds,
            "base_log_odds": self.base_log_odds,
            "contributions": dict(self.contributions),
        }


def shapley_values(
    value: Callable[[npt.NDArray[np.float32]], Floats],
    features: npt.NDArray[np.float32],
    background: npt.NDArray[np.float32],
) -> tuple[dict[str, float], float, float]:
    """Compute the exact Shapley value of each feature group from all 32 coalitions.

    A coalition's worth is the mean of ``value`` over the background clips with the coalition's features replaced by
    the clip's own (Shapley 1953; interventional form, Lundberg and Lee 2017). Every group's value is its mean gain over
    all orders in which the groups could be revealed, so that they add up exactly.

    Args:
        value: from ``(k, 162)`` features to ``(k,)`` worths.
        features: ``(162,)`` of the clip.
        background: ``(k, 162)`` of training clips.

    Returns:
        The groups' values, the worth of the whole clip, and the worth of the background.
    """
    names = tuple(GROUPS)
    coalitions = [frozenset(some) for size in range(len(names) + 1) for some in combinations(names, size)]
    mixed = np.repeat(background[None], len(coalitions), axis=0)  # (coalitions, k, 162)
    for place, coalition in enumerate(coalitions):
        for name in coalition:
            mixed[place, :, GROUPS[name]] = features[GROUPS[name]]
    worths = value(mixed.reshape(-1, features.shape[0])).reshape(len(coalitions), -1).mean(axis=1)
    worth = dict(zip(coalitions, worths.tolist(), strict=True))
    count = len(names)
    shares = {}
    for name in names:
        shares[name] = sum(
            factorial(len(without))
            * factorial(count - len(without) - 1)
            / factorial(count)
            * (worth[without | {name}] - worth[without])
            for without in coalitions
            if name not in without
        )
    return shares, worth[frozenset(names)], worth[frozenset()]
