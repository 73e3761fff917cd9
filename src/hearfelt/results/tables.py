"""Rows of predictions, and rows as CSV, JSON Lines and Parquet, named and ordered as in :mod:`hearfelt.rows`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import IO, Any, Final

from hearfelt.errors import HearfeltError, require
from hearfelt.features.classic import GROUPS
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.rows import PREDICTION_ROW, columns, table_row

__all__ = [
    "TABLE_FORMATS",
    "csv_line",
    "error_row",
    "json_line",
    "prediction_row",
    "table_format",
    "why_cells",
    "why_names",
    "write_rows",
]


TABLE_FORMATS: Final = ("parquet", "csv", "jsonl")
_ROWS: Final = 16_384  # of Parquet, that are in memory at once
_TEXTS: Final = frozenset(("source", "emotion", "model", "warnings", "error"))

Row = Mapping[str, Any]


def prediction_row(
    source: str, prediction: Prediction, explanation: Explanation | Occlusion | None = None
) -> dict[str, Any]:
    """Give a prediction as a row.

    Where the model has quantiles, ``plausible`` has the labels of each conformal set, by coverage; in JSON only.

    Args:
        source: name of the sound.
        prediction: its prediction.
        explanation: what the prediction depends on, if wanted.

    Example:
        >>> prediction = Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "classic")
        >>> list(prediction_row("a.wav", prediction))
        ['source', 'emotion', 'confidence', 'probabilities', 'unsure', 'warnings', 'model', 'duration_s']
    """
    row = {"source": source, **prediction.to_dict()}
    if sets := prediction.plausible_sets():
        row["plausible"] = {coverage: list(labels) for coverage, labels in sets.items()}
    return row if explanation is None else {**row, "why": explanation.to_dict()}


def error_row(source: str, error: str) -> dict[str, Any]:
    """Give the row of a sound that has no prediction."""
    return {"source": source, "error": error}


def why_names(input_kind: str) -> tuple[str, ...]:
    """Name a table row with explanations: one value for each frequency band or feature group.

    Args:
        input_kind: what the model takes, as in its card: ``"sound"`` or ``"classic-162"``.

    Example:
        >>> why_names("classic-162")[-4:]
        ('why_zero_crossing_rate', 'why_mel', 'why_rms', 'error')
    """
    if input_kind == "sound":
        bands = [f"without_{low:.0f}_{high:.0f}_hz" for low, high in BANDS_HZ]
        cells = [*bands, "without_start_s", "without_end_s", "without_effect"]
    else:
        cells = [f"why_{group}" for group in GROUPS]
    return (*PREDICTION_ROW[:-1], *cells, PREDICTION_ROW[-1])


def why_cells(explanation: Explanation | Occlusion) -> dict[str, float]:
    """Give the values of an explanation under :func:`why_names`; of the stretches only the strongest."""
    if isinstance(explanation, Explanation):
        return {f"why_{group}": share for group, share in explanation.contributions.items()}
    strongest = explanation.strongest_time
    middle_s, half_s = explanation.times_s[strongest], explanation.window_s / 2
    bands = zip(explanation.bands_hz, explanation.band_effects, strict=True)
    return {
        **{f"without_{low:.0f}_{high:.0f}_hz": effect for (low, high), effect in bands},
        "without_start_s": round(max(0.0, middle_s - half_s), 6),
        "without_end_s": round(middle_s + half_s, 6),
        "without_effect": explanation.time_effects[strongest],
    }


def json_line(row: Row) -> str:
    """Write a row as one JSON object on a line of its own, in ASCII.

    Example:
        >>> json_line({"source": "a.wav", "error": "a.wav: the file is empty"})
        '{"source": "a.wav", "error": "a.wav: the file is empty"}\\n'
    """
    return json.dumps(row, allow_nan=False) + "\n"


def csv_line(cells: Iterable[object]) -> str:
    """Write a line of CSV; None is an empty cell.

    Example:
        >>> csv_line(["a, b.wav", None, 0.5])
        '"a, b.wav",,0.5\\n'
    """
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def table_format(place: str) -> str:
    """Find the format of a table by the ending of its name, and refuse early what could not be written.

    Raises:
        HearfeltError: for another ending.
        ExtraMissingError: for Parquet without pyarrow.

    Example:
        >>> table_format("emotions.csv")
        'csv'
    """
    ending = place.rpartition(".")[2].casefold()
    if ending not in TABLE_FORMATS:
        raise HearfeltError(f"{place}: a table ends in .parquet, .csv or .jsonl; name it so")
    if ending == "parquet":
        require("pyarrow.parquet", "parquet")
    return ending


def write_rows(
    rows: Iterable[Row],
    labels: Sequence[str],
    names: Sequence[str],
    file: IO[bytes],
    form: str,
    *,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write a table row by row, so that memory does not grow with it.

    Args:
        rows: as JSON has them.
        labels: of the model, in its order.
        names: of a row, such as :data:`hearfelt.rows.PREDICTION_ROW`.
        file: open for writing bytes.
        form: one of :data:`TABLE_FORMATS`.
        facts: texts about the table that Parquet stores.

    Raises:
        ExtraMissingError: for Parquet without pyarrow.

    Example:
        >>> file = io.BytesIO()
        >>> write_rows([{"source": "a.wav", "error": "empty"}], ["calm"], ("source", "error"), file, "csv")
        >>> file.getvalue()
        b'source,error\\na.wav,empty\\n'
    """
    if form == "parquet":
        _write_parquet((table_row(row, labels, names) for row in rows), columns(labels, names), file, facts or {})
        return
    text = io.TextIOWrapper(file, encoding="utf-8", newline="\n", write_through=False)
    if form == "csv":
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns(labels, names))
        writer.writerows(table_row(row, labels, names) for row in rows)
    else:
        for row in rows:
            text.write(json_line({name: row[name] for name in names if name in row}))
    text.flush()
    text.detach()


def _write_parquet(
    rows: Iterable[Sequence[Any]], names: Sequence[str], file: IO[bytes], facts: Mapping[str, str]
) -> None:
    pyarrow, parquet = require("pyarrow", "parquet"), require("pyarrow.parquet", "parquet")
    kinds = {name: pyarrow.string() for name in _TEXTS} | {"unsure": pyarrow.bool_(), "channel": pyarrow.int32()}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64())) for name in names], metadata=dict(facts))
    with parquet.ParquetWriter(file, schema) as writer:
        for group in _groups(rows):
            filled = zip(zip(*group, strict=True), schema, strict=True)
            values = [pyarrow.array(column, field.type) for column, field in filled]
            writer.write_batch(pyarrow.record_batch(values, schema=schema))


def _groups(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    waiting = iter(rows)
    while group := list(islice(waiting, _ROWS)):
        yield group
