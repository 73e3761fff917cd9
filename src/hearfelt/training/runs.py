"""Runs: one training and one test, each in a process of its own, each kept when it is done.

On other machines, files of an earlier call travel there, and the results travel back.
"""

from __future__ import annotations

import json
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from hearfelt.corpora.clips import Clips
from hearfelt.errors import CorpusError, HearfeltError, ModelError
from hearfelt.evaluation.evaluate import FoldPredictions, predict_clips
from hearfelt.evaluation.predictions import Row
from hearfelt.evaluation.results import FailedClip
from hearfelt.inference.recognizer import Recognizer
from hearfelt.runtime.execution import Executor, run_in_turn
from hearfelt.runtime.files import atomic_write, remove_parts
from hearfelt.runtime.pool import Pool
from hearfelt.runtime.worker import WorkerLostError, WorkerMemoryError
from hearfelt.training.recipe import Recipe
from hearfelt.training.trainer import RUN, train_model
from hearfelt.training.training_set import EncoderSource, TrainingSet

__all__ = ["ANSWERS", "RUNS", "Finished", "Run", "do_run", "do_runs", "run_remotely"]


RUNS: Final = "runs"  # folder of an experiment below which each run has its own
ANSWERS: Final = "answers.json"  # written last: where it is, the whole run is over


@dataclass(frozen=True, eq=False)
class Run:
    """The training and the test of one fold with one seed.

    Attributes:
        recipe: how to train.
        training_set: what to train on.
        test: clips that the exported file predicts at the end.
        fold: published number.
        seed: from 0.
        folder: for the model and all else.
        labels: those among which the predictions are scored; None for all of the model's.
    """

    recipe: Recipe
    training_set: TrainingSet
    test: Clips
    fold: int
    seed: int
    folder: Path
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Finished:
    """The result of a run.

    Attributes:
        fold: published number.
        seed: from 0.
        epoch: the one chosen on validation clips; None where there are none.
        predictions: of the test clips.
    """

    fold: int
    seed: int
    epoch: int | None
    predictions: FoldPredictions


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
        elsewhere: does the runs instead, such as :func:`hearfelt.training.runs.run_remotely`.

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
    trained = train_model(run.recipe, run.training_set, run.folder, seed=run.seed)
    recognizer = Recognizer.load(trained.path, threads=1)
    predictions = predict_clips(recognizer, run.test, fold=run.fold, seed=run.seed, labels=run.labels)
    with atomic_write(run.folder / ANSWERS) as file:
        key = run.training_set.key(run.recipe, run.seed)
        facts = {"key": key, "test": run.test.fingerprint(), "epoch": trained.epoch, **asdict(predictions)}
        json.dump(facts, file)
    return Finished(run.fold, run.seed, trained.epoch, predictions)


def _kept(run: Run) -> Finished | None:
    """Read the answers of a run that is done; None if it isn't."""
    path = run.folder / ANSWERS
    try:
        kept = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); delete it and run this again") from error
    if (kept["key"], kept["test"]) != (run.training_set.key(run.recipe, run.seed), run.test.fingerprint()):
        raise ModelError(
            f"{path.parent}: holds a run of another recipe or other clips; delete it, or give another --out"
        )
    rows = tuple(Row(**{**row, "probabilities": tuple(row["probabilities"])}) for row in kept["rows"])
    failed = tuple(FailedClip(**one) for one in kept["failed"])
    return Finished(run.fold, run.seed, kept["epoch"], FoldPredictions(tuple(kept["emotions"]), rows, failed))


_LAST = (RUN, ANSWERS)  # say that what stands before them is whole


@dataclass(frozen=True, eq=False)
class _RemoteRun:
    """A run together with the files of its folder.

    Attributes:
        run: its folder means nothing on another machine.
        files: content by path below the folder.
    """

    run: Run
    files: Mapping[str, bytes] = field(repr=False)


def run_remotely(executor: Executor, runs: Mapping[int, Run]) -> Iterator[tuple[int, Finished]]:
    """Do runs with an executor, and write their results here.

    No disk has to be shared for models and answers. Recordings are read where a run is done: test clips, and
    training clips of a network that takes sound, must lie at the same place on every machine.

    Args:
        executor: does the runs.
        runs: by number.

    Yields:
        What came of each under its number, as it is done.

    Raises:
        CorpusError: if a recording is not there on a machine.
        HearfeltError: as the first run that fails.
    """
    remote = {number: _RemoteRun(run, _files_below(run.folder)) for number, run in runs.items()}
    for number, files in executor(_do_remote, remote):
        run = runs[number]
        for name in sorted(files, key=lambda name: (name in _LAST, _LAST.index(name) if name in _LAST else 0)):
            with atomic_write(run.folder / name, "wb") as file:
                file.write(files[name])
        for name in remote[number].files.keys() - files.keys():  # such as a checkpoint, which is of no more use
            (run.folder / name).unlink(missing_ok=True)
        yield number, do_run(run)  # reads what has just been written, and checks that it is this very run


def _do_remote(remote: _RemoteRun) -> dict[str, bytes]:
    _refuse_missing(remote.run)
    with tempfile.TemporaryDirectory(prefix="hearfelt-") as folder:
        run = replace(remote.run, folder=Path(folder))
        for name, content in remote.files.items():
            path = run.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        do_run(run)
        return _files_below(run.folder)


def _refuse_missing(run: Run) -> None:
    """A clip that is not there would be counted as one that cannot be answered."""
    needed = run.training_set.clips if isinstance(run.training_set.features, EncoderSource) else ()
    missing = [clip.path for clip in (*run.test, *needed) if not clip.path.is_file()]
    if missing:
        raise CorpusError(
            f"{missing[0]}: not there on the machine {platform.node()}, and {len(missing) - 1:,} others;"
            " recordings must lie at the same place on every machine of the cluster"
        )


def _files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
