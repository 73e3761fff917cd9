"""Processes: several that do the same with one thing after another, for work that takes long."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from hearfelt.errors import HearfeltError

__all__ = ["Arrays", "in_processes", "processes_for"]

Item = TypeVar("Item")
Made = TypeVar("Made")
Arrays = Mapping[str, npt.NDArray[Any]]

_MOST_ITEMS_A_TRIP: Final = 16


def processes_for(amount: int, enough: int, wanted: int | None = None) -> int:
    """Say how many processes an amount of work is worth: at least 1.

    Args:
        amount: of work, in any unit.
        enough: how much of it takes as long as starting a process.
        wanted: how many work at most; by default one for each core, and in a process that is itself a worker
            only this one.
    """
    if wanted is None:
        wanted = 1 if parent_process() else os.cpu_count() or 1
    return max(1, min(wanted, amount // enough))


def in_processes(
    work: Callable[[Item], Made],
    items: Sequence[Item],
    *,
    processes: int,
    begin: Callable[[Arrays], None] | None = None,
    arrays: Arrays | None = None,
) -> Iterator[Made]:
    """Do the work with every item, in processes that end when it is done.

    The processes are started anew and not forked, which is safe beside threads; a script that asks for them needs
    the usual ``if __name__ == "__main__":``.

    Args:
        work: a function of a module.
        items: each can be sent to another process.
        processes: how many work.
        begin: called once in each process before it works, with ``arrays``; a function of a module.
        arrays: what all processes need.

    Yields:
        What comes of each item, in the order given.

    Raises:
        HearfeltError: if a process is ended from outside, or cannot begin.
    """
    items_a_trip = max(1, min(_MOST_ITEMS_A_TRIP, len(items) // (4 * processes)))
    try:
        # Arrays travel in a file: in the pipe that starts a process they would wait forever for one that ends at once.
        with TemporaryDirectory(prefix="hearfelt-") as folder:
            shared = Path(folder) / "shared.npz"
            given: dict[str, Any] = dict(arrays or {})
            np.savez(shared, **given)
            with ProcessPoolExecutor(processes, get_context("spawn"), partial(_begin, begin, shared)) as pool:
                yield from pool.map(work, items, chunksize=items_a_trip)
    except BrokenProcessPool as error:
        raise HearfeltError(
            "a process that hears clips was ended from outside; if memory ran out, run it again with fewer processes"
        ) from error


def _begin(begin: Callable[[Arrays], None] | None, shared: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is answered by the first process, which cancels what is left
    if begin:
        with np.load(shared, allow_pickle=False) as stored:
            begin({name: stored[name] for name in stored.files})
