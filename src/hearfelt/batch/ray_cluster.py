"""Batch on a Ray cluster.

Each part of a job is one row of a Ray Data pipeline. Actors load the model once and answer part after part, each
through a worker process of its own, so that a file at which a process dies costs that file and no actor. Ray Data
streams, keeps the actors fed without letting results pile up, moves the work of a lost node to others, and lets the
cluster grow and shrink.
"""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from hearfelt.batch import object_store
from hearfelt.batch.checkpoints import PartFile, open_part
from hearfelt.batch.plan import Part
from hearfelt.batch.ray_link import connected, ray_errors
from hearfelt.batch.recognition import Task
from hearfelt.batch.storage import write_file
from hearfelt.batch.workers import SoundWorkers
from hearfelt.errors import HearfeltError, require
from hearfelt.runtime.progress import Advance

__all__ = ["answer_on_ray"]

_AHEAD: Final = 2  # parts an actor is given before it has answered


def answer_on_ray(
    parts: Iterator[Part], folder: str, task: Task, advance: Advance, *, address: str, workers: int | None
) -> None:
    """Answer parts on a Ray cluster, and write each when it is whole.

    Where the folder of parts is in a store, the machine that answered a part writes it there, and nothing but its
    number travels. Where it is on a disk here, the answers travel here, so that no disk has to be shared.

    Args:
        parts: what is left to do.
        folder: gets the parts.
        task: what is to be done with every sound; the model's file is sent to the machines.
        advance: called with the number of sounds just answered.
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
        raise HearfeltError(f"Ray ended with {len(left):,} parts unanswered; the same command goes on with them")


@dataclass(frozen=True)
class _Left:
    """What has to be known here of a part that is answered elsewhere."""

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
