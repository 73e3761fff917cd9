"""Tables that come with recordings: CSV or TSV, read with padding and byte-order marks taken off."""

from __future__ import annotations

import csv
from pathlib import Path

from hearfelt.errors import CorpusError

__all__ = ["TABLE_SUFFIXES", "columns_of", "read_table"]

TABLE_SUFFIXES = frozenset({".csv", ".tsv"})


def columns_of(path: Path) -> tuple[str, ...]:
    """Read a table's header: column names in lower case.

    Raises:
        CorpusError: if the file cannot be read as text.
    """
    header = _lines(path)[:1]
    return tuple(_tidy(name).casefold() for name in next(csv.reader(header, delimiter=_delimiter(header)), []))


def read_table(path: Path, *, needs: tuple[str, ...] = ()) -> list[tuple[int, dict[str, str]]]:
    """Read a table whose first line names its columns.

    Args:
        path: a text file in UTF-8, separated by commas, semicolons or tabs.
        needs: columns it must have, in lower case.

    Returns:
        For each row its line in the file, counted from 1, and its fields by column name in lower case; padding
        is taken off, and a field that the row lacks is ``""``.

    Raises:
        CorpusError: if the file is no text, or a column is missing.
    """
    lines = _lines(path)
    columns = columns_of(path)
    if lacking := [column for column in needs if column not in columns]:
        has = ", ".join(columns) or "nothing"
        raise CorpusError(f"{path}: no column {lacking[0]}; it has {has}, and {' and '.join(needs)} are needed")
    reader = csv.reader(lines, delimiter=_delimiter(lines))
    next(reader, None)
    rows = []
    for fields in reader:
        tidy = [_tidy(field) for field in fields]
        if any(tidy):
            padded = tidy + [""] * (len(columns) - len(tidy))
            rows.append((reader.line_num, dict(zip(columns, padded, strict=False))))
    return rows


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    except UnicodeDecodeError:
        raise CorpusError(f"{path}: not text in UTF-8; save the table as UTF-8 CSV or TSV") from None
    except FileNotFoundError:
        raise CorpusError(f"{path}: there is no such table") from None


def _delimiter(lines: list[str]) -> str:
    header = lines[0] if lines else ""
    return max("\t;,", key=header.count)


def _tidy(field: str) -> str:
    return field.strip()
