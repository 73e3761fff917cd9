"""Pictures for the generated pages, drawn from results; each file has a note with a hash of its data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from hearfelt.errors import CorpusError
from hearfelt.evaluation.metrics import LabelSpan, reliability
from hearfelt.evaluation.results import Results
from hearfelt.evaluation.segment_results import SegmentResults
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.reports.figures.canvas import save_figure
from hearfelt.reports.figures.ladder import leak_ladder
from hearfelt.reports.figures.results import reliability_diagram
from hearfelt.reports.figures.timeline import ribbon_rows
from result_pages.ladder import LADDER, LADDER_PICTURE, ladder_models, scores_of
from result_pages.timelines import example_of, picture_of

__all__ = [
    "RELIABILITY_PICTURE",
    "Picture",
    "check_pictures",
    "ladder_picture",
    "note_of",
    "over_time_picture",
    "reliability_picture",
    "write_pictures",
]

RELIABILITY_PICTURE: Final = "docs/pictures/reliability.png"


@dataclass(frozen=True)
class Picture:
    """A picture and the hash of its data.

    Attributes:
        path: in the checkout.
        note: hash of the data, stored in the file, so that an outdated picture is found without drawing it.
        draw: draws it.
    """

    path: str
    note: str
    draw: Callable[[], Figure]


def ladder_picture(results: Sequence[Results]) -> list[Picture]:
    """The leak ladder of every model; empty without results."""
    models = ladder_models(results)
    if not models:
        return []
    scores = {name: scores_of(steps, "accuracy") for name, steps in models.items()}
    honest = next(iter(models.values()))[LADDER[0].protocol].evaluation.confusion.sum(axis=1)
    guess = float(honest.max() / honest.sum())

    def draw() -> Figure:
        words = [step.short for step in LADDER]
        return leak_ladder(words, scores, guess=guess, title="The leak ladder: effect of leakage")

    return [Picture(LADDER_PICTURE, note_of("ladder", [[step.short for step in LADDER], scores]), draw)]


def over_time_picture(one: SegmentResults) -> Picture:
    """The true emotions of one recording, its timeline, and the naive method."""
    shown = example_of(one)
    rows = {"truth": shown.truth, "timeline": shown.predictions["timeline"], "naive": shown.predictions["naive"]}

    def draw() -> Figure:
        timelines = {name: _timeline(spans, shown.duration_s) for name, spans in rows.items()}
        return ribbon_rows(timelines, shown.duration_s, title=f"{one.name}: recording {shown.name} of {one.protocol}")

    figures = [one.name, shown.name, *([way, *map(asdict, segments)] for way, segments in rows.items())]
    return Picture(picture_of(one), note_of("over time", figures), draw)


def _timeline(spans: Sequence[LabelSpan], duration_s: float) -> Timeline:
    """Spans as segments with full confidence."""
    segments = []
    for span in spans:
        length_s = span.end_s - span.start_s
        prediction = Prediction(span.emotion, 1.0, {span.emotion: 1.0}, False, length_s, "")
        segments.append(Segment(span.start_s, span.end_s, prediction))
    return Timeline("", None, duration_s, tuple(segments), (), "")


def reliability_picture(one: Results) -> Picture:
    """The reliability diagram: accuracy by confidence."""
    confidences, correct = one.evaluation.confidences, one.evaluation.correct

    def draw() -> Figure:
        return reliability_diagram(reliability(confidences, correct), title=one.protocol)

    figures = [one.name, one.protocol, [round(float(sure), 6) for sure in confidences], correct.tolist()]
    return Picture(RELIABILITY_PICTURE, note_of("reliability", figures), draw)


def write_pictures(root: Path, pictures: Sequence[Picture]) -> list[Path]:
    """Draw the pictures of a checkout that are missing or out of date.

    Returns:
        The files written.
    """
    stale = [picture for picture in pictures if not _is_fresh(root, picture)]
    if not stale:
        return []
    written = []
    for picture in stale:
        path = root / picture.path
        path.parent.mkdir(parents=True, exist_ok=True)
        written.append(save_figure(picture.draw(), path, note=picture.note))
    return written


def check_pictures(root: Path, pictures: Sequence[Picture]) -> None:
    """Raise an error unless every picture is up to date.

    Raises:
        CorpusError: with the first that is missing or out of date.
    """
    for picture in pictures:
        if not _is_fresh(root, picture):
            path = root / picture.path
            what = "is out of date" if path.is_file() else "is missing"
            raise CorpusError(f"{path}: {what}; run 'python tools/results.py'")


def _is_fresh(root: Path, picture: Picture) -> bool:
    path = root / picture.path
    return path.is_file() and picture.note.encode("ascii") in path.read_bytes()


def note_of(what: str, figures: Mapping[str, Any] | Sequence[Any]) -> str:
    """Name a picture's data by a hash, as :attr:`Picture.note` has it."""
    digest = hashlib.sha256(json.dumps(figures, sort_keys=True).encode()).hexdigest()
    return f"hearfelt {what} of {digest[:32]}"
