"""Decoder for raw samples without a header, whose format has to be given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.decoders.libsndfile import BLOCK, Block, Decoded
from hearfelt.audio.inputs import MOST_CHANNELS, name_of
from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import AudioError

__all__ = ["ENCODINGS", "RawFormat", "RawSound", "decode_raw", "decode_samples"]

# How numpy reads each; 24-bit numbers and the two telephone codes are made into something that it reads.
_KINDS: Final = {
    "s8": "i1",
    "u8": "u1",
    "s16le": "<i2",
    "s16be": ">i2",
    "s24le": "3u1",
    "s24be": "3u1",
    "s32le": "<i4",
    "s32be": ">i4",
    "f32le": "<f4",
    "f32be": ">f4",
    "f64le": "<f8",
    "f64be": ">f8",
    "alaw": "u1",
    "mulaw": "u1",
}
ENCODINGS: Final = tuple(_KINDS)
_HEADERS: Final = {b"RIFF": "a WAV file", b"fLaC": "a FLAC file", b"OggS": "an Ogg file", b"FORM": "an AIFF file"}
_EXAMPLE: Final = "ENCODING:RATE or ENCODING:RATE:CHANNELS, such as s16le:8000:1"


@dataclass(frozen=True)
class RawFormat:
    """How raw samples are stored.

    Attributes:
        encoding: one of :data:`ENCODINGS`: whole numbers with (s) or without (u) sign, floats (f), their bits, and
            which byte comes first (le: the lowest); or the telephone's A-law and mu-law.
        rate_hz: samples in a second.
        channels: interleaved, one sample of each after another.

    Raises:
        AudioError: if there is no such encoding or number of channels.

    Example:
        >>> RawFormat("s16le", 8000, 2).frame_bytes
        4
    """

    encoding: str
    rate_hz: int
    channels: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in _KINDS:
            raise AudioError(f"raw sound: no encoding {self.encoding!r}; one of {', '.join(ENCODINGS)} is wanted")
        if not 1 <= self.channels <= MOST_CHANNELS:
            raise AudioError(f"raw sound: {self.channels} channels; 1 to {MOST_CHANNELS} are wanted")

    @classmethod
    def parse(cls, text: str) -> RawFormat:
        """Read ``ENCODING:RATE`` or ``ENCODING:RATE:CHANNELS``.

        Raises:
            AudioError: with what would be right.

        Example:
            >>> RawFormat.parse("s16le:8000:1")
            RawFormat(encoding='s16le', rate_hz=8000, channels=1)
            >>> str(RawFormat.parse("alaw:8000"))
            'alaw:8000:1'
        """
        encoding, *numbers = (part.strip() for part in text.split(":"))
        if len(numbers) not in (1, 2) or not all(number.isascii() and number.isdigit() for number in numbers):
            raise AudioError(f"raw sound: {text!r}; {_EXAMPLE}, is wanted")
        if any(len(number) > 9 for number in numbers):
            raise AudioError(f"raw sound: {text!r}; a rate in Hz and a number of channels are wanted")
        return cls(encoding.lower(), *(int(number) for number in numbers))

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return np.dtype(_KINDS[self.encoding]).itemsize * self.channels

    def __str__(self) -> str:
        return f"{self.encoding}:{self.rate_hz}:{self.channels}"


@dataclass(frozen=True, eq=False)
class RawSound:
    """Raw samples and their format; accepted wherever a sound is.

    Attributes:
        source: a path, bytes or an open binary file, a pipe too; a file is read from where it stands.
        format: how its samples are stored.

    Example:
        >>> from hearfelt.audio.reader import read_audio
        >>> read_audio(RawSound(bytes(1600), RawFormat("s16le", 8000))).duration_s
        0.1
    """

    source: Path | str | bytes | BinaryIO
    format: RawFormat

    @property
    def name(self) -> str:
        """Name for messages."""
        return name_of(self.source)


def decode_raw(file: BinaryIO, format: RawFormat, name: str) -> Decoded:
    """Decode raw samples block by block, in constant memory.

    Args:
        file: read from where it stands. Of a file that can be sought in, what it holds now is read, even if it grows;
            a pipe is read to its end.
        format: how the samples are stored.
        name: its name for messages.

    Raises:
        AudioError: while blocks are taken, if the file begins like one that says its own format, or cannot be read.
    """
    return decode_samples(file, format, name, refuse_header=True)


def decode_samples(file: BinaryIO, format: RawFormat, name: str, *, refuse_header: bool = False) -> Decoded:
    """Decode raw samples as :func:`decode_raw`, where they are known to be samples.

    Args:
        file: read from where it stands.
        format: how the samples are stored.
        name: its name for messages.
        refuse_header: whether samples that look like the header of a sound file are refused.
    """
    size = _bytes_left(file)
    frames = 0 if size is None else size // format.frame_bytes
    warnings: list[SoundWarning] = []
    blocks = _blocks(file, format, name, warnings, refuse_header=refuse_header)
    return Decoded(format.rate_hz, format.channels, frames, blocks, warnings=warnings)


def _bytes_left(file: BinaryIO) -> int | None:
    try:
        place = file.tell()
        size = file.seek(0, os.SEEK_END) - place
        file.seek(place)
    except (AttributeError, OSError, ValueError):  # a pipe
        return None
    return max(0, size)


def _blocks(
    file: BinaryIO, format: RawFormat, name: str, warnings: list[SoundWarning], *, refuse_header: bool
) -> Iterator[Block]:
    size = _bytes_left(file)
    rest, read = b"", 0
    while True:
        wanted = BLOCK * format.frame_bytes if size is None else min(BLOCK * format.frame_bytes, size - read)
        part = _part(file, wanted, name)
        if refuse_header and not read:
            _refuse_header(part, name)
        read += len(part)
        joined = rest + part if rest else part
        whole = len(joined) - len(joined) % format.frame_bytes
        rest = joined[whole:]
        if whole:
            yield _scaled(joined[:whole] if rest else joined, format)
        if not part:
            break
    if rest:
        text = f"its {read:,} bytes are no whole number of samples of {format.frame_bytes} bytes; is {format} right?"
        warnings.append(SoundWarning("cut_short", text))


def _part(file: BinaryIO, wanted: int, name: str) -> bytes:
    if not wanted:
        return b""
    try:
        part = file.read(wanted)
    except (OSError, ValueError) as error:
        raise AudioError(f"{name}: cannot be read ({error})") from error
    if not isinstance(part, bytes):  # text, or nothing yet from a pipe that does not wait
        raise AudioError(f"{name}: it gives no bytes; a file opened as bytes, or a pipe that waits, is wanted")
    return part


def _refuse_header(head: bytes, name: str) -> None:
    if known := _HEADERS.get(head[:4]):
        raise AudioError(f"{name}: this is {known}, which says itself how it is stored; leave out the raw format")


def _scaled(data: bytes, format: RawFormat) -> Block:
    stored: Block = np.frombuffer(data, _KINDS[format.encoding])
    if format.encoding in ("alaw", "mulaw"):
        stored = (_A_LAW if format.encoding == "alaw" else _MU_LAW)[stored.astype(np.uint8)]
    elif format.encoding == "u8":
        stored = (stored.astype(np.float32) - 128) / 128
    elif format.encoding == "s8":
        stored = stored.astype(np.float32) / 128
    elif format.encoding.startswith("s24"):
        stored = _from_24_bit(stored, format.encoding)
    elif format.encoding.startswith("s16"):
        stored = stored.astype(np.int16, copy=False)
    elif format.encoding.startswith("s32"):
        stored = (stored / 2.0**31).astype(np.float32)
    else:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused when it is read
            stored = stored.astype(np.float32)
    return stored.reshape(-1, format.channels)


def _from_24_bit(stored: Block, encoding: str) -> Block:
    # frombuffer gives the three bytes of each number as a row: (n, 3) -> (n, 4), the number in the upper three
    wide = np.zeros((len(stored), 4), np.uint8)
    wide[:, 1:] = stored if encoding == "s24le" else stored[:, ::-1]
    return (wide.view("<i4")[:, 0] / 2.0**31).astype(np.float32)


def _a_law() -> npt.NDArray[np.int16]:
    """Make the decoding table of A-law (ITU-T G.711), 16 bits for each byte."""
    codes = np.arange(256) ^ 0x55
    exponent, mantissa = codes >> 4 & 7, codes & 15
    size = np.where(exponent == 0, mantissa * 16 + 8, (mantissa * 16 + 264) << np.maximum(exponent - 1, 0))
    return np.where(codes & 0x80, size, -size).astype(np.int16)


def _mu_law() -> npt.NDArray[np.int16]:
    """Make the decoding table of mu-law (ITU-T G.711), 16 bits for each byte."""
    codes = ~np.arange(256) & 0xFF
    exponent, mantissa = codes >> 4 & 7, codes & 15
    size = ((mantissa * 8 + 132) << exponent) - 132
    return np.where(codes & 0x80, -size, size).astype(np.int16)


_A_LAW: Final = _a_law()
_MU_LAW: Final = _mu_law()
