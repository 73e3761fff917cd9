"""Executor whose calls are tasks of a Ray cluster.

Training gets it as an argument, so that only this folder knows Ray.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hearfelt.batch.ray_link import connected, ray_errors
from hearfelt.errors import HearfeltError

if TYPE_CHECKING:
    from hearfelt.runtime.executor import Executor

__all__ = ["executor_on_ray"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_RETRIES: Final = 5  # of a call whose machine or process was lost; errors of the function itself are final


@contextmanager
def executor_on_ray(address: str, *, at_once: int | None = None) -> Iterator[Executor]:
    """Connect to a Ray cluster and yield an executor whose calls run there, each on one core.

    A call that is lost with its machine is repeated on another. Function and item are copied there, but no files:
    paths have to mean the same on every machine.

    Args:
        address: as for :func:`hearfelt.batch.ray_link.connected`.
        at_once: the most calls at once; None for as many as the cluster has cores for.

    Raises:
        ExtraMissingError: if Ray is not installed.
        HearfeltError: if the cluster cannot be reached or gives up, and whatever a call raises.
    """
    with connected(address, at_once) as ray:

        def execute(function: Callable[[Item], Result], items: Mapping[int, Item]) -> Iterator[tuple[int, Result]]:
            with ray_errors(ray, address):
                yield from _done_on(ray, function, items, at_once)

        yield execute


def _done_on(
    ray: Any, function: Callable[[Item], Result], items: Mapping[int, Item], at_once: int | None
) -> Iterator[tuple[int, Result]]:
    task = ray.remote(num_cpus=1, max_retries=_RETRIES)(_done)
    shared = ray.put(function)  # once, however much it holds
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
                result, error = ray.get(reference)
                if error is not None:
                    raise error
                yield going.pop(reference), result
    finally:
        for reference in going:
            ray.cancel(reference, force=True)


def _done(function: Callable[[Item], Result], item: Item) -> tuple[Result | None, HearfeltError | None]:
    """Call the function on a machine of the cluster; its error is returned, since Ray would wrap it in its own."""
    try:
        return function(item), None
    except HearfeltError as error:
        return None, error
