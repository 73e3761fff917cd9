"""Sounds on the command line: a path, ``-`` for standard input, ``--raw`` and ``--track``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import typer

if TYPE_CHECKING:
    from hearfelt.audio.decoders.raw import RawFormat
    from hearfelt.audio.reader import Sound

__all__ = ["STANDARD_INPUT", "Reading", "check_standard_input", "parse_raw", "parse_reading", "sound_of"]

STANDARD_INPUT: Final = "-"
_STDIN_NAME: Final = "standard input"


@dataclass(frozen=True)
class Reading:
    """How to read the sounds.

    Attributes:
        raw: format of the samples, if the files have no header.
        track: the audio track; None for the file's default.
    """

    raw: RawFormat | None = None
    track: int | None = None

    def of(self, source: str | Path | BinaryIO) -> Sound:
        """Give the sound of a path or an open file."""
        from hearfelt.audio.decoders.raw import RawSound
        from hearfelt.audio.reader import AudioTrack

        if self.raw is not None:
            return RawSound(source, self.raw)
        return source if self.track is None else AudioTrack(source, self.track)


def parse_reading(raw: str | None, track: int | None) -> Reading:
    """Parse ``--raw`` and ``--track``.

    Raises:
        typer.BadParameter: if the value is wrong.

    Example:
        >>> parse_reading(None, 1)
        Reading(raw=None, track=1)
    """
    if raw is not None and track is not None:
        raise typer.BadParameter("raw samples have no tracks; leave out --track or --raw", param_hint="--track")
    return Reading(parse_raw(raw), track)


def parse_raw(value: str | None) -> RawFormat | None:
    """Parse ``--raw``.

    Raises:
        typer.BadParameter: if the value is wrong.

    Example:
        >>> parse_raw("s16le:8000")
        RawFormat(encoding='s16le', rate_hz=8000, channels=1)
    """
    if value is None:
        return None
    from hearfelt.audio.decoders.raw import RawFormat
    from hearfelt.errors import AudioError

    try:
        return RawFormat.parse(value)
    except AudioError as error:
        raise typer.BadParameter(str(error).removeprefix("raw sound: "), param_hint="--raw") from None


def check_standard_input(paths: Sequence[str]) -> None:
    """Check that standard input is given at most once, and that something is piped into it.

    Raises:
        typer.BadParameter: if not.
    """
    count = paths.count(STANDARD_INPUT)
    if count > 1:
        raise typer.BadParameter(f"- was given {count} times; standard input can be read once", param_hint="PATH")
    if count and (getattr(sys.stdin, "buffer", None) is None or sys.stdin.isatty()):
        raise typer.BadParameter(
            "- is standard input, and nothing is piped into it; write: some-program | hearfelt …",
            param_hint="PATH",
        )


@contextmanager
def sound_of(source: str, reading: Reading, *, is_read_again: bool = False) -> Iterator[Sound]:
    """Open the sound of a command-line argument.

    Raw samples from a pipe are read as they come; anything else from a pipe is saved to a temporary file first, since
    most formats cannot be read sequentially.

    Args:
        source: a path, or ``-`` for standard input.
        reading: how to read it.
        is_read_again: whether the sound will be read more than once.

    Raises:
        AudioError: if what is piped in is too long or cannot be saved.
    """
    from hearfelt.audio.inputs import saved

    if source != STANDARD_INPUT:
        yield reading.of(source)
    elif reading.raw is not None and not is_read_again:
        yield reading.of(sys.stdin.buffer)
    else:
        with saved(sys.stdin.buffer, _STDIN_NAME) as file:
            yield reading.of(file)
