"""The two tables of results over time: true emotions and predicted emotions."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hearfelt.emotions import in_order
from hearfelt.errors import CorpusError
from hearfelt.evaluation.diarization import LabelSpan
from hearfelt.evaluation.results import PREDICTIONS
from hearfelt.evaluation.segment_predictions import METHODS, RecordingPredictions
from hearfelt.runtime.files import atomic_write

__all__ = ["RECORDINGS_TABLE", "RecordingRows", "Tables", "read_tables", "tables_of", "write_tables"]

RECORDINGS_TABLE: Final = "recordings.csv"
TRUTH_COLUMNS: Final = (
    "recording",
    "speaker",
    "duration_s",
    "snr_db",
    "noise_seed",
    "clip",
    "clip_start_s",
    "start_s",
    "end_s",
    "emotion",
)
PREDICTION_COLUMNS: Final = ("recording", "way", "start_s", "end_s", "emotion")
_SHARE_DECIMALS: Final = 4

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Tables:
    """Both tables as they are written, without their first lines.

    Attributes:
        emotions: the model's labels, in order.
        truth: a row for each clip of each recording.
        predictions: a row for each segment of each method.
    """

    emotions: tuple[str, ...]
    truth: Rows
    predictions: Rows


@dataclass(frozen=True)
class RecordingRows:
    """One recording, as read from the tables.

    Attributes:
        name: its number.
        speaker: of the recording.
        duration_s: length in seconds.
        truth: true emotions over time.
        predictions: predicted emotions over time, by method.
    """

    name: str
    speaker: str
    duration_s: float
    truth: tuple[LabelSpan, ...]
    predictions: dict[str, tuple[LabelSpan, ...]]


def tables_of(labels: Sequence[str], predicted: Iterable[RecordingPredictions]) -> Tables:
    """Make both tables.

    Args:
        labels: of the model.
        predicted: recordings in their order.
    """
    truth, predictions = [], []
    for one in predicted:
        script = one.script
        head = [script.name, script.speaker, _time(one.duration_s), f"{script.snr_db:.3f}", str(script.noise_seed)]
        for span in one.spans:
            times = (_time(time_s) for time_s in (span.clip_start_s, span.start_s, span.end_s))
            truth.append([*head, span.clip.name, *times, span.clip.emotion])
        for method in METHODS:
            for answer in one.predictions[method]:
                times = (_time(time_s) for time_s in (answer.segment.start_s, answer.segment.end_s))
                probabilities = (f"{share:.{_SHARE_DECIMALS}f}" for share in answer.probabilities)
                predictions.append([script.name, method, *times, answer.segment.emotion, *probabilities])
    return Tables(in_order(labels), truth, predictions)


def write_tables(folder: Path, tables: Tables) -> None:
    """Write ``recordings.csv`` and ``predictions.csv``."""
    headed = (
        (RECORDINGS_TABLE, TRUTH_COLUMNS, tables.truth),
        (PREDICTIONS, (*PREDICTION_COLUMNS, *tables.emotions), tables.predictions),
    )
    for name, header, rows in headed:
        with atomic_write(folder / name) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)


def read_tables(folder: Path) -> tuple[tuple[str, ...], tuple[RecordingRows, ...]]:
    """Read both tables.

    Returns:
        The model's labels, and the recordings in their order.

    Raises:
        CorpusError: if a file is missing or damaged, or a recording has predictions and no truth.
    """
    header, lines = _lines(folder / RECORDINGS_TABLE, TRUTH_COLUMNS)
    truth: dict[str, list[list[str]]] = {}
    for line in lines:
        truth.setdefault(line[0], []).append(line)
    header, lines = _lines(folder / PREDICTIONS, PREDICTION_COLUMNS)
    predicted: dict[tuple[str, str], list[LabelSpan]] = {}
    for number, line in enumerate(lines, 2):
        if line[0] not in truth or line[1] not in METHODS:
            raise CorpusError(
                f"{folder / PREDICTIONS}: line {number}: recording {line[0]!r}, way {line[1]!r}; one of"
                f" {RECORDINGS_TABLE}, and {' or '.join(METHODS)}, is wanted"
            )
        predicted.setdefault((line[0], line[1]), []).append(_segment(line[2:5], folder / PREDICTIONS, number))
    recordings = []
    for name, rows in truth.items():
        spans = tuple(_segment(row[7:10], folder / RECORDINGS_TABLE, number) for number, row in enumerate(rows, 2))
        predictions = {method: tuple(predicted.get((name, method), ())) for method in METHODS}
        recordings.append(
            RecordingRows(name, rows[0][1], _number(rows[0][2], folder / RECORDINGS_TABLE), spans, predictions)
        )
    return tuple(header[len(PREDICTION_COLUMNS) :]), tuple(recordings)


def _lines(path: Path, columns: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Read a table whose first columns are known, each line as long as the first."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *lines = list(csv.reader(file)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path}: cannot be read ({error}); the table that 'evaluate' writes is wanted") from error
    if tuple(header[: len(columns)]) != tuple(columns) or not lines:
        raise CorpusError(f"{path}: the columns {', '.join(columns)} and a line for each of something are wanted")
    for number, line in enumerate(lines, 2):
        if len(line) != len(header):
            raise CorpusError(f"{path}: line {number}: {len(line)} fields instead of {len(header)}; damaged")
    return header, lines


def _segment(fields: Sequence[str], path: Path, number: int) -> LabelSpan:
    try:
        return LabelSpan(float(fields[0]), float(fields[1]), fields[2])
    except ValueError as error:
        raise CorpusError(f"{path}: line {number}: {error}; the file is damaged") from error


def _number(text: str, path: Path) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise CorpusError(f"{path}: {error}; the file is damaged") from error


def _time(time_s: float) -> str:
    return f"{time_s:.4f}"
