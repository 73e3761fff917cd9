"""What runs on a Ray cluster: batches, and the pieces of trainings.

Each part of a batch is one row of a Ray Data pipeline. Actors load the model once and recognize part after part, each
through a worker process of its own, so that a file at which a process dies costs that file and no actor. Ray Data
streams, keeps the actors fed without letting results pile up, moves the work of a lost node to others, and lets the
cluster grow and shrink.

Pieces of a training are tasks, called by an executor. Training gets it as an argument, so that only this module knows
Ray.
"""

from __future__ import annotations

import io
import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hearfelt.batch import object_store
from hearfelt.batch.checkpoints import PartFile, open_part
from hearfelt.batch.plan import Part
from hearfelt.batch.recognition import SoundWorkers, Task
from hearfelt.batch.storage import write_file
from hearfelt.errors import HearfeltError, require
from hearfelt.runtime.execution import Advance

if TYPE_CHECKING:
    from hearfelt.runtime.execution import Executor

__all__ = ["connected", "executor_on_ray", "ray_errors", "recognize_on_ray"]


_AHEAD: Final = 2  # parts an actor is given before it is done with the first


def recognize_on_ray(
    parts: Iterator[Part], folder: str, task: Task, advance: Advance, *, address: str, workers: int | None
) -> None:
    """Answer parts on a Ray cluster, and write each when it is whole.

    Where the folder of parts is in a store, the machine that recognized a part writes it there, and nothing but its
    number travels. Where it is on a disk here, the rows travel here, so that no disk has to be shared.

    Args:
        parts: what is left to do.
        folder: gets the parts.
        task: what is to be done with every sound; the model's file is sent to the machines.
        advance: called with the number of sounds just done.
        address: ``"auto"`` for the cluster that this machine belongs to, ``host:port`` or ``ray://host:port`` for
            another, ``"local"`` for one of this machine alone.
        workers: the most that work at once; None for as many as the cluster has cores for.

    Raises:
        ExtraMissingError: if Ray is not installed.
        HearfeltError: if the cluster cannot be reached, or gives up.
    """
    left: dict[int, _Left] = {}
    rows = []
    for part in parts:
        left[part.number] = _Left(part.name, len(part.positions))
        rows.append({"number": part.number, "part": part.to_json()})
    with connected(address, workers) as ray, ray_errors(ray, address):
        _quieten(require("ray.data", "ray"))
        model = ray.put(Path(task.model).read_bytes())
        data = ray.data.from_items(rows, override_num_blocks=len(rows))
        rows.clear()
        answered = data.map(
            _Actor,
            fn_constructor_kwargs={"model": model, "task": task.to_json(), "folder": folder},
            compute=ray.data.ActorPoolStrategy(
                min_size=1, max_size=workers, max_tasks_in_flight_per_actor=_AHEAD, initial_size=_at_first(ray, workers)
            ),
            num_cpus=1,
        )
        for row in answered.iter_rows():
            if row["stopped"]:
                raise HearfeltError(row["stopped"])
            part_left = left.pop(int(row["number"]))
            if not object_store.is_url(folder):
                with write_file(f"{folder}/{part_left.name}") as file:
                    file.write(row["answers"])
            advance(part_left.sources)
    if left:
        raise HearfeltError(f"Ray ended with {len(left):,} parts left; the same command goes on with them")


@dataclass(frozen=True)
class _Left:
    """What has to be known here of a part that is recognized elsewhere."""

    name: str
    sources: int


class _Actor:
    """Answers parts with one worker process."""

    def __init__(self, model: Any, task: str, folder: str) -> None:
        ray = require("ray", "ray")
        self._folder = folder
        self._own = tempfile.TemporaryDirectory(prefix="hearfelt-", ignore_cleanup_errors=True)
        path = Path(self._own.name) / "model.onnx"
        path.write_bytes(ray.get(model))
        self._worker = SoundWorkers(replace(Task.from_json(task), model=str(path)))

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        part, held = Part.from_json(row["part"]), io.BytesIO()
        try:
            if object_store.is_url(self._folder):
                with open_part(self._folder, part) as file:
                    self._answer(part, file)
            else:
                self._answer(part, PartFile(part, held))
        except HearfeltError as error:  # travels as a sentence, and not inside an error of Ray's own
            return {"number": part.number, "answers": b"", "stopped": str(error)}
        return {"number": part.number, "answers": held.getvalue(), "stopped": ""}

    def __del__(self) -> None:
        if hasattr(self, "_worker"):
            self._worker.close()

    def _answer(self, part: Part, file: PartFile) -> None:
        for rows in self._worker.recognize(part.sources):
            file.add(rows)


def _quieten(data: Any) -> None:
    data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _at_first(ray: Any, workers: int | None) -> int:
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    return cores if workers is None else min(cores, workers)


_LOCAL: Final = "local"  # a cluster of this machine alone, for trying it
_LISTENS_S: Final = 20.0
_QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}


@contextmanager
def connected(address: str, workers: int | None) -> Iterator[Any]:
    """Connect to a Ray cluster; disconnect when the block ends.

    Args:
        address: ``"auto"`` for the cluster that this machine belongs to, ``host:port`` or ``ray://host:port`` for
            another, ``"local"`` for one of this machine alone.
        workers: how many cores a cluster of this machine alone has; None for all.

    Yields:
        The package ``ray``.

    Raises:
        ExtraMissingError: if Ray is not installed.
        HearfeltError: if the cluster cannot be reached.
    """
    os.environ.update(_QUIET)  # Ray would send usage statistics
    ray = require("ray", "ray")
    was_there = ray.is_initialized()
    _check_reachable(address)
    try:
        if not was_there:
            own = {"num_cpus": workers, "include_dashboard": False} if address == _LOCAL else {}
            with ray_errors(ray, address):
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
        yield ray
    finally:
        if not was_there:
            ray.shutdown()


@contextmanager
def ray_errors(ray: Any, address: str) -> Iterator[None]:
    """Raise whatever a cluster fails with as one HearfeltError."""
    try:
        yield
    except HearfeltError:
        raise
    except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        reason = " ".join(str(error).split())[-300:]
        raise HearfeltError(f"the Ray cluster at {address} failed ({reason}); the same command goes on") from error


def _check_reachable(address: str) -> None:
    """Raise at once if nothing listens at an address; Ray itself would try for many minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return  # "auto" and "local"
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_LISTENS_S).close()
    except (OSError, OverflowError) as error:
        raise HearfeltError(f"no Ray cluster answers at {address} ({error}); check the address") from error


Item = TypeVar("Item")
Result = TypeVar("Result")

_RETRIES: Final = 5  # of a call whose machine or process was lost; errors of the function itself are final


@contextmanager
def executor_on_ray(address: str, *, at_once: int | None = None) -> Iterator[Executor]:
    """Connect to a Ray cluster and yield an executor whose calls run there, each on one core.

    A call that is lost with its machine is repeated on another. Function and item are copied there, but no files:
    paths have to mean the same on every machine.

    Args:
        address: as for :func:`hearfelt.batch.ray_cluster.connected`.
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
