from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.toy import write_toy
from hearfelt.errors import CorpusError, RecipeError
from hearfelt.training.recipe import Recipe, read_recipe
from hearfelt.training.train import TrainingOptions
from hearfelt.training.training_set import TrainingSet
from hearfelt.training.tuning import SETTINGS, score, tune

pytest.importorskip("optuna")


def test_a_study_goes_on_and_writes_the_better_recipe(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    out = tmp_path / "tuned.toml"
    weak = plain.changed("svm", c=0.1)
    first = tune(weak, toy_clips, out, trials=2)
    assert first.trials == 2
    second = tune(weak, toy_clips, out, trials=5)
    assert second.trials == 5
    assert second.start == first.start
    assert second.best >= first.best >= first.start
    assert read_recipe(out) == second.recipe
    assert tune(weak, toy_clips, out, trials=5).trials == 5


def test_a_test_clip_cannot_reach_the_objective(plain: Recipe, tmp_path: Path) -> None:
    clips = read_corpus(write_toy(tmp_path / "toy", speakers=4), "toy")
    for clip in clips.where(speaker="toy/02"):
        clip.path.write_bytes(b"the sound of a test speaker, which nobody may read here")
    found = tune(plain, clips, tmp_path / "tuned.toml", TrainingOptions(without_speakers=["toy/02"]), trials=2)
    assert found.trials == 2
    with pytest.raises(CorpusError, match="mend or remove this clip"):  # it would have been read
        tune(plain, clips, tmp_path / "all.toml", trials=2)


def test_the_objective_takes_a_training_set_without_test_clips(
    plain: Recipe, toy_clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(inspect.signature(score).parameters) == {"recipe", "training_set", "seed"}
    seen: list[TrainingSet] = []

    def spy(recipe: Recipe, training_set: TrainingSet, *, seed: int) -> float:
        seen.append(training_set)
        return 0.5

    monkeypatch.setattr("hearfelt.training.tuning.score", spy)
    tune(plain, toy_clips, tmp_path / "tuned.toml", TrainingOptions(without_speakers=["toy/02"]), trials=1)
    assert not seen[0].leaked  # augmented copies of test clips, where a protocol shows that leak
    assert "toy/02" not in seen[0].clips.speakers


def test_the_score_is_that_of_the_validation_clips(plain: Recipe, training_set: TrainingSet) -> None:
    by_heart = replace(training_set, validation=training_set.train)
    assert score(plain, by_heart, seed=0) == 1.0
    assert score(plain, training_set, seed=0) < 1.0


def test_fewer_copies_are_the_first_ones(quick: Recipe, training_set: TrainingSet) -> None:
    once = quick.changed("fit", epochs=1).changed("augment", copies=0)
    features = training_set.clip_features
    alone = replace(training_set, features=replace(features, copies=features.copies[:, :0]))
    assert score(once, training_set, seed=0) == score(once, alone, seed=0)


def test_the_study_of_another_recipe_is_refused(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    tune(plain, toy_clips, tmp_path / "tuned.toml", trials=1)
    with pytest.raises(RecipeError, match="the study of another recipe or of other clips"):
        tune(plain, toy_clips, tmp_path / "tuned.toml", TrainingOptions(seed=1), trials=1)


@pytest.mark.parametrize("network", sorted(SETTINGS))
def test_ranges_hold_whatever_a_recipe_says(network: str) -> None:
    import optuna

    recipe = Recipe("odd", network)
    odd = {"fit.batch": 48, "fit.learning_rate": 0.5, "augment.copies": 9, "svm.c": 5000.0}
    for setting in SETTINGS[network]:
        table, _, key = setting.name.partition(".")
        if setting.name in odd:
            recipe = recipe.changed(table, **{key: odd[setting.name]})
        own = recipe.to_dict()[table][key]
        assert setting.draw(optuna.trial.FixedTrial({setting.name: own}), recipe) == own


class _LostError(Exception):
    pass


def test_a_search_that_breaks_off_keeps_what_it_has_and_still_starts_as_given(
    plain: Recipe, toy_clips: Clips, tmp_path: Path
) -> None:
    def lost(work: Callable[[Any], Any], items: Mapping[int, Any]) -> Iterator[tuple[int, Any]]:
        last = max(items)
        yield last, work(items[last])  # the recipe as given is the first, and is not judged
        raise _LostError

    weak, out = plain.changed("svm", c=0.1), tmp_path / "tuned.toml"
    with pytest.raises(_LostError):
        tune(weak, toy_clips, out, trials=3, executor=lost)
    assert not out.exists()
    found = tune(weak, toy_clips, out, trials=3)
    assert found.trials == 3
    assert found.start == tune(weak, toy_clips, tmp_path / "other.toml", trials=1).start


def test_the_same_settings_are_tried_whatever_the_order_of_the_answers(
    plain: Recipe, toy_clips: Clips, tmp_path: Path
) -> None:
    def backwards(work: Callable[[Any], Any], items: Mapping[int, Any]) -> Iterator[tuple[int, Any]]:
        for number in reversed(items):
            yield number, work(items[number])

    here = tune(plain, toy_clips, tmp_path / "here.toml", trials=14)
    there = tune(plain, toy_clips, tmp_path / "there.toml", trials=14, executor=backwards)
    assert here == there
