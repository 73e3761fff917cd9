"""Predictions of test clips: one row a clip and seed, as arrays for the metrics and as ``predictions.csv``."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.errors import CorpusError
from hearfelt.evaluation.metrics import confusion_matrix
from hearfelt.runtime.files import atomic_write

__all__ = ["COLUMNS", "Evaluation", "Row", "read_predictions", "write_predictions"]

COLUMNS: Final = ("clip", "speaker", "fold", "seed", "label")
DECIMALS: Final = 8
_SUM_TOLERANCE: Final = 1e-4


@dataclass(frozen=True)
class Row:
    """Prediction of one model for one test clip.

    Attributes:
        clip: path relative to the corpus.
        speaker: with the corpus before it: ``"ravdess/07"``.
        fold: its published number, or 1.
        seed: of the training, from 0.
        label: the true emotion.
        probabilities: of each emotion, in the order of :attr:`Evaluation.emotions`.
    """

    clip: str
    speaker: str
    fold: int
    seed: int
    label: str
    probabilities: tuple[float, ...]

    @property
    def sort_key(self) -> tuple[int, int, str, str]:
        """Sort key among other rows: seed, fold, corpus, and clip."""
        return self.seed, self.fold, self.speaker.partition("/")[0], self.clip


class Evaluation:
    """All rows of one experiment, in a fixed order, as arrays for the metrics.

    Args:
        emotions: the labels of the models, in order.
        rows: of all folds and seeds, in any order.

    Raises:
        CorpusError: if there are no rows, a label is not among the emotions, a probability is impossible, a clip
            has two rows of one seed, or two seeds have different clips.

    Example:
        >>> rows = [Row("a.wav", "mine/a", 1, 0, "sad", (0.3, 0.7)), Row("b.wav", "mine/b", 1, 0, "sad", (0.9, 0.1))]
        >>> Evaluation(("calm", "sad"), rows).confusion.tolist()
        [[0, 0], [1, 1]]
    """

    def __init__(self, emotions: Sequence[str], rows: Iterable[Row]) -> None:
        self.emotions = tuple(emotions)
        self.rows = tuple(sorted(rows, key=lambda row: row.sort_key))
        _check(self)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<{len(self):,} predictions, {len(self.runs)} runs, {len(self.speakers)} speakers>"

    @cached_property
    def truth(self) -> NDArray[np.int64]:
        """Indices of the true emotions, ``(rows,)``."""
        return np.array([self.emotions.index(row.label) for row in self.rows], dtype=np.int64)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Probability of each emotion, ``(rows, emotions)``."""
        return np.array([row.probabilities for row in self.rows], dtype=np.float64)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """Indices of the most probable emotions, ``(rows,)``; of equals, the first."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @cached_property
    def confidences(self) -> NDArray[np.float64]:
        """Probability of each prediction, ``(rows,)``."""
        return np.asarray(self.probabilities.max(axis=1))

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each prediction was right, ``(rows,)``."""
        return np.asarray(self.predicted == self.truth)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Confusion matrix over all rows, ``(emotions, emotions)``, a row for each true emotion."""
        return confusion_matrix(self.truth, self.predicted, len(self.emotions))

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """Every seed, sorted."""
        return tuple(sorted({row.seed for row in self.rows}))

    @cached_property
    def runs(self) -> tuple[tuple[int, int], ...]:
        """Every ``(fold, seed)``, sorted by seed and then by fold."""
        return tuple(sorted({(row.fold, row.seed) for row in self.rows}, key=lambda run: run[::-1]))

    @cached_property
    def speakers(self) -> tuple[str, ...]:
        """All test speakers, sorted."""
        return tuple(sorted({row.speaker for row in self.rows}))

    def of(self, *, seed: int | None = None, fold: int | None = None, speaker: str | None = None) -> Evaluation:
        """Select the rows of one seed, fold or speaker."""
        wanted = {"seed": seed, "fold": fold, "speaker": speaker}
        chosen = [(name, value) for name, value in wanted.items() if value is not None]
        kept = [row for row in self.rows if all(getattr(row, name) == value for name, value in chosen)]
        return Evaluation(self.emotions, kept)

    @cached_property
    def confusions(self) -> NDArray[np.int64]:
        """A confusion matrix of each seed and speaker, ``(seeds, speakers, emotions, emotions)``."""
        classes, shape = len(self.emotions), (len(self.seeds), len(self.speakers))
        seed = np.array([self.seeds.index(row.seed) for row in self.rows])
        index_of = {name: index for index, name in enumerate(self.speakers)}
        speaker = np.array([index_of[row.speaker] for row in self.rows])
        cells = ((seed * shape[1] + speaker) * classes + self.truth) * classes + self.predicted
        return np.bincount(cells, minlength=shape[0] * shape[1] * classes**2).reshape(*shape, classes, classes)


def write_predictions(evaluation: Evaluation, path: Path) -> None:
    """Write ``predictions.csv``: the five columns and one of probabilities for each emotion, with 8 decimals."""
    with atomic_write(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *evaluation.emotions])
        for row in evaluation.rows:
            probabilities = [f"{share:.{DECIMALS}f}" for share in row.probabilities]
            writer.writerow([row.clip, row.speaker, row.fold, row.seed, row.label, *probabilities])


def read_predictions(path: Path) -> Evaluation:
    """Read ``predictions.csv`` and check every row.

    Raises:
        CorpusError: if the file cannot be read, a column is missing, or a row is impossible.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *lines = list(csv.reader(file)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path}: cannot be read ({error}); the table that 'evaluate' writes is wanted") from error
    count, emotions = len(COLUMNS), header[len(COLUMNS) :]
    if tuple(header[:count]) != COLUMNS or len(emotions) < 2 or len(set(emotions)) < len(emotions):
        raise CorpusError(
            f"{path}: the columns are {', '.join(header) or 'missing'}; {', '.join(COLUMNS)} and one of each"
            " emotion are wanted"
        )
    rows = []
    for number, line in enumerate(lines, 2):
        try:
            if len(line) != len(header):
                raise ValueError(f"{len(line)} fields instead of {len(header)}")
            clip, speaker, fold, seed, label, *probabilities = line
            rows.append(Row(clip, speaker, int(fold), int(seed), label, tuple(float(one) for one in probabilities)))
        except ValueError as error:
            raise CorpusError(f"{path}: line {number}: {error}; the file is damaged") from error
    try:
        return Evaluation(emotions, rows)
    except CorpusError as error:
        raise CorpusError(f"{path}: {error}") from error


def _check(evaluation: Evaluation) -> None:
    if not evaluation.rows:
        raise CorpusError("no predictions; at least one test clip has to be predicted")
    by_seed: dict[int, dict[tuple[str, str], tuple[int, str]]] = {}
    for row in evaluation.rows:
        name = f"{row.clip} with seed {row.seed}"
        if row.label not in evaluation.emotions:
            raise CorpusError(f"{name}: label {row.label!r}; one of {', '.join(evaluation.emotions)} is wanted")
        if len(row.probabilities) != len(evaluation.emotions) or not all(0 <= p <= 1 for p in row.probabilities):
            raise CorpusError(f"{name}: probabilities {row.probabilities}; one of 0 to 1 for each emotion is wanted")
        if abs(sum(row.probabilities) - 1) > _SUM_TOLERANCE:
            raise CorpusError(f"{name}: probabilities add up to {sum(row.probabilities):.6f}; 1 is wanted")
        if row.seed < 0 or row.fold < 0:
            raise CorpusError(f"{name}: fold {row.fold}; folds and seeds are counted, none is below 0")
        labels = by_seed.setdefault(row.seed, {})
        key = (row.speaker, row.clip)
        if key in labels:
            raise CorpusError(f"{name}: predicted twice; one row a test clip and seed is wanted")
        labels[key] = (row.fold, row.label)
    first = by_seed[evaluation.rows[0].seed]
    for seed, labels in by_seed.items():
        if labels != first:
            clip = min(key for key in first.keys() | labels.keys() if first.get(key) != labels.get(key))[1]
            raise CorpusError(
                f"{clip}: seed {seed} differs from the first seed in fold or label; all seeds test the same clips"
            )
