"""Results over time: evaluate a model on synthetic recordings, write the results into a folder and read them back.

``recordings.csv`` has the truth, ``predictions.csv`` the segments of both methods, ``summary.json`` what is computed
from the two and nothing else. The summary is always computed from the written tables.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.emotions import in_order
from hearfelt.errors import CorpusError
from hearfelt.evaluation.metrics import LabelSpan, frame_confusion, frame_labels, segment_metrics
from hearfelt.evaluation.plan import Plan
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.results import PREDICTIONS, SUMMARY, ModelFile, corpora_of, read_summary, write_summary
from hearfelt.evaluation.synthetic_recordings import (
    METHODS,
    NAIVE,
    TIMELINE,
    RecordingPredictions,
    clipped_to,
    predict_recordings,
    write_scripts,
)
from hearfelt.inference.recognizer import Recognizer
from hearfelt.runtime.execution import Advance
from hearfelt.runtime.files import atomic_write
from hearfelt.runtime.pool import Pool, workers_for

__all__ = [
    "RECORDINGS",
    "RECORDINGS_TABLE",
    "RecordingRows",
    "SegmentResults",
    "Tables",
    "evaluate_recordings",
    "find_segment_results",
    "read_segment_results",
    "read_tables",
    "summarize",
    "tables_of",
    "write_tables",
]


RECORDINGS: Final = 200
_RECORDINGS_A_PROCESS: Final = 2  # starting a process takes as long as recognizing so many
_DECIMALS: Final = 6
_KEYS: Final = ("protocol", "model", "version", "seed")


@dataclass(frozen=True)
class SegmentResults:
    """One folder of results over time, read back and checked.

    Attributes:
        folder: where it is.
        emotions: the model's labels, in order.
        recordings: truth and predictions.
        summary: the content of ``summary.json``.
    """

    folder: Path
    emotions: tuple[str, ...]
    recordings: tuple[RecordingRows, ...] = field(repr=False)
    summary: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """Name of the model: that of the folder."""
        return self.folder.resolve().name

    @property
    def protocol(self) -> str:
        """Name of the protocol."""
        return str(self.summary["protocol"])


def evaluate_recordings(
    recognizer: Recognizer,
    plan: Plan,
    out: Path,
    *,
    recordings: int = RECORDINGS,
    seed: int = 0,
    file: Path | None = None,
    jobs: int | None = None,
    progress: Advance | None = None,
) -> SegmentResults:
    """Evaluate a finished model's timeline on recordings made from the clips of a plan.

    Args:
        recognizer: the model.
        plan: made with the model's own card, so that its training speakers are refused.
        out: folder for the results.
        recordings: number of recordings.
        seed: of the recordings.
        file: that the model was loaded from, to recognize in worker processes; without it that is done here.
        jobs: number of processes; one for each core by default.
        progress: called with 1 after each recording.

    Returns:
        The results, as written.

    Raises:
        CorpusError: if no clips are left.
        AudioError: if a clip cannot be read.
    """
    scripts = write_scripts(plan.clips, recordings, seed=seed)
    workers = workers_for(len(scripts), _RECORDINGS_A_PROCESS, jobs)
    with nullcontext() if file is None else Pool(partial(Recognizer.load, file, threads=1), workers) as pool:
        predicted = predict_recordings(recognizer, scripts, pool=pool, progress=progress)
    out.mkdir(parents=True, exist_ok=True)
    (out / SUMMARY).unlink(missing_ok=True)  # a summary is kept only with the tables it was computed from
    write_tables(out, tables_of(recognizer.labels, predicted))
    emotions, written = read_tables(out)  # rounded as in the files
    card = recognizer.card
    summary = {
        "protocol": plan.protocol.name,
        "leaky": plan.protocol.leaky,
        "corpora": corpora_of(plan.clips),
        "model": card.name,
        "file": None if file is None else asdict(ModelFile(file.stat().st_size, card.parameters)),
        "version": version("hearfelt"),
        "dropped": list(plan.dropped),
        "left_out": plan.left_out,
        "seed": seed,
        **summarize(emotions, written),
    }
    write_summary(out, summary)
    return read_segment_results(out)


def summarize(emotions: Sequence[str], recordings: Sequence[RecordingRows]) -> dict[str, Any]:
    """Compute every metric of ``summary.json``.

    Args:
        emotions: the model's labels, in order.
        recordings: truth and predictions.

    Returns:
        The timeline's metrics of :func:`~hearfelt.evaluation.metrics.segment_metrics` by their names; under
        ``naive`` those of plain windows; under ``naive_where_speech_was_found`` those of the same windows,
        but only where the timeline found speech, which shows the effect of the rest of the timeline;
        ``lower_than_naive``, by which share the timeline's error rate is lower; ``by_speaker``, the error rates of
        each; ``recordings``, ``duration_s`` and ``speech_s``. Shares of 1, rounded to 6 decimals.
    """
    methods = {"timeline": [_counted(one, one.predictions[TIMELINE], emotions) for one in recordings]}
    methods["naive"] = [_counted(one, one.predictions[NAIVE], emotions) for one in recordings]
    gated = (clipped_to(one.predictions[NAIVE], one.predictions[TIMELINE]) for one in recordings)
    methods["gated"] = [
        _counted(one, predictions, emotions) for one, predictions in zip(recordings, gated, strict=True)
    ]
    whole = {method: segment_metrics(np.sum(counts, axis=0)) for method, counts in methods.items()}
    ours, naive = (whole[method]["diarization_error_rate"] for method in ("timeline", "naive"))
    return {
        "recordings": len(recordings),
        "duration_s": round(sum(one.duration_s for one in recordings), 2),
        "speech_s": round(sum(span.end_s - span.start_s for one in recordings for span in one.truth), 2),
        **_rounded(whole["timeline"]),
        "naive": _rounded(whole["naive"]),
        "naive_where_speech_was_found": _rounded(whole["gated"]),
        "lower_than_naive": round(1 - ours / naive, _DECIMALS) if naive else None,
        "by_speaker": {speaker: _of_speaker(speaker, recordings, methods) for speaker in _speakers(recordings)},
    }


def read_segment_results(folder: Path) -> SegmentResults:
    """Read a folder that :func:`evaluate_recordings` wrote, and check the summary against the tables.

    Raises:
        CorpusError: if a file is missing or damaged, or the summary is not what the tables give.
    """
    summary = read_summary(folder, _KEYS)
    emotions, recordings = read_tables(folder)
    computed = json.loads(json.dumps(summarize(emotions, recordings)))
    if apart := [name for name in computed if summary.get(name) != computed[name]]:
        raise CorpusError(f"{folder / SUMMARY}: {apart[0]!r} is not what the tables beside it give; evaluate again")
    return SegmentResults(folder, emotions, recordings, summary)


def find_segment_results(home: Path) -> list[SegmentResults]:
    """Read every ``PROTOCOL/NAME/`` below a folder whose protocol makes recordings, sorted.

    Raises:
        CorpusError: if one of them is damaged or stands under another protocol's name.
    """
    names = [name for name, protocol in PROTOCOLS.items() if protocol.recordings]
    found = [read_segment_results(path.parent) for name in names for path in sorted(home.glob(f"{name}/*/{SUMMARY}"))]
    for one in found:
        if one.folder.parent.name != one.protocol:
            raise CorpusError(f"{one.folder}: results of {one.protocol}; they belong under {home / one.protocol}")
    return found


def _counted(one: RecordingRows, predictions: Iterable[LabelSpan], emotions: Sequence[str]) -> NDArray[np.int64]:
    truth, predictions = (frame_labels(some, one.duration_s, emotions) for some in (one.truth, predictions))
    return frame_confusion(truth, predictions, len(emotions))


def _speakers(recordings: Sequence[RecordingRows]) -> list[str]:
    return sorted({one.speaker for one in recordings})


def _of_speaker(
    speaker: str, recordings: Sequence[RecordingRows], methods: Mapping[str, Sequence[NDArray[np.int64]]]
) -> dict[str, float]:
    own = [place for place, one in enumerate(recordings) if one.speaker == speaker]
    rates = {
        method: segment_metrics(np.sum([counts[place] for place in own], axis=0))["diarization_error_rate"]
        for method, counts in methods.items()
    }
    return _rounded({"diarization_error_rate": rates["timeline"], "naive": rates["naive"]})


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, _DECIMALS) for name, value in figures.items()}


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
        raise CorpusError(f"{path}: the columns {', '.join(columns)} and at least one line are wanted")
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
