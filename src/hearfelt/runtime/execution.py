"""Protocols of long jobs: executors run their pieces here or on a cluster, and progress shows how far they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol, TypeVar

__all__ = ["Advance", "Executor", "Progress", "no_progress", "run_in_turn"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class Executor(Protocol):
    """Calls a function with every item, in any order and anywhere.

    Results must not depend on where: items travel as copies, and no call sees what another one changed.
    """

    def __call__(self, function: Callable[[Item], Result], items: Mapping[int, Item]) -> Iterator[tuple[int, Result]]:
        """Yield the result of each item with its number, as it is done.

        Raises:
            HearfeltError: as the first call that fails; the others are given up.
        """
        ...


def run_in_turn(function: Callable[[Item], Result], items: Mapping[int, Item]) -> Iterator[tuple[int, Result]]:
    """Call the function with one item after another, in this process.

    Example:
        >>> list(run_in_turn(abs, {1: -3, 2: 4}))
        [(1, 3), (2, 4)]
    """
    for number, item in items.items():
        yield number, function(item)


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
