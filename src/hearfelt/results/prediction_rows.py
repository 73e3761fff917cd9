"""An answer as programs read it: one JSON object, or one row of a table; the same at every edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hearfelt.audio.warnings import codes_of
from hearfelt.features.classic import GROUPS
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.label_columns import label_columns
from hearfelt.inference.prediction import Prediction

__all__ = ["answer_columns", "answer_object", "answer_row", "refusal_object", "refusal_row"]

_FACTS: Final = ("emotion", "confidence", "unsure", "model", "duration_s")


def answer_object(
    source: str, prediction: Prediction, explanation: Explanation | Occlusion | None = None
) -> dict[str, object]:
    """Give an answer as plain values, ready for JSON.

    Args:
        source: what the sound is called.
        prediction: the answer.
        explanation: what it depends on, if that was asked.

    Example:
        >>> answer_object("a.wav", Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "classic"))["emotion"]
        'sad'
    """
    value = {"source": source, **_fields(prediction)}
    return value if explanation is None else {**value, "why": explanation.to_dict()}


def refusal_object(source: str, error: str) -> dict[str, object]:
    """Give what stands in the place of an answer that there isn't."""
    return {"source": source, "error": error}


def answer_columns(labels: Sequence[str], *, reasons_of: str = "") -> list[str]:
    """Name the columns of a table of answers.

    Args:
        labels: of the model; each has a column for its probability, named as
            :func:`hearfelt.inference.label_columns.label_columns` does.
        reasons_of: which input the model takes (``"sound"`` or its features), if its reasons get columns; else nothing.
    """
    reasons = _reasons(reasons_of) if reasons_of else ()
    return ["source", *_FACTS, *label_columns(labels), *reasons, "warnings", "error"]


def answer_row(source: str, prediction: Prediction, explanation: Explanation | Occlusion | None = None) -> list[object]:
    """Give an answer as a row under :func:`answer_columns`; the codes of its warnings are joined with ``;``."""
    values = _fields(prediction)
    reasons = [] if explanation is None else _numbers(explanation)
    shares = prediction.probabilities.values()
    return [source, *(values[fact] for fact in _FACTS), *shares, *reasons, codes_of(prediction.warnings), ""]


def refusal_row(source: str, error: str, columns: Sequence[str]) -> list[object]:
    """Give the row of a sound that there is no answer for.

    Example:
        >>> refusal_row("a.wav", "empty", ["source", "emotion", "error"])
        ['a.wav', '', 'empty']
    """
    return [source, *[""] * (len(columns) - 2), error]


def _fields(prediction: Prediction) -> dict[str, object]:
    return {
        "emotion": prediction.emotion,
        "confidence": prediction.confidence,
        "probabilities": dict(prediction.probabilities),
        "unsure": prediction.unsure,
        "model": prediction.model,
        "duration_s": prediction.duration_s,
        "warnings": [warning.to_dict() for warning in prediction.warnings],
    }


def _reasons(kind: str) -> list[str]:
    """Name the columns of reasons for a model that takes this kind of input."""
    if kind == "sound":
        bands = [f"without_{low:.0f}_{high:.0f}_hz" for low, high in BANDS_HZ]
        return [*bands, "without_start_s", "without_end_s", "without_effect"]
    return [f"why_{group}" for group in GROUPS]


def _numbers(explanation: Explanation | Occlusion) -> list[float]:
    """Give what stands in the columns of reasons."""
    if isinstance(explanation, Explanation):
        return list(explanation.contributions.values())
    place = explanation.strongest_time
    middle_s, half_s = explanation.times_s[place], explanation.window_s / 2
    start_s, end_s = max(0.0, middle_s - half_s), middle_s + half_s
    return [*explanation.band_effects, round(start_s, 6), round(end_s, 6), explanation.time_effects[place]]
