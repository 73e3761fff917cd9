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

# Programs that write to a pipe cannot know the length and leave one of these.
_UNKNOWN_LENGTHS: Final = frozenset({0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x7FFFF000, 0x7FFFFFFF - 36})
_OGG_LAST_PAGE = 65_536 + 512  # bytes; one Ogg page is at most 65,307
_OGG_LAST = 0x04  # flag of a stream's last page (RFC 3533, section 6)


def refuse_cut_short(file: BinaryIO, name: str) -> None:
    """Raise an error if a WAV or Ogg file promises more than it holds.

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
    place = 12
    while place + 8 <= size:
        file.seek(place)
        kind, length = struct.unpack("<4sI", file.read(8))
        held = size - place - 8
        if kind == b"data":
            if length not in _UNKNOWN_LENGTHS and length > held:
                raise AudioError(
                    f"{name}: cut short or a wrong header, {length:,} bytes of sound are promised and {held:,} are"
                    " there; copy or record the file again"
                )
            return
        place += 8 + length + length % 2  # chunks begin at even places
    raise AudioError(f"{name}: a WAV file without sound in it (no data chunk); copy or record the file again")


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
