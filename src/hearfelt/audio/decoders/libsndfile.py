"""Decoder libsndfile (base install): WAV, FLAC, Ogg, Opus, MP3, AIFF and some more, block by block."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
import soundfile

from hearfelt.audio.channels import converted
from hearfelt.audio.decoders.mp3 import Mp3, Part, find_mp3
from hearfelt.audio.inputs import pieces_of
from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import AudioError

__all__ = ["BLOCK", "Block", "Decoded", "mp3_in", "open_mp3", "open_sound_file", "unreadable"]

Block = npt.NDArray[Any]

BLOCK: Final = 1 << 18  # frames decoded at a time, 5 s at 48 kHz: a header that lies about its length costs no memory
_STEP: Final = 1 << 13  # frames asked of libsndfile at a time: what comes before damage is not lost
_FAR: Final = 1 << 40  # bytes, more than any MP3 has
_UNKNOWN_LENGTH: Final = 1 << 62  # libsndfile gives 2^63 - 1 frames where a header says no length, as FLAC from a pipe
# What keeps whole samples knows exactly how many there are; of the others libsndfile only estimates it.
_EXACT: Final = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")
_STDERR_LOCK: Final = threading.Lock()


@dataclass(frozen=True, eq=False)
class Decoded:
    """A sound opened by any decoder.

    Attributes:
        rate_hz: samples in a second.
        channels: how many there are.
        frames: how many samples a channel has, as promised or estimated; 0 if unknown.
        blocks: ``(n, channels)`` int16 or float32, one after another; the whole numbers are not scaled yet.
        promised: how many samples the file promises, if it does so exactly; else 0.
        warnings: what is odd about the file; decoders add to it until the last block is given.
    """

    rate_hz: int
    channels: int
    frames: int
    blocks: Iterator[Block]
    promised: int = 0
    warnings: list[SoundWarning] = field(default_factory=list)


class _Forward(soundfile.SoundFile):  # type: ignore[misc]
    """A SoundFile that reads on without seeking: a stream without a length cannot be sought in."""

    def seekable(self) -> bool:
        return False


@contextmanager
def open_sound_file(streams: Sequence[BinaryIO], name: str) -> Iterator[Decoded]:
    """Open any format of libsndfile but MP3.

    Args:
        streams: seekable; several are one sound, one after another.
        name: its name for messages.

    Raises:
        AudioError: if libsndfile cannot read it; while blocks are taken also where the sound is damaged.
    """
    first = streams[0]
    first.seek(0)
    with _opened(first, name) as opened:
        frames = opened.frames if opened.frames < _UNKNOWN_LENGTH and len(streams) == 1 else 0
        promised = frames if opened.subtype.startswith(_EXACT) else 0
        warnings: list[SoundWarning] = []
        blocks = _one_after_another(opened, streams[1:], warnings, name) if len(streams) > 1 else _blocks(opened, name)
        yield Decoded(opened.samplerate, opened.channels, frames, blocks, promised, warnings)


def mp3_in(file: BinaryIO, name: str, *, search: bool = False) -> Mp3 | None:
    """Find the frames of an MP3, as :func:`hearfelt.audio.decoders.mp3.find_mp3` does.

    Raises:
        AudioError: if the file cannot be read.
    """
    try:
        return find_mp3(file, name, search=search)
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error.strerror})") from error


@contextmanager
def open_mp3(file: BinaryIO, mp3: Mp3, name: str) -> Iterator[Decoded]:
    """Open an MP3 whose frames have been found; files that were joined are one sound.

    libsndfile decodes no more frames than it expects. Where no header holds their number, it estimates it from the
    length of the file; so it gets a very long length, and decodes up to the end.

    Args:
        file: holds the frames.
        mp3: where they are.
        name: its name for messages.

    Raises:
        AudioError: if libsndfile cannot read it.
    """
    size = file.seek(0, os.SEEK_END)
    if mp3.is_plain:
        streams = [pieces_of(file, [(0, size)])]
    else:
        streams = [pieces_of(file, part.pieces, claimed=None if part.is_counted else _FAR) for part in mp3.parts]
    warnings = list(mp3.warnings)
    with _opened(streams[0], name, is_mp3=True) as opened:
        rate_hz, channels = opened.samplerate, opened.channels
        seconds = [_seconds(stream, part, name) for stream, part in zip(streams[1:], mp3.parts[1:], strict=True)]
        first = mp3.parts[0]
        own_s = opened.frames / rate_hz if first.is_counted else first.frames * first.kind.samples / rate_hz
        blocks = _one_after_another(opened, streams[1:], warnings, name)
        yield Decoded(rate_hz, channels, round((own_s + sum(seconds)) * rate_hz), blocks, warnings=warnings)


def _seconds(stream: BinaryIO, part: Part, name: str) -> float:
    if not part.is_counted:
        return part.frames * part.kind.samples / part.kind.rate_hz
    with _opened(stream, name, is_mp3=True) as opened:  # knows what an encoder adds at both ends
        length = opened.frames / opened.samplerate
    stream.seek(0)
    return float(length)


def unreadable(error: Exception, name: str) -> AudioError:
    """Make the error for a file that no decoder reads."""
    reason = str(getattr(error, "error_string", error)).removeprefix("Error : ").strip().rstrip(".")
    others = ", AIFF, M4A, WebM and videos" if find_spec("av") else " and AIFF"  # PyAV comes with the extra formats
    return AudioError(
        f"{name}: this is no sound that can be read ({reason}); WAV, FLAC, OGG, Opus, MP3{others} can, and on the"
        " command line samples without a header, such as with --raw s16le:16000"
    )


def _opened(file: BinaryIO, name: str, *, is_mp3: bool = False) -> _Forward:
    try:
        with _quiet(is_mp3):
            return _Forward(file)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise unreadable(error, name) from error
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error})") from error


def _one_after_another(
    first: _Forward, others: Sequence[BinaryIO], warnings: list[SoundWarning], name: str
) -> Iterator[Block]:
    form = first.samplerate, first.channels
    frames = 0
    for block in _blocks(first, name):
        frames += len(block)
        yield block
    for stream in others:
        with _opened(stream, name, is_mp3=_is_mp3(first)) as opened:
            now = opened.samplerate, opened.channels
            for block in converted(_blocks(opened, name), now, form, warnings, after_s=frames / form[0]):
                frames += len(block)
                yield block


def _blocks(opened: _Forward, name: str) -> Iterator[Block]:
    # 16-bit sound is given as it is stored: scaled later it is the same as libsndfile's own, four times as fast
    stored = "int16" if opened.subtype == "PCM_16" else "float32"
    left = opened.frames
    while left > 0:
        block, size = np.empty((min(BLOCK, left), opened.channels), stored), 0
        fault: Exception | None = None
        try:
            with _quiet(_is_mp3(opened)):
                while size < len(block) and (read := len(opened.read(out=block[size : size + _STEP]))):
                    size += read
        except (soundfile.LibsndfileError, RuntimeError) as error:
            fault = error
        if size:
            yield block[:size]  # (n, channels)
        if fault is not None:
            raise unreadable(fault, name) from fault
        if size < len(block):
            return
        left -= size


def _is_mp3(opened: _Forward) -> bool:
    return bool(opened.subtype.startswith("MPEG"))


@contextmanager
def _quiet(is_mp3: bool) -> Iterator[None]:
    """Keep libmpg123, inside libsndfile, from writing to the terminal about damaged frames; it has no other switch."""
    if not is_mp3:
        yield
        return
    with _STDERR_LOCK:
        kept = os.dup(2)
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
