"""Track each epoch's metrics in TensorBoard or MLflow, beside the JSON Lines that are always written."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from hearfelt.errors import RecipeError, require
from hearfelt.training.loop import EpochRow
from hearfelt.training.recipe import Recipe

__all__ = ["TRACKERS", "EpochListener", "track"]

EpochListener = Callable[[EpochRow], None]


@contextmanager
def track(kind: str | None, folder: Path, recipe: Recipe, *, seed: int) -> Iterator[EpochListener]:
    """Open a tracker for one training.

    Args:
        kind: ``"tensorboard"``, ``"mlflow"`` or None for none.
        folder: of the training; TensorBoard's files and MLflow's data base go into it. MLflow's own variable
            ``MLFLOW_TRACKING_URI`` names another place.
        recipe: its values are kept as parameters.
        seed: likewise.

    Yields:
        A function to call with each epoch's row.

    Raises:
        RecipeError: if there is no such tracker.
        ExtraMissingError: if the tracker's package is not installed.
    """
    if kind is None:
        yield lambda row: None
        return
    if kind not in TRACKERS:
        near = get_close_matches(kind, TRACKERS, n=1)
        advice = f"did you mean {near[0]}?" if near else f"there are {' and '.join(TRACKERS)}"
        raise RecipeError(f"--track {kind}: there is no such tracker; {advice}")
    parameters = {**_flat(recipe.to_dict()), "seed": seed}
    with TRACKERS[kind](folder, recipe.name, parameters) as report:
        yield report


@contextmanager
def _tensorboard(folder: Path, name: str, parameters: Mapping[str, Any]) -> Iterator[EpochListener]:
    require("tensorboard", "tensorboard")
    writer: Any = require("torch.utils.tensorboard", "tensorboard").SummaryWriter(str(folder / "tensorboard"))
    try:
        table = "\n".join(f"| {key} | {value} |" for key, value in parameters.items())
        writer.add_text(f"recipe/{name}", f"| key | value |\n|---|---|\n{table}")

        def report(row: EpochRow) -> None:
            for key, value in _figures(row).items():
                writer.add_scalar(key, value, row.epoch)

        yield report
    finally:
        writer.close()


@contextmanager
def _mlflow(folder: Path, name: str, parameters: Mapping[str, Any]) -> Iterator[EpochListener]:
    # Local data base, and no word about this training to anybody: MLflow reads this when it is imported.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    client_class: Any = require("mlflow.tracking", "mlflow").MlflowClient
    require("sqlalchemy", "mlflow")
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # it logs every table that it makes
    folder.mkdir(parents=True, exist_ok=True)
    address = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(folder / 'mlflow.db').resolve()}"
    with warnings.catch_warnings():
        # MLflow uses a loader that SQLAlchemy 2.1 calls old.
        warnings.filterwarnings("ignore", message="The ``noload`` loader", category=DeprecationWarning)
        client = client_class(tracking_uri=address)
    known = client.get_experiment_by_name(name)
    experiment = known.experiment_id if known else client.create_experiment(name)
    run = client.create_run(experiment).info.run_id
    for key, value in parameters.items():
        client.log_param(run, key, value)

    def report(row: EpochRow) -> None:
        for key, value in _figures(row).items():
            client.log_metric(run, key, value, step=row.epoch)

    try:
        yield report
    except BaseException:
        client.set_terminated(run, "KILLED")
        raise
    client.set_terminated(run, "FINISHED")


TRACKERS: Final[Mapping[str, Any]] = MappingProxyType({"tensorboard": _tensorboard, "mlflow": _mlflow})


def _figures(row: EpochRow) -> dict[str, float]:
    return {key: value for key, value in asdict(row).items() if key != "epoch"}


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{key}.")
        else:
            flat[before + key] = value
    return flat
