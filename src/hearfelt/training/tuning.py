"""Tuning: better settings for a recipe, found by Optuna, which sees the score on validation clips and nothing else.

What is tuned on cannot be tested on: name the speakers of a later test in ``without_speakers``, and not even
their sound is opened here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from hearfelt.corpora.clips import Clips
from hearfelt.errors import RecipeError, require
from hearfelt.runtime.executor import Executor, run_in_turn
from hearfelt.runtime.files import atomic_write
from hearfelt.training.data_selection import admit, divide, generator_for
from hearfelt.training.dataset import Heard, Lesson, hear, sounds_to_hear
from hearfelt.training.progress import Bars, no_bars
from hearfelt.training.recipe import Recipe
from hearfelt.training.single import named_speakers
from hearfelt.training.trainer import key_of, teach

__all__ = ["SETTINGS", "Setting", "Tuned", "score", "tune"]

MOST_COPIES: Final = 4
ROUND: Final = 4  # trials that are drawn together, before any of them is judged
_AS_GIVEN: Final = "as given"


@dataclass(frozen=True)
class Setting:
    """One setting that is searched, in a range widened to hold the recipe's own value.

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
        """Let a trial choose."""
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
    """What a search found.

    Attributes:
        recipe: with the best settings, as written.
        best: its UAR on the validation clips, 0 to 1.
        start: that of the recipe as given.
        trials: how many settings were tried, those of earlier calls included.
    """

    recipe: Recipe
    best: float
    start: float
    trials: int


def tune(
    recipe: Recipe,
    clips: Clips,
    out: Path,
    *,
    trials: int,
    seed: int = 0,
    drop: Sequence[str] = (),
    without_speakers: Sequence[str] = (),
    jobs: int | None = None,
    bars: Bars = no_bars,
    executor: Executor = run_in_turn,
) -> Tuned:
    """Search settings for a recipe, and write the best as a new recipe.

    The recipe as given is the first trial. Trials are drawn a few at a time, so that the same ones are tried whether
    one core does them or a cluster. The study is kept beside ``out``, so that a repeated call goes on.

    Args:
        recipe: where the search begins.
        clips: from what; some of their speakers are held out, and settings are judged on these.
        out: the new recipe, a TOML file.
        trials: how many settings to try in all, earlier calls included.
        seed: decides who is held out, the search, and every training.
        drop: emotions to leave out.
        without_speakers: people to be tested on later; nothing of them is read.
        jobs: processes that measure features.
        bars: shows how far it is.
        executor: does the trainings; by default one after another, here.

    Raises:
        CorpusError: if no honest model can come of these clips.
        RecipeError: if the study beside ``out`` is of another recipe or other clips.
        ExtraMissingError: if Optuna is not installed.
    """
    optuna = require("optuna", "tune")
    away = named_speakers(without_speakers, clips.speakers)
    admitted = admit(clips.without(speaker=away), drop=drop).clips
    lesson = _lesson(recipe, admitted, seed, jobs=jobs, bars=bars)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = _open_study(optuna, out, key_of(recipe, lesson, seed), seed)
    _see_that_it_starts_as_given(optuna, study, recipe)
    left = max(trials - len(_complete(study)), 0)
    with bars("trying settings", left) as tell:
        for asked in range(0, left, ROUND):
            _try_some(study, min(ROUND, left - asked), recipe, partial(_score_of, lesson, seed), (executor, tell))
    complete = _complete(study)
    best = _changed(recipe, study.best_trial.params)
    with atomic_write(out) as file:
        file.write(
            f"# Found by hearfelt tune: validation UAR {study.best_value:.4f}, the best of {len(complete)} trials.\n"
        )
        file.write(best.to_toml())
    return Tuned(best, study.best_value, _start_of(study) or complete[0].value, len(complete))


def _see_that_it_starts_as_given(optuna: Any, study: Any, recipe: Recipe) -> None:
    waiting = study.get_trials(states=[optuna.trial.TrialState.WAITING])
    if _start_of(study) is None and not any(_AS_GIVEN in trial.user_attrs for trial in waiting):
        study.enqueue_trial(_settings_of(recipe), user_attrs={_AS_GIVEN: True})


def _try_some(
    study: Any,
    count: int,
    recipe: Recipe,
    judge: Callable[[Recipe], float],
    how: tuple[Executor, Callable[[int], None]],
) -> None:
    """Draw a few settings, have each judged, and tell the study."""
    executor, tell = how
    drawn = {}
    for _ in range(count):
        trial = study.ask()
        settings = {setting.name: setting.draw(trial, recipe) for setting in SETTINGS[recipe.network]}
        drawn[trial.number] = _changed(recipe, settings)
    untold = set(drawn)
    try:
        for number, value in executor(judge, drawn):
            study.tell(number, value)
            untold.remove(number)
            tell(1)
    finally:
        for number in untold:  # stopped or failed: a search that goes on draws others
            study.tell(number, state=require("optuna", "tune").trial.TrialState.FAIL)


def _score_of(lesson: Lesson, seed: int, recipe: Recipe) -> float:
    return score(recipe, lesson, seed=seed)


def score(recipe: Recipe, lesson: Lesson, *, seed: int) -> float:
    """Train once and give the UAR on the lesson's validation clips, 0 to 1.

    Args:
        recipe: with the settings to try.
        lesson: holds training and validation clips, and has no room for others. Of the copies of its clips, the
            first few are used, as many as the recipe says.
        seed: of the training.
    """
    learn = lesson.learn
    fewer = Heard(learn.clips, learn.features, learn.copies[:, : recipe.augment.copies])
    with tempfile.TemporaryDirectory() as folder:
        taught = teach(recipe, Lesson(lesson.labels, fewer, lesson.validation), Path(folder), seed=seed)
    return taught.validation["uar"]


def _lesson(recipe: Recipe, clips: Clips, seed: int, *, jobs: int | None, bars: Bars) -> Lesson:
    """Measure once, with as many copies as any trial may want."""
    learn, validation = divide(clips, "speaker", recipe.validation, generator_for(seed, "validation"))
    copies = MOST_COPIES if recipe.network == "classic" else recipe.augment.copies
    augment = recipe.changed("augment", copies=max(copies, recipe.augment.copies)).augment
    with bars("measuring sounds", sounds_to_hear(augment, len(learn), len(validation))) as done:
        heard = hear(
            clips,
            augment,
            generator_for(seed, "copies"),
            learn=learn,
            validation=validation,
            processes=jobs,
            progress=done,
        )
    return Lesson(clips.emotions, heard.of(learn), heard.of(validation, copies=False))


def _open_study(optuna: Any, out: Path, key: str, seed: int) -> Any:
    path = out.with_suffix(".study.db")
    path.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name="hearfelt", storage=f"sqlite:///{path.resolve()}", direction="maximize", load_if_exists=True
    )
    if study.user_attrs.get("key", key) != key:
        raise RecipeError(f"{path}: the study of another recipe or of other clips; delete it, or give another --out")
    study.set_user_attr("key", key)
    # A search that goes on must not draw again what it drew at its start.
    study.sampler = optuna.samplers.TPESampler(seed=seed + 1000 * len(_complete(study)))
    return study


def _complete(study: Any) -> list[Any]:
    return [trial for trial in study.trials if trial.value is not None]


def _start_of(study: Any) -> float | None:
    """Tell the score of the recipe as given; None if it was not tried yet."""
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
