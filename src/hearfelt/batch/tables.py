"""The table of a job: its columns, written as Parquet, CSV or JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, Any, Final

from hearfelt.errors import HearfeltError, require
from hearfelt.inference.label_columns import label_columns

__all__ = ["FORMATS", "columns", "table_format", "write_table"]

FORMATS: Final = ("parquet", "csv", "jsonl")
_ROWS: Final = 16_384  # of Parquet, that are in memory at once
_TEXTS: Final = frozenset(("source", "emotion", "model", "warnings", "error"))


def columns(labels: Sequence[str], *, timeline: bool, parts: bool = False) -> list[str]:
    """Name the columns; a label that is called as another column is written ``p_label``.

    Args:
        labels: the model's emotions, in its order.
        timeline: whether a row is a segment of a sound.
        parts: whether some rows are of parts of sounds.

    Example:
        >>> columns(["calm", "sad"], timeline=False)
        ['source', 'emotion', 'confidence', 'calm', 'sad', 'unsure', 'model', 'duration_s', 'warnings', 'error']
        >>> columns(["calm", "sad"], timeline=True)[:5]
        ['source', 'channel', 'start_s', 'end_s', 'emotion']
    """
    where = ["channel", "start_s", "end_s"] if timeline else ["start_s", "end_s"] if parts else []
    answer = ["emotion", "confidence", *label_columns(labels), "unsure", "model", "duration_s"]
    return ["source", *where, *answer, "warnings", "error"]


def table_format(location: str) -> str:
    """Tell by its ending what a table is written as, and refuse early what could not be written.

    Raises:
        HearfeltError: for another ending.
        ExtraMissingError: for Parquet without pyarrow.

    Example:
        >>> table_format("emotions.csv")
        'csv'
    """
    ending = location.rpartition(".")[2].casefold()
    if ending not in FORMATS:
        raise HearfeltError(f"{location}: a table ends in .parquet, .csv or .jsonl; name it so")
    if ending == "parquet":
        require("pyarrow.parquet", "parquet")
    return ending


def write_table(
    rows: Iterable[Sequence[Any]], names: Sequence[str], file: IO[bytes], form: str, *, facts: dict[str, str]
) -> None:
    """Write a table row by row, so that memory does not grow with it.

    Args:
        rows: each in the order of ``names``; ``warnings`` are lists of objects with a ``code``, as JSON keeps them.
            The other forms join the codes with ``;``.
        names: of the columns.
        file: open for writing bytes.
        form: one of :data:`FORMATS`.
        facts: texts about the table that Parquet takes along.

    Example:
        >>> file = io.BytesIO()
        >>> write_table([["a.wav", 0.5]], ["source", "confidence"], file, "jsonl", facts={})
        >>> file.getvalue()
        b'{"source": "a.wav", "confidence": 0.5}\\n'
    """
    if form != "jsonl":
        rows = _with_codes(rows, names)
    if form == "parquet":
        _write_parquet(rows, names, file, facts)
        return
    text = io.TextIOWrapper(file, encoding="utf-8", newline="\n", write_through=False)
    if form == "csv":
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
    else:
        for row in rows:
            text.write(json.dumps(dict(zip(names, row, strict=True)), allow_nan=False) + "\n")
    text.flush()
    text.detach()


def _with_codes(rows: Iterable[Sequence[Any]], names: Sequence[str]) -> Iterator[Sequence[Any]]:
    column = names.index("warnings")
    for row in rows:
        warnings = row[column]
        codes = None if warnings is None else ";".join(warning["code"] for warning in warnings)
        yield [*row[:column], codes, *row[column + 1 :]]


def _write_parquet(rows: Iterable[Sequence[Any]], names: Sequence[str], file: IO[bytes], facts: dict[str, str]) -> None:
    pyarrow, parquet = require("pyarrow", "parquet"), require("pyarrow.parquet", "parquet")
    kinds = {name: pyarrow.string() for name in _TEXTS} | {"unsure": pyarrow.bool_(), "channel": pyarrow.int32()}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64())) for name in names], metadata=facts)
    with parquet.ParquetWriter(file, schema) as writer:
        for group in _groups(rows):
            filled = zip(zip(*group, strict=True), schema, strict=True)
            values = [pyarrow.array(column, field.type) for column, field in filled]
            writer.write_batch(pyarrow.record_batch(values, schema=schema))


def _groups(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    waiting = iter(rows)
    while group := list(islice(waiting, _ROWS)):
        yield group
