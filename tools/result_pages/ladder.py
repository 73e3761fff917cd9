"""The leak ladder of ``docs/results.md``: one recipe evaluated without leakage, then with one leak after another."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from hearfelt.evaluation.results import Results
from hearfelt.reports.evaluation import CURVES
from hearfelt.reports.formatting import bare
from result_pages.markdown import NONE, markdown_table

__all__ = [
    "LADDER",
    "LADDER_PICTURE",
    "Step",
    "is_ladder",
    "ladder_models",
    "ladder_section",
    "ladder_table",
    "last_epochs",
    "scores_of",
]

LADDER_PICTURE: Final = "docs/pictures/leak-ladder.png"

Ladder = dict[str, dict[str, Results]]  # results by model and protocol


@dataclass(frozen=True)
class Step:
    """One step of the ladder.

    Attributes:
        protocol: its name.
        words: the difference from the step before, for a table.
        short: the same in two lines, for a plot.
    """

    protocol: str
    words: str
    short: str


LADDER: Final = (
    Step(
        "ladder-strangers",
        "no leakage: split by speaker",
        "no leakage:\nsplit by speaker",
    ),
    Step(
        "ladder-clips",
        "split by clip: test speakers are in training",
        "split by clip: test\nspeakers in training",
    ),
    Step(
        "ladder-copies",
        "and augmented copies of test clips are in training",
        "and augmented copies\nof test clips in training",
    ),
    Step(
        "ladder-epoch",
        "and the epoch is chosen on the test set",
        "and the epoch is\nchosen on the test set",
    ),
)

STUDENT: Final = "student-ravdess"

_TEXT: Final = """\
## The leak ladder

RAVDESS speech, 8 emotions, six folds of 240 clips, one seed, the same recipe in every step. Each step keeps the leakage
of the one above and adds one kind. **Only the first row holds for a new voice.** In brackets is the difference between
steps in percentage points; less than two may be chance. [protocols.md](protocols.md#the-leak-ladder) describes each
step."""


_STUDENT_TEXT: Final = """\
**The student project's own way** ({seeds} seeds, `student-ravdess`, leaky): its split, no validation clips, and the
epoch that is best on the 491 test clips. In this way its published 73.5 % were found."""


def is_ladder(one: Results) -> bool:
    """Whether a result belongs to the ladder, and so to no other table."""
    return one.protocol in {step.protocol for step in LADDER}


def ladder_models(results: Sequence[Results]) -> Ladder:
    """Group the ladder's results by model, the best without leakage first; models with one step only are left out."""
    found: Ladder = {}
    for one in results:
        if is_ladder(one) and not one.summary.get("dropped"):
            found.setdefault(one.name, {})[one.protocol] = one
    first = LADDER[0].protocol
    measured = {name: steps for name, steps in found.items() if first in steps and len(steps) > 1}
    return dict(sorted(measured.items(), key=lambda item: -item[1][first].figure("accuracy")))


def scores_of(steps: dict[str, Results], metric: str) -> list[float | None]:
    """One model's score at each step of :data:`LADDER`, 0 to 1; None where it was not measured."""
    return [steps[step.protocol].figure(metric) if step.protocol in steps else None for step in LADDER]


def ladder_table(models: Ladder) -> str:
    """A row for each step: accuracy and UAR of each model, with the difference from the step before in points."""
    columns = [_cells(scores_of(steps, metric)) for steps in models.values() for metric in ("accuracy", "uar")]
    header = ["step", *(f"{name}: {metric} %" for name in models for metric in ("accuracy", "UAR"))]
    rows = [[step.words, *(column[place] for column in columns)] for place, step in enumerate(LADDER)]
    return markdown_table(header, rows)


def ladder_section(results: Sequence[Results]) -> str:
    """The section of ``docs/results.md``; empty without results."""
    models = ladder_models(results)
    if not models:
        return ""
    picture = f"![{alt_text(models)}]({LADDER_PICTURE.removeprefix('docs/')})"
    return "\n\n".join([_TEXT, picture, ladder_table(models), *_student_parts(results)])


def _student_parts(results: Sequence[Results]) -> list[str]:
    """The student project's own way beside the ladder: with its choice of the epoch, and without one."""
    parts = []
    for one in results:
        if one.protocol == STUDENT:
            chosen, last = one.figure("accuracy"), last_epochs(one.folder / CURVES)
            rows = [("the epoch that is best on the test set", bare(chosen))]
            if last:
                rows.append(("the last epoch, without a choice", _cells([chosen, float(np.mean(last))])[1]))
            text = _STUDENT_TEXT.format(seeds=len(one.summary["seeds"]))
            parts += [
                text,
                markdown_table([f"{one.name}, {len(one.evaluation.emotions)} emotions", "accuracy %"], rows),
            ]
    return parts


def last_epochs(curves: Path) -> list[float]:
    """Read the accuracy on the clips that the epoch was chosen on, after the last epoch of each run."""
    if not curves.is_file():
        return []
    with curves.open(newline="") as file:
        rows = list(csv.DictReader(file))
    last = {(row["fold"], row["seed"]): float(row["validation_accuracy"]) for row in rows}
    return list(last.values())


def alt_text(models: Ladder) -> str:
    """The alternative text of the plot."""
    parts = []
    for name, steps in models.items():
        scores = [f"{bare(score)} %" for score in scores_of(steps, "accuracy") if score is not None]
        parts.append(f"{name} from {scores[0]} to {scores[-1]}")
    return f"Accuracy without leakage and with all leaks: {', '.join(parts)}"


def _cells(scores: Sequence[float | None]) -> list[str]:
    """Write scores as per cent, each with its difference from the last one measured."""
    cells, last = [], None
    for score in scores:
        if score is None:
            cells.append(NONE)
            continue
        gain = "" if last is None else f" ({round(100 * score, 1) - round(100 * last, 1):+.1f})".replace("-", "−")
        cells.append(bare(score) + gain)
        last = score
    return cells
