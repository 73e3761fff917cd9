"""Explanations in a sentence for people."""

from __future__ import annotations

from typing import Final

from hearfelt.inference.explain.occlusion import WHAT_IT_SAYS, Occlusion
from hearfelt.inference.explain.shapley import GROUPS_IN_WORDS, Explanation

__all__ = ["LITTLE", "occlusion_sentence", "why_sentence"]

LITTLE: Final = 0.1
"""Log-odds that no chart may show as large: 50 % would become 52 %."""

_WORTH_SAYING: Final = 0.1  # of the strongest; smaller evidence against the emotion is not mentioned


def why_sentence(explanation: Explanation) -> str:
    """Name the strongest evidence for the emotion and against it.

    Example:
        >>> from hearfelt.inference.prediction import Prediction
        >>> answer = Prediction("angry", 0.8, {"angry": 0.8, "sad": 0.2}, False, 2.0, "classic")
        >>> shares = {"chroma": 0.1, "mfcc": 0.9, "zero_crossing_rate": 0.0, "mel": 0.3, "rms": -0.2}
        >>> why_sentence(Explanation(answer, 1.4, 0.3, shares)).partition("; ")[2]
        'loudness against it.'
    """
    shares, emotion = explanation.contributions, explanation.emotion
    most, least = max(shares, key=lambda name: shares[name]), min(shares, key=lambda name: shares[name])
    name = {key: short for key, (short, _) in GROUPS_IN_WORDS.items()}
    start = "Compared with its training clips,"
    if shares[most] <= 0:
        return f"{start} nothing was evidence for {emotion}; the other emotions were even less probable."
    sentence = f"{start} {name.get(most, most)} was the strongest evidence for {emotion}"
    if shares[least] < -_WORTH_SAYING * max(abs(share) for share in shares.values()):
        sentence += f"; {name.get(least, least)} against it"
    return f"{sentence}."


def occlusion_sentence(occlusion: Occlusion) -> str:
    """Name the stretch of time and the frequency band that the prediction depends on most.

    Example:
        >>> from hearfelt.inference.prediction import Prediction
        >>> answer = Prediction("sad", 0.8, {"calm": 0.2, "sad": 0.8}, False, 0.5, "hearfelt")
        >>> some = Occlusion(answer, 1.4, 0.1, (0.1, 0.3), (0.2, 0.9), ((0.0, 300.0), (300.0, 8000.0)), (0.0, 0.5))
        >>> occlusion_sentence(some).partition(". ")[0]
        'Without 0.2 to 0.3 s it is less confident of sad, and without 300 to 8,000 Hz'
    """
    time, band = occlusion.strongest_time, occlusion.strongest_band
    half_s = occlusion.window_s / 2
    start_s, end_s = max(0.0, occlusion.times_s[time] - half_s), occlusion.times_s[time] + half_s
    low, high = occlusion.bands_hz[band]
    changes = [occlusion.time_effects[time], occlusion.band_effects[band]]
    says = f"Occlusion: {WHAT_IT_SAYS}."
    if max(map(abs, changes)) < LITTLE:
        return f"No stretch and no band alone makes it much less confident of {occlusion.emotion}. {says}"
    words = ["less confident" if change > 0 else "more confident" for change in changes]
    sentence = f"Without {start_s:.1f} to {end_s:.1f} s it is {words[0]} of {occlusion.emotion}, and "
    sentence += "" if words[0] == words[1] else f"{words[1]} "
    return f"{sentence}without {low:,.0f} to {high:,.0f} Hz. {says}"
