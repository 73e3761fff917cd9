"""Progress protocol: how a long job reports which stage it is in and how far it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

__all__ = ["Advance", "Progress", "no_progress"]

Advance = Callable[[int], None]
"""Called with the number of items just done."""


class Progress(Protocol):
    """Shows the stages of a long job; the command line has one that draws bars."""

    def __call__(
        self, label: str, total: int | None = None, *, unit: Literal["items", "bytes"] = "items", done: int = 0
    ) -> AbstractContextManager[Advance]:
        """Begin a stage; it ends with the ``with`` block.

        Args:
            label: what is being done, such as ``"reading clips"``.
            total: how many items or bytes there are; None if unknown.
            unit: what is counted.
            done: how many of them an earlier run has done.

        Returns:
            A context manager that yields an :data:`Advance`.
        """
        ...


def no_progress(
    label: str, total: int | None = None, *, unit: Literal["items", "bytes"] = "items", done: int = 0
) -> AbstractContextManager[Advance]:
    """Show nothing.

    Example:
        >>> with no_progress("reading clips", 2) as advance:
        ...     advance(1)
    """
    return nullcontext(lambda count: None)
