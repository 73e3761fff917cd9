"""Downloads: predictions as JSON and CSV, segments as CSV, and a picture; each is created on demand."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.page.session import LoadedSound, Result
from hearfelt.results.formats import write
from hearfelt.results.predictions import prediction_row
from hearfelt.results.tables import write_rows
from hearfelt.rows import PREDICTION_ROW

__all__ = ["as_csv", "as_json", "as_json_lines", "picture", "segments_csv"]

Pair = tuple[LoadedSound, Result]


def as_json(pairs: Sequence[Pair]) -> str:
    """Format one prediction as ``hearfelt recognize --format json`` prints it, several as an array.

    Args:
        pairs: sounds, each with a result.
    """
    objects = _objects(pairs)
    return json.dumps(objects if len(objects) > 1 else objects[0], allow_nan=False) + "\n"


def as_json_lines(pairs: Sequence[Pair]) -> str:
    """Format predictions as ``hearfelt recognize --format json`` prints several: one object a line.

    Args:
        pairs: sounds, each with a result.
    """
    return "".join(json.dumps(value, allow_nan=False) + "\n" for value in _objects(pairs))


def as_csv(pairs: Sequence[Pair]) -> str:
    """Format predictions as ``hearfelt recognize --format csv`` prints them, each with its model.

    Args:
        pairs: one or more; a label that only one of two models has is empty for the other.
    """
    labels = list(dict.fromkeys(label for _, one in pairs for label in one.prediction.probabilities))
    rows = (prediction_row(sound.file.name, one.prediction) for sound, one in pairs)
    file = io.BytesIO()
    write_rows(rows, labels, PREDICTION_ROW, file, "csv")
    return file.getvalue().decode()


def segments_csv(result: Result) -> str:
    """Format segments as ``hearfelt timeline --format csv`` does."""
    return str(write([result.timeline] if result.timeline else [], "csv"))


def picture(sound: LoadedSound, result: Result, part: str = "") -> bytes:
    """Draw a sound and its prediction as PNG, from what the player has of it: its length costs nothing.

    Args:
        sound: the sound.
        result: of one model.
        part: which part of the sound the model uses, if not all of it.
    """
    from hearfelt.reports.figures.answers import answer_picture
    from hearfelt.reports.figures.canvas import figure_png

    shown, prediction = sound.playable, result.prediction
    timeline = result.timeline or Timeline(
        sound.file.name, None, sound.duration_s, (), tuple(prediction.probabilities), prediction.model
    )
    note = " ".join(filter(None, (f"The prediction is for {part}." if part else "", sound.file.note)))
    return figure_png(answer_picture(prediction, timeline, shown.outline, levels=shown.levels, note=note))


def _objects(pairs: Sequence[Pair]) -> list[dict[str, object]]:
    return [prediction_row(sound.file.name, one.prediction, _explanation(one)) for sound, one in pairs]


def _explanation(result: Result) -> Explanation | Occlusion | None:
    return result.explanation if isinstance(result.explanation, Explanation | Occlusion) else None
