"""Rows of predictions, with or without an explanation; the same for every interface."""

from __future__ import annotations

from typing import Any

from hearfelt.features.classic import GROUPS
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.rows import PREDICTION_ROW

__all__ = ["error_row", "prediction_row", "why_cells", "why_names"]


def prediction_row(
    source: str, prediction: Prediction, explanation: Explanation | Occlusion | None = None
) -> dict[str, Any]:
    """Give a prediction as a row.

    Where the model has quantiles, ``plausible`` has the labels of each conformal set, by coverage; in JSON only.

    Args:
        source: name of the sound.
        prediction: its prediction.
        explanation: what the prediction depends on, if wanted.

    Example:
        >>> prediction = Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "classic")
        >>> list(prediction_row("a.wav", prediction))
        ['source', 'emotion', 'confidence', 'probabilities', 'unsure', 'warnings', 'model', 'duration_s']
    """
    row = {"source": source, **prediction.to_dict()}
    if sets := prediction.plausible_sets():
        row["plausible"] = {coverage: list(labels) for coverage, labels in sets.items()}
    return row if explanation is None else {**row, "why": explanation.to_dict()}


def error_row(source: str, error: str) -> dict[str, Any]:
    """Give the row of a sound that has no prediction."""
    return {"source": source, "error": error}


def why_names(input_kind: str) -> tuple[str, ...]:
    """Name a table row with explanations: one value for each frequency band or feature group.

    Args:
        input_kind: what the model takes, as in its card: ``"sound"`` or ``"classic-162"``.

    Example:
        >>> why_names("classic-162")[-4:]
        ('why_zero_crossing_rate', 'why_mel', 'why_rms', 'error')
    """
    if input_kind == "sound":
        bands = [f"without_{low:.0f}_{high:.0f}_hz" for low, high in BANDS_HZ]
        cells = [*bands, "without_start_s", "without_end_s", "without_effect"]
    else:
        cells = [f"why_{group}" for group in GROUPS]
    return (*PREDICTION_ROW[:-1], *cells, PREDICTION_ROW[-1])


def why_cells(explanation: Explanation | Occlusion) -> dict[str, float]:
    """Give the values of an explanation under :func:`why_names`; of the stretches only the strongest."""
    if isinstance(explanation, Explanation):
        return {f"why_{group}": share for group, share in explanation.contributions.items()}
    strongest = explanation.strongest_time
    middle_s, half_s = explanation.times_s[strongest], explanation.window_s / 2
    bands = zip(explanation.bands_hz, explanation.band_effects, strict=True)
    return {
        **{f"without_{low:.0f}_{high:.0f}_hz": effect for (low, high), effect in bands},
        "without_start_s": round(max(0.0, middle_s - half_s), 6),
        "without_end_s": round(middle_s + half_s, 6),
        "without_effect": explanation.time_effects[strongest],
    }
