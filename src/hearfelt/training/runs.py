"""Runs: one training and one test, each in a process of its own, each kept when it is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from hearfelt.corpora.clips import Clips
from hearfelt.errors import HearfeltError, ModelError
from hearfelt.evaluation.evaluate import Answers, answer_clips
from hearfelt.evaluation.predictions import Row
from hearfelt.evaluation.results import Unanswered
from hearfelt.inference.recognizer import Recognizer
from hearfelt.runtime.executor import run_in_turn
from hearfelt.runtime.files import atomic_write, remove_parts
from hearfelt.runtime.pool import Pool, WorkerLostError, WorkerMemoryError
from hearfelt.training.dataset import Lesson
from hearfelt.training.loop import EpochRow
from hearfelt.training.recipe import Recipe
from hearfelt.training.sound import sound_key, teach_sound
from hearfelt.training.sound_training_set import SoundLesson
from hearfelt.training.trainer import Taught, key_of, teach

__all__ = ["ANSWERS", "RUNS", "AnyLesson", "Finished", "Run", "do_run", "do_runs", "teach_any"]

RUNS: Final = "runs"  # folder of an experiment below which each run has its own
ANSWERS: Final = "answers.json"  # written last: where it is, the whole run is over


AnyLesson = Lesson | SoundLesson


@dataclass(frozen=True, eq=False)
class Run:
    """One fold with one seed. The test clips are answered when the model is written, and meet the lesson never, but
    where a protocol lets them in to show what that is worth.

    Attributes:
        recipe: how.
        lesson: from what.
        test: what the exported file is asked at the end.
        fold: published number.
        seed: from 0.
        folder: for everything that comes of it.
    """

    recipe: Recipe
    lesson: AnyLesson
    test: Clips
    fold: int
    seed: int
    folder: Path


@dataclass(frozen=True)
class Finished:
    """What came of a run.

    Attributes:
        fold: published number.
        seed: from 0.
        epoch: the one chosen on validation clips; None where there are none.
        answers: to the test clips.
    """

    fold: int
    seed: int
    epoch: int | None
    answers: Answers


def do_runs(
    runs: Sequence[Run],
    *,
    jobs: int,
    progress: Callable[[int], None] | None = None,
    elsewhere: Callable[[Mapping[int, Run]], Iterator[tuple[int, Finished]]] | None = None,
) -> list[Finished]:
    """Do runs in parallel processes, those that are done already excepted.

    Each process computes on one thread, so that a run's weights don't depend on how many there are. A single
    job is done right here, because a process takes seconds to start. A run whose process is lost is repeated once; it
    goes on with the heads that are finished.

    Args:
        runs: in any order.
        jobs: processes at once.
        progress: called with 1 after each run.
        elsewhere: does the runs instead, such as :func:`hearfelt.training.remote_runs.run_remotely`.

    Returns:
        What came of each, in the order given.

    Raises:
        HearfeltError: as the first run that fails; the others stop, and a repeated call goes on.
    """
    tell = progress or (lambda _: None)
    for run in runs:
        remove_parts(run.folder)
    finished = {place: kept for place, run in enumerate(runs) if (kept := _kept(run))}
    tell(len(finished))
    left = {place: run for place, run in enumerate(runs) if place not in finished}
    if left:
        if elsewhere is not None:
            ends = elsewhere(left)
        else:
            ends = run_in_turn(do_run, left) if jobs == 1 else _in_processes(left, jobs)
        for place, one in ends:
            finished[place] = one
            tell(1)
    return [finished[place] for place in range(len(runs))]


def _in_processes(runs: Mapping[int, Run], jobs: int) -> Iterator[tuple[int, Finished]]:
    """Do runs in worker processes; none of these outlives the last run, a failure or a Ctrl-C."""
    with Pool(None, min(jobs, len(runs))) as pool:
        places = {pool.submit(_do_in_worker, run).future: place for place, run in runs.items()}
        for future in as_completed(places):
            try:
                future.result()
            except (WorkerLostError, WorkerMemoryError) as error:
                raise HearfeltError(
                    f"a training process was lost, perhaps for want of memory ({error}); run this again to go on"
                ) from error
            yield places[future], do_run(runs[places[future]])  # reads what the worker has kept


def _do_in_worker(_: None, run: Run) -> bytes:
    do_run(run)
    return b""


def do_run(run: Run) -> Finished:
    """Train, export, and let the exported file answer the test clips; or read what an earlier call kept."""
    if kept := _kept(run):
        return kept
    taught = teach_any(run.recipe, run.lesson, run.folder, seed=run.seed)
    recognizer = Recognizer.load(taught.model, threads=1)
    answers = answer_clips(recognizer, run.test, fold=run.fold, seed=run.seed)
    with atomic_write(run.folder / ANSWERS) as file:
        key = _key(run.recipe, run.lesson, run.seed)
        facts = {"key": key, "test": run.test.fingerprint(), "epoch": taught.epoch, **asdict(answers)}
        json.dump(facts, file)
    return Finished(run.fold, run.seed, taught.epoch, answers)


def teach_any(
    recipe: Recipe,
    lesson: AnyLesson,
    folder: Path,
    *,
    seed: int,
    on_epoch: Callable[[EpochRow], None] | None = None,
) -> Taught:
    """Train one model from a lesson of either kind, as :func:`teach` and :func:`teach_sound` do."""
    if isinstance(lesson, SoundLesson):
        return teach_sound(recipe, lesson, folder, seed=seed, on_epoch=on_epoch)
    return teach(recipe, lesson, folder, seed=seed, on_epoch=on_epoch)


def _key(recipe: Recipe, lesson: AnyLesson, seed: int) -> str:
    return sound_key(recipe, lesson, seed) if isinstance(lesson, SoundLesson) else key_of(recipe, lesson, seed)


def _kept(run: Run) -> Finished | None:
    """Read the answers of a run that is done; None if it isn't."""
    path = run.folder / ANSWERS
    try:
        kept = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); delete it and run this again") from error
    if (kept["key"], kept["test"]) != (_key(run.recipe, run.lesson, run.seed), run.test.fingerprint()):
        raise ModelError(
            f"{path.parent}: holds a run of another recipe or other clips; delete it, or give another --out"
        )
    rows = tuple(Row(**{**row, "probabilities": tuple(row["probabilities"])}) for row in kept["rows"])
    unanswered = tuple(Unanswered(**one) for one in kept["unanswered"])
    return Finished(run.fold, run.seed, kept["epoch"], Answers(tuple(kept["emotions"]), rows, unanswered))
