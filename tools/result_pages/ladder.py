"""The leak ladder of ``docs/results.md``: one network measured honestly, and then with one leak after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hearfelt.evaluation.results import Results
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
    "scores_of",
]

LADDER_PICTURE: Final = "docs/pictures/leak-ladder.png"

Ladder = dict[str, dict[str, Results]]  # for each model its results by protocol


@dataclass(frozen=True)
class Step:
    """One step of the ladder.

    Attributes:
        protocol: its name.
        words: what is different from the step before, for a table.
        short: the same in two lines, for a plot.
    """

    protocol: str
    words: str
    short: str


LADDER: Final = (
    Step(
        "ladder-strangers",
        "honest: nobody tested was heard in training",
        "nobody tested\nwas heard in training",
    ),
    Step("ladder-clips", "divided by clip: every tested voice was heard", "divided by clip:\nevery voice was heard"),
    Step(
        "ladder-copies",
        "and changed copies of the test clips were learned from",
        "and changed copies of test\nclips were learned from",
    ),
    Step(
        "ladder-epoch",
        "and the epoch was chosen on the test clips",
        "and the epoch was\nchosen on the test clips",
    ),
)

_TEXT: Final = """\
## The leak ladder: what each leak is worth

RAVDESS speech, 8 emotions, six folds of 240 clips, one seed, the same recipe all the way up: every step keeps the leaks
above it and adds one. **Only the first row holds for a new voice**; the others show how figures come about that cannot
be compared with it. In brackets is what the step adds, in points; less than two may be chance.
[protocols.md](protocols.md) says what each step does."""


def is_ladder(one: Results) -> bool:
    """Whether a result belongs to the ladder, and so in no other table."""
    return one.protocol in {step.protocol for step in LADDER}


def ladder_models(results: Sequence[Results]) -> Ladder:
    """Sort the ladder's results by model, the best honest one first; those without a second step stay out."""
    found: Ladder = {}
    for one in results:
        if is_ladder(one) and not one.summary.get("dropped"):
            found.setdefault(one.name, {})[one.protocol] = one
    ground = LADDER[0].protocol
    climbed = {name: steps for name, steps in found.items() if ground in steps and len(steps) > 1}
    return dict(sorted(climbed.items(), key=lambda item: -item[1][ground].figure("accuracy")))


def scores_of(steps: dict[str, Results], metric: str) -> list[float | None]:
    """Give one model's score at each step of :data:`LADDER`, 0 to 1; None where it was not measured."""
    return [steps[step.protocol].figure(metric) if step.protocol in steps else None for step in LADDER]


def ladder_table(models: Ladder) -> str:
    """Set the steps in rows, and for each model accuracy and UAR with what the step adds in points."""
    columns = [_cells(scores_of(steps, metric)) for steps in models.values() for metric in ("accuracy", "uar")]
    header = ["step", *(f"{name}: {metric} %" for name in models for metric in ("accuracy", "UAR"))]
    rows = [[step.words, *(column[place] for column in columns)] for place, step in enumerate(LADDER)]
    return markdown_table(header, rows)


def ladder_section(results: Sequence[Results]) -> str:
    """Write the section of ``docs/results.md``; empty where no model has climbed the ladder yet."""
    models = ladder_models(results)
    if not models:
        return ""
    picture = f"![{alt_text(models)}]({LADDER_PICTURE.removeprefix('docs/')})"
    return "\n\n".join([_TEXT, picture, ladder_table(models)])


def alt_text(models: Ladder) -> str:
    """Say in words what the plot shows."""
    said = []
    for name, steps in models.items():
        scores = [f"{bare(score)} %" for score in scores_of(steps, "accuracy") if score is not None]
        said.append(f"{name} from {scores[0]} to {scores[-1]}")
    return f"Accuracy from the honest step to all leaks together: {', '.join(said)}"


def _cells(scores: Sequence[float | None]) -> list[str]:
    """Write scores as per cent, each with its difference from the last one there."""
    cells, last = [], None
    for score in scores:
        if score is None:
            cells.append(NONE)
            continue
        gain = "" if last is None else f" ({round(100 * score, 1) - round(100 * last, 1):+.1f})".replace("-", "−")
        cells.append(bare(score) + gain)
        last = score
    return cells
