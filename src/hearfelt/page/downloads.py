"""What a visitor takes away: answers as JSON and CSV, segments as CSV, and a picture. Made when it is asked."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.page.session import Answered, OneSound
from hearfelt.results.formats import write
from hearfelt.results.prediction_rows import answer_columns, answer_object, answer_row

__all__ = ["as_csv", "as_json", "as_json_lines", "picture", "segments_csv"]

Pair = tuple[OneSound, Answered]


def as_json(pairs: Sequence[Pair]) -> str:
    """Write one answer as ``hearfelt recognize --format json`` prints it, an object; several as an array of them.

    Args:
        pairs: sounds, each with an answer to it.
    """
    objects = _objects(pairs)
    return json.dumps(objects if len(objects) > 1 else objects[0], allow_nan=False) + "\n"


def as_json_lines(pairs: Sequence[Pair]) -> str:
    """Write answers as ``hearfelt recognize --format json`` prints several: one object a line.

    Args:
        pairs: sounds, each with an answer to it.
    """
    return "".join(json.dumps(value, allow_nan=False) + "\n" for value in _objects(pairs))


def as_csv(pairs: Sequence[Pair]) -> str:
    """Write answers as ``hearfelt recognize --format csv`` prints them, without reasons; each names its model.

    Args:
        pairs: one or more; an emotion that only one of two models knows is left empty for the other.
    """
    text = io.StringIO()
    labels = dict.fromkeys(label for _, one in pairs for label in one.prediction.probabilities)
    table = csv.DictWriter(text, answer_columns(list(labels)), lineterminator="\n")
    table.writeheader()
    for sound, one in pairs:
        columns = answer_columns(list(one.prediction.probabilities))
        table.writerow(dict(zip(columns, answer_row(sound.file.name, one.prediction), strict=True)))
    return text.getvalue()


def segments_csv(answered: Answered) -> str:
    """Write what is heard when as ``hearfelt timeline --format csv`` does."""
    return str(write([answered.timeline] if answered.timeline else [], "csv"))


def picture(sound: OneSound, answered: Answered, part: str = "") -> bytes:
    """Draw a sound and its answer as PNG, from what the player has of it: its length costs nothing.

    Args:
        sound: the sound.
        answered: the answer of one model.
        part: which part of the sound the model hears, if not all of it.
    """
    from hearfelt.reports.figures.answers import answer_picture
    from hearfelt.reports.figures.canvas import figure_png

    seen, prediction = sound.playable, answered.prediction
    timeline = answered.timeline or Timeline(
        sound.file.name, None, sound.duration_s, (), tuple(prediction.probabilities), prediction.model
    )
    note = " ".join(filter(None, (f"The answer is for {part}." if part else "", sound.file.note)))
    return figure_png(answer_picture(prediction, timeline, seen.outline, levels=seen.levels, note=note))


def _objects(pairs: Sequence[Pair]) -> list[dict[str, object]]:
    return [answer_object(sound.file.name, one.prediction, _known(one)) for sound, one in pairs]


def _known(answered: Answered) -> Explanation | Occlusion | None:
    return answered.why if isinstance(answered.why, Explanation | Occlusion) else None
