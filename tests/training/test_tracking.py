from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.errors import RecipeError
from hearfelt.training.loop import EpochRow
from hearfelt.training.recipe import Recipe
from hearfelt.training.tracking import track

ROWS = [EpochRow(epoch, 2.0 / epoch, 0.5, 1.0, 0.5, 0.25 * epoch, 1e-3, 1.0) for epoch in (1, 2)]


def _told(kind: str | None, folder: Path, recipe: Recipe) -> None:
    with track(kind, folder, recipe, seed=3) as report:
        for row in ROWS:
            report(row)


def test_no_tracker_leaves_nothing(quick: Recipe, tmp_path: Path) -> None:
    _told(None, tmp_path, quick)
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_gets_every_epoch(quick: Recipe, tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    _told("tensorboard", tmp_path, quick)
    read = events.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in read.Scalars("validation_uar")] == [(1, 0.25), (2, 0.5)]


def test_mlflow_gets_recipe_and_epochs_without_a_server(
    quick: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = pytest.importorskip("mlflow.tracking")
    pytest.importorskip("sqlalchemy")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    _told("mlflow", tmp_path, quick)
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
    client = tracking.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("quick").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["fit.epochs"] == "3"
    assert run.data.params["seed"] == "3"
    history = client.get_metric_history(run.info.run_id, "validation_uar")
    assert [(one.step, one.value) for one in history] == [(1, 0.25), (2, 0.5)]


def test_an_unknown_tracker_is_one_sentence(quick: Recipe, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="--track tensorbord: there is no such tracker; did you mean tensorboard"):
        _told("tensorbord", tmp_path, quick)
