"""A table that names the sounds to answer: CSV or Parquet with a column ``source``."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from typing import Final

from hearfelt.batch.places import open_place, shown
from hearfelt.errors import HearfeltError, require

__all__ = ["COLUMN", "is_manifest", "manifest_digest", "read_manifest"]

COLUMN: Final = "source"
_ROWS: Final = 8_192  # of a Parquet table, read at a time
_NAMES_SHOWN: Final = 8


def is_manifest(place: str) -> bool:
    """Tell by its ending whether a file is a table of sources and no sound.

    Example:
        >>> is_manifest("calls.csv"), is_manifest("call.wav")
        (True, False)
    """
    return place.casefold().endswith((".csv", ".parquet"))


def read_manifest(place: str) -> Iterator[str]:
    """Read the column ``source`` of a table, row by row, so that memory does not grow with it.

    Args:
        place: a CSV file (UTF-8, with a header) or a Parquet file, on a disk or in a store.

    Yields:
        What stands in the column, as it stands there; an empty text for an empty cell.

    Raises:
        HearfeltError: if it cannot be read, or has no such column.
        ExtraMissingError: for Parquet without pyarrow.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = Path(folder) / "calls.csv"
        ...     _ = table.write_text("source,topic\\na.wav,billing\\n")
        ...     list(read_manifest(str(table)))
        ['a.wav']
    """
    yield from _parquet(place) if place.casefold().endswith(".parquet") else _csv(place)


def manifest_digest(place: str) -> str:
    """Name a table by its bytes: 64 hexadecimal digits.

    Raises:
        HearfeltError: if it cannot be read.
    """
    digest = hashlib.sha256()
    with open_place(place) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _csv(place: str) -> Iterator[str]:
    with open_place(place) as file:
        # A name may hold any bytes; those that are not UTF-8 come through as they are.
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        try:
            rows = csv.reader(text)
            column = _column(place, next(rows, []))
            for row in rows:
                if row:  # a blank line is none
                    yield row[column] if column < len(row) else ""
        except csv.Error as error:
            raise HearfeltError(f"{place}: this is no CSV that can be read ({error})") from error


def _parquet(place: str) -> Iterator[str]:
    parquet = require("pyarrow.parquet", "parquet")
    with open_place(place) as file:
        try:
            table = parquet.ParquetFile(file)
            _column(place, table.schema_arrow.names)
            for batch in table.iter_batches(batch_size=_ROWS, columns=[COLUMN]):
                yield from ("" if value is None else str(value) for value in batch.column(0).to_pylist())
        except (OSError, ValueError) as error:  # all of pyarrow's errors are one of these
            raise HearfeltError(f"{place}: this is no Parquet file that can be read ({error})") from error


def _column(place: str, names: list[str]) -> int:
    if COLUMN in names:
        return names.index(COLUMN)
    found = ", ".join(shown(name) for name in names[:_NAMES_SHOWN]) or "none"
    raise HearfeltError(f"{place}: its columns are {found}; one named {COLUMN} is wanted, with a sound in each row")
