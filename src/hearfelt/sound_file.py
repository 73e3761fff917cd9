"""What libsndfile reads, in the base install: WAV, FLAC, Ogg, Opus, MP3, AIFF and some more, block by block."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import accumulate
from typing import Any, BinaryIO, Final

import numpy.typing as npt
import soundfile

from hearfelt.errors import AudioError
from hearfelt.mp3_frames import Mp3, Part, find_mp3
from hearfelt.sound_warnings import SoundWarning

__all__ = ["BLOCK", "Block", "Decoded", "open_sound_file"]

Block = npt.NDArray[Any]

BLOCK: Final = 1 << 18  # frames decoded at a time, 5 s at 48 kHz: a header that lies about its length costs no memory
_FAR: Final = 1 << 40  # bytes, more than any MP3 has
_NOBODY_KNOWS: Final = 1 << 62  # libsndfile gives 2^63 - 1 frames where a header says no length, as FLAC from a pipe


@dataclass(frozen=True, eq=False)
class Decoded:
    """A sound that a decoder has opened, whichever it is.

    Attributes:
        rate_hz: samples in a second.
        channels: how many there are.
        frames: how many samples a channel has, as promised or estimated; 0 if nobody knows.
        blocks: ``(n, channels)`` int16 or float32, one after another; the whole numbers are not scaled yet.
        warnings: what is odd about the file; decoders add to it until the last block is given.
    """

    rate_hz: int
    channels: int
    frames: int
    blocks: Iterator[Block]
    warnings: list[SoundWarning] = field(default_factory=list)


class _Forward(soundfile.SoundFile):  # type: ignore[misc]
    """Reads on without asking where it is: a stream without a length cannot be sought in."""

    def seekable(self) -> bool:
        return False


class _Frames(io.RawIOBase):
    """A part of an MP3 as a file of its own.

    libsndfile hears no more than it thinks is there. Where the frames do not say how many they are, it guesses from the
    length of the file; so this one says that it is very long, and is read up to its end.

    Args:
        file: holds the part.
        part: what is read.
    """

    def __init__(self, file: BinaryIO, part: Part) -> None:
        super().__init__()
        self._file, self._pieces, self._place = file, part.pieces, 0
        self._ends = list(accumulate(end - start for start, end in part.pieces))
        self._length = self._ends[-1] if part.is_counted else _FAR

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._place = max(0, (0, self._place, self._length)[whence] + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        wanted = len(buffer)
        number = bisect_right(self._ends, self._place)
        if number < len(self._pieces):
            left = self._ends[number] - self._place
            self._file.seek(self._pieces[number][1] - left)
            read = self._file.read(min(wanted, left))
        else:  # at the far end a tag is looked for, which is not there
            read = bytes(wanted) if self._length - 128 <= self._place else b""
        buffer[: len(read)] = read
        self._place += len(read)
        return len(read)


@contextmanager
def open_sound_file(file: BinaryIO, name: str) -> Iterator[Decoded]:
    """Open what libsndfile reads; MP3 files that were joined are one sound.

    Args:
        file: at its beginning, and seekable.
        name: what messages call it.

    Raises:
        AudioError: if libsndfile cannot read it, or an MP3 breaks off or changes in its middle; while blocks are taken
            also if less is there than was promised.
    """
    mp3 = _mp3_in(file, name)
    if mp3 is None or mp3.is_plain:
        try:
            opened = _opened(file, name)
        except AudioError:
            mp3 = _mp3_in(file, name, search=True)
            if mp3 is None:
                raise
        else:
            with opened:
                frames = opened.frames if opened.frames < _NOBODY_KNOWS else 0
                yield Decoded(opened.samplerate, opened.channels, frames, _blocks(opened, frames, name))
            return
    lengths = []
    for part in mp3.parts:
        with _opened(_Frames(file, part), name) as opened:
            lengths.append(opened.frames if part.is_counted else part.frames * mp3.kind.samples)
    yield Decoded(mp3.kind.rate_hz, mp3.kind.channels, sum(lengths), _joined(file, mp3, lengths, name))


def _mp3_in(file: BinaryIO, name: str, *, search: bool = False) -> Mp3 | None:
    try:
        found = find_mp3(file, name, search=search)
        file.seek(0)
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error.strerror})") from error
    return found


def _opened(file: BinaryIO | _Frames, name: str) -> _Forward:
    try:
        return _Forward(file)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise _unreadable(error, name) from error
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error})") from error


def _joined(file: BinaryIO, mp3: Mp3, lengths: list[int], name: str) -> Iterator[Block]:
    for part, promised in zip(mp3.parts, lengths, strict=True):
        with _opened(_Frames(file, part), name) as opened:
            yield from _blocks(opened, promised, name)


def _blocks(opened: Any, promised: int, name: str) -> Iterator[Block]:
    heard = 0
    # 16-bit sound is given as it is stored: scaled later it is the same as libsndfile's own, four times as fast
    stored = "int16" if opened.subtype == "PCM_16" else "float32"
    while True:
        try:
            block = opened.read(BLOCK, dtype=stored, always_2d=True)  # (n, channels)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise _unreadable(error, name) from error
        if not len(block):
            break
        heard += len(block)
        yield block
    if 0 < heard < promised:
        rate_hz = opened.samplerate
        raise AudioError(
            f"{name}: cut short, {heard / rate_hz:.2f} s of {promised / rate_hz:.2f} s are there;"
            " copy or record the file again"
        )


def _unreadable(error: Exception, name: str) -> AudioError:
    reason = str(getattr(error, "error_string", error)).removeprefix("Error : ").strip().rstrip(".")
    others = ", AIFF, M4A, WebM and videos" if find_spec("av") else " and AIFF"  # PyAV comes with the extra formats
    return AudioError(f"{name}: this is no sound that can be read ({reason}); WAV, FLAC, OGG, Opus, MP3{others} can")
