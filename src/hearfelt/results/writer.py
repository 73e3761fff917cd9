"""Files of results that are complete while they grow: never half a line, also after Ctrl-C or a full disk.

A format of lines grows in place. A format that is written as a whole is written again from time to time, and at the
end. Warnings about a sound may be known only at its end: then a table is written again as well, so that every row has
them.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, Final, Self

from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import HearfeltError
from hearfelt.inference.timeline.recording import Recording
from hearfelt.inference.timeline.segments import SegmentRow
from hearfelt.results.formats import Format
from hearfelt.results.tables import csv_line, json_line, table_format, write_rows
from hearfelt.rows import columns, table_row
from hearfelt.runtime.files import atomic_write, path_given

__all__ = ["PredictionWriter", "SegmentWriter", "refuse_overwriting"]

_EVERY_S: Final = 10.0  # between two writings of a file that is written as a whole


def refuse_overwriting(path: Path, sources: Iterable[str], *, what: str = "sound") -> None:
    """Raise an error if a file to write is one that is read, whatever links lead there.

    Args:
        path: the file to write.
        sources: the sounds as they were given; ``-`` is standard input, which may be a file, too.
        what: what messages call one of them.

    Raises:
        HearfeltError: if it is one of them.
    """
    if (own := _file_at(path)) is None:
        return
    for source in sources:
        read = _file_at(0 if source == "-" else source)
        if read is not None and os.path.samestat(own, read):
            name = "on standard input" if source == "-" else source
            raise HearfeltError(
                f"{path}: this is also the {what} {name}, which would be written over; name another file"
            )


def _file_at(place: Path | str | int) -> os.stat_result | None:
    try:
        found = os.fstat(place) if isinstance(place, int) else path_given(place).stat()
    except (OSError, ValueError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None  # what is sent to a device is not lost with it


class _LineFile:
    """A text file that grows by whole lines; ``None`` as its path is standard output.

    Raises:
        HearfeltError: if the path is a folder.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None and path.is_dir():
            raise HearfeltError(f"{path}: this is a folder; the name of a file is wanted here")
        self.path = path
        self._file: FileIO | None = None

    @property
    def can_be_rewritten(self) -> bool:
        """Whether there is a file on disk by now."""
        return self._file is not None and self._file.seekable()

    def append(self, text: str) -> None:
        """Add all of the text or nothing: what does not fit, or is interrupted, is removed again."""
        if self.path is None:
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        data = text.encode("utf-8", "backslashreplace")
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = FileIO(self.path, "w")
            whole = self._file.tell() if self._file.seekable() else 0
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from None
        try:
            while data:
                data = data[self._file.write(data) :]
        except BaseException as error:
            if self._file.seekable():
                with suppress(OSError):
                    self._file.truncate(whole)
            if isinstance(error, OSError):
                raise OSError(error.errno, error.strerror, str(self.path)) from None
            raise

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class PredictionWriter:
    """Writes rows of predictions to a table; use it in a ``with`` statement.

    CSV and JSON Lines grow row by row; Parquet is written at the end.

    Args:
        path: ends in ``.csv``, ``.jsonl`` or ``.parquet``.
        labels: of the model, in its order.
        names: of a row in CSV and Parquet, such as :data:`hearfelt.rows.PREDICTION_ROW`.

    Raises:
        HearfeltError: if the path has another ending, or is a folder.
        ExtraMissingError: for Parquet without pyarrow.
    """

    def __init__(self, path: Path, labels: Sequence[str], names: Sequence[str]) -> None:
        self._form, self._path = table_format(str(path)), path
        self._labels, self._names = labels, names
        self._file, self._rows = _LineFile(path), 0
        self._held: list[Mapping[str, Any]] = []

    def add(self, row: Mapping[str, Any], cells: Mapping[str, Any] | None = None) -> None:
        """Write a row.

        Args:
            row: as JSON has it.
            cells: more values that tables have, by name.
        """
        self._rows += 1
        if self._form == "parquet":
            self._held.append({**row, **(cells or {})})
        elif self._form == "jsonl":
            self._file.append(json_line(row))
        else:
            head = csv_line(columns(self._labels, self._names)) if self._rows == 1 else ""
            self._file.append(head + csv_line(table_row({**row, **(cells or {})}, self._labels, self._names)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._held:
                with atomic_write(self._path, "wb") as file:
                    write_rows(self._held, self._labels, self._names, file, self._form)
        finally:
            self._file.close()


class SegmentWriter:
    """Writes segments in one format; use it in a ``with`` statement.

    An existing file is kept until a sound was begun and its first segment, or its end, has come.

    Args:
        form: the format.
        labels: of the model, in its order.
        path: the file; ``None`` for standard output.
        every_s: how often a format without lines is written, in seconds.

    Raises:
        HearfeltError: if the path is a folder.
    """

    def __init__(
        self, form: Format, labels: Sequence[str], path: Path | None = None, *, every_s: float = _EVERY_S
    ) -> None:
        self._form, self._labels, self._path, self._every_s = form, labels, path, every_s
        self._file = _LineFile(path)
        self._sounds: list[Recording] = []
        self._has_head = False
        self._first: dict[tuple[int, int | None], tuple[SoundWarning, ...]] = {}  # warnings in the first row of a track
        self._written = time.monotonic()

    def begin(self, sound: Recording) -> None:
        """Start a sound; the next segments are of it."""
        self._sounds.append(sound)

    def add(self, row: SegmentRow) -> None:
        """Write a segment of the sound begun last."""
        if self._form.entry is not None:
            self._first.setdefault((len(self._sounds) - 1, row.channel), row.warnings)
            self._append(self._form.entry(row))
        elif self._path is not None and time.monotonic() - self._written >= self._every_s:
            self._write_whole()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._sounds:  # if no sound could be opened, the old file is kept
                self._finish()
        finally:
            self._file.close()

    def _finish(self) -> None:
        if self._form.entry is None:
            self._write_whole()
            return
        self._append("")
        if self._file.can_be_rewritten and self._lacks_warnings():
            self._write_whole()

    def _lacks_warnings(self) -> bool:
        """Whether more warnings are known about a sound than the rows of its table have."""
        return not self._form.is_of_one_sound and any(
            self._sounds[index].warnings_of(channel) != written for (index, channel), written in self._first.items()
        )

    def _write_whole(self) -> None:
        document = self._form.whole([one for sound in self._sounds for one in sound.timelines()], self._path)
        if self._path is None:
            sys.stdout.write(document if isinstance(document, str) else document.decode())
            sys.stdout.flush()
            return
        with atomic_write(self._path, "w" if isinstance(document, str) else "wb") as file:
            file.write(document)
        self._written = time.monotonic()

    def _append(self, text: str) -> None:
        if not self._has_head and self._form.head is not None:
            text = self._form.head(self._labels) + text
        self._file.append(text)
        self._has_head = True
