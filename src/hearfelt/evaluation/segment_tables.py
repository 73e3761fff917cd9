"""The two tables of results over time: what was truly heard when, and what was said of it."""

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
from hearfelt.evaluation.segment_predictions import WAYS, Heard
from hearfelt.runtime.files import atomic_write

__all__ = ["RECORDINGS_TABLE", "Recorded", "Tables", "read_tables", "tables_of", "write_tables"]

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
ANSWER_COLUMNS: Final = ("recording", "way", "start_s", "end_s", "emotion")
_SHARE_DECIMALS: Final = 4

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Tables:
    """Both tables as they are written, without their first lines.

    Attributes:
        emotions: the model's labels, in order.
        truth: a row for each clip of each recording.
        answers: a row for each answer of each way.
    """

    emotions: tuple[str, ...]
    truth: Rows
    answers: Rows


@dataclass(frozen=True)
class Recorded:
    """One recording as the tables tell it.

    Attributes:
        name: its number.
        speaker: who speaks in it.
        duration_s: length in seconds.
        truth: when which emotion is truly heard.
        said: when which emotion was answered, by way.
    """

    name: str
    speaker: str
    duration_s: float
    truth: tuple[LabelSpan, ...]
    said: dict[str, tuple[LabelSpan, ...]]


def tables_of(labels: Sequence[str], heard: Iterable[Heard]) -> Tables:
    """Make both tables of what was heard.

    Args:
        labels: of the model.
        heard: recordings in their order.
    """
    truth, answers = [], []
    for one in heard:
        script = one.script
        head = [script.name, script.speaker, _time(one.duration_s), f"{script.snr_db:.3f}", str(script.noise_seed)]
        for turn in one.turns:
            times = (_time(time_s) for time_s in (turn.clip_start_s, turn.start_s, turn.end_s))
            truth.append([*head, turn.clip.name, *times, turn.clip.emotion])
        for way in WAYS:
            for said in one.said[way]:
                times = (_time(time_s) for time_s in (said.segment.start_s, said.segment.end_s))
                shares = (f"{share:.{_SHARE_DECIMALS}f}" for share in said.probabilities)
                answers.append([script.name, way, *times, said.segment.emotion, *shares])
    return Tables(in_order(labels), truth, answers)


def write_tables(folder: Path, tables: Tables) -> None:
    """Write ``recordings.csv`` and ``predictions.csv``."""
    headed = (
        (RECORDINGS_TABLE, TRUTH_COLUMNS, tables.truth),
        (PREDICTIONS, (*ANSWER_COLUMNS, *tables.emotions), tables.answers),
    )
    for name, header, rows in headed:
        with atomic_write(folder / name) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)


def read_tables(folder: Path) -> tuple[tuple[str, ...], tuple[Recorded, ...]]:
    """Read both tables.

    Returns:
        The model's labels, and the recordings in their order.

    Raises:
        CorpusError: if a file is missing or damaged, or a recording has answers and no truth.
    """
    header, lines = _lines(folder / RECORDINGS_TABLE, TRUTH_COLUMNS)
    truth: dict[str, list[list[str]]] = {}
    for line in lines:
        truth.setdefault(line[0], []).append(line)
    header, lines = _lines(folder / PREDICTIONS, ANSWER_COLUMNS)
    said: dict[tuple[str, str], list[LabelSpan]] = {}
    for number, line in enumerate(lines, 2):
        if line[0] not in truth or line[1] not in WAYS:
            raise CorpusError(
                f"{folder / PREDICTIONS}: line {number}: recording {line[0]!r}, way {line[1]!r}; one of"
                f" {RECORDINGS_TABLE}, and {' or '.join(WAYS)}, is wanted"
            )
        said.setdefault((line[0], line[1]), []).append(_segment(line[2:5], folder / PREDICTIONS, number))
    recordings = []
    for name, rows in truth.items():
        turns = tuple(_segment(row[7:10], folder / RECORDINGS_TABLE, number) for number, row in enumerate(rows, 2))
        answers = {way: tuple(said.get((name, way), ())) for way in WAYS}
        recordings.append(Recorded(name, rows[0][1], _number(rows[0][2], folder / RECORDINGS_TABLE), turns, answers))
    return tuple(header[len(ANSWER_COLUMNS) :]), tuple(recordings)


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
