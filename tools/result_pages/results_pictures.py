"""The pictures that generated pages show, drawn from results, and the note in each that says from which."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hearfelt.errors import CorpusError, require
from hearfelt.evaluation.results import Results
from hearfelt.evaluation.segment_results import TimedResults
from result_pages.results_ladder import LADDER, LADDER_PICTURE, ladder_models, scores_of
from result_pages.results_over_time import example_of, picture_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "RELIABILITY_PICTURE",
    "Picture",
    "check_pictures",
    "ladder_picture",
    "over_time_picture",
    "reliability_picture",
    "write_pictures",
]

RELIABILITY_PICTURE: Final = "docs/pictures/reliability.png"


@dataclass(frozen=True)
class Picture:
    """A picture that can be drawn, and what it is drawn from.

    Attributes:
        path: below the checkout.
        note: names the figures in it; stands in the file, so that a stale picture is seen without drawing it anew.
        draw: makes it; needs matplotlib.
    """

    path: str
    note: str
    draw: Callable[[], Figure]


def ladder_picture(results: Sequence[Results]) -> list[Picture]:
    """Draw the leak ladder of every model that has climbed it; nothing where none has."""
    models = ladder_models(results)
    if not models:
        return []
    scores = {name: scores_of(steps, "accuracy") for name, steps in models.items()}
    honest = next(iter(models.values()))[LADDER[0].protocol].evaluation.confusion.sum(axis=1)
    guess = float(honest.max() / honest.sum())

    def draw() -> Figure:
        from result_pages.ladder_plot import leak_ladder

        words = [step.short for step in LADDER]
        return leak_ladder(words, scores, guess=guess, title="The leak ladder: what each leak is worth")

    return [Picture(LADDER_PICTURE, _note("ladder", scores), draw)]


def over_time_picture(one: TimedResults) -> Picture:
    """Draw the truth about one recording, and below it what the timeline and the naive way say."""
    shown = example_of(one)
    rows = {"truth": shown.truth, "timeline": shown.said["timeline"], "naive": shown.said["naive"]}

    def draw() -> Figure:
        from hearfelt.reports.figures.ribbons import emotion_ribbons

        return emotion_ribbons(rows, shown.duration_s, title=f"{one.name}: recording {shown.name} of {one.protocol}")

    figures = [one.name, shown.name, *([way, *map(asdict, segments)] for way, segments in rows.items())]
    return Picture(picture_of(one), _note("over time", figures), draw)


def reliability_picture(one: Results) -> Picture:
    """Draw how often answers of each confidence were right."""
    confidences, correct = one.evaluation.confidences, one.evaluation.correct

    def draw() -> Figure:
        from hearfelt.reports.figures.results import reliability_diagram

        return reliability_diagram(confidences, correct, title=one.protocol)

    figures = [one.name, one.protocol, [round(float(sure), 6) for sure in confidences], correct.tolist()]
    return Picture(RELIABILITY_PICTURE, _note("reliability", figures), draw)


def write_pictures(root: Path, pictures: Sequence[Picture]) -> list[Path]:
    """Draw pictures into a checkout, those excepted that are there and show these very figures.

    Returns:
        The files written.

    Raises:
        ExtraMissingError: if matplotlib is not installed.
    """
    stale = [picture for picture in pictures if not _is_fresh(root, picture)]
    if not stale:
        return []
    require("matplotlib", "plots")
    from hearfelt.reports.figures.canvas import save_figure

    written = []
    for picture in stale:
        path = root / picture.path
        path.parent.mkdir(parents=True, exist_ok=True)
        written.append(save_figure(picture.draw(), path, note=picture.note))
    return written


def check_pictures(root: Path, pictures: Sequence[Picture]) -> None:
    """Raise an error unless every picture is there and shows these very figures.

    Raises:
        CorpusError: with the first that is missing or stale.
    """
    for picture in pictures:
        if not _is_fresh(root, picture):
            path = root / picture.path
            what = "shows other figures than the results" if path.is_file() else "is missing"
            raise CorpusError(f"{path}: {what}; 'python tools/results.py' draws it")


def _is_fresh(root: Path, picture: Picture) -> bool:
    path = root / picture.path
    return path.is_file() and picture.note.encode("ascii") in path.read_bytes()


def _note(what: str, figures: Mapping[str, Any] | Sequence[Any]) -> str:
    digest = hashlib.sha256(json.dumps(figures, sort_keys=True).encode()).hexdigest()
    return f"hearfelt {what} of {digest[:32]}"
