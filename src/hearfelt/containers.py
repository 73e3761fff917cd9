"""What a file's container promises, so that sound which was cut short is not taken for whole.

libsndfile repairs lengths silently: half of a WAV file reads as a shorter recording. A recognizer that answers
for half a clip without a word is wrong in a way nobody sees.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, Final

from hearfelt.errors import AudioError

__all__ = ["refuse_cut_short"]

# Programs that write to a pipe cannot know the length and leave one of these, and a file size to match.
_UNKNOWN_LENGTHS: Final = frozenset({0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x7FFFF000, 0x7FFFFFFF - 36})
_PLAIN: Final = (1, 3)  # format tags of whole numbers and of floats, whose frames have a size that must be so
_OGG_LAST_PAGE = 65_536 + 512  # bytes; one Ogg page is at most 65,307
_OGG_LAST = 0x04  # flag of a stream's last page (RFC 3533, section 6)


def refuse_cut_short(file: BinaryIO, name: str) -> None:
    """Raise an error if a WAV or Ogg file promises more than it holds, or a WAV file something else.

    Args:
        file: open at its beginning and seekable; it is left anywhere.
        name: what the message calls it.

    Raises:
        AudioError: with what was promised and what is there.
    """
    head = file.read(12)
    size = file.seek(0, os.SEEK_END)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        _check_wave(file, size, name)
    elif head[:4] == b"OggS":
        _check_ogg(file, size, name)


def _check_wave(file: BinaryIO, size: int, name: str) -> None:
    file.seek(4)
    end = 8 + struct.unpack("<I", file.read(4))[0]  # where the file says that it ends
    place = 12
    while place + 8 <= size:
        file.seek(place)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind == b"fmt ":
            _check_frames(file.read(min(length, 16)), name)
        if kind == b"data":
            held = size - place - 8
            nobody_knew = length in _UNKNOWN_LENGTHS and (end == 8 or end > size)
            if length > held and not nobody_knew:
                raise AudioError(
                    f"{name}: cut short or a wrong header, {length:,} bytes of sound are promised and {held:,} are"
                    " there; copy or record the file again"
                )
            if not nobody_knew:
                _check_rest(file, place + 8 + length, min(end, size), name)
            return
        place += 8 + length + length % 2  # chunks begin at even places
    raise AudioError(f"{name}: a WAV file without sound in it (no data chunk); copy or record the file again")


def _check_frames(header: bytes, name: str) -> None:
    if len(header) < 16:
        return  # libsndfile says what is wrong with it
    kind, channels, _, _, frame, bits = struct.unpack("<HHIIHH", header)
    if kind in _PLAIN and channels and frame != channels * ((bits + 7) // 8):
        raise AudioError(
            f"{name}: a header that contradicts itself, {channels} × {bits} bits in frames of {frame} bytes;"
            " copy or record the file again"
        )


def _check_rest(file: BinaryIO, place: int, end: int, name: str) -> None:
    # What follows the sound must be another chunk, with or without the byte that makes its place even, or nothing.
    file.seek(place)
    rest = file.read(max(0, min(end - place, 16)))
    if len(rest) < 9 or not any(rest):
        return
    if not any(all(32 <= byte < 127 for byte in rest[skip : skip + 4]) for skip in (0, 1)):
        raise AudioError(
            f"{name}: a wrong header, {end - place:,} bytes follow the sound and are no part of it;"
            " copy or record the file again"
        )


def _check_ogg(file: BinaryIO, size: int, name: str) -> None:
    file.seek(max(0, size - _OGG_LAST_PAGE))
    tail = file.read()
    start = tail.rfind(b"OggS")
    page = tail[start:]
    whole = False
    if start >= 0 and len(page) >= 27:
        segments = page[26]
        whole = len(page) >= 27 + segments + sum(page[27 : 27 + segments])
    if not whole or not page[5] & _OGG_LAST:
        raise AudioError(f"{name}: cut short, the end of the Ogg stream is missing; copy or record the file again")
