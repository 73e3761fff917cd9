"""Spreading: who does pieces of work that don't know of each other, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

__all__ = ["Spread", "in_turn"]

Item = TypeVar("Item")
Made = TypeVar("Made")


class Spread(Protocol):
    """Does the work with every item, in any order and wherever it likes.

    The answer must not depend on where that is: items travel as copies, and nothing that one of them changes is seen
    by another.
    """

    def __call__(self, work: Callable[[Item], Made], items: Mapping[int, Item]) -> Iterator[tuple[int, Made]]:
        """Give what comes of each item under its number, as it is done.

        Raises:
            HearfeltError: as the first item that fails; the others are given up.
        """
        ...


def in_turn(work: Callable[[Item], Made], items: Mapping[int, Item]) -> Iterator[tuple[int, Made]]:
    """Do one item after another, right here.

    Example:
        >>> list(in_turn(abs, {1: -3, 2: 4}))
        [(1, 3), (2, 4)]
    """
    for number, item in items.items():
        yield number, work(item)
