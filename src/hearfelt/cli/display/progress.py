"""How far a long sound has been heard, shown on standard error where somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["SoundBar", "sound_bar"]


class SoundBar:
    """A bar of seconds; without a screen it does nothing.

    Args:
        screen: rich's progress; ``None`` where nobody looks.
        source: what is heard.
    """

    def __init__(self, screen: Progress | None, source: str) -> None:
        self._screen = screen
        self._task = screen.add_task(source, total=None, heard="", rate="") if screen is not None else None
        self._until_s = 0.0

    def expect(self, duration_s: float) -> None:
        """Say how long the sound is; 0 if nobody knows."""
        self._until_s = duration_s
        if self._screen is not None and self._task is not None and duration_s > 0:
            self._screen.update(self._task, total=duration_s)

    def reached(self, time_s: float) -> None:
        """Say how much was heard."""
        if self._screen is None or self._task is None:
            return
        from hearfelt.results.clock import time_words

        task = self._screen.tasks[0]
        heard = time_words(time_s, until_s=self._until_s)
        if self._until_s:
            heard += f" of {time_words(self._until_s)}"
        rate = f"{time_s / task.elapsed:.0f} × real time" if task.elapsed else ""
        self._screen.update(self._task, completed=time_s, heard=heard, rate=rate)


@contextmanager
def sound_bar(source: str) -> Iterator[SoundBar]:
    """Show a bar on standard error while a sound is heard, if that is a terminal; it goes away at the end.

    Args:
        source: what is heard.

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

    texts = [TextColumn("{task.fields[heard]}"), TextColumn("[dim]{task.fields[rate]}"), TimeRemainingColumn()]
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), *texts)
    # What is printed meanwhile goes above the bar where both are on one screen; a file or pipe gets it as it is.
    is_shared = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=is_shared) as screen:
        yield SoundBar(screen, escape(printable(source)))
