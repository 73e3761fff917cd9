"""Experiments: a recipe evaluated by a protocol, in all its folds and with several seeds."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from hearfelt.corpora.clips import Clips
from hearfelt.errors import HearfeltError, RecipeError
from hearfelt.evaluation.encoded_clips import DividedModel, encode_clips, encoding_pool
from hearfelt.evaluation.evaluate import combine
from hearfelt.evaluation.plan import EvaluationProtocol, Plan
from hearfelt.evaluation.references import (
    EncodedFold,
    ReferenceOptions,
    SingleEmotions,
    write_single_emotions,
    write_with_references,
)
from hearfelt.evaluation.results import ModelFile, Results, ResultsInfo, write_results
from hearfelt.inference.recognizer import Recognizer
from hearfelt.models.networks import kind_of
from hearfelt.runtime.execution import Executor, Progress, no_progress
from hearfelt.runtime.files import atomic_write
from hearfelt.training.clip_statistics import PUBLISHED, EncoderFiles
from hearfelt.training.data_selection import FoldParts, generator_for, parts_of, select
from hearfelt.training.loop import read_curves
from hearfelt.training.recipe import Recipe
from hearfelt.training.runs import RUNS, Finished, Run, do_runs, run_remotely
from hearfelt.training.sound_network import prepare_statistics
from hearfelt.training.trainer import MODEL
from hearfelt.training.training_set import (
    ClipFeatures,
    EncoderSource,
    TrainingSet,
    compute_features,
    sound_count,
    variants_of,
)

__all__ = ["CURVES_TABLE", "ENCODED", "ExperimentOptions", "plan_runs", "run_experiment", "run_single_emotions"]

CURVES_TABLE: Final = "curves.csv"
ENCODED: Final = "encoded.npz"  # of a run: its test clips, for predictions with references
_OTHER_TARGET: Final = "cremad"  # where a protocol leaves the recipe's target out: the most speakers
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


@dataclass(frozen=True)
class ExperimentOptions:
    """Options of an experiment that are part of neither its recipe nor its protocol.

    Attributes:
        seeds: number of seeds, counted from 0.
        folds: number of folds, for a protocol that leaves it open; None for its default.
        drop: emotions whose clips are left out before the split.
        jobs: worker processes; by default one for each core.
        encoder_files: weights of the encoders, for a network that takes sound.
        reference: with which reference each test clip is compared; None for none.
        trained: folder of an earlier evaluation, whose models are used; by default that of the results.
    """

    seeds: int = 1
    folds: int | None = None
    drop: Sequence[str] = ()
    jobs: int | None = None
    encoder_files: EncoderFiles = PUBLISHED
    reference: ReferenceOptions | None = None
    trained: Path | None = None


DEFAULT_OPTIONS: Final = ExperimentOptions()


def run_experiment(
    recipe: Recipe,
    protocol: EvaluationProtocol,
    clips: Clips,
    out: Path,
    options: ExperimentOptions = DEFAULT_OPTIONS,
    *,
    progress: Progress = no_progress,
    executor: Executor | None = None,
) -> Results:
    """Train and test every fold with every seed, and write the results.

    Runs that are done already in ``out`` are not repeated, so that a call that was stopped can be resumed.

    Args:
        recipe: how to train.
        protocol: how to split, and what may be trained on.
        clips: of one corpus or of several.
        out: gets ``predictions.csv``, ``summary.json``, ``curves.csv``, and below ``runs/`` each model.
        options: what is part of neither.
        progress: shows the stages.
        executor: does the runs elsewhere, such as on a cluster; by default processes of this machine do them.

    Raises:
        CorpusError: if the protocol or the training refuses these clips.
        ModelError: if ``out`` contains runs of another recipe or other clips.
    """
    done = _train(recipe, protocol, clips, out, options, progress, executor)
    if options.reference:
        return write_with_references(_encoded(done, progress), out, options.reference, done.info)
    _write_curves_table(out, done.runs)
    evaluation, failed = combine((one.predictions for one in done.finished), done.info.plan.all_scored_labels)
    return write_results(out, evaluation, replace(done.info, failed=failed))


def run_single_emotions(
    recipe: Recipe,
    protocol: EvaluationProtocol,
    clips: Clips,
    out: Path,
    options: ExperimentOptions,
    *,
    progress: Progress = no_progress,
    executor: Executor | None = None,
) -> SingleEmotions:
    """Train as :func:`run_experiment`, and measure references in which all recordings have one emotion.

    Args:
        recipe: how to train.
        protocol: how to split.
        clips: of one corpus or of several.
        out: gets ``single_emotions.json``.
        options: with a reference.
        progress: shows the stages.
        executor: does the runs elsewhere.
    """
    if options.reference is None:
        raise HearfeltError("no size of the references is given; --reference-clips 20 is an example")
    done = _train(recipe, protocol, clips, out, options, progress, executor)
    return write_single_emotions(_encoded(done, progress), out, options.reference, done.info)


@dataclass(frozen=True, eq=False)
class _Trained:
    """All runs of an experiment, done."""

    runs: Sequence[Run]
    finished: Sequence[Finished]
    info: ResultsInfo
    jobs: int


def _train(
    recipe: Recipe,
    protocol: EvaluationProtocol,
    clips: Clips,
    out: Path,
    options: ExperimentOptions,
    progress: Progress,
    executor: Executor | None,
) -> _Trained:
    if options.seeds < 1:
        raise HearfeltError(f"{options.seeds} seeds; at least 1 is needed")
    takes_sound = kind_of(recipe.network).input == "sound"  # and may be trained on auxiliary corpora as well
    jobs = options.jobs or os.cpu_count() or 1
    options = replace(options, jobs=jobs)
    plan = protocol.plan(clips, drop=options.drop, folds=options.folds, auxiliary=takes_sound)
    runs = plan_runs(recipe, plan, options.trained or out, options, progress=progress)
    with progress("training", len(runs)) as done:
        elsewhere = None if executor is None else partial(run_remotely, executor)
        finished = do_runs(runs, jobs=jobs, progress=done, elsewhere=elsewhere)
    epochs = {(one.fold, one.seed): one.epoch for one in finished}
    info = ResultsInfo(plan, recipe.to_dict(), epochs, file=_largest(runs))
    return _Trained(runs, finished, info, jobs)


def plan_runs(
    recipe: Recipe,
    plan: Plan,
    out: Path,
    options: ExperimentOptions = DEFAULT_OPTIONS,
    *,
    progress: Progress = no_progress,
) -> list[Run]:
    """Prepare a run for every fold and seed, with all the features that it needs.

    Args:
        recipe: how to train.
        plan: the folds.
        out: folder of the experiment.
        options: of the experiment.
        progress: shows the stages.

    Raises:
        CorpusError: if training refuses a fold's clips.
        ModelError: if the encoders' weights are not what they should be.
        RecipeError: if the protocol trains on augmented copies of test clips and the recipe makes none.
    """
    if kind_of(recipe.network).input == "sound":
        _refuse_without_copies(recipe, plan, "speed_change = 0.1 or degraded = true under [copies]")
        by_fold = _sound_sets(recipe, plan, options, progress)
        training_sets = dict.fromkeys(range(options.seeds), by_fold)
    else:
        _refuse_without_copies(recipe, plan, "copies = 1 or more under [augment]")
        training_sets = _feature_sets(recipe, plan, options, progress)
    return [
        Run(
            recipe,
            by_fold[fold.name],
            fold.test,
            fold.name,
            seed,
            out / RUNS / f"fold{fold.name}-seed{seed}",
            plan.scored_labels(fold),
        )
        for seed, by_fold in training_sets.items()
        for fold in plan.folds
    ]


def _refuse_without_copies(recipe: Recipe, plan: Plan, wanted: str) -> None:
    if plan.protocol.copies_of_test and not recipe.makes_copies:
        raise RecipeError(
            f"{plan.protocol.name} lets changed copies of test clips into training, and {recipe.name} makes no copies;"
            f" it needs {wanted}"
        )


def _feature_sets(
    recipe: Recipe, plan: Plan, options: ExperimentOptions, progress: Progress
) -> dict[int, dict[int, TrainingSet]]:
    """Make training sets of 162 features for each seed and fold."""
    parts = {fold.name: parts_of(plan, fold, recipe.validation, seeds=options.seeds) for fold in plan.folds}
    labels = {fold.name: fold.train.emotions for fold in plan.folds}
    sets: dict[int, dict[int, TrainingSet]] = {}
    for seed in range(options.seeds):
        of_seed = {fold: some[seed] for fold, some in parts.items()}
        features = _features(recipe, plan, list(of_seed.values()), seed, jobs=options.jobs, progress=progress)
        sets[seed] = {
            fold: TrainingSet(
                labels[fold],
                own.train,
                own.validation,
                features.of(own.clips),
                own.leaked,
                plan.protocol.chooses_on_test,
            )
            for fold, own in of_seed.items()
        }
    return sets


def _features(
    recipe: Recipe, plan: Plan, parts: Sequence[FoldParts], seed: int, *, jobs: int | None, progress: Progress
) -> ClipFeatures:
    """Compute the features that any fold needs with this seed, once for all folds."""
    train = {clip for part in parts for clip in (*part.train, *part.leaked)}
    if recipe.fit.final_epochs and not plan.protocol.chooses_on_test:
        train |= {clip for part in parts for clip in part.validation}
    validation = {clip for part in parts for clip in part.validation} - train
    with progress(f"computing features, seed {seed}", sound_count(recipe.augment, len(train), len(validation))) as done:
        return compute_features(
            Clips([*plan.clips, *plan.auxiliary]),
            recipe.augment,
            generator_for(seed, "copies"),
            train=train,
            validation=validation,
            processes=jobs,
            progress=done,
        )


def _sound_sets(recipe: Recipe, plan: Plan, options: ExperimentOptions, progress: Progress) -> dict[int, TrainingSet]:
    """Make training sets for each fold, the same for all seeds, and cache all statistics."""
    protocol, sets = plan.protocol, {}
    for fold in plan.folds:
        train, own = select(plan.training_clips(fold)).clips, set(fold.train)
        target = Clips(clip for clip in train if clip in own)
        if protocol.corpora:
            target = _target_among(target, recipe)
        stands_in = bool(protocol.corpora) and recipe.heads.target not in target.corpora
        sets[fold.name] = TrainingSet(
            fold.train.emotions,
            train,
            fold.test if protocol.chooses_on_test else Clips(),
            EncoderSource(target, protocol.by, plan.same_sound, options.encoder_files, stands_in=stands_in),
            fold.test if protocol.copies_of_test else Clips(),
        )
    wanted = {one for training_set in sets.values() for one in variants_of(recipe, training_set)}
    with progress("computing statistics", len(wanted)) as done:
        prepare_statistics(recipe, list(sets.values()), processes=options.jobs, progress=done)
    return sets


def _target_among(train: Clips, recipe: Recipe) -> Clips:
    """Find the recipe's target where a protocol trains on several corpora, or another where it is left out."""
    speech = train.where(channel="speech")
    return speech.where(corpus=recipe.heads.target) or speech.where(corpus=_OTHER_TARGET) or speech


def _encoded(done: _Trained, progress: Progress) -> list[EncodedFold]:
    """Encode the test clips of all runs, each with its model; done once for all references."""
    parts = []
    with progress("encoding clips", sum(len(run.test) for run in done.runs)) as advance:
        for run in done.runs:
            model, store = DividedModel(run.folder / MODEL), run.folder / ENCODED
            with encoding_pool(run.folder / MODEL, len(run.test), done.jobs) as pool:
                encoded = encode_clips(model, run.test, store=store, pool=pool, progress=advance)
            parts.append(EncodedFold(model, encoded, run.fold, run.seed, run.labels))
    return parts


def _largest(runs: Sequence[Run]) -> ModelFile | None:
    """Find the size of the largest model of all runs; None where only predictions were kept."""
    files = [path for run in runs if (path := run.folder / MODEL).is_file()]
    if not files:
        return None
    largest = max(files, key=lambda path: path.stat().st_size)
    return ModelFile(largest.stat().st_size, Recognizer.load(largest, threads=1).card.parameters)


def _write_curves_table(out: Path, runs: Sequence[Run]) -> None:
    """Write the curves of all runs into one table, which stays with the results; none where there are no epochs."""
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
