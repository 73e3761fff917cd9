"""What a visitor takes away: answers as JSON and CSV, moments as CSV, and a picture. Made when it is asked."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from hearfelt.audio import read_audio
from hearfelt.inference.explain import Explanation
from hearfelt.inference.occlusion import Occlusion
from hearfelt.page.sounds import Answered, OneSound
from hearfelt.reports.answers import answer_columns, answer_object, answer_row
from hearfelt.timeline_formats.formats import write

__all__ = ["as_csv", "as_json", "moments_csv", "picture"]

Pair = tuple[OneSound, Answered]


def as_json(pairs: Sequence[Pair]) -> str:
    """Write answers as ``hearfelt recognize --format json`` prints them: one object a line.

    Args:
        pairs: sounds, each with an answer to it.
    """
    objects = (answer_object(sound.file.name, one.prediction, _known(one)) for sound, one in pairs)
    return "".join(json.dumps(value, allow_nan=False) + "\n" for value in objects)


def as_csv(pairs: Sequence[Pair]) -> str:
    """Write the answers of one model as ``hearfelt recognize --format csv`` prints them, without reasons.

    Args:
        pairs: one or more.
    """
    lines: list[Sequence[object]] = [answer_columns(list(pairs[0][1].prediction.probabilities))]
    lines += [answer_row(sound.file.name, one.prediction) for sound, one in pairs]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def moments_csv(answered: Answered) -> str:
    """Write what is heard when as ``hearfelt timeline --format csv`` does."""
    return str(write([answered.timeline] if answered.timeline else [], "csv"))


def picture(sound: OneSound, answered: Answered) -> bytes:
    """Draw a sound and its answer as PNG."""
    from hearfelt.reports.figures.canvas import figure_png
    from hearfelt.reports.figures.sounds import demo_picture

    with sound.opened() as file:
        audio = read_audio(file)
    return figure_png(demo_picture(audio, answered.prediction, note=sound.file.note))


def _known(answered: Answered) -> Explanation | Occlusion | None:
    return answered.why if isinstance(answered.why, Explanation | Occlusion) else None
