"""Progress bars on standard error, if it is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Literal

from hearfelt.runtime.execution import Advance, no_progress

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["SoundBar", "bar", "progress", "sound_bar"]


class SoundBar:
    """A progress bar in seconds of sound; without a screen it does nothing.

    Args:
        screen: rich's progress; ``None`` if there is no terminal.
        source: name of the sound.
    """

    def __init__(self, screen: Progress | None, source: str) -> None:
        self._screen = screen
        self._task = screen.add_task(source, total=None, reached="", rate="") if screen is not None else None
        self._until_s = 0.0

    def expect(self, duration_s: float) -> None:
        """Set the length of the sound; 0 if it is unknown."""
        self._until_s = duration_s
        if self._screen is not None and self._task is not None and duration_s > 0:
            self._screen.update(self._task, total=duration_s)

    def reached(self, time_s: float) -> None:
        """Set how much of the sound was read."""
        if self._screen is None or self._task is None:
            return
        from hearfelt.reports.formatting import time_words

        task = self._screen.tasks[0]
        reached = time_words(time_s, until_s=self._until_s)
        if self._until_s:
            reached += f" of {time_words(self._until_s)}"
        rate = f"{time_s / task.elapsed:.0f} × real time" if task.elapsed else ""
        self._screen.update(self._task, completed=time_s, reached=reached, rate=rate)


@contextmanager
def sound_bar(source: str) -> Iterator[SoundBar]:
    """Show a bar on standard error while a sound is read, if that is a terminal; it disappears at the end.

    Args:
        source: name of the sound.

    Example:
        >>> with sound_bar("call.wav") as bar:
        ...     bar.expect(60.0)
        ...     bar.reached(5.0)
    """
    if not sys.stderr.isatty():
        yield SoundBar(None, source)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from hearfelt.cli.display.output import printable

    texts = [TextColumn("{task.fields[reached]}"), TextColumn("[dim]{task.fields[rate]}"), TimeRemainingColumn()]
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), *texts)
    # Output meanwhile goes above the bar if both are on one screen; a file or pipe gets it unchanged.
    is_shared = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=is_shared) as screen:
        yield SoundBar(screen, escape(printable(source)))


def progress(
    label: str, total: int | None = None, *, unit: Literal["items", "bytes"] = "items", done: int = 0
) -> AbstractContextManager[Advance]:
    """Show the progress of a long job on standard error; nothing if it is no terminal.

    The bar appears only when both standard output and standard error are terminals, so that what is
    piped or logged stays clean, and it disappears when the job is done.

    Args:
        label: what is being done, such as ``"reading clips"``.
        total: how many items or bytes there are; None if unknown.
        unit: what is counted.
        done: how many of them an earlier run has done.

    Returns:
        A context manager that yields a function to call with the number of items just done.

    Example:
        >>> with progress("counting", 3) as advance:
        ...     for _ in range(3):
        ...         advance(1)
    """
    show = bar if sys.stderr.isatty() and sys.stdout.isatty() else no_progress
    return show(label, total, unit=unit, done=done)


@contextmanager
def bar(
    label: str, total: int | None = None, *, unit: Literal["items", "bytes"] = "items", done: int = 0
) -> Iterator[Advance]:
    """Draw a bar on standard error, as :func:`progress` does at a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    counts: tuple[ProgressColumn, ...] = (
        (DownloadColumn(), TransferSpeedColumn()) if unit == "bytes" else (MofNCompleteColumn(),)
    )
    columns = (TextColumn("{task.description}"), BarColumn(), *counts, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as screen:
        task = screen.add_task(label, total=total, completed=done)
        yield lambda count: screen.advance(task, count)
