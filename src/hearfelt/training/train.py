"""Train one model on all clips given: what ``hearfelt train`` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from hearfelt.corpora.clips import Clips, duplicates
from hearfelt.errors import CorpusError, HearfeltError
from hearfelt.models.build import kind_of
from hearfelt.runtime.progress import Progress, no_progress
from hearfelt.training.clip_statistics import PUBLISHED, EncoderFiles
from hearfelt.training.data_selection import Selection, generator_for, select, split_validation
from hearfelt.training.loop import CHECKPOINT, EpochRow
from hearfelt.training.recipe import Recipe
from hearfelt.training.sound_network import prepare_statistics
from hearfelt.training.tracking import track
from hearfelt.training.trainer import RUN, TrainedModel, train_model
from hearfelt.training.training_set import EncoderSource, TrainingSet, compute_features, sound_count, variants_of

__all__ = [
    "DEFAULT_OPTIONS",
    "TrainingOptions",
    "TrainingResult",
    "feature_set",
    "named_speakers",
    "sound_set",
    "train",
]


@dataclass(frozen=True)
class TrainingOptions:
    """Options of a training that are not part of its recipe.

    Attributes:
        seed: of every random number: the same seed gives the same weights.
        drop: emotions to leave out.
        without_speakers: speakers to exclude, so that the model can be tested on them.
        resume: resume a training that was stopped; without it a folder that contains one is refused.
        jobs: worker processes that compute features; by default one for each core.
        tracker: ``"tensorboard"`` or ``"mlflow"``; None for neither.
        encoder_files: weights of the encoder, for a network that takes sound.
        noise: folder of sounds in which nobody speaks, for a network that takes sound.
    """

    seed: int = 0
    drop: Sequence[str] = ()
    without_speakers: Sequence[str] = ()
    resume: bool = False
    jobs: int | None = None
    tracker: str | None = None
    encoder_files: EncoderFiles = PUBLISHED
    noise: Path | None = None


DEFAULT_OPTIONS: Final = TrainingOptions()


@dataclass(frozen=True)
class TrainingResult:
    """A trained model, and the clips that it was trained and validated on.

    Attributes:
        model: its file and its validation metrics.
        selection: clips that were used, and how many were left out.
        train_speakers: speakers that it was trained on.
        validation_speakers: speakers on whom its epoch, temperature and threshold were chosen.
    """

    model: TrainedModel
    selection: Selection
    train_speakers: tuple[str, ...]
    validation_speakers: tuple[str, ...]


def train(
    recipe: Recipe,
    clips: Clips,
    out: Path,
    options: TrainingOptions = DEFAULT_OPTIONS,
    *,
    on_epoch: Callable[[EpochRow], None] | None = None,
    progress: Progress = no_progress,
) -> TrainingResult:
    """Train one model on all clips given, some speakers held out for validation.

    Args:
        recipe: how to train.
        clips: what to train on; their speakers must be known.
        out: folder for the model and its curves.
        options: what is not part of the recipe.
        on_epoch: called with each epoch's row.
        progress: shows the stages.

    Raises:
        CorpusError: if the clips are not fit for training.
        HearfeltError: if ``out`` contains a training and ``options.resume`` is not set.
    """
    if not options.resume and any((out / name).exists() for name in (RUN, CHECKPOINT)):
        raise HearfeltError(f"{out}: holds a training; --resume goes on with it, or give another folder with --out")
    takes_sound = kind_of(recipe.network).input == "sound"
    excluded = named_speakers(options.without_speakers, clips.speakers)
    selection = select(clips.without(speaker=excluded), drop=options.drop)
    if takes_sound:
        training_set = sound_set(recipe, selection.clips, options.encoder_files, options.noise)
        with progress("computing statistics", len(variants_of(recipe, training_set))) as done:
            prepare_statistics(recipe, [training_set], processes=options.jobs, progress=done)
        validation_speakers = training_set.encoder_source.target.speakers
    else:
        training_set = feature_set(recipe, selection.clips, options.seed, jobs=options.jobs, progress=progress)
        validation_speakers = training_set.validation.speakers
    with track(options.tracker, out, recipe, seed=options.seed) as tracked:

        def report(row: EpochRow) -> None:
            tracked(row)
            if on_epoch:
                on_epoch(row)

        model = train_model(recipe, training_set, out, seed=options.seed, on_epoch=report)
    return TrainingResult(model, selection, training_set.train.speakers, validation_speakers)


def feature_set(
    recipe: Recipe, clips: Clips, seed: int, *, jobs: int | None = None, progress: Progress = no_progress
) -> TrainingSet:
    """Compute the 162 features of all clips, some speakers held out for validation.

    Args:
        recipe: says how many copies and which share of the speakers.
        clips: selected clips.
        seed: of split and copies.
        jobs: number of worker processes.
        progress: shows the stages.
    """
    train, validation = split_validation(clips, "speaker", recipe.validation, generator_for(seed, "validation"))
    with progress("computing features", sound_count(recipe.augment, len(train), len(validation))) as done:
        features = compute_features(
            clips,
            recipe.augment,
            generator_for(seed, "copies"),
            train=train,
            validation=validation,
            processes=jobs,
            progress=done,
        )
    return TrainingSet(clips.emotions, train, validation, features)


def sound_set(recipe: Recipe, clips: Clips, files: EncoderFiles = PUBLISHED, noise: Path | None = None) -> TrainingSet:
    """Make a training set for a network that takes sound; speakers of the recipe's target are held out in groups.

    Args:
        recipe: names the target corpus.
        clips: selected clips.
        files: of the encoder's weights.
        noise: folder of sounds in which nobody speaks.
    """
    target = clips.where(corpus=recipe.heads.target, channel="speech") or clips
    source = EncoderSource(target, "speaker", tuple(duplicates(clips)), files, noise)
    return TrainingSet(clips.emotions, clips, Clips(), source)


def named_speakers(names: Sequence[str], speakers: Sequence[str]) -> tuple[str, ...]:
    """Find speakers by their whole name, or by the part behind the corpus where that is unambiguous.

    Raises:
        CorpusError: if no speaker, or more than one, has the name.

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
