"""Texts of the page: a prediction in words, and how reliable its confidence is."""

from __future__ import annotations

from typing import Final

from hearfelt.inference.prediction import NO_SPEECH_WORDS, SURE_WORDS, UNSURE_WORD, Prediction
from hearfelt.reports.formatting import many, share_words
from hearfelt.reports.shipped_scores import Measurement

__all__ = ["calibration_text", "confidence_range", "prediction_text"]

_FEWEST: Final = 20  # predictions; a share of fewer means nothing
_TOLERANCE: Final = 0.1  # by how much chance alone may move a share of some dozens of predictions


def prediction_text(prediction: Prediction) -> str:
    """Put a prediction into a few words.

    Example:
        >>> prediction_text(Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "classic"))
        'sad, fairly sure, 70 %'
        >>> prediction_text(Prediction("sad", 0.3, {"calm": 0.3, "sad": 0.3}, True, 2.0, "classic"))
        'unsure, perhaps sad, 30 %'
    """
    share = share_words(prediction.confidence)
    if prediction.has_no_speech:
        return f"{NO_SPEECH_WORDS}, {prediction.emotion}? {share}"
    if prediction.unsure:
        return f"{UNSURE_WORD}, perhaps {prediction.emotion}, {share}"
    return f"{prediction.emotion}, {prediction.in_words}, {share}"


def calibration_text(prediction: Prediction, measured: Measurement | None) -> str:
    """Say how often predictions with such a confidence were correct.

    Args:
        prediction: a prediction.
        measured: what was measured of its model on unseen speakers; None if nothing was.

    Example:
        >>> calibration_text(Prediction("sad", 0.75, {"calm": 0.25, "sad": 0.75}, False, 2.0, "mine"), None)
        'How often such predictions are correct was not measured.'
    """
    if prediction.has_no_speech:
        return "The model was trained on speech: its prediction for other sounds means nothing."
    if prediction.unsure:
        before = "The confidence is too low to rely on: several emotions are about as probable. "
    elif prediction.confidence < SURE_WORDS[-2][0]:
        before = "The other emotions together are more probable than this one. "
    else:
        before = ""
    return before + _how_often(prediction.confidence, measured)


def confidence_range(confidence: float) -> tuple[float, float]:
    """Return the range of confidences that have the same word.

    Example:
        >>> confidence_range(0.75), confidence_range(0.2)
        ((0.7, 0.9), (0.0, 0.5))
    """
    least = next((least for least, _ in SURE_WORDS if confidence >= least), 0.0)
    return least, min((other for other, _ in SURE_WORDS if other > least), default=1.0)


def _how_often(confidence: float, measured: Measurement | None) -> str:
    if measured is None:
        return "How often such predictions are correct was not measured."
    low, high = confidence_range(confidence)
    count, share = measured.right_between(low, high)
    such = f"with {100 * low:.0f} to {100 * high:.0f} % confidence" if low else f"with under {100 * high:.0f} %"
    test = f"In a test with {measured.speakers} unseen speakers,"
    if not measured.is_shipped_file:
        test = f"In a test with {measured.speakers} unseen speakers, of models trained with the same recipe,"
    if count < _FEWEST:
        found = f"there were only {many(count, 'prediction')}" if count else "there was no prediction"
        return f"{test} {found} {such}: too few to say how often those are correct."
    fewer = ", less than the confidence says" if share < low - _TOLERANCE else ""
    return f"{test} {count * share:,.0f} of {count:,} predictions {such} were correct: {share_words(share)}{fewer}."
