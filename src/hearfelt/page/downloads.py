"""Downloads: predictions as JSON and CSV, segments as CSV, and a picture; each is created on demand."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Final

from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.page.session import Correction, LoadedSound, Result
from hearfelt.reports.translation import _
from hearfelt.results.formats import write
from hearfelt.results.tables import csv_line, prediction_row, write_rows
from hearfelt.rows import PREDICTION_ROW

__all__ = [
    "CORRECTION_COLUMNS",
    "as_csv",
    "as_json",
    "as_json_lines",
    "corrections_csv",
    "picture",
    "segments_csv",
    "segments_json",
]

CORRECTION_COLUMNS: Final = ("path", "start_s", "end_s", "emotion")

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
    found = [(sound, one.prediction) for sound, one in pairs if one.prediction is not None]
    labels = list(dict.fromkeys(label for _, one in found for label in one.probabilities))
    rows = (prediction_row(sound.name, one) for sound, one in found)
    file = io.BytesIO()
    write_rows(rows, labels, PREDICTION_ROW, file, "csv")
    return file.getvalue().decode()


def segments_csv(*results: Result) -> str:
    """Format segments as ``hearfelt timeline --format csv`` does."""
    return str(write([one.timeline for one in results if one.timeline is not None], "csv"))


def segments_json(result: Result) -> str:
    """Format segments as ``hearfelt timeline --format json`` does: one object a line."""
    return str(write([result.timeline] if result.timeline else [], "json"))


def corrections_csv(corrections: Sequence[Correction]) -> str:
    """Format corrections as a table that ``hearfelt teach`` and ``folder=`` corpora read, beside the files."""
    rows = [(one.path, f"{one.start_s:.2f}", f"{one.end_s:.2f}", one.emotion) for one in corrections]
    return "".join(csv_line(row) for row in [CORRECTION_COLUMNS, *rows])


def picture(sound: LoadedSound, result: Result, part: str = "") -> bytes:
    """Draw a sound and its prediction as PNG, from what the player has of it: its length costs nothing.

    Args:
        sound: the sound.
        result: of one model.
        part: which part of the sound the model uses, if not all of it.
    """
    from hearfelt.reports.figures.canvas import figure_png
    from hearfelt.reports.figures.timeline import prediction_picture

    prediction, timeline = result.prediction, result.timeline
    if timeline is None:
        if prediction is None:
            raise ValueError(f"{sound.name}: there is no result to draw")
        labels = tuple(prediction.probabilities)
        timeline = Timeline(sound.name, None, sound.duration_s, (), labels, prediction.model)
    levels = sound.playable.levels if sound.playable is not None else None
    used = _("The prediction is for {part}.", part=part) if part else ""
    note = " ".join(filter(None, (used, _(sound.file.note))))
    return figure_png(prediction_picture(prediction, timeline, sound.outline, levels=levels, note=note))


def _objects(pairs: Sequence[Pair]) -> list[dict[str, object]]:
    found = [(sound, one, one.prediction) for sound, one in pairs]
    return [prediction_row(sound.name, what, _explanation(one)) for sound, one, what in found if what is not None]


def _explanation(result: Result) -> Explanation | Occlusion | None:
    return result.explanation if isinstance(result.explanation, Explanation | Occlusion) else None
