"""What the header of an MPEG audio frame says (ISO 11172-3, section 2.4.1.3), and what else stands in an MP3."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from hearfelt.audio.integrity import id3_length

__all__ = ["LAYER_3", "Kind", "frame_lengths", "is_free", "kind_of", "promised_frames", "tag_length"]

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
