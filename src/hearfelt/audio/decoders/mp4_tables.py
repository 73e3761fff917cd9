"""What an MP4 file's tables say about its samples, so that a short file cannot make FFmpeg keep millions of entries.

FFmpeg makes an entry for every sample that a table declares, before it looks whether there are bytes for it. Where all
samples have one size a table is a few bytes long, whatever it declares. Tables as in ISO 14496-12, section 8.
"""

from __future__ import annotations

import re
import struct
from typing import Final

__all__ = ["declared_in_fragment", "declared_too_many"]

_SIZES: Final = re.compile(rb"(.{4})stsz.{4}(.{4})(.{4})", re.DOTALL)  # length of the box, size of all, how many
_TIMES: Final = re.compile(
    rb"stts.{4}(.{4}).{4}(.{4})", re.DOTALL
)  # how many rows, how long the samples of the first last
_CHUNKS: Final = re.compile(rb"(.{4})stsc.{4}(.{4})", re.DOTALL)
_PLACES: Final = re.compile(rb"(?:stco|co64).{4}(.{4})", re.DOTALL)
_RUN: Final = re.compile(rb"trun.{4}(.{4})", re.DOTALL)
_ROW: Final = 12  # bytes of a row of stsc: first chunk, samples a chunk, description


def declared_too_many(contents: bytes, size: int) -> bool:
    """Tell whether a track declares more samples than the file has bytes for.

    Args:
        contents: the box ``moov``.
        size: of the file in bytes.
    """
    return any(_lies(track, size) for track in contents.split(b"trak")[1:])


def declared_in_fragment(contents: bytes) -> int:
    """Count the samples that a fragment declares; each of them has at least one byte.

    Args:
        contents: a box ``moof``.

    Example:
        >>> declared_in_fragment(b"trun" + bytes(4) + (7).to_bytes(4))
        7
    """
    return sum(int.from_bytes(found[1]) for found in _RUN.finditer(contents))


def _lies(track: bytes, size: int) -> bool:
    sizes = _SIZES.search(track)
    if sizes is None:
        return False
    box, each, samples = (int.from_bytes(part) for part in sizes.groups())
    if not each:
        return 20 + 4 * samples > box
    times = _TIMES.search(track)
    if times is not None and (int.from_bytes(times[1]), int.from_bytes(times[2])) == (1, 1):
        # As QuickTime stored sound: what is counted are ticks, of which a byte may hold many, and FFmpeg keeps chunks.
        return _ticks_in_chunks(track) > 2 * samples
    return samples * each > size


def _ticks_in_chunks(track: bytes) -> int:
    table, places = _CHUNKS.search(track), _PLACES.search(track)
    if table is None or places is None:
        return 0
    rows = min(int.from_bytes(table[2]), (int.from_bytes(table[1]) - 16) // _ROW)
    body = track[table.end() : table.end() + _ROW * max(0, rows)]
    read = list(struct.iter_unpack(">III", body[: len(body) // _ROW * _ROW]))
    ends = [first for first, _, _ in read[1:]] + [int.from_bytes(places[1]) + 1]
    return sum(max(0, end - first) * ticks for (first, ticks, _), end in zip(read, ends, strict=True))
