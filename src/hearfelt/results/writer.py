"""A file of segments while they are still being heard: whole at any time, and never half a line.

What is written line by line grows in place. What has a beginning and an end that depend on everything between them is
written anew from time to time, and whenever the hearing ends, also by Ctrl-C; a file under that name is always whole.
What is odd about a sound may be known only at its end: then a table's file is written anew as well, so that it stands
in each row.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import HearfeltError
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.results.formats import Format
from hearfelt.results.segment_rows import Heard
from hearfelt.runtime.files import atomic_write, path_given

__all__ = ["Gathering", "Writing", "refuse_to_write_over"]

_EVERY_S: Final = 10.0  # between two writings of a file that is written as a whole


def refuse_to_write_over(path: Path, sources: Iterable[str], *, what: str = "sound") -> None:
    """Refuse a file that would be written over what is read, whatever links lead there.

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
            called = "on standard input" if source == "-" else source
            raise HearfeltError(
                f"{path}: this is also the {what} {called}, which would be written over; name another file"
            )


def _file_at(place: Path | str | int) -> os.stat_result | None:
    try:
        found = os.fstat(place) if isinstance(place, int) else path_given(place).stat()
    except (OSError, ValueError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None  # what is sent to a device is not lost with it


class Gathering:
    """What has been heard so far of one sound.

    Args:
        source: the sound, as it was given.
        channels: which are heard, each on its own; ``(None,)`` for all of them mixed.
        labels: what the model may answer.
        model: its name.
        promised_s: how long the sound is, as its file says; 0 if nobody knows.

    Attributes:
        reached_s: how much of the sound was listened to.
        warnings: what is odd about the sound, by channel; complete when its last moment was taken.
    """

    def __init__(
        self,
        source: str,
        channels: Sequence[int | None],
        labels: Sequence[str],
        model: str,
        *,
        promised_s: float = 0.0,
    ) -> None:
        self.source, self.channels, self.promised_s = source, tuple(channels), promised_s
        self.reached_s = 0.0
        self._labels, self._model = tuple(labels), model
        self._segments: dict[int | None, list[Segment]] = {channel: [] for channel in self.channels}
        self.warnings: dict[int | None, tuple[SoundWarning, ...]] = dict.fromkeys(self.channels, ())

    def add(self, heard: Heard) -> None:
        """Keep a segment."""
        self._segments[heard.channel].append(heard.segment)
        self.reached_s = max(self.reached_s, heard.segment.end_s)

    def timelines(self) -> list[Timeline]:
        """Give a timeline for each channel, up to where the sound was heard."""
        return [
            Timeline(
                self.source,
                channel,
                self.reached_s,
                tuple(segments),
                self._labels,
                self._model,
                self.warnings[channel],
            )
            for channel, segments in self._segments.items()
        ]

    def all_warnings(self) -> tuple[SoundWarning, ...]:
        """Give what is odd about any of the channels, each thing once."""
        found: list[SoundWarning] = []
        for warnings in self.warnings.values():
            found += [warning for warning in warnings if warning not in found]
        return tuple(found)


class Writing:
    """Writes segments in one format; use it in a ``with`` statement.

    A file that is there stays as it is until a sound was begun and its first segment came, or its end.

    Args:
        form: the format.
        labels: what the model may answer.
        path: the file; ``None`` for standard output.
        every_s: how often a format without lines is written anew.

    Raises:
        HearfeltError: if the path is a folder.
    """

    def __init__(
        self, form: Format, labels: Sequence[str], path: Path | None = None, *, every_s: float = _EVERY_S
    ) -> None:
        if path is not None and path.is_dir():
            raise HearfeltError(f"{path}: this is a folder; the name of a file is wanted here")
        self._form, self._labels, self._path, self._every_s = form, labels, path, every_s
        self._sounds: list[Gathering] = []
        self._file: FileIO | None = None
        self._is_begun = False
        self._first: dict[tuple[int, int | None], tuple[SoundWarning, ...]] = {}  # warnings in the first row of a track
        self._written = time.monotonic()

    def begin(self, sound: Gathering) -> None:
        """Say which sound the next segments are of."""
        self._sounds.append(sound)

    def add(self, heard: Heard) -> None:
        """Write a segment that the sound begun last has gathered."""
        if self._form.entry is not None:
            self._first.setdefault((len(self._sounds) - 1, heard.channel), heard.warnings)
            self._append(self._form.entry(heard))
        elif self._path is not None and time.monotonic() - self._written >= self._every_s:
            self._write_whole()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # Where nothing could be heard at all, the old file stays.
            if self._sounds:
                self._finish()
        finally:
            if self._file is not None:
                self._file.close()

    def _finish(self) -> None:
        if self._form.entry is None:
            self._write_whole()
            return
        self._append("")
        if self._file is not None and self._file.seekable() and self._lacks_warnings():
            self._write_whole()

    def _lacks_warnings(self) -> bool:
        """Tell whether more is known of a sound than the rows of its table say."""
        return not self._form.is_of_one_sound and any(
            self._sounds[place].warnings[channel] != known for (place, channel), known in self._first.items()
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
        if not self._is_begun and self._form.head is not None:
            text = self._form.head(self._labels) + text
        if self._path is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            self._append_to(self._path, text.encode("utf-8", "backslashreplace"))
        self._is_begun = True

    def _append_to(self, path: Path, data: bytes) -> None:
        """Add to the file all or nothing: what fits no more, or is interrupted, is taken back."""
        try:
            if self._file is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = FileIO(path, "w")
            whole = self._file.tell() if self._file.seekable() else 0
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None
        try:
            while data:
                data = data[self._file.write(data) :]
        except BaseException as error:
            if self._file.seekable():
                with suppress(OSError):
                    self._file.truncate(whole)
            if isinstance(error, OSError):
                raise OSError(error.errno, error.strerror, str(path)) from None
            raise
