"""Repairs WAV, RF64 and BW64 headers, which recorders and pipes often write a little wrong.

The chunks are found again, and a decoder gets a header that fits what is in the file: the real length of the sound,
and a frame size that agrees with the samples. Formats as in "Multimedia Programming Interface and Data Specifications
1.0" (IBM and Microsoft, 1991), RF64 and BW64 as in ITU-R BS.2088.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from typing import BinaryIO, Final

from hearfelt.errors import AudioError

__all__ = ["Wave", "find_wave", "is_wave"]

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE  # format tags
_LOGARITHMIC: Final = (6, 7)  # A-law and mu-law, one byte a sample
_UNKNOWN: Final = 0x7FFF0000  # from here on a 32-bit length is a placeholder
_IN_DS64: Final = 0xFFFFFFFF  # the 64-bit length stands in the chunk ds64
_MOST_CHUNKS: Final = 10_000
_LARGEST_FORMAT: Final = 1 << 12  # bytes
_MAY_FOLLOW: Final = (b"ID3", b"TAG", b"APETAGEX")  # tags that are appended without being chunks


@dataclass(frozen=True)
class Wave:
    """Position of the sound in a WAV file, and its repaired header.

    Attributes:
        header: what to put in front of the sound.
        start: first byte of the sound.
        end: the byte after its last.
        promised: how many bytes of sound the header promises; what is there, where it promises nothing.
        fault: what is wrong with the header, if that makes a difference; else empty.
        plain: sampling rate in Hz and number of channels of plain 16-bit samples; None for what needs a decoder.
    """

    header: bytes
    start: int
    end: int
    promised: int
    fault: str
    plain: tuple[int, int] | None


def is_wave(head: bytes) -> bool:
    """Check by its first 12 bytes whether a file is WAV, RF64 or BW64.

    Example:
        >>> is_wave(b"RIFF\\0\\0\\0\\0WAVE")
        True
    """
    return head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE"


def find_wave(file: BinaryIO, size: int, name: str) -> Wave:
    """Find the sound of a WAV file, whatever lengths its header holds.

    Args:
        file: seekable; it is left anywhere.
        size: of the file in bytes.
        name: its name for messages.

    Raises:
        AudioError: if there is no format or no sound in it.
    """
    place, form, long_data = 12, b"", 0
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            break
        kind, length = struct.unpack("<4sI", head)
        if kind == b"ds64":
            long_data = int.from_bytes(file.read(16)[8:16], "little")
        elif kind == b"fmt ":
            form = file.read(min(length, _LARGEST_FORMAT))
        elif kind == b"data":
            if not form:
                break
            return _described(
                file, form, place + 8, long_data if length == _IN_DS64 and long_data else length, size, name
            )
        place = _next_chunk(file, place + 8 + length)
    what = "no sound in it (no data chunk)" if form else "no format in it (no fmt chunk)"
    raise AudioError(f"{name}: a WAV file with {what}; copy or record the file again")


def _next_chunk(file: BinaryIO, end: int) -> int:
    """Find the next chunk: at an even offset, but some programs forget the padding byte."""
    if end % 2 == 0:
        return end
    file.seek(end)
    after = file.read(5)
    return end if after[:4] in (b"fmt ", b"data", b"LIST") else end + 1


def _described(file: BinaryIO, form: bytes, start: int, length: int, size: int, name: str) -> Wave:
    form, fault, frame = _with_right_frames(form)
    there = size - start
    is_unknown = length >= _UNKNOWN and length > there
    if length > there:
        promised = there if is_unknown else length
        end = size
    else:
        end = start + length
        promised = length
        if not _is_no_sound(file, end, size, frame):
            if length:
                fault = f"its header says that {length:,} bytes of sound are there; {there:,} are"
            else:
                fault = "its header was never completed"
            end, promised = size, there
    if end == start:
        raise AudioError(f"{name}: a WAV file with no sound in it; record the file again")
    return Wave(_header(form, end - start), start, end, promised, fault, _plain(form))


def _plain(form: bytes) -> tuple[int, int] | None:
    if len(form) < 16:
        return None
    tag, channels, rate, _, frame, bits = struct.unpack("<HHIIHH", form[:16])
    return (rate, channels) if (tag, bits, frame) == (_PCM, 16, 2 * channels) and rate and channels else None


def _header(form: bytes, sound: int) -> bytes:
    """Write a header for a number of bytes of sound, with 64-bit lengths where they are needed."""
    chunk = struct.pack("<4sI", b"fmt ", len(form)) + form + b"\0" * (len(form) % 2)
    whole = 4 + len(chunk) + 8 + sound
    if whole < _UNKNOWN:
        return struct.pack("<4sI4s", b"RIFF", whole, b"WAVE") + chunk + struct.pack("<4sI", b"data", sound)
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, whole + 36, sound, 0, 0)
    return struct.pack("<4sI4s", b"RF64", _IN_DS64, b"WAVE") + sizes + chunk + struct.pack("<4sI", b"data", _IN_DS64)


def _with_right_frames(form: bytes) -> tuple[bytes, str, int]:
    """Make the frame size and the byte rate of plain samples agree; return format, fault and frame size.

    Of the bits of a sample, the size of a frame and the byte rate, two that agree outvote the third; else the bits win.
    """
    if len(form) < 16:
        return form, "", 1  # the decoder says what is wrong with it
    tag, channels, rate, byte_rate, frame, bits = struct.unpack("<HHIIHH", form[:16])
    actual = int.from_bytes(form[24:26], "little") if tag == _EXTENSIBLE and len(form) >= 26 else tag
    if actual not in (_PCM, _FLOAT, *_LOGARITHMIC) or not channels:
        return form, "", max(1, frame)
    rate = rate or byte_rate // max(1, frame)
    said = (bits + 7) // 8
    votes = Counter((said, frame / channels, byte_rate / (rate * channels) if rate else 0))
    width, count = votes.most_common(1)[0]
    if count == 1 or width not in (1, 2, 3, 4, 8):
        width = said
    if actual in _LOGARITHMIC:
        width = 1
    if not width:
        return form, "", max(1, frame)
    right = channels * int(width)
    fault = "" if frame == right else f"its header says frames of {frame} bytes for {channels} × {bits} bits"
    bits = bits if said == width else 8 * int(width)
    return struct.pack("<HHIIHH", tag, channels, rate, rate * right, right, bits) + form[16:], fault, right


def _is_no_sound(file: BinaryIO, end: int, size: int, frame: int) -> bool:
    """Check whether chunks, tags, padding or less than a frame follow the sound."""
    if size - end <= max(frame, 8):
        return True
    file.seek(end)
    rest = file.read(16)
    if rest.startswith(_MAY_FOLLOW) or rest[1:].startswith(_MAY_FOLLOW):
        return True
    while not any(rest):
        rest = file.read(1 << 20)
        if not rest:
            return True
    return any(_are_chunks(file, place, size) for place in (end, end + end % 2))


def _are_chunks(file: BinaryIO, place: int, size: int) -> bool:
    file.seek(place)
    head = file.read(8)
    if head[:4] in (b"LIST", b"bext", b"iXML", b"fact", b"cue ", b"smpl", b"PEAK", b"id3 ", b"afsp", b"JUNK"):
        return True
    for _ in range(_MOST_CHUNKS):
        if size - place < 8:
            return True
        file.seek(place)
        kind, length = struct.unpack("<4sI", file.read(8))
        if not all(32 <= byte < 127 for byte in kind) or place + 8 + length > size:
            return False
        place += 8 + length + length % 2
    return True
