"""Reads tables of recordings: paths, parts of files, and labels.

One reader for all: commas, semicolons or tabs; quotes; padding; any line ends; UTF-8 or, with a byte-order mark,
UTF-16; or Parquet. Columns are known in any case and under several names.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final

from hearfelt.errors import CorpusError, require

__all__ = ["TABLE_SUFFIXES", "Row", "columns_of", "is_table", "read_table", "written_columns"]

TABLE_SUFFIXES: Final = (".csv", ".tsv", ".txt", ".parquet")

# What each column may be called; if a table has several of the names, the first of them here is meant.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "path": ("path", "file", "filename", "file_name", "clip", "source"),
    "emotion": ("emotion", "label"),
    "start_s": ("start_s", "start"),
    "end_s": ("end_s", "end"),
}
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16's does, so it is looked for before
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_ROWS: Final = 8_192  # of a Parquet table, read at a time
_COLUMNS_SHOWN: Final = 8
_SEPARATOR_HINT: Final = re.compile(r'\s*"?sep=(.)"?\s*', re.IGNORECASE)  # a first line that Excel writes and reads
_QUOTED: Final = re.compile(r'"[^"]*"')
_END: Final = "\x1aend of the table"  # comes out as a row of its own, unless a quotation mark is open
_CLOCK: Final = re.compile(r"(?:(\d+) days?,? *)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)")
_NO_TEXT: Final = "not text in UTF-8; save the table as CSV or TSV in UTF-8"
_EMPTY: Final = frozenset(("", "nan", "nat", "none", "null"))

_Rows = Iterator[tuple[str, list[str]]]  # where each is, and its fields


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        where: names the table and the row in messages.
        fields: text by column, padding taken off. Columns are in lower case, and ``path``, ``emotion``, ``start_s`` and
            ``end_s`` under these names, whatever the table calls them. What the row lacks is ``""``.
    """

    where: str
    fields: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        """Return a field; ``""`` where the table has no such column."""
        return self.fields.get(column, "")

    @property
    def part(self) -> tuple[float, float | None]:
        """Start and end of the part in seconds; None for the end of the sound.

        Raises:
            CorpusError: if a time cannot be read, or the end does not come after the start.
        """
        start_s, end_s = self._seconds("start_s") or 0.0, self._seconds("end_s")
        if end_s is not None and end_s <= start_s:
            raise self.refuse(
                f"a part from {self['start_s'] or 0} to {self['end_s']}; an end after the start is wanted"
            )
        return start_s, end_s

    def path_in(self, folder: str) -> str:
        r"""Return the path as it is written, or with ``/`` for ``\`` where no file has the very name.

        Args:
            folder: where paths start.

        Raises:
            CorpusError: if it is not text in UTF-8, and no file is called by these bytes.
        """
        written = self["path"]
        is_doubtful = "\\" in written or _is_escaped(written)
        if not is_doubtful or os.path.lexists(os.path.join(folder, written)):  # noqa: PTH118 -- any name may come
            return written
        if _is_escaped(written):
            raise self.refuse(_NO_TEXT)
        return written.replace("\\", "/")

    def refuse(self, fault: str) -> CorpusError:
        """Make an error that names the row."""
        return CorpusError(f"{self.where}: {fault}")

    def _seconds(self, column: str) -> float | None:
        text = self[column].casefold()
        if text in _EMPTY:
            return None
        clock = _CLOCK.fullmatch(text)
        try:
            if clock is not None:
                days, hours, minutes, seconds = (float(part or 0) for part in clock.groups())
                return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
            seconds = float(text.replace(",", "."))  # as tables with ; have it
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            raise self.refuse(
                f"{column.removesuffix('_s')} {self[column]!r}; seconds from the beginning of the sound, such as 12.5"
                " or 0:00:12.5, are wanted"
            )
        return seconds


def is_table(name: str) -> bool:
    """Check by its ending whether a file is a table.

    Example:
        >>> is_table("calls.TSV"), is_table("call.wav")
        (True, False)
    """
    return name.casefold().endswith(TABLE_SUFFIXES)


def columns_of(path: Path) -> tuple[str, ...]:
    """Read a table's header: column names in lower case, as they are written.

    Raises:
        CorpusError: if it cannot be read.
        ExtraMissingError: for Parquet without pyarrow.
    """
    with ExitStack() as stack:
        return _read(stack.enter_context(_opened(path)), str(path), None)[0]


def written_columns(columns: Sequence[str]) -> dict[str, str]:
    """Find the name that a table uses for each column that may be called differently.

    Args:
        columns: as :func:`columns_of` gives them.

    Example:
        >>> written_columns(["speaker", "label", "file"])
        {'path': 'file', 'emotion': 'label'}
    """
    found = {meant: next((name for name in names if name in columns), "") for meant, names in _NAMES.items()}
    return {meant: name for meant, name in found.items() if name}


def read_table(
    table: Path | IO[bytes],
    *,
    name: str | None = None,
    needs: Sequence[str] = (),
    only: Collection[str] | None = None,
) -> Iterator[Row]:
    """Read a table whose first line names its columns, row by row, so that memory does not grow with it.

    Lines in which nothing stands are passed over.

    Args:
        table: a path, or a file that is open for reading bytes and can be sought in.
        name: name for messages, by default the path; Parquet is known by its ending.
        needs: columns it must have.
        only: columns that are wanted; by default all.

    Raises:
        CorpusError: if it cannot be read, or a column is missing.
        ExtraMissingError: for Parquet without pyarrow.

    Example:
        >>> [row.fields for row in read_table(io.BytesIO(b" File ;Label\\na.wav; sad\\n"), name="mine.csv")]
        [{'path': 'a.wav', 'emotion': 'sad'}]
    """
    label = str(table) if name is None else name
    with ExitStack() as stack:
        file = stack.enter_context(_opened(table)) if isinstance(table, Path) else table
        columns, rows = _read(file, label, only)
        called = {name: meant for meant, name in written_columns(columns).items()}
        titles = [called.get(column, column) for column in columns]
        if lacking := [column for column in needs if column not in titles]:
            raise CorpusError(_lacking(label, lacking[0], columns, needs))
        for where, texts in rows:
            fields: dict[str, str] = {}
            row = Row(where, fields)
            for title, text in zip(titles, [*texts, *[""] * (len(titles) - len(texts))], strict=False):
                if only is None or title in only:
                    fields.setdefault(title, text)  # of two columns that are called alike, the first counts
            if any(_is_escaped(text) for title, text in fields.items() if title != "path"):
                raise row.refuse(_NO_TEXT)
            yield row


def _lacking(label: str, column: str, columns: Sequence[str], needs: Sequence[str]) -> str:
    has = ", ".join(columns[:_COLUMNS_SHOWN]) + (", …" if len(columns) > _COLUMNS_SHOWN else "") or "nothing"
    others = [name for name in _NAMES.get(column, ()) if name != column]
    called = f" ({' or '.join(others)} would do)" if others else ""
    verb = "is" if len(needs) == 1 else "are"
    return f"{label}: no column {column}{called}; it has {has}, and {' and '.join(needs)} {verb} needed"


def _read(file: IO[bytes], label: str, only: Collection[str] | None) -> tuple[tuple[str, ...], _Rows]:
    return _parquet(file, label, only) if label.casefold().endswith(".parquet") else _text(file, label)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise CorpusError(f"{path}: there is no such table") from None
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror})") from error


def _parquet(file: IO[bytes], label: str, only: Collection[str] | None) -> tuple[tuple[str, ...], _Rows]:
    parquet = require("pyarrow.parquet", "parquet")
    try:
        table = parquet.ParquetFile(file)
    except (OSError, ValueError) as error:  # all of pyarrow's errors are one of these
        raise _no_parquet(label, error) from error
    names = table.schema_arrow.names
    columns = tuple(name.strip().casefold() for name in names)
    called = {name: meant for meant, name in written_columns(columns).items()}
    kept = [
        name for name, column in zip(names, columns, strict=True) if only is None or called.get(column, column) in only
    ]

    def rows() -> _Rows:
        number = 0
        try:
            for batch in table.iter_batches(batch_size=_ROWS, columns=kept):
                texts = [_texts(dict(zip(kept, batch.columns, strict=True)).get(name), len(batch)) for name in names]
                for fields in zip(*texts, strict=True):
                    number += 1
                    yield f"{label}, row {number}", list(fields)
        except (OSError, ValueError) as error:
            raise _no_parquet(label, error) from error

    return columns, rows()


def _texts(column: Any, count: int) -> list[str]:
    values = [None] * count if column is None else column.to_pylist()
    return ["" if value is None else str(value).strip() for value in values]


def _no_parquet(label: str, error: Exception) -> CorpusError:
    return CorpusError(f"{label}: this is no Parquet file that can be read ({error})")


def _text(file: IO[bytes], label: str) -> tuple[tuple[str, ...], _Rows]:
    begins = file.read(4)
    file.seek(0)
    encoding = next((name for mark, name in _MARKS if begins.startswith(mark)), "utf-8")
    # The name of a file may be any bytes: those that are not UTF-8 come through, and are refused if they name no file.
    lines = _lines(io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline=""), label)
    passed, delimiter, header = 0, "", ""
    for line in lines:
        if hint := _SEPARATOR_HINT.fullmatch(line):
            delimiter = hint[1]
        elif line.strip():
            header = line
            break
        passed += 1
    if "\0" in header or _is_escaped(header):
        raise CorpusError(f"{label}: {_NO_TEXT}")
    reader = csv.reader(
        chain([header], lines, [_END]), delimiter=delimiter or _delimiter(header), skipinitialspace=True
    )
    rows = _rows(reader, label, passed)
    columns = next(rows, ("", []))[1]
    return tuple(column.casefold() for column in columns), rows


def _lines(text: io.TextIOWrapper, label: str) -> Iterator[str]:
    try:
        yield from text
    except UnicodeDecodeError:
        raise CorpusError(f"{label}: {_NO_TEXT}") from None
    except OSError as error:
        raise CorpusError(f"{label}: cannot be read ({error.strerror or error})") from error
    finally:
        with suppress(ValueError):  # it is closed already
            text.detach()  # the file is closed by whoever opened it


def _rows(reader: Any, label: str, passed: int) -> _Rows:
    while True:
        where = f"{label}, line {passed + reader.line_num + 1}"
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise CorpusError(f"{where}: this is no CSV that can be read ({error})") from error
        if fields == [_END]:
            return
        if fields and fields[-1].endswith(_END):
            raise CorpusError(f"{where}: a quotation mark is opened here and never closed; close it, or take it out")
        tidy = [field.strip() for field in fields]
        if any(tidy):
            yield where, tidy


def _delimiter(header: str) -> str:
    return max("\t;,", key=_QUOTED.sub("", header).count)


def _is_escaped(text: str) -> bool:
    return not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text)
