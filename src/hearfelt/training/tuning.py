"""Tune a recipe: search better settings with Optuna, by the score on validation speakers alone.

Speakers that settings were tuned on cannot be tested on: name those of a later test in ``without_speakers``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from hearfelt.corpora.clips import Clips
from hearfelt.errors import RecipeError, require
from hearfelt.runtime.execution import Executor, Progress, no_progress, run_in_turn
from hearfelt.runtime.files import atomic_write
from hearfelt.training.data_selection import select
from hearfelt.training.recipe import Recipe
from hearfelt.training.train import DEFAULT_OPTIONS, TrainingOptions, feature_set, named_speakers
from hearfelt.training.trainer import train_model
from hearfelt.training.training_set import TrainingSet

__all__ = ["SETTINGS", "Setting", "Tuned", "score", "tune"]

MOST_COPIES: Final = 4
ROUND: Final = 4  # trials that are drawn together, before any of them is done
_AS_GIVEN: Final = "as given"


@dataclass(frozen=True)
class Setting:
    """One setting to search, in a range widened to include the recipe's own value.

    Attributes:
        name: ``table.key`` in the recipe.
        choices: values to choose among; empty for a range.
        low: lower end of a range.
        high: upper end; numbers with a fraction are drawn evenly in their logarithm.
    """

    name: str
    choices: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0

    def draw(self, trial: Any, recipe: Recipe) -> Any:
        """Draw a value for a trial."""
        own = _value_in(recipe, self.name)
        if self.choices:
            return trial.suggest_categorical(self.name, list(dict.fromkeys([*self.choices, own])))
        low, high = min(self.low, own), max(self.high, own)
        if isinstance(own, int):
            return trial.suggest_int(self.name, low, high)
        return trial.suggest_float(self.name, low, high, log=low > 0)


SETTINGS: Final[Mapping[str, tuple[Setting, ...]]] = MappingProxyType(
    {
        "classic": (
            Setting("fit.learning_rate", low=1e-4, high=1e-2),
            Setting("fit.weight_decay", low=1e-6, high=1e-1),
            Setting("fit.batch", choices=(16, 32, 64, 128)),
            Setting("augment.copies", low=0, high=MOST_COPIES),
            Setting("balance.smote", choices=(True, False)),
        ),
        "svm": (Setting("svm.c", low=0.1, high=1000.0), Setting("svm.balanced", choices=(True, False))),
    }
)


@dataclass(frozen=True)
class Tuned:
    """Result of a search.

    Attributes:
        recipe: with the best settings, as written.
        best: its UAR on the validation clips, 0 to 1.
        start: that of the recipe as given.
        trials: number of settings tried, those of earlier calls included.
    """

    recipe: Recipe
    best: float
    start: float
    trials: int


def tune(
    recipe: Recipe,
    clips: Clips,
    out: Path,
    options: TrainingOptions = DEFAULT_OPTIONS,
    *,
    trials: int,
    progress: Progress = no_progress,
    executor: Executor = run_in_turn,
) -> Tuned:
    """Search settings for a recipe, and write the best as a new recipe.

    The recipe as given is the first trial. Trials are drawn a few at a time, so that the same ones are tried whether
    one core does them or a cluster. The study is stored beside ``out``, so that a repeated call continues it.

    Args:
        recipe: where the search begins.
        clips: what to train on; some of their speakers are held out for validation.
        out: the new recipe, a TOML file.
        options: ``seed``, ``drop``, ``jobs``, and in ``without_speakers`` those of a later test, of whom no file is
            opened.
        trials: number of settings to try in all, earlier calls included.
        progress: shows the stages.
        executor: does the trainings; by default one after another, here.

    Raises:
        CorpusError: if the clips are not fit for training.
        RecipeError: if the study beside ``out`` is of another recipe or other clips.
        ExtraMissingError: if Optuna is not installed.
    """
    optuna, seed = require("optuna", "tune"), options.seed
    excluded = named_speakers(options.without_speakers, clips.speakers)
    selected = select(clips.without(speaker=excluded), drop=options.drop).clips
    training_set = _training_set(recipe, selected, seed, jobs=options.jobs, progress=progress)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = _open_study(optuna, out, training_set.key(recipe, seed), seed)
    _enqueue_given_settings(optuna, study, recipe)
    left = max(trials - len(_complete(study)), 0)
    with progress("trying settings", left) as advance:
        for asked in range(0, left, ROUND):
            count = min(ROUND, left - asked)
            _run_trials(study, count, recipe, partial(_score_of, training_set, seed), (executor, advance))
    complete = _complete(study)
    best = _changed(recipe, study.best_trial.params)
    with atomic_write(out) as file:
        file.write(
            f"# Found by hearfelt tune: validation UAR {study.best_value:.4f}, the best of {len(complete)} trials.\n"
        )
        file.write(best.to_toml())
    return Tuned(best, study.best_value, _start_of(study) or complete[0].value, len(complete))


def _enqueue_given_settings(optuna: Any, study: Any, recipe: Recipe) -> None:
    waiting = study.get_trials(states=[optuna.trial.TrialState.WAITING])
    if _start_of(study) is None and not any(_AS_GIVEN in trial.user_attrs for trial in waiting):
        study.enqueue_trial(_settings_of(recipe), user_attrs={_AS_GIVEN: True})


def _run_trials(
    study: Any,
    count: int,
    recipe: Recipe,
    objective: Callable[[Recipe], float],
    runner: tuple[Executor, Callable[[int], None]],
) -> None:
    """Draw a few settings, train with each, and report the scores to the study."""
    executor, advance = runner
    drawn = {}
    for _ in range(count):
        trial = study.ask()
        settings = {setting.name: setting.draw(trial, recipe) for setting in SETTINGS[recipe.network]}
        drawn[trial.number] = _changed(recipe, settings)
    pending = set(drawn)
    try:
        for number, value in executor(objective, drawn):
            study.tell(number, value)
            pending.remove(number)
            advance(1)
    finally:
        for number in pending:  # stopped or failed: a resumed search draws others
            study.tell(number, state=require("optuna", "tune").trial.TrialState.FAIL)


def _score_of(training_set: TrainingSet, seed: int, recipe: Recipe) -> float:
    return score(recipe, training_set, seed=seed)


def score(recipe: Recipe, training_set: TrainingSet, *, seed: int) -> float:
    """Train once and return the UAR on the validation clips, 0 to 1.

    Args:
        recipe: with the settings to try.
        training_set: training and validation clips. Of the copies of its clips, the first few are used, as many as
            the recipe says.
        seed: of the training.
    """
    features = training_set.clip_features
    fewer = replace(features, copies=features.copies[:, : recipe.augment.copies])
    with tempfile.TemporaryDirectory() as folder:
        model = train_model(recipe, replace(training_set, features=fewer), Path(folder), seed=seed)
    return model.validation["uar"]


def _training_set(recipe: Recipe, clips: Clips, seed: int, *, jobs: int | None, progress: Progress) -> TrainingSet:
    """Compute the features once, with as many copies as any trial may want."""
    copies = MOST_COPIES if recipe.network == "classic" else recipe.augment.copies
    most = recipe.changed("augment", copies=max(copies, recipe.augment.copies))
    return feature_set(most, clips, seed, jobs=jobs, progress=progress)


def _open_study(optuna: Any, out: Path, key: str, seed: int) -> Any:
    path = out.with_suffix(".study.db")
    path.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name="hearfelt", storage=f"sqlite:///{path.resolve()}", direction="maximize", load_if_exists=True
    )
    if study.user_attrs.get("key", key) != key:
        raise RecipeError(f"{path}: the study of another recipe or of other clips; delete it, or give another --out")
    study.set_user_attr("key", key)
    # A resumed search must not draw again what it drew at its start.
    study.sampler = optuna.samplers.TPESampler(seed=seed + 1000 * len(_complete(study)))
    return study


def _complete(study: Any) -> list[Any]:
    return [trial for trial in study.trials if trial.value is not None]


def _start_of(study: Any) -> float | None:
    """Find the score of the recipe as given; None if it was not tried yet."""
    scores = [trial.value for trial in _complete(study) if _AS_GIVEN in trial.user_attrs]
    return float(scores[0]) if scores else None


def _value_in(recipe: Recipe, name: str) -> Any:
    table, _, key = name.partition(".")
    return recipe.to_dict()[table][key]


def _settings_of(recipe: Recipe) -> dict[str, Any]:
    return {setting.name: _value_in(recipe, setting.name) for setting in SETTINGS[recipe.network]}


def _changed(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    for name, value in settings.items():
        table, _, key = name.partition(".")
        recipe = recipe.changed(table, **{key: value})
    return recipe
