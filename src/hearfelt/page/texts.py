"""Texts of the page: a prediction in words, and how reliable its confidence is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hearfelt.inference.card import ModelCard
from hearfelt.inference.prediction import NO_SPEECH_WORDS, SURE_WORDS, UNSURE_WORD, Band, Prediction
from hearfelt.inference.reference import Reference
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.reports.formatting import many, share_words
from hearfelt.reports.shipped_scores import Measurement

__all__ = [
    "calibration_text",
    "confidence_range",
    "difference_text",
    "length_text",
    "prediction_text",
    "reference_text",
    "timeline_text",
]

_MOST: Final = 0.5  # of the speech: less is not called most of it
_FEWEST: Final = 20  # predictions; a share of fewer means nothing
_ALIKE: Final = 0.05  # a smaller difference of shares is not worth a word
_TOLERANCE: Final = 0.1  # by how much chance alone may move a share of some dozens of predictions


def length_text(seconds: float) -> str:
    """Write a length of time in words.

    Example:
        >>> length_text(3.25), length_text(75), length_text(3600), length_text(5_430)
        ('3.2 s', '1 min 15 s', '1 hour', '1 h 30 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s} s" if rest_s else many(minutes, "minute")
    hours, rest_min = divmod(minutes, 60)
    return f"{hours} h {rest_min} min" if rest_min else many(hours, "hour")


def timeline_text(timeline: Timeline) -> str:
    """Put a timeline into a few words: the emotion that takes most of the time.

    Example:
        >>> timeline_text(Timeline("a.wav", None, 20.0, (), ("calm", "sad"), "tiny"))
        'no speech found'
    """
    for name, seconds in timeline.durations().items():
        share = seconds / timeline.speech_s
        return f"{'mostly' if share > _MOST else 'mixed, most of all'} {name}, {100 * share:.0f} % of the speech"
    return NO_SPEECH_WORDS


def prediction_text(prediction: Prediction) -> str:
    """Put a prediction into a few words.

    Example:
        >>> prediction_text(Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "classic"))
        'sad, fairly sure, 70 %'
        >>> prediction_text(Prediction("sad", 0.3, {"calm": 0.3, "sad": 0.3}, True, 2.0, "classic"))
        'unsure, perhaps sad, 30 %'
    """
    if prediction.has_no_speech:
        return NO_SPEECH_WORDS
    share = share_words(prediction.confidence)
    if prediction.unsure:
        return f"{UNSURE_WORD}, perhaps {prediction.emotion}, {share}"
    return f"{prediction.emotion}, {prediction.in_words}, {share}"


def difference_text(names: Sequence[str], shares: Sequence[Mapping[str, float]]) -> str:
    """Say how two sounds differ.

    Args:
        names: of the two.
        shares: of each emotion in each, the largest first; nothing without speech.

    Example:
        >>> difference_text(["a.wav", "b.wav"], [{"sad": 0.7, "calm": 0.3}, {"calm": 0.6, "sad": 0.2}])
        'a.wav: sad. b.wav: calm. The largest difference is in sad: 70 % and 20 %.'
        >>> difference_text(["a.wav", "b.wav"], [{"sad": 0.7, "calm": 0.3}, {"sad": 0.69, "calm": 0.31}])
        'Both are sad. No emotion differs by 5 % or more.'
    """
    first, second = (next(iter(one), NO_SPEECH_WORDS) for one in shares)
    found = f"{names[0]}: {first}. {names[1]}: {second}."
    if not all(shares):
        return found
    if first == second:
        found = f"Both are {first}."
    pairs = {name: [one.get(name, 0.0) for one in shares] for name in {**shares[0], **shares[1]}}
    name, (one, other) = max(pairs.items(), key=lambda item: abs(item[1][0] - item[1][1]))
    if abs(one - other) < _ALIKE:
        return f"{found} No emotion differs by {100 * _ALIKE:.0f} % or more."
    return f"{found} The largest difference is in {name}: {share_words(one)} and {share_words(other)}."


def calibration_text(prediction: Prediction, measured: Measurement | None) -> str:
    """Say how often predictions with such a confidence were correct.

    Args:
        prediction: a prediction.
        measured: what was measured of its model on unseen speakers of the corpora that it was trained on; None if
            nothing was. Not used where the prediction knows what was measured outside these corpora.

    Example:
        >>> calibration_text(Prediction("sad", 0.75, {"calm": 0.25, "sad": 0.75}, False, 2.0, "mine"), None)
        'How often such predictions are correct was not measured.'
    """
    if prediction.has_no_speech:
        return "The model was trained on speech: its prediction for other sounds means nothing."
    if prediction.is_unfamiliar:
        return "How often predictions for sound so unlike that of the training are correct is not known."
    if prediction.unsure:
        before = "The confidence is too low to rely on: several emotions are about as probable. "
    elif prediction.confidence < SURE_WORDS[-2][0]:
        before = "The other emotions together are more probable than this one. "
    else:
        before = ""
    band = next((one for one in reversed(prediction.outside) if prediction.confidence >= one.low), None)
    often = _how_often(prediction.confidence, measured) if band is None else _how_often_outside(band)
    return before + often + _plausible(prediction)


def reference_text(reference: Reference | None, card: ModelCard) -> str:
    """Say what a sound is compared with, and what becomes of it.

    Example:
        >>> reference_text(None, ModelCard("mine", "1.0", ("calm", "sad"), "sound"))
        'Without a reference, each prediction depends on its own sound alone.'
    """
    if reference is None:
        return "Without a reference, each prediction depends on its own sound alone."
    return (
        f"Compared with what is usual in {many(reference.count, 'recording')}, with a weight of"
        f" {share_words(reference.weight(card.reference))}. The numbers that describe a voice are personal data: they"
        " are held in memory only, and forgotten when you close this page, unless you save them. Upload the saved file"
        " to use it again."
    )


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
    such = _such(low, high)
    test = f"In a test with {measured.speakers} unseen speakers,"
    if not measured.is_shipped_file:
        test = f"In a test with {measured.speakers} unseen speakers, of models trained with the same recipe,"
    if count < _FEWEST:
        found = f"there were only {many(count, 'prediction')}" if count else "there was no prediction"
        return f"{test} {found} {such}: too few to say how often those are correct."
    return f"{test} {count * share:,.0f} of {count:,} {_correct(low, high, share)}"


def _how_often_outside(band: Band) -> str:
    test = "In a test on corpora that were left out of training,"
    return f"{test} {band.right:,} of {band.answers:,} {_correct(band.low, band.high, band.accuracy)}"


def _correct(low: float, high: float, share: float) -> str:
    fewer = ", less than the confidence says" if share < low - _TOLERANCE else ""
    return f"predictions {_such(low, high)} were correct: {share_words(share)}{fewer}."


def _such(low: float, high: float) -> str:
    return f"with {100 * low:.0f} to {100 * high:.0f} % confidence" if low else f"with under {100 * high:.0f} %"


def _plausible(prediction: Prediction) -> str:
    for coverage, labels in prediction.plausible_sets().items():
        if 1 < len(labels) < len(prediction.probabilities):
            return f" In {100 * float(coverage):.0f} % of cases, the correct emotion is one of: {', '.join(labels)}."
    return ""
