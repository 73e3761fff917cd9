"""What stands on the command line for a sound: a path, ``-`` for standard input, and ``--raw`` for samples as such."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from hearfelt.audio import Sound
    from hearfelt.raw_pcm import RawFormat

__all__ = ["STANDARD_INPUT", "check_standard_input", "parse_raw", "sound_of"]

STANDARD_INPUT: Final = "-"
_CALLED: Final = "standard input"


def parse_raw(value: str | None) -> RawFormat | None:
    """Read what ``--raw`` was given.

    Raises:
        typer.BadParameter: with what would be right.

    Example:
        >>> parse_raw("s16le:8000")
        RawFormat(encoding='s16le', rate_hz=8000, channels=1)
    """
    if value is None:
        return None
    from hearfelt.errors import AudioError
    from hearfelt.raw_pcm import RawFormat

    try:
        return RawFormat.parse(value)
    except AudioError as error:
        raise typer.BadParameter(str(error).removeprefix("raw sound: "), param_hint="--raw") from None


def check_standard_input(paths: Sequence[str]) -> None:
    """Check that standard input is asked for once at most, and that something is piped into it.

    Raises:
        typer.BadParameter: if not.
    """
    asked = paths.count(STANDARD_INPUT)
    if asked > 1:
        raise typer.BadParameter(f"- was given {asked} times; standard input can be read once", param_hint="PATH")
    if asked and (getattr(sys.stdin, "buffer", None) is None or sys.stdin.isatty()):
        raise typer.BadParameter(
            "- stands for standard input, into which nothing is piped; write: some-program | hearfelt …",
            param_hint="PATH",
        )


@contextmanager
def sound_of(source: str, raw: RawFormat | None = None, *, is_read_again: bool = False) -> Iterator[Sound]:
    """Give the sound that a word on the command line stands for.

    Raw samples from a pipe are read as they come; anything else from a pipe is saved aside first, since most formats
    cannot be read in one go.

    Args:
        source: a path, or ``-`` for standard input.
        raw: how raw samples are stored, if it holds such.
        is_read_again: whether the sound will be read more than once.

    Raises:
        AudioError: if what is piped in is too long or cannot be saved.
    """
    from hearfelt.raw_pcm import RawSound
    from hearfelt.sources import saved

    if source != STANDARD_INPUT:
        yield RawSound(source, raw) if raw else source
    elif raw and not is_read_again:
        yield RawSound(sys.stdin.buffer, raw)
    else:
        with saved(sys.stdin.buffer, _CALLED) as file:
            yield RawSound(file, raw) if raw else file
