"""Experiments: a recipe measured by a protocol, in all its folds and with several seeds."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hearfelt.clips import Clips
from hearfelt.errors import HearfeltError
from hearfelt.evaluation.evaluate import gather
from hearfelt.evaluation.protocols import Plan, Protocol
from hearfelt.evaluation.results import About, Results, write_results
from hearfelt.files import atomic_write
from hearfelt.training.admission import admit, divide, generator_for
from hearfelt.training.dataset import Heard, Lesson, hear, sounds_to_hear
from hearfelt.training.loop import read_curves
from hearfelt.training.recipe import Recipe
from hearfelt.training.runs import Run, do_runs
from hearfelt.training.single import Bars, no_bars

__all__ = ["CURVES_TABLE", "plan_runs", "read_curves_table", "run_experiment"]

CURVES_TABLE: Final = "curves.csv"
RUNS: Final = "runs"
_COLUMNS: Final = (
    "fold",
    "seed",
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "validation_uar",
)


def run_experiment(
    recipe: Recipe,
    protocol: Protocol,
    clips: Clips,
    *,
    seeds: int,
    out: Path,
    jobs: int | None = None,
    drop: Sequence[str] = (),
    folds: int | None = None,
    bars: Bars = no_bars,
) -> Results:
    """Train and test every fold with every seed, and write the results.

    What is done already in ``out`` is not done again, so a call that was stopped goes on when it is repeated.

    Args:
        recipe: how to train.
        protocol: how to divide, and what may be learned from.
        clips: of one corpus or of several.
        seeds: how many, counted from 0.
        out: gets ``predictions.csv``, ``summary.json``, ``curves.csv``, and below ``runs/`` each model.
        jobs: processes at once; one for each core by default.
        drop: emotions whose clips leave before the split.
        folds: how many, for a protocol that leaves it open.
        bars: shows how far it is.

    Raises:
        CorpusError: if the protocol or the training refuses these clips.
        ModelError: if ``out`` holds runs of another recipe or other clips.
    """
    if seeds < 1:
        raise HearfeltError(f"{seeds} seeds; at least 1 is needed")
    jobs = jobs or os.cpu_count() or 1
    plan = protocol.plan(clips, drop=drop, folds=folds)
    runs = plan_runs(recipe, plan, seeds=seeds, out=out, jobs=jobs, bars=bars)
    with bars("training", len(runs)) as done:
        finished = do_runs(runs, jobs=jobs, progress=done)
    _write_curves_table(out, runs)
    evaluation, unanswered = gather(one.answers for one in finished)
    epochs = {(one.fold, one.seed): one.epoch for one in finished}
    return write_results(out, evaluation, About(plan, recipe.to_dict(), epochs, unanswered=unanswered))


def plan_runs(
    recipe: Recipe, plan: Plan, *, seeds: int, out: Path, jobs: int | None = None, bars: Bars = no_bars
) -> list[Run]:
    """Prepare every fold with every seed: who is learned from, who is checked on, and all their features.

    Args:
        recipe: how to train.
        plan: the folds.
        seeds: how many, counted from 0.
        out: folder of the experiment.
        jobs: processes that measure.
        bars: shows how far it is.

    Raises:
        CorpusError: if training refuses a fold's clips.
    """
    parts = _parts(plan, recipe, seeds)
    runs = []
    for seed in range(seeds):
        heard = _hear(plan, recipe, [parts[fold.name, seed] for fold in plan.folds], seed, jobs=jobs, bars=bars)
        for fold in plan.folds:
            learn, validation = parts[fold.name, seed]
            lesson = Lesson(plan.emotions, heard.of(learn), heard.of(validation, copies=False))
            folder = out / RUNS / f"fold{fold.name}-seed{seed}"
            runs.append(Run(recipe, lesson, fold.test, fold.name, seed, folder))
    return runs


def _parts(plan: Plan, recipe: Recipe, seeds: int) -> dict[tuple[int, int], tuple[Clips, Clips]]:
    """Take each fold's training part apart, for each seed, into what is learned from and what is checked on."""
    parts = {}
    for fold in plan.folds:
        admitted = admit(fold.train).clips
        for seed in range(seeds):
            generator = generator_for(seed, "validation", fold.name)
            parts[fold.name, seed] = divide(admitted, plan.protocol.by, recipe.validation, generator)
    return parts


def _hear(
    plan: Plan, recipe: Recipe, parts: Sequence[tuple[Clips, Clips]], seed: int, *, jobs: int | None, bars: Bars
) -> Heard:
    """Measure what any fold learns from or checks on with this seed, once for all of them."""
    learn = {clip for part, _ in parts for clip in part}
    validation = {clip for _, part in parts for clip in part} - learn
    with bars(f"measuring sounds, seed {seed}", sounds_to_hear(recipe.augment, len(learn), len(validation))) as done:
        return hear(
            plan.clips,
            recipe.augment,
            generator_for(seed, "copies"),
            learn=learn,
            validation=validation,
            processes=jobs,
            progress=done,
        )


def _write_curves_table(out: Path, runs: Sequence[Run]) -> None:
    """Put the curves of all runs into one small table, which stays with the results; none of what has no epochs."""
    rows = [(run, row) for run in runs for row in read_curves(run.folder)]
    if not rows:
        (out / CURVES_TABLE).unlink(missing_ok=True)
        return
    with atomic_write(out / CURVES_TABLE) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for run, row in rows:
            figures = [f"{row[column]:.5f}" for column in _COLUMNS[3:]]
            writer.writerow([run.fold, run.seed, row["epoch"], *figures])


def read_curves_table(out: Path) -> list[dict[str, float]]:
    """Read the curves of all runs back, one row an epoch with ``fold`` and ``seed``; none where there are none."""
    path = out / CURVES_TABLE
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return [{**row, **{key: int(row[key]) for key in ("fold", "seed", "epoch")}} for row in rows]
