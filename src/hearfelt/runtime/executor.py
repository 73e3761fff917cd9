"""Executors: where independent pieces of work run, here one after another, in processes, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

__all__ = ["Executor", "run_in_turn"]

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
