"""One model from all clips at hand: what ``hearfelt train`` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from hearfelt.corpora.clips import Clips
from hearfelt.errors import CorpusError, HearfeltError
from hearfelt.models.build import kind_of
from hearfelt.training.data_selection import Admitted, admit, divide, generator_for
from hearfelt.training.dataset import Lesson, hear, sounds_to_hear
from hearfelt.training.device import device_called
from hearfelt.training.loop import CHECKPOINT, EpochRow
from hearfelt.training.progress import Bars, no_bars
from hearfelt.training.recipe import Recipe
from hearfelt.training.runs import AnyLesson, teach_any
from hearfelt.training.sound import prepare
from hearfelt.training.sound_runs import lesson_of
from hearfelt.training.sound_training_set import PUBLISHED, EarFiles, SoundLesson, views_of
from hearfelt.training.tracking import track
from hearfelt.training.trainer import RUN, Taught

__all__ = ["Trained", "named_speakers", "train"]


@dataclass(frozen=True)
class Trained:
    """What came of it.

    Attributes:
        taught: the model and how well it did on validation clips.
        admitted: clips that took part, and how many did not.
        learned: speakers whom it learned from.
        validation: speakers on whom its epoch, temperature and threshold were chosen.
    """

    taught: Taught
    admitted: Admitted
    learned: tuple[str, ...]
    validation: tuple[str, ...]


def train(
    recipe: Recipe,
    clips: Clips,
    out: Path,
    *,
    seed: int = 0,
    drop: Sequence[str] = (),
    without_speakers: Sequence[str] = (),
    resume: bool = False,
    jobs: int | None = None,
    tracker: str | None = None,
    on_epoch: Callable[[EpochRow], None] | None = None,
    bars: Bars = no_bars,
    ears: EarFiles = PUBLISHED,
    device: str = "auto",
) -> Trained:
    """Train one model on all clips given, some speakers held out for validation.

    Args:
        recipe: how.
        clips: from what; their speakers must be known.
        out: folder for the model and its curves.
        seed: decides every random number: the same seed gives the same weights.
        drop: emotions to leave out.
        without_speakers: people whom the model shall never hear, so that it can be tested on them.
        resume: go on with a training that was stopped; without it a folder that holds one is refused.
        jobs: processes that measure features; the training itself is one.
        tracker: ``"tensorboard"`` or ``"mlflow"``.
        on_epoch: told each epoch's row as it comes.
        bars: shows how far the measuring is.
        ears: where the encoders' weights are, for a network that takes sound.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Raises:
        CorpusError: if no honest model can come of these clips.
        HearfeltError: if ``out`` holds a training and ``resume`` is not set.
    """
    if not resume and any((out / name).exists() for name in (RUN, CHECKPOINT)):
        raise HearfeltError(f"{out}: holds a training; --resume goes on with it, or give another folder with --out")
    takes_sound = kind_of(recipe.network).input == "sound"
    place = device_called(device, takes_sound=takes_sound)
    away = named_speakers(without_speakers, clips.speakers)
    admitted = admit(clips.without(speaker=away), drop=drop)
    if takes_sound:
        by_ear = _sound_lesson(recipe, admitted.clips, ears, (jobs, place), bars)
        lesson: AnyLesson = by_ear
        learned, checked = by_ear.learn.speakers, by_ear.target.speakers
    else:
        by_feature = _lesson(recipe, admitted.clips, seed, jobs, bars)
        lesson = by_feature
        learned, checked = by_feature.learn.clips.speakers, by_feature.validation.clips.speakers
    with track(tracker, out, recipe, seed=seed) as tracked:

        def told(row: EpochRow) -> None:
            tracked(row)
            if on_epoch:
                on_epoch(row)

        taught = teach_any(recipe, lesson, out, seed=seed, on_epoch=told)
    return Trained(taught, admitted, learned, checked)


def _lesson(recipe: Recipe, clips: Clips, seed: int, jobs: int | None, bars: Bars) -> Lesson:
    """Measure the features of all clips, some speakers held out."""
    learn, validation = divide(clips, "speaker", recipe.validation, generator_for(seed, "validation"))
    with bars("measuring sounds", sounds_to_hear(recipe.augment, len(learn), len(validation))) as done:
        heard = hear(
            clips,
            recipe.augment,
            generator_for(seed, "copies"),
            learn=learn,
            validation=validation,
            processes=jobs,
            progress=done,
        )
    return Lesson(clips.emotions, heard.of(learn), heard.of(validation, copies=False))


def _sound_lesson(
    recipe: Recipe, clips: Clips, ears: EarFiles, where: tuple[int | None, str], bars: Bars
) -> SoundLesson:
    """Hear all clips; each head holds out one group of speakers."""
    jobs, device = where
    lesson = lesson_of(recipe, clips, ears, device)
    with bars("hearing sounds", len(views_of(recipe, lesson))) as done:
        prepare(recipe, [lesson], processes=jobs, progress=done)
    return lesson


def named_speakers(names: Sequence[str], speakers: Sequence[str]) -> tuple[str, ...]:
    """Find speakers by their whole name, or by what stands behind the corpus where that is clear.

    Raises:
        CorpusError: if nobody, or more than one, is called so.

    Example:
        >>> named_speakers(["06", "emodb/03"], ["ravdess/06", "emodb/03", "emodb/08"])
        ('ravdess/06', 'emodb/03')
    """
    found = []
    for name in names:
        fitting = [speaker for speaker in speakers if name in (speaker, speaker.partition("/")[2])]
        if not fitting:
            near = get_close_matches(name, speakers, n=1) or list(speakers[:1])
            raise CorpusError(f"no speaker is called {name!r}; a name looks like {near[0] if near else 'ravdess/07'}")
        if len(fitting) > 1:
            raise CorpusError(f"{name!r} may be {' or '.join(fitting)}; give the whole name")
        found.extend(fitting)
    return tuple(dict.fromkeys(found))
