"""What libsndfile reads, in the base install: WAV, FLAC, Ogg, Opus, MP3, AIFF and some more, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, BinaryIO, Final

import numpy.typing as npt
import soundfile

from hearfelt.errors import AudioError

__all__ = ["BLOCK", "Block", "Decoded", "open_sound_file"]

Block = npt.NDArray[Any]

BLOCK: Final = 1 << 18  # frames decoded at a time, 5 s at 48 kHz: a header that lies about its length costs no memory
_NOBODY_KNOWS: Final = 1 << 62  # libsndfile gives 2^63 - 1 frames where a header says no length, as FLAC from a pipe


@dataclass(frozen=True, eq=False)
class Decoded:
    """A sound that a decoder has opened, whichever it is.

    Attributes:
        rate_hz: samples in a second.
        channels: how many there are.
        frames: how many samples a channel has, as promised or estimated; 0 if nobody knows.
        blocks: ``(n, channels)`` int16 or float32, one after another; the whole numbers are not scaled yet.
    """

    rate_hz: int
    channels: int
    frames: int
    blocks: Iterator[Block]


class _Forward(soundfile.SoundFile):  # type: ignore[misc]
    """Reads on without asking where it is: a stream without a length cannot be sought in."""

    def seekable(self) -> bool:
        return False


@contextmanager
def open_sound_file(file: BinaryIO, name: str) -> Iterator[Decoded]:
    """Open what libsndfile reads.

    Args:
        file: at its beginning, and seekable.
        name: what messages call it.

    Raises:
        AudioError: if libsndfile cannot read it; while blocks are taken also if less is there than was promised.
    """
    try:
        opened = _Forward(file)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise _unreadable(error, name) from error
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error})") from error
    with opened:
        frames = opened.frames if opened.frames < _NOBODY_KNOWS else 0
        yield Decoded(opened.samplerate, opened.channels, frames, _blocks(opened, frames, name))


def _blocks(opened: Any, promised: int, name: str) -> Iterator[Block]:
    heard = 0
    # 16-bit sound is given as it is stored: scaled later it is the same as libsndfile's own, four times as fast
    stored = "int16" if opened.subtype == "PCM_16" else "float32"
    while True:
        try:
            block = opened.read(BLOCK, dtype=stored, always_2d=True)  # (n, channels)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise _unreadable(error, name) from error
        if not len(block):
            break
        heard += len(block)
        yield block
    if 0 < heard < promised:
        rate_hz = opened.samplerate
        raise AudioError(
            f"{name}: cut short, {heard / rate_hz:.2f} s of {promised / rate_hz:.2f} s are there;"
            " copy or record the file again"
        )


def _unreadable(error: Exception, name: str) -> AudioError:
    reason = str(getattr(error, "error_string", error)).removeprefix("Error : ").strip().rstrip(".")
    others = ", AIFF, M4A, WebM and videos" if find_spec("av") else " and AIFF"  # PyAV comes with the extra formats
    return AudioError(f"{name}: this is no sound that can be read ({reason}); WAV, FLAC, OGG, Opus, MP3{others} can")
