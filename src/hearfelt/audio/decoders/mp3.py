"""Finds and counts the frames of an MP3, whose number libsndfile only guesses (headers: ISO 11172-3, section 2.4.1.3).

It takes the bit rate of the first frame for that of all, and what the first of several joined files says for all of
them: sound would be lost without a word. So the header of every frame is read here, which takes a tenth of a second
for an hour.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cache
from typing import BinaryIO, Final, NamedTuple

from hearfelt.audio.integrity import id3_length
from hearfelt.audio.warnings import SoundWarning, cut_short, damaged, format_changes
from hearfelt.errors import AudioError

__all__ = ["Kind", "Mp3", "Part", "find_mp3", "frame_lengths", "kind_of", "promised_frames", "tag_length"]

_WINDOW: Final = 1 << 20  # bytes that are held at a time
_MOST_JUNK: Final = 8_192  # bytes in a row that are neither frame nor tag: two broken frames and a radio's title
_MOST_BEYOND: Final = 1 << 24  # the same behind an MP3 that is whole by what it says: there it does no harm
_HEAD: Final = 128  # bytes that are looked at where a frame or a tag may begin
_LONGEST_FREE: Final = 4_096  # bytes; a frame whose header says no bit rate is no longer
_MOST_TRIES: Final = 100_000  # tags, and places that looked like a frame and were none; more are no recording
_MOST_PARTS: Final = 10_000  # files joined into one
_BEGINNINGS: Final = re.compile(rb"\xff[\xe2-\xff][\x00-\xef]|ID3[\x02-\x04]|TAG|APETAGEX", re.DOTALL)
LAYER_1, LAYER_2, LAYER_3 = 3, 2, 1  # as a header writes them
_MPEG_1, _MPEG_2, _MPEG_25 = 3, 2, 0
_KBIT: Final = {
    (_MPEG_1, LAYER_1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (_MPEG_1, LAYER_2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (_MPEG_1, LAYER_3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (_MPEG_2, LAYER_1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (_MPEG_2, LAYER_2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (_MPEG_2, LAYER_3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bits in a second, in thousands, numbered from 1; MPEG-2.5 has those of MPEG-2."""
_SLOWER: Final = {_MPEG_1: 0, _MPEG_2: 1, _MPEG_25: 2}  # how often the rates of MPEG-1 are halved


class Kind(NamedTuple):
    """What all frames of a stream have in common."""

    version: int
    layer: int
    rate: int
    is_mono: bool

    @property
    def rate_hz(self) -> int:
        """Samples in a second."""
        return (44_100, 48_000, 32_000)[self.rate] >> _SLOWER[self.version]

    @property
    def channels(self) -> int:
        """How many there are."""
        return 1 if self.is_mono else 2

    @property
    def samples(self) -> int:
        """How many samples a channel has in a frame."""
        if self.layer == LAYER_1:
            return 384
        return 576 if self.layer == LAYER_3 and self.version != _MPEG_1 else 1152


@dataclass
class Part:
    """Frames that follow each other: a whole file, or one of several that were joined.

    Attributes:
        kind: what these frames have in common.
        pieces: from which byte to which they lie, without what is between them.
        frames: how many there are, without the one that only says how many.
        is_counted: whether that one stands before them, and is right.
    """

    kind: Kind
    pieces: list[tuple[int, int]] = field(default_factory=list)
    frames: int = 0
    is_counted: bool = False

    def add(self, start: int, end: int) -> None:
        """Lengthen the last piece, or begin another."""
        if self.pieces and self.pieces[-1][1] == start:
            start = self.pieces.pop()[0]
        self.pieces.append((start, end))


@dataclass(frozen=True)
class Mp3:
    """A stream of MPEG audio.

    Attributes:
        parts: what was joined.
        warnings: what is odd about it.
    """

    parts: list[Part]
    warnings: list[SoundWarning]

    @property
    def is_plain(self) -> bool:
        """Tell whether it is one file that says how long it is, which libsndfile reads right."""
        return len(self.parts) == 1 and self.parts[0].is_counted and len(self.parts[0].pieces) == 1


def find_mp3(file: BinaryIO, name: str, *, search: bool = False) -> Mp3 | None:
    """Find the frames of MPEG audio, layers 1 to 3; give None for anything else.

    Tags are passed over wherever they stand, and so is up to 8 KiB of anything else: joined files may break off in the
    middle of a frame. What is missing or damaged is left out and said in the warnings.

    Args:
        file: seekable; it is left anywhere.
        name: its name for messages.
        search: for the first frame as well. A live stream that was recorded begins in the middle of a frame, and may
            end so.

    Raises:
        AudioError: if it becomes shorter while it is read.
        OSError: if it cannot be read.
    """
    return _Walk(file, name, search).walk()


class _Walk:
    def __init__(self, file: BinaryIO, name: str, search: bool) -> None:
        self._file, self._name, self._search = file, name, search
        self._size = file.seek(0, os.SEEK_END)
        self._data, self._base = b"", 0  # what is held, and where in the file it begins
        self._tries = self._joined = 0
        self._free = 0  # bytes of a frame whose header says no bit rate
        self._before_s = 0.0  # length of earlier parts
        self._parts: list[Part] = []
        self._warnings: dict[str, SoundWarning] = {}  # by code, the first of each
        self._promised: int | None = None
        self._excess = 1  # so many more than there are may be promised: some encoders count the frame that says it

    def walk(self) -> Mp3 | None:
        try:
            place = self._first_frame()
        except _TooManyTriesError:
            return None
        kind = None if place is None else kind_of(self._look(place))
        if place is None or kind is None:
            return None
        self._kind, self._lengths = kind, frame_lengths(kind, self._free)
        self._part = Part(kind)
        try:
            self._follow(place)
        except _TooManyTriesError:
            self._warn(damaged(self._seconds()))
        self._end_part()
        return Mp3(self._parts, list(self._warnings.values())) if self._parts else None

    def _first_frame(self) -> int | None:
        place = self._after_tags(0)
        self._free = self._free_length(place)
        if self._is_run(place, 2):
            return place
        found = self._beginning(place, 4) if self._search else None
        return None if found is None else self._after_tags(found)

    def _follow(self, place: int) -> None:
        last = place  # the beginning of the last frame, which may turn out not to be whole
        while place < self._size:
            head = self._look(place)
            if tag_length(head):
                last = place = self._after_tags(place)
                continue
            length = self._length(head) if kind_of(head) == self._kind else 0
            if not length:
                last = place = self._resume(place, last)
            elif place + length > self._size:
                if not (self._search or self._is_fulfilled() or self._promised):  # else the promise says how much
                    self._warn(cut_short(self._seconds()))
                return
            elif (promise := promised_frames(head, 0, self._kind)) is not None:
                self._end_part()
                self._promised, self._part.is_counted = promise
                self._part.add(place, place + length)
                last = place = place + length
            else:
                place, last = self._run(place)

    def _run(self, place: int) -> tuple[int, int]:
        """Count frames up to something else; give where that is, and where the last frame begins."""
        kind, lengths, size = self._kind, self._lengths, self._size
        layer_3, mono = kind.layer == LAYER_3, kind.is_mono
        start = last = place
        while True:
            self._slide(place)
            data, base = self._data, self._base
            at, end = place - base, base + len(data)
            enough = len(data) - (_HEAD if end < size else 3)
            while at < enough and data[at] == 0xFF:
                length = lengths.get(data[at + 1] << 8 | data[at + 2], 0)
                if not length or (data[at + 3] >= 0xC0) is not mono or base + at + length > size:
                    break
                # a frame that only says how many follow begins with zeros
                if layer_3 and not data[at + 7] and promised_frames(data, at, kind) is not None:
                    break
                self._part.frames += 1
                last = base + at
                at += length
            place = base + at
            if at < enough or end >= size:
                break
        self._part.add(start, place)
        return place, last

    def _resume(self, place: int, last: int) -> int:
        """Find where frames go on. The last one may not have been whole, so that another begins inside it."""
        self._count_try()
        found = self._beginning(min(place, last + 4), 3)
        if found is None:
            found = self._beginning_far_from(place)
        if found < place:
            start, _ = self._part.pieces.pop()
            if last > start:
                self._part.add(start, last)
            self._part.frames -= 1
            self._excess = 0
        now = kind_of(self._look(found))
        if now is not None and now != self._kind:
            self._change_to(now)
        return found

    def _beginning_far_from(self, place: int) -> int:
        if self._is_fulfilled():
            end = min(self._size, place + _MOST_BEYOND)
        else:
            self._warn(damaged(self._seconds()))
            end = self._size
        for near in range(place, end, _MOST_JUNK - 8):
            if (found := self._beginning(near, 4)) is not None:
                return found
        return self._size

    def _change_to(self, kind: Kind) -> None:
        before = self._kind
        if (before.rate_hz, before.channels) != (kind.rate_hz, kind.channels):
            forms = [(one.rate_hz, one.channels) for one in (before, kind)]
            self._warn(format_changes(self._seconds(), forms[0], forms[1]))
        self._end_part(is_changing=True)
        self._kind, self._lengths = kind, frame_lengths(kind, self._free)
        self._part = Part(kind)

    def _beginning(self, place: int, wanted: int) -> int | None:
        """Find the next tag, or the next place at which several frames follow each other, or the end; None if far."""
        near = self._look(place, 4 * _MOST_JUNK)  # frames that are looked at lie in here too
        for found in _BEGINNINGS.finditer(near, 0, _MOST_JUNK):
            self._count_try()
            at = place + found.start()
            if tag_length(self._look(at)) or self._is_run(at, wanted):
                return at
        return self._size if self._size - place <= _MOST_JUNK else None

    def _is_run(self, place: int, wanted: int) -> bool:
        kind = kind_of(self._look(place))
        for seen in range(wanted):
            head = self._look(place)
            if kind is None or kind_of(head) != kind:
                return seen > 0 and (place == self._size or tag_length(head) > 0)
            length = self._length(head)
            place += length
            if not length or place > self._size:
                return seen > 0
        return True

    def _length(self, head: bytes) -> int:
        kind = kind_of(head)
        return frame_lengths(kind, self._free).get(head[1] << 8 | head[2], 0) if kind else 0

    def _free_length(self, place: int) -> int:
        """Measure the first frame by where the next two begin, if it does not say its length; 0 if it does."""
        data = self._look(place, 3 * _LONGEST_FREE)
        kind = kind_of(data)
        if kind is None or kind.layer != LAYER_3 or not is_free(data):
            return 0
        thirds = re.escape(bytes((data[2] & 0xFD,))) + b"|" + re.escape(bytes((data[2] | 2,)))
        alike = re.compile(re.escape(data[:2]) + b"(?:" + thirds + b")")
        for found in alike.finditer(data, 24, _LONGEST_FREE):
            next_at = found.start()
            length = next_at - (data[2] >> 1 & 1)
            after = next_at + length + (data[next_at + 2] >> 1 & 1)
            if after == len(data) or alike.match(data, after):
                return length
        return 0

    def _after_tags(self, place: int) -> int:
        while length := tag_length(self._look(place)):
            self._count_try()
            place += length
        return place

    def _slide(self, place: int) -> None:
        """Hold what follows a place, unless much of it is held already."""
        end = self._base + len(self._data)
        if self._base <= place and (place + 4 * _MOST_JUNK <= end or end == self._size):
            return
        self._file.seek(place)
        self._data, self._base = self._file.read(_WINDOW), place
        if len(self._data) < min(2 * _HEAD, self._size - place):
            raise AudioError(f"{self._name}: cannot be read, it became shorter while it was read; try again")

    def _look(self, place: int, length: int = _HEAD) -> bytes:
        at = place - self._base
        if at >= 0 and (at + length <= len(self._data) or self._base + len(self._data) == self._size):
            return self._data[at : at + length]
        self._file.seek(place)
        return self._file.read(length)

    def _end_part(self, *, is_changing: bool = False) -> None:
        part, promised = self._part, self._promised
        if promised is not None:
            if promised > part.frames + self._excess and not is_changing:
                promised_s = self._before_s + promised * self._kind.samples / self._kind.rate_hz
                self._warn(cut_short(self._seconds(), promised_s))
            if promised != part.frames or not part.is_counted:
                part.is_counted = False
                start, end = part.pieces[0]
                first = start + self._length(self._look(start))
                part.pieces[:1] = [(first, end)] if first < end else []
        if part.frames > 1 or part.is_counted:  # libsndfile opens no single frame
            self._parts.append(part)
        self._joined += 1
        if self._joined > _MOST_PARTS:
            raise AudioError(f"{self._name}: more than {_MOST_PARTS:,} MP3 files in one; cut it into several")
        self._before_s = self._seconds()
        self._part, self._promised, self._excess = Part(self._kind), None, 1

    def _is_fulfilled(self) -> bool:
        return self._promised == self._part.frames

    def _seconds(self) -> float:
        return self._before_s + self._part.frames * self._kind.samples / self._kind.rate_hz

    def _count_try(self) -> None:
        self._tries += 1
        if self._tries > _MOST_TRIES:
            raise _TooManyTriesError

    def _warn(self, warning: SoundWarning) -> None:
        self._warnings.setdefault(warning.code, warning)


class _TooManyTriesError(Exception):
    """The rest of a file holds hardly any sound."""


def kind_of(head: bytes) -> Kind | None:
    """Tell what a frame is, or None if there is none.

    Args:
        head: four bytes or more.

    Example:
        >>> kind_of(bytes.fromhex("fffb90c4")).rate_hz
        44100
        >>> kind_of(b"RIFF")
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return None
    version, layer, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 2 & 3
    if version == 1 or not layer or rate == 3 or head[2] >> 4 == 15:
        return None
    return Kind(version, layer, rate, head[3] >> 6 == 3)


def is_free(head: bytes) -> bool:
    """Tell whether a frame's header says no bit rate, so that its length shows only where the next one begins."""
    return head[2] >> 4 == 0


@cache
def frame_lengths(kind: Kind, free: int = 0) -> dict[int, int]:
    """List how many bytes a frame has, by the second and third byte of its header.

    Args:
        kind: of the frames.
        free: bytes of a frame whose header says no bit rate, without padding; 0 if there is none.

    Example:
        >>> frame_lengths(kind_of(bytes.fromhex("fffb90c4")))[0xFB90]
        417
    """
    slot = 4 if kind.layer == LAYER_1 else 1
    kbit = _KBIT[_MPEG_1 if kind.version == _MPEG_1 else _MPEG_2, kind.layer]
    sizes = [slot * (kind.samples * 125 * each // (slot * kind.rate_hz)) for each in kbit]
    found = {}
    for number, size in enumerate([free, *sizes]):
        if not size:
            continue
        for padding in (0, 1):
            length = size + padding * slot
            for private in (0, 1):
                third = number << 4 | kind.rate << 2 | padding << 1 | private
                for unprotected in (0, 1):
                    found[(0xE0 | kind.version << 3 | kind.layer << 1 | unprotected) << 8 | third] = length
    return found


def promised_frames(data: bytes, at: int, kind: Kind) -> tuple[int, bool] | None:
    """Read how many frames follow, where a frame of layer 3 holds that instead of sound, as encoders write it first.

    Args:
        data: holds the frame.
        at: where it begins.
        kind: of the frame.

    Returns:
        The number, 0 if it is not said, and whether libsndfile understands it; None if this frame is sound.
    """
    if kind.layer != LAYER_3:
        return None
    has_checksum = not data[at + 1] & 1
    sides = (17 if kind.is_mono else 32) if kind.version == _MPEG_1 else (9 if kind.is_mono else 17)
    place = at + 4 + 2 * has_checksum + sides
    if data.startswith((b"Xing", b"Info"), place):
        is_said = int.from_bytes(data[place + 4 : place + 8]) & 1
        frames = int.from_bytes(data[place + 8 : place + 12]) if is_said else 0
        return None if any(data[at + 6 : place]) else (frames, not has_checksum)
    if data.startswith(b"VBRI", at + 36):
        return None if any(data[at + 6 : at + 36]) else (int.from_bytes(data[at + 50 : at + 54]), False)
    return None


def tag_length(head: bytes) -> int:
    """Tell how many bytes a tag takes that begins here, ID3 in both its forms or APE; 0 if there is none.

    Args:
        head: 128 bytes, fewer only at the end of the file.

    Example:
        >>> tag_length(b"TAG" + bytes(125))
        128
    """
    if head[:3] == b"TAG":
        return min(128, len(head))
    if head[:8] == b"APETAGEX" and len(head) >= 32:
        is_header = head[23] & 0x20
        return 32 + (int.from_bytes(head[12:16], "little") if is_header else 0)
    return id3_length(head)
