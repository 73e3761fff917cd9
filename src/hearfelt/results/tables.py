"""Rows as tables: CSV, JSON Lines and Parquet, with the names and the order of :mod:`hearfelt.rows`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import IO, Any, Final

from hearfelt.errors import HearfeltError, require
from hearfelt.rows import columns, table_row

__all__ = ["TABLE_FORMATS", "csv_line", "json_line", "table_format", "write_rows"]

TABLE_FORMATS: Final = ("parquet", "csv", "jsonl")
_ROWS: Final = 16_384  # of Parquet, that are in memory at once
_TEXTS: Final = frozenset(("source", "emotion", "model", "warnings", "error"))

Row = Mapping[str, Any]


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
