"""What an answer's confidence is worth, by what was measured and comes with the package."""

from __future__ import annotations

from typing import Final

from hearfelt.inference.prediction import SURE_WORDS, Prediction
from hearfelt.reports.formatting import many, share_words
from hearfelt.reports.shipped_scores import Measurement

__all__ = ["sure_span", "what_sure_means"]

_FEWEST: Final = 20  # answers; a share of fewer tells nothing
_NEAR: Final = 0.1  # by how much chance alone may move a share of some dozens of answers


def what_sure_means(prediction: Prediction, measured: Measurement | None) -> str:
    """Say how often answers with such a confidence were right.

    Args:
        prediction: an answer.
        measured: what was measured of its model on voices that it had not heard; None if nothing was.

    Example:
        >>> what_sure_means(Prediction("sad", 0.75, {"calm": 0.25, "sad": 0.75}, False, 2.0, "mine"), None)
        'How often such answers are right was not measured.'
    """
    if prediction.has_no_speech:
        return "The model was made for voices: what it says of other sounds means nothing."
    if prediction.unsure:
        before = "This is too little to rely on: it heard something of several emotions, or of none it knows. "
    elif prediction.confidence < SURE_WORDS[-2][0]:
        before = "The other emotions together are more probable than this one. "
    else:
        before = ""
    return before + _how_often(prediction.confidence, measured)


def sure_span(confidence: float) -> tuple[float, float]:
    """Give between which confidences the same word is said.

    Example:
        >>> sure_span(0.75), sure_span(0.2)
        ((0.7, 0.9), (0.0, 0.5))
    """
    least = next((least for least, _ in SURE_WORDS if confidence >= least), 0.0)
    return least, min((other for other, _ in SURE_WORDS if other > least), default=1.0)


def _how_often(confidence: float, measured: Measurement | None) -> str:
    if measured is None:
        return "How often such answers are right was not measured."
    low, high = sure_span(confidence)
    count, share = measured.right_between(low, high)
    such = f"as sure as this one ({100 * low:.0f} to {100 * high:.0f} %)" if low else f"under {100 * high:.0f} %"
    who = "it" if measured.very_file else "models trained as it was"
    test = f"In a test with {measured.speakers} voices that {who} had not heard,"
    if count < _FEWEST:
        gave = f"only {many(count, 'answer')}" if count else "no answer"
        return f"{test} {who} gave {gave} {such}: too few to tell how often those are right."
    fewer = ", fewer than it claims" if share < low - _NEAR else ""
    return f"{test} {count * share:,.0f} of {count:,} answers {such} were right: {share_words(share)}{fewer}."
