"""Texts of the page: a prediction in words, and how reliable its confidence is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from hearfelt.audio.warnings import SoundWarning
from hearfelt.inference.card import ModelCard
from hearfelt.inference.prediction import NO_SPEECH_WORDS, SURE_WORDS, Band, Prediction
from hearfelt.inference.reference import Reference
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.reports.formatting import share_words
from hearfelt.reports.shipped_scores import Measurement
from hearfelt.reports.translation import _, grouped, ngettext, sentence

__all__ = [
    "calibration_text",
    "confidence_range",
    "difference_text",
    "is_most",
    "length_text",
    "prediction_text",
    "reference_text",
    "timeline_text",
    "warnings_text",
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
        return f"{minutes} min {rest_s} s" if rest_s else ngettext("{count} minute", "{count} minutes", minutes)
    hours, rest_min = divmod(minutes, 60)
    return f"{hours} h {rest_min} min" if rest_min else ngettext("{count} hour", "{count} hours", hours)


def timeline_text(timeline: Timeline) -> str:
    """Put a timeline into a few words: the emotion that takes most of the time.

    Example:
        >>> timeline_text(Timeline("a.wav", None, 20.0, (), ("calm", "sad"), "tiny"))
        'no speech found'
    """
    for name, seconds in timeline.durations().items():
        share = seconds / timeline.speech_s
        values = {"emotion": _(name), "share": f"{100 * share:.0f}"}
        if is_most(timeline):
            return _("mostly {emotion}, {share} % of the speech", **values)
        return _("mixed, most of all {emotion}, {share} % of the speech", **values)
    return _(NO_SPEECH_WORDS)


def is_most(timeline: Timeline) -> bool:
    """Return whether one emotion takes most of the time with speech."""
    return max(timeline.durations().values(), default=0.0) > _MOST * timeline.speech_s


def prediction_text(prediction: Prediction) -> str:
    """Put a prediction into a few words.

    Example:
        >>> prediction_text(Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "classic"))
        'sad, fairly sure, 70 %'
        >>> prediction_text(Prediction("sad", 0.3, {"calm": 0.3, "sad": 0.3}, True, 2.0, "classic"))
        'unsure, perhaps sad, 30 %'
    """
    if prediction.has_no_speech:
        return _(NO_SPEECH_WORDS)
    share, emotion = share_words(prediction.confidence), _(prediction.emotion)
    if prediction.unsure:
        return _("unsure, perhaps {emotion}, {share}", emotion=emotion, share=share)
    return f"{emotion}, {_(prediction.in_words)}, {share}"


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
    first, second = (_(next(iter(one), NO_SPEECH_WORDS)) for one in shares)
    found = f"{names[0]}: {first}. {names[1]}: {second}."
    if not all(shares):
        return found
    if first == second:
        found = _("Both are {emotion}.", emotion=first)
    pairs = {name: [one.get(name, 0.0) for one in shares] for name in {**shares[0], **shares[1]}}
    name, (one, other) = max(pairs.items(), key=lambda item: abs(item[1][0] - item[1][1]))
    if abs(one - other) < _ALIKE:
        return f"{found} " + _("No emotion differs by {share} % or more.", share=f"{100 * _ALIKE:.0f}")
    largest = {"emotion": _(name), "one": share_words(one), "other": share_words(other)}
    return f"{found} " + _("The largest difference is in {emotion}: {one} and {other}.", **largest)


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
        return _("The model was trained on speech: its prediction for other sounds means nothing.")
    if prediction.is_unfamiliar:
        return _("How often predictions for sound so unlike that of the training are correct is not known.")
    sentences = []
    if prediction.unsure:
        sentences.append(_("The confidence is too low to rely on: several emotions are about as probable."))
    elif prediction.confidence < SURE_WORDS[-2][0]:
        sentences.append(_("The other emotions together are more probable than this one."))
    band = next((one for one in reversed(prediction.outside) if prediction.confidence >= one.low), None)
    sentences.append(_how_often(prediction.confidence, measured) if band is None else _how_often_outside(band))
    return " ".join([*sentences, *_plausible(prediction)])


def warnings_text(warnings: Iterable[SoundWarning]) -> str:
    """Join warnings into one line; empty for none.

    Example:
        >>> warnings_text([SoundWarning("clipped", "it is distorted"), SoundWarning("very_quiet", "it is very quiet")])
        'it is distorted; it is very quiet'
    """
    return "; ".join(sentence(warning.text) for warning in warnings)


def reference_text(reference: Reference | None, card: ModelCard) -> str:
    """Say what a sound is compared with, and what becomes of it.

    Example:
        >>> reference_text(None, ModelCard("mine", "1.0", ("calm", "sad"), "sound"))
        'Without a reference, each prediction depends on its own sound alone.'
    """
    if reference is None:
        return _("Without a reference, each prediction depends on its own sound alone.")
    compared = ngettext(
        "Compared with what is usual in {count} recording, with a weight of {weight}.",
        "Compared with what is usual in {count} recordings, with a weight of {weight}.",
        reference.count,
        weight=share_words(reference.weight(card.reference)),
    )
    return f"{compared} " + _(
        "The numbers that describe a voice are personal data: they are held in memory only, and forgotten when you"
        " close this page, unless you save them. Upload the saved file to use it again."
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
        return _("How often such predictions are correct was not measured.")
    low, high = confidence_range(confidence)
    count, share = measured.right_between(low, high)
    if measured.is_shipped_file:
        test = _("In a test with {speakers} unseen speakers", speakers=measured.speakers)
    else:
        test = _(
            "In a test with {speakers} unseen speakers, of models trained with the same recipe",
            speakers=measured.speakers,
        )
    such = {"test": test, "range": _range(low, high)}
    if count == 0:
        return _(
            "{test}, there was no prediction {range}: too few to say how often those are correct.",
            **such,
        )
    if count < _FEWEST:
        return ngettext(
            "{test}, there were only {count} prediction {range}: too few to say how often those are correct.",
            "{test}, there were only {count} predictions {range}: too few to say how often those are correct.",
            count,
            **such,
        )
    return _correct(test, low, high, (count * share, count))


def _how_often_outside(band: Band) -> str:
    test = _("In a test on corpora that were left out of training")
    return _correct(test, band.low, band.high, (band.right, band.answers))


def _correct(test: str, low: float, high: float, counts: tuple[float, int]) -> str:
    right, count = counts
    share = right / count if count else 0.0
    values = {
        "test": test,
        "right": grouped(right),
        "count": grouped(count),
        "range": _range(low, high),
        "share": share_words(share),
    }
    if share < low - _TOLERANCE:
        return _(
            "{test}, {right} of {count} predictions {range} were correct: {share}, less than the confidence says.",
            **values,
        )
    return _("{test}, {right} of {count} predictions {range} were correct: {share}.", **values)


def _range(low: float, high: float) -> str:
    ends = {"low": f"{100 * low:.0f}", "high": f"{100 * high:.0f}"}
    return _("with {low} to {high} % confidence", **ends) if low else _("with under {high} %", **ends)


def _plausible(prediction: Prediction) -> list[str]:
    for coverage, labels in prediction.plausible_sets().items():
        if 1 < len(labels) < len(prediction.probabilities):
            share, emotions = f"{100 * float(coverage):.0f}", ", ".join(map(_, labels))
            return [
                _("In {share} % of cases, the correct emotion is one of: {emotions}.", share=share, emotions=emotions)
            ]
    return []
