"""What a file's container promises, so that sound which was cut short is not taken for whole.

libsndfile and FFmpeg repair lengths silently: half of a WAV file reads as a shorter recording. A recognizer that
answers for half a clip without a word is wrong in a way nobody sees.
"""

from __future__ import annotations

import os
import re
import struct
from typing import BinaryIO, Final

from hearfelt.errors import AudioError
from hearfelt.mp4_tables import declared_in_fragment, declared_too_many

__all__ = ["changed", "id3_length", "refuse_cut_short"]

# Programs that write to a pipe cannot know the length and leave one of these, and a file size to match.
_UNKNOWN_LENGTHS: Final = frozenset({0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x7FFFF000, 0x7FFFFFFF - 36})
_PLAIN: Final = (1, 3)  # format tags of whole numbers and of floats, whose frames have a size that must be so
_OGG_LAST_PAGE = 65_536 + 512  # bytes; one Ogg page is at most 65,307
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


def refuse_cut_short(file: BinaryIO, name: str) -> None:
    """Raise an error if a file promises more than it holds: most kinds but MP3 and bare streams say it.

    A WAV file that promises less is refused too, and so are an Ogg file of several streams, one after another, of which
    only the first would be heard, and an MP4 or Windows Media file that says it is encrypted.

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
    elif head[:4] in _WHOLE_SIZES:
        file.seek(0)
        _check_whole_size(file.read(40), size, name)
    elif head[:4] == b"caff":
        _check_caf(file, size, name)
    elif head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        _check_mp4(file, size, name)
    elif head[:4] == b"\x1a\x45\xdf\xa3":
        _check_matroska(file, size, name)
    elif head[:8] == b"\x30\x26\xb2\x75\x8e\x66\xcf\x11":
        _check_asf(file, size, name)


def id3_length(head: bytes) -> int:
    """Tell how many bytes an ID3v2 tag takes at a file's beginning; 0 if there is none.

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


def changed(name: str, after_s: float, before: tuple[int, int], now: tuple[int, int]) -> AudioError:
    """Say that a stream's form changes in its middle.

    Args:
        name: what the message calls the file.
        after_s: when.
        before: the rate in Hz and the number of channels.
        now: the same from there on.

    Example:
        >>> str(changed("a.mp3", 2, (8000, 1), (8000, 2)))
        'a.mp3: after 2.00 s it changes from 8000 Hz, one channel to 8000 Hz, 2 channels; cut it there into two files'
    """
    forms = (
        f"{rate} Hz, {'one channel' if channels == 1 else f'{channels} channels'}" for rate, channels in (before, now)
    )
    return AudioError(
        f"{name}: after {after_s:.2f} s it changes from {' to '.join(forms)}; cut it there into two files"
    )


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
    _refuse_chain(file, name)


def _refuse_chain(file: BinaryIO, name: str) -> None:
    # Streams side by side begin together; one that begins later follows another, and libsndfile would not read it.
    place, begun = 0, False
    for _ in range(_MOST_PARTS):
        file.seek(place)
        head = file.read(27 + 255)
        if len(head) < 27 or head[:4] != b"OggS":
            return
        if begun and head[5] & _OGG_FIRST:
            raise AudioError(
                f"{name}: several Ogg streams, one after another; their rates may differ, so cut it into one file each"
            )
        begun = begun or not head[5] & _OGG_FIRST
        place += 27 + head[26] + sum(head[27 : 27 + head[26]])


def _check_whole_size(head: bytes, size: int, name: str) -> None:
    promised = _WHOLE_SIZES[head[:4]](head)
    if promised > size:
        raise _cut_short(name, promised, size)


def _size_of_aiff(head: bytes) -> int:
    return _or_unknown(int.from_bytes(head[4:8]), 8)


def _size_of_au(head: bytes) -> int:
    return _or_unknown(int.from_bytes(head[8:12]), int.from_bytes(head[4:8]))


def _size_of_rf64(head: bytes) -> int:
    return _or_unknown(int.from_bytes(head[20:28], "little") if head[12:16] == b"ds64" else 0, 8)


def _size_of_w64(head: bytes) -> int:
    return _or_unknown(int.from_bytes(head[16:24], "little"), 0)


def _or_unknown(length: int, before: int) -> int:
    return 0 if length in _UNKNOWN_LENGTHS else before + length


_WHOLE_SIZES: Final = {b"FORM": _size_of_aiff, b".snd": _size_of_au, b"RF64": _size_of_rf64, b"riff": _size_of_w64}
"""How many bytes the headers of AIFF, AU, RF64 and Wave64 say that the whole file has."""


def _check_caf(file: BinaryIO, size: int, name: str) -> None:
    place = 8
    for _ in range(_MOST_PARTS):
        file.seek(place)
        head = file.read(12)
        length = int.from_bytes(head[4:12], signed=True)
        if len(head) < 12 or length < 0:  # -1: to the end of the file
            return
        place += 12 + length
        if place > size:
            raise _cut_short(name, place, size)


def _check_mp4(file: BinaryIO, size: int, name: str) -> None:
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
            return  # FFmpeg says what is wrong with it
        if place + length > size:
            raise _cut_short(name, place + length, size)
        place += length
    if b"moov" not in kinds:
        raise AudioError(
            f"{name}: cut short, its table of contents (moov) is missing, as after a recording that was broken off;"
            " copy or record the file again"
        )


def _check_matroska(file: BinaryIO, size: int, name: str) -> None:
    place = 0
    for _ in range(8):  # the header, perhaps some padding, and the segment that holds everything
        file.seek(place)
        head = file.read(12)
        if len(head) < 12:
            return
        kind_bytes = 9 - head[0].bit_length()  # as many as zeros lead the first byte, and one
        rest = head[kind_bytes:]
        if kind_bytes > 4 or not rest[0]:
            return  # FFmpeg says what is wrong with it
        length_bytes = 9 - rest[0].bit_length()
        mask = (1 << 7 * length_bytes) - 1
        length = int.from_bytes(rest[:length_bytes]) & mask
        end = place + kind_bytes + length_bytes + length
        if head[:kind_bytes] == _SEGMENT:
            if length != mask and end > size:  # all ones: a live recording, whose length nobody knew
                raise _cut_short(name, end, size)
            return
        place = end


def _check_asf(file: BinaryIO, size: int, name: str) -> None:
    file.seek(0)
    header = file.read(_ASF_HEADER)
    header = header[: int.from_bytes(header[16:24], "little")]
    if any(mark in header for mark in _ASF_ENCRYPTED):
        raise _encrypted(name)
    start = header.find(_ASF_PROPERTIES)
    if start < 0 or len(header) < start + 92:
        return  # FFmpeg says what is wrong with it
    promised = int.from_bytes(header[start + 40 : start + 48], "little")
    is_live = header[start + 88] & 1
    if not is_live and promised > size:
        raise _cut_short(name, promised, size)


def _encrypted(name: str) -> AudioError:
    return AudioError(f"{name}: encrypted (DRM); a copy without protection is wanted")


def _too_many_samples(name: str) -> AudioError:
    return AudioError(
        f"{name}: a table that contradicts itself, more samples than the file has room for;"
        " copy or record the file again"
    )


def _cut_short(name: str, promised: int, held: int) -> AudioError:
    return AudioError(
        f"{name}: cut short or a wrong header, {promised:,} bytes are promised and {held:,} are there;"
        " copy or record the file again"
    )
