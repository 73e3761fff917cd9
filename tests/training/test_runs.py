from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clips
from hearfelt.errors import CorpusError, ModelError
from hearfelt.evaluation.protocols import protocol_called
from hearfelt.runtime.execution import run_in_turn
from hearfelt.training.experiment import ExperimentOptions, plan_runs, run_experiment
from hearfelt.training.loop import CHECKPOINT
from hearfelt.training.recipe import Recipe
from hearfelt.training.runs import ANSWERS, Run, do_run, run_remotely
from hearfelt.training.trainer import RUN

BY_SPEAKER = protocol_called("by-speaker")


def backwards(work: Callable[[Any], Any], items: Mapping[int, Any]) -> Iterator[tuple[int, Any]]:
    for number in reversed(items):
        yield number, work(items[number])


@pytest.fixture
def run(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> Run:
    return plan_runs(plain, BY_SPEAKER.plan(toy_clips, folds=2), tmp_path)[0]


def test_results_do_not_hang_on_who_does_the_runs(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    options = ExperimentOptions(seeds=2, jobs=1, folds=2)
    here = run_experiment(plain, BY_SPEAKER, toy_clips, tmp_path / "here", options)
    there = run_experiment(plain, BY_SPEAKER, toy_clips, tmp_path / "away", options, executor=backwards)
    assert there.summary == here.summary
    for path in (tmp_path / "here").rglob("*.*"):
        assert (tmp_path / "away" / path.relative_to(tmp_path / "here")).read_bytes() == path.read_bytes()


def test_what_an_earlier_call_left_travels_and_is_not_made_again(run: Run) -> None:
    do_run(run)
    (run.folder / ANSWERS).unlink()
    (run.folder / CHECKPOINT).write_bytes(b"of no more use")
    before = (run.folder / RUN).read_bytes(), (run.folder / "model.onnx").read_bytes()
    ((number, finished),) = run_remotely(run_in_turn, {7: run})
    assert (number, finished.fold) == (7, 1)
    assert ((run.folder / RUN).read_bytes(), (run.folder / "model.onnx").read_bytes()) == before
    assert (run.folder / ANSWERS).is_file()


def test_a_training_of_another_recipe_is_refused_there_too(run: Run) -> None:
    run.folder.mkdir(parents=True)
    (run.folder / RUN).write_text('{"key": "another"}')
    with pytest.raises(ModelError, match="holds a model made with another recipe or from other clips"):
        list(run_remotely(run_in_turn, {0: run}))


def test_recordings_that_another_machine_lacks_are_not_counted_as_unanswered(
    plain: Recipe, toy: Path, tmp_path: Path
) -> None:
    own = shutil.copytree(toy, tmp_path / "toy")
    clips = read_corpus(own, "toy")
    run = plan_runs(plain, BY_SPEAKER.plan(clips, folds=2), tmp_path / "out")[0]
    shutil.rmtree(own)
    with pytest.raises(
        CorpusError, match=r"\.wav: not there on the machine .*, and \d+ others; recordings must lie at"
    ):
        list(run_remotely(run_in_turn, {0: run}))
    assert not run.folder.exists()
