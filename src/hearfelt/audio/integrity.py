"""Compares the length in a file's header with the file, to find cut files and wrong headers.

libsndfile and FFmpeg repair lengths silently: half of a WAV file reads as a shorter recording. What is there is
decoded; a warning says what is missing.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO, Final

from hearfelt.audio.decoders.riff import find_wave, is_wave
from hearfelt.audio.inputs import pieces_of
from hearfelt.errors import AudioError

__all__ = ["Contents", "declared_in_fragment", "declared_too_many", "id3_length", "inspect_file"]

# Programs that write to a pipe cannot know the length and leave one of these.
_UNKNOWN_LENGTHS: Final = frozenset({0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x7FFFF000, 0x7FFFFFFF - 36})
_OGG_LAST_PAGE: Final = 65_536 + 512  # bytes; one Ogg page is at most 65,307
_LONGEST_PAGE_S: Final = 30.0  # where the first page with sound ends later, a stream was joined in its middle
_OGG_FIRST, _OGG_LAST = 0x02, 0x04  # flags of a stream's first and last page (RFC 3533, section 6)
_MOST_PARTS: Final = 1_000_000  # pages or boxes that are looked at, a week of sound; more are no recording
_SEGMENT: Final = b"\x18\x53\x80\x67"  # of Matroska (RFC 9559, section 5.1)
_MP4_CONTENTS: Final = 1 << 26  # bytes; a day of sound has some ten million
# A list of sample descriptions (ISO 14496-12, section 8.5.2), the first of which is encrypted sound: common encryption
# (ISO 23001-7), and what Apple and Audible sell.
_MP4_ENCRYPTED: Final = re.compile(rb"stsd.{12}(enca|drms|aavd|aavs)", re.DOTALL)
_ASF_HEADER: Final = 1 << 20  # bytes; it is some thousand long
# Identifiers in the header of a Windows Media file, as its specification (ASF, sections 10.1 to 10.4) lists them.
_ASF_PROPERTIES: Final = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_ENCRYPTED: Final = (
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),
)

# Tables of an MP4 file (ISO 14496-12, section 8).
_SIZES: Final = re.compile(rb"(.{4})stsz.{4}(.{4})(.{4})", re.DOTALL)  # length of the box, size of all, how many
_TIMES: Final = re.compile(
    rb"stts.{4}(.{4}).{4}(.{4})", re.DOTALL
)  # how many rows, how long the samples of the first last
_CHUNKS: Final = re.compile(rb"(.{4})stsc.{4}(.{4})", re.DOTALL)
_PLACES: Final = re.compile(rb"(?:stco|co64).{4}(.{4})", re.DOTALL)
_RUN: Final = re.compile(rb"trun.{4}(.{4})", re.DOTALL)
_ROW: Final = 12  # bytes of a row of stsc: first chunk, samples a chunk, description


@dataclass(frozen=True, eq=False)
class Contents:
    """A file as decoders should read it, and whether it is cut.

    Attributes:
        streams: what is decoded one after another; one, but for Ogg streams that were joined.
        is_cut: whether the end of what is promised is missing.
        share: how much of what is promised is there, 0 to 1; 0 if it is unknown how much is missing.
        fault: what is wrong with the header, if that makes a difference; else empty.
        length_s: how long the sound is by its time stamps; 0 if unknown.
        plain: the stream has 16-bit samples without a header: their rate in Hz and number of channels.
    """

    streams: tuple[BinaryIO, ...]
    is_cut: bool = False
    share: float = 1.0
    fault: str = ""
    length_s: float = 0.0
    plain: tuple[int, int] | None = None


def inspect_file(file: BinaryIO, name: str) -> Contents:
    """Read the length that a header promises and compare it with the file; MP3 and bare streams have none.

    Args:
        file: open at its beginning and seekable; it is left anywhere.
        name: its name for messages.

    Raises:
        AudioError: if nothing in it can be decoded: it is encrypted, its table of contents is missing or lies.
    """
    head = file.read(12)
    size = file.seek(0, os.SEEK_END)
    if is_wave(head):
        wave = find_wave(file, size, name)
        there = wave.end - wave.start
        sound = (wave.start, wave.end)
        if wave.plain:
            sound = (wave.start, wave.end - there % (2 * wave.plain[1]))
        stream = pieces_of(file, [sound] if wave.plain else [wave.header, sound])
        return Contents((stream,), wave.promised > there, there / wave.promised, wave.fault, plain=wave.plain)
    whole = pieces_of(file, [(0, size)])
    if head[:4] == b"OggS":
        return _ogg(file, size)
    if head[:4] == b".snd" and _whole_size(file, size, name) > size:  # libsndfile takes it for empty
        whole = pieces_of(file, [head[:8], b"\xff" * 4, (12, size)])
    promised = next((find_promise(file, size, name) for matches, find_promise in _PROMISES if matches(head)), size)
    return Contents((whole,), promised > size, size / max(size, promised, 1))


def id3_length(head: bytes) -> int:
    """Compute the length of an ID3v2 tag at a file's beginning in bytes; 0 if there is none.

    Example:
        >>> id3_length(b"ID3" + bytes([4, 0, 0]) + bytes([0, 0, 2, 1]))
        267
    """
    if head[:3] != b"ID3" or len(head) < 10 or any(byte & 0x80 for byte in head[6:10]):
        return 0
    length = 0
    for byte in head[6:10]:  # seven bits of each count
        length = length << 7 | byte
    return 10 + length


def _ogg(file: BinaryIO, size: int) -> Contents:
    file.seek(max(0, size - _OGG_LAST_PAGE))
    tail = file.read()
    start = tail.rfind(b"OggS")
    page = tail[max(start, 0) :]
    is_whole = start >= 0 and len(page) >= _page_length(page)
    is_cut = not is_whole or not page[5] & _OGG_LAST
    # libsndfile looks for the last page at the end, and finds no length if half a page is there
    end = size if is_whole or start < 0 else size - len(page)
    begins = [*_joins(file), end]
    streams = tuple(pieces_of(file, [(begin, stop)]) for begin, stop in pairwise(begins) if begin < stop)
    length_s = _ogg_length_s(file, page) if not is_cut and len(streams) == 1 else 0.0
    return Contents(streams or (pieces_of(file, [(0, size)]),), is_cut, 0.0 if is_cut else 1.0, length_s=length_s)


def _ogg_length_s(file: BinaryIO, last_page: bytes) -> float:
    """Read the length of Vorbis or Opus from the last page; 0 if it does not begin at 0, or is another codec."""
    file.seek(0)
    head = file.read(1 << 16)
    first = head[27 + head[26] :]
    if first[:7] == b"\x01vorbis":
        skipped, rate_hz = 0, int.from_bytes(first[12:16], "little")
    elif first[:8] == b"OpusHead":
        skipped, rate_hz = int.from_bytes(first[10:12], "little"), 48_000
    else:
        return 0.0
    granules = (_granule(head[found.start() :]) for found in re.finditer(b"OggS", head))
    begins = next((granule for granule in granules if granule), 0)
    if not rate_hz or begins > _LONGEST_PAGE_S * rate_hz:
        return 0.0
    return max(0, _granule(last_page) - skipped) / rate_hz


def _granule(page: bytes) -> int:
    """Read how many samples end with a page (RFC 3533, section 6); 0 if none does."""
    return max(0, int.from_bytes(page[6:14], "little", signed=True))


def _page_length(head: bytes) -> int:
    """Compute the length of a page from its header; more than any file has if it is not all there."""
    if len(head) < 27 or len(head) < 27 + head[26]:
        return 1 << 62
    return 27 + head[26] + sum(head[27 : 27 + head[26]])


def _joins(file: BinaryIO) -> list[int]:
    """Find where chained Ogg streams begin.

    Streams side by side begin together; one that begins later follows another, and libsndfile would not read it.
    """
    begins, place, begun = [0], 0, False
    for _ in range(_MOST_PARTS):
        file.seek(place)
        head = file.read(27 + 255)
        if head[:4] != b"OggS" or len(head) < 27:
            break
        if begun and head[5] & _OGG_FIRST:
            begins.append(place)
            begun = False
        begun = begun or not head[5] & _OGG_FIRST
        place += _page_length(head)
    return begins


def _avi(file: BinaryIO, size: int, name: str) -> int:
    file.seek(4)
    length = int.from_bytes(file.read(4), "little")
    return size if length in _UNKNOWN_LENGTHS else 8 + length


def _whole_size(file: BinaryIO, size: int, name: str) -> int:
    file.seek(0)
    head = file.read(40)
    return _WHOLE_SIZES[head[:4]](head)


def _size_of_aiff(head: bytes) -> int:
    return _or_unknown(int.from_bytes(head[4:8]), 8)


def _size_of_au(head: bytes) -> int:
    return _or_unknown(int.from_bytes(head[8:12]), int.from_bytes(head[4:8]))


def _size_of_w64(head: bytes) -> int:
    return _or_unknown(int.from_bytes(head[16:24], "little"), 0)


def _or_unknown(length: int, before: int) -> int:
    return 0 if length in _UNKNOWN_LENGTHS else before + length


_WHOLE_SIZES: Final = {b"FORM": _size_of_aiff, b".snd": _size_of_au, b"riff": _size_of_w64}
"""How many bytes the headers of AIFF, AU and Wave64 say that the whole file has."""


def _caf(file: BinaryIO, size: int, name: str) -> int:
    place = 8
    for _ in range(_MOST_PARTS):
        file.seek(place)
        head = file.read(12)
        length = int.from_bytes(head[4:12], signed=True)
        if len(head) < 12 or length < 0:  # -1: to the end of the file
            break
        place += 12 + length
    return place


def _mp4(file: BinaryIO, size: int, name: str) -> int:
    place, kinds, declared = 0, set(), 0
    for _ in range(_MOST_PARTS):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8 or not all(32 <= byte < 127 for byte in head[4:8]):
            break
        length = int.from_bytes(head[:4])
        if length == 1 and len(head) == 16:  # the length stands behind, in eight bytes
            length = int.from_bytes(head[8:16])
        kinds.add(head[4:8])
        if head[4:8] == b"moov":
            file.seek(place)
            contents = file.read(min(length or size, _MP4_CONTENTS))
            if _MP4_ENCRYPTED.search(contents):
                raise _encrypted(name)
            if declared_too_many(contents, size):
                raise _too_many_samples(name)
        elif head[4:8] == b"moof":
            file.seek(place)
            declared += declared_in_fragment(file.read(min(length or size, _MP4_CONTENTS)))
            if declared > size:
                raise _too_many_samples(name)
        if length == 0:  # to the end of the file
            break
        if length < 8:
            return size  # FFmpeg says what is wrong with it
        place += length
        if place > size:
            break
    if b"moov" not in kinds:
        raise AudioError(
            f"{name}: cut short, its table of contents (moov) is missing, as after a recording that was broken off;"
            " copy or record the file again"
        )
    return place


def _matroska(file: BinaryIO, size: int, name: str) -> int:
    place = 0
    for _ in range(8):  # the header, perhaps some padding, and the segment that holds everything
        file.seek(place)
        head = file.read(12)
        if len(head) < 12:
            break
        kind_bytes = 9 - head[0].bit_length()  # as many as zeros lead the first byte, and one
        rest = head[kind_bytes:]
        if kind_bytes > 4 or not rest[0]:
            break  # FFmpeg says what is wrong with it
        length_bytes = 9 - rest[0].bit_length()
        mask = (1 << 7 * length_bytes) - 1
        length = int.from_bytes(rest[:length_bytes]) & mask
        end = place + kind_bytes + length_bytes + length
        if head[:kind_bytes] == _SEGMENT:
            return size if length == mask else end  # all ones: a live recording, whose length was unknown
        place = end
    return size


def _asf(file: BinaryIO, size: int, name: str) -> int:
    file.seek(0)
    header = file.read(_ASF_HEADER)
    header = header[: int.from_bytes(header[16:24], "little")]
    if any(mark in header for mark in _ASF_ENCRYPTED):
        raise _encrypted(name)
    start = header.find(_ASF_PROPERTIES)
    if start < 0 or len(header) < start + 92:
        return size  # FFmpeg says what is wrong with it
    promised = int.from_bytes(header[start + 40 : start + 48], "little")
    is_live = header[start + 88] & 1
    return size if is_live else promised


def _encrypted(name: str) -> AudioError:
    return AudioError(f"{name}: encrypted (DRM); a copy without protection is wanted")


def _too_many_samples(name: str) -> AudioError:
    return AudioError(
        f"{name}: a table that contradicts itself, more samples than the file has room for;"
        " copy or record the file again"
    )


def declared_too_many(contents: bytes, size: int) -> bool:
    """Check whether a track declares more samples than the file has bytes for.

    FFmpeg makes as many entries as a table declares before it looks whether there are bytes for it; where all samples
    have one size, a table is a few bytes long, whatever it declares.

    Args:
        contents: the box ``moov``.
        size: of the file in bytes.
    """
    return any(_declares_too_many(track, size) for track in contents.split(b"trak")[1:])


def declared_in_fragment(contents: bytes) -> int:
    """Count the samples that a fragment declares; each of them has at least one byte.

    Args:
        contents: a box ``moof``.

    Example:
        >>> declared_in_fragment(b"trun" + bytes(4) + (7).to_bytes(4))
        7
    """
    return sum(int.from_bytes(found[1]) for found in _RUN.finditer(contents))


def _declares_too_many(track: bytes, size: int) -> bool:
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


_PROMISES: Final[tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO, int, str], int]], ...]] = (
    (lambda head: head[:4] in _WHOLE_SIZES, _whole_size),
    (lambda head: head[:4] == b"caff", _caf),
    (lambda head: head[:4] == b"RIFF" and head[8:12] == b"AVI ", _avi),
    (lambda head: head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"), _mp4),
    (lambda head: head[:4] == b"\x1a\x45\xdf\xa3", _matroska),
    (lambda head: head[:8] == b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _asf),
)
"""By its first bytes: how many bytes a file says that it has."""
