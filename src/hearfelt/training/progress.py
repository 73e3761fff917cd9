"""Watching: how a long job is shown."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

__all__ = ["Bars", "no_bars"]

# Shows how far a long job is: given what is done and how many there are, opens a function that counts.
Bars = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def no_bars(label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Show nothing."""
    return nullcontext(lambda count: None)
