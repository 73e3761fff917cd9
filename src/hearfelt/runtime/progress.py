"""Progress protocol: how a long job reports what it does and how far it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

__all__ = ["NO_PROGRESS", "Advance", "Progress"]

Advance = Callable[[int], None]
"""Called with the number of items just done."""


class Progress:
    """Listener to a long job; this one ignores all events, the command line shows them."""

    def remark(self, sentence: str) -> None:
        """Take a sentence that the user may want to know."""

    def stage(
        self, label: str, total: int | None = None, *, unit: str = "items", done: int = 0
    ) -> AbstractContextManager[Advance]:
        """Begin a stage of the job; it ends with the ``with`` block.

        Args:
            label: what is being done, such as ``"reading clips"``.
            total: how many items there are; None if unknown.
            unit: what is counted, in the plural, such as ``"clips"`` or ``"bytes"``.
            done: how many of them an earlier run has done.

        Returns:
            A context manager that yields an :data:`Advance`.

        Example:
            >>> with Progress().stage("reading clips", 2) as advance:
            ...     advance(1)
        """
        return nullcontext(lambda count: None)


NO_PROGRESS: Final = Progress()
