"""Experiments: a recipe measured by a protocol, in all its folds and with several seeds."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from hearfelt.corpora.clips import Clips
from hearfelt.errors import HearfeltError, RecipeError
from hearfelt.evaluation.evaluate import gather
from hearfelt.evaluation.plan import Plan
from hearfelt.evaluation.protocols import Protocol
from hearfelt.evaluation.results import About, ModelFile, Results, write_results
from hearfelt.inference.recognizer import Recognizer
from hearfelt.models.build import kind_of
from hearfelt.runtime.executor import Executor
from hearfelt.runtime.files import atomic_write
from hearfelt.training.data_selection import Parts, generator_for, parts_of
from hearfelt.training.dataset import Heard, Lesson, hear, sounds_to_hear
from hearfelt.training.device import device_called
from hearfelt.training.loop import read_curves
from hearfelt.training.progress import Bars, no_bars
from hearfelt.training.recipe import Recipe
from hearfelt.training.remote_runs import run_remotely
from hearfelt.training.runs import RUNS, Run, do_runs
from hearfelt.training.sound_runs import plan_sound_runs
from hearfelt.training.sound_training_set import PUBLISHED, EarFiles
from hearfelt.training.trainer import MODEL

__all__ = ["CURVES_TABLE", "plan_runs", "read_curves_table", "run_experiment"]

CURVES_TABLE: Final = "curves.csv"
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
    ears: EarFiles = PUBLISHED,
    device: str = "auto",
    executor: Executor | None = None,
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
        ears: where the encoders' weights are, for a network that takes sound.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        executor: does the runs elsewhere, such as on a cluster; by default processes of this machine do them.

    Raises:
        CorpusError: if the protocol or the training refuses these clips.
        ModelError: if ``out`` holds runs of another recipe or other clips.
    """
    if seeds < 1:
        raise HearfeltError(f"{seeds} seeds; at least 1 is needed")
    jobs = jobs or os.cpu_count() or 1
    takes_sound = kind_of(recipe.network).input == "sound"  # and may learn from clips that nobody is tested on
    device = device_called(device, takes_sound=takes_sound)
    plan = protocol.plan(clips, drop=drop, folds=folds, beside=takes_sound)
    if takes_sound:
        runs = plan_sound_runs(recipe, plan, seeds=seeds, out=out, jobs=jobs, bars=bars, ears=ears, device=device)
    else:
        runs = plan_runs(recipe, plan, seeds=seeds, out=out, jobs=jobs, bars=bars)
    with bars("training", len(runs)) as done:
        elsewhere = None if executor is None else partial(run_remotely, executor)
        finished = do_runs(runs, jobs=jobs, progress=done, elsewhere=elsewhere)
    _write_curves_table(out, runs)
    evaluation, unanswered = gather(one.answers for one in finished)
    epochs = {(one.fold, one.seed): one.epoch for one in finished}
    about = About(plan, recipe.to_dict(), epochs, unanswered=unanswered, file=_largest(runs), device=device)
    return write_results(out, evaluation, about)


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
        RecipeError: if the protocol learns from changed copies of test clips and the recipe makes none.
    """
    if plan.protocol.copies_of_test and not recipe.augment.copies:
        raise RecipeError(
            f"{plan.protocol.name} lets changed copies of test clips into training, and {recipe.name} makes no copies;"
            " it needs copies = 1 or more under [augment]"
        )
    parts = {fold.name: parts_of(plan, fold, recipe.validation, seeds=seeds) for fold in plan.folds}
    runs = []
    for seed in range(seeds):
        heard = _hear(plan, recipe, [parts[fold.name][seed] for fold in plan.folds], seed, jobs=jobs, bars=bars)
        for fold in plan.folds:
            own = parts[fold.name][seed]
            lesson = Lesson(
                plan.emotions,
                heard.of(own.learn),
                heard.of(own.validation, copies=False),
                heard.of(own.copied) if own.copied else None,
            )
            folder = out / RUNS / f"fold{fold.name}-seed{seed}"
            runs.append(Run(recipe, lesson, fold.test, fold.name, seed, folder))
    return runs


def _hear(plan: Plan, recipe: Recipe, parts: Sequence[Parts], seed: int, *, jobs: int | None, bars: Bars) -> Heard:
    """Measure what any fold learns from or checks on with this seed, once for all of them."""
    learn = {clip for part in parts for clip in (*part.learn, *part.copied)}
    validation = {clip for part in parts for clip in part.validation} - learn
    with bars(f"measuring sounds, seed {seed}", sounds_to_hear(recipe.augment, len(learn), len(validation))) as done:
        return hear(
            Clips([*plan.clips, *plan.beside]),
            recipe.augment,
            generator_for(seed, "copies"),
            learn=learn,
            validation=validation,
            processes=jobs,
            progress=done,
        )


def _largest(runs: Sequence[Run]) -> ModelFile | None:
    """Tell the size of the largest model of all runs; None where the files are gone, and only answers were kept."""
    files = [path for run in runs if (path := run.folder / MODEL).is_file()]
    if not files:
        return None
    largest = max(files, key=lambda path: path.stat().st_size)
    return ModelFile(largest.stat().st_size, Recognizer.load(largest, threads=1).card.parameters)


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
