"""Pieces of any work as tasks of a Ray cluster.

Training is what needs this, and training stands below: it takes whoever does its pieces as an argument and never
learns that it is a cluster, so that Ray has one owner, this folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hearfelt.batch.ray_link import connected, in_words
from hearfelt.errors import HearfeltError

if TYPE_CHECKING:
    from hearfelt.training.executor import Spread

__all__ = ["tasks_on_ray"]

Item = TypeVar("Item")
Made = TypeVar("Made")

_RETRIES: Final = 5  # of a piece whose machine or process was lost; what a piece itself raises is final


@contextmanager
def tasks_on_ray(address: str, *, at_once: int | None = None) -> Iterator[Spread]:
    """Let pieces of work be done on a Ray cluster, each on one core.

    A piece that is lost with its machine is begun again on another. What a piece needs travels with it, except files:
    paths have to mean the same on every machine.

    Args:
        address: as for :func:`hearfelt.batch.ray_link.connected`.
        at_once: the most pieces at once; None for as many as the cluster has cores for.

    Yields:
        A function that takes the work and the pieces by number, and gives what comes of each as it is done.

    Raises:
        ExtraMissingError: if Ray is not installed.
        HearfeltError: if the cluster cannot be reached or gives up, and whatever a piece raises.
    """
    with connected(address, at_once) as ray:

        def spread(work: Callable[[Item], Made], items: Mapping[int, Item]) -> Iterator[tuple[int, Made]]:
            with in_words(ray, address):
                yield from _done_on(ray, work, items, at_once)

        yield spread


def _done_on(
    ray: Any, work: Callable[[Item], Made], items: Mapping[int, Item], at_once: int | None
) -> Iterator[tuple[int, Made]]:
    task = ray.remote(num_cpus=1, max_retries=_RETRIES)(_done)
    shared = ray.put(work)  # once, however much it holds
    waiting = iter(items.items())
    going: dict[Any, int] = {}
    try:
        while True:
            while at_once is None or len(going) < at_once:
                if (following := next(waiting, None)) is None:
                    break
                going[task.remote(shared, following[1])] = following[0]
            if not going:
                return
            ready, _ = ray.wait(list(going), num_returns=1)
            for reference in ready:
                made, error = ray.get(reference)
                if error is not None:
                    raise error
                yield going.pop(reference), made
    finally:
        for reference in going:
            ray.cancel(reference, force=True)


def _done(work: Callable[[Item], Made], item: Item) -> tuple[Made | None, HearfeltError | None]:
    """Do one piece where it landed; a sentence for people travels back as it is, not inside Ray's own error."""
    try:
        return work(item), None
    except HearfeltError as error:
        return None, error
