"""Train one model on all clips given: what ``hearfelt train`` does.

Each epoch's metrics go to TensorBoard or MLflow, too, beside the JSON Lines that are always written.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from hearfelt.corpora.clips import Clips, duplicates
from hearfelt.errors import CorpusError, HearfeltError, RecipeError, require
from hearfelt.models.networks import kind_of
from hearfelt.runtime.execution import Progress, no_progress
from hearfelt.training.clip_statistics import PUBLISHED, EncoderFiles
from hearfelt.training.data_selection import Selection, generator_for, select, split_validation
from hearfelt.training.loop import CHECKPOINT, EpochRow
from hearfelt.training.recipe import Recipe
from hearfelt.training.sound_network import prepare_statistics
from hearfelt.training.trainer import RUN, TrainedModel, train_model
from hearfelt.training.training_set import EncoderSource, TrainingSet, compute_features, sound_count, variants_of

__all__ = [
    "DEFAULT_OPTIONS",
    "TRACKERS",
    "EpochListener",
    "TrainingOptions",
    "TrainingResult",
    "feature_set",
    "named_speakers",
    "sound_set",
    "track",
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
        train_clips: number of clips that it was trained on, without copies.
        train_speakers: their speakers.
        validation_speakers: speakers on whom its epoch, temperature and threshold were chosen.
    """

    model: TrainedModel
    selection: Selection
    train_clips: int
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
    train = training_set.train
    return TrainingResult(model, selection, len(train), train.speakers, validation_speakers)


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
    copied = clips if recipe.fit.final_epochs else train
    with progress("computing features", sound_count(recipe.augment, len(copied), len(clips) - len(copied))) as done:
        features = compute_features(
            clips,
            recipe.augment,
            generator_for(seed, "copies"),
            train=copied,
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


EpochListener = Callable[[EpochRow], None]


@contextmanager
def track(kind: str | None, folder: Path, recipe: Recipe, *, seed: int) -> Iterator[EpochListener]:
    """Open a tracker for one training.

    Args:
        kind: ``"tensorboard"``, ``"mlflow"`` or None for none.
        folder: of the training; TensorBoard's files and MLflow's data base go into it. MLflow's own variable
            ``MLFLOW_TRACKING_URI`` names another place.
        recipe: its values are kept as parameters.
        seed: likewise.

    Yields:
        A function to call with each epoch's row.

    Raises:
        RecipeError: if there is no such tracker.
        ExtraMissingError: if the tracker's package is not installed.
    """
    if kind is None:
        yield lambda row: None
        return
    if kind not in TRACKERS:
        near = get_close_matches(kind, TRACKERS, n=1)
        advice = f"did you mean {near[0]}?" if near else f"there are {' and '.join(TRACKERS)}"
        raise RecipeError(f"--track {kind}: there is no such tracker; {advice}")
    parameters = {**_flat(recipe.to_dict()), "seed": seed}
    with TRACKERS[kind](folder, recipe.name, parameters) as report:
        yield report


@contextmanager
def _tensorboard(folder: Path, name: str, parameters: Mapping[str, Any]) -> Iterator[EpochListener]:
    require("tensorboard", "tensorboard")
    writer: Any = require("torch.utils.tensorboard", "tensorboard").SummaryWriter(str(folder / "tensorboard"))
    try:
        table = "\n".join(f"| {key} | {value} |" for key, value in parameters.items())
        writer.add_text(f"recipe/{name}", f"| key | value |\n|---|---|\n{table}")

        def report(row: EpochRow) -> None:
            for key, value in _figures(row).items():
                writer.add_scalar(key, value, row.epoch)

        yield report
    finally:
        writer.close()


@contextmanager
def _mlflow(folder: Path, name: str, parameters: Mapping[str, Any]) -> Iterator[EpochListener]:
    # Local data base, and no word about this training to anybody: MLflow reads this when it is imported.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    client_class: Any = require("mlflow.tracking", "mlflow").MlflowClient
    require("sqlalchemy", "mlflow")
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # it logs every table that it makes
    folder.mkdir(parents=True, exist_ok=True)
    address = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(folder / 'mlflow.db').resolve()}"
    with warnings.catch_warnings():
        # MLflow uses a loader that SQLAlchemy 2.1 calls old.
        warnings.filterwarnings("ignore", message="The ``noload`` loader", category=DeprecationWarning)
        client = client_class(tracking_uri=address)
    known = client.get_experiment_by_name(name)
    experiment = known.experiment_id if known else client.create_experiment(name)
    run = client.create_run(experiment).info.run_id
    for key, value in parameters.items():
        client.log_param(run, key, value)

    def report(row: EpochRow) -> None:
        for key, value in _figures(row).items():
            client.log_metric(run, key, value, step=row.epoch)

    try:
        yield report
    except BaseException:
        client.set_terminated(run, "KILLED")
        raise
    client.set_terminated(run, "FINISHED")


TRACKERS: Final[Mapping[str, Any]] = MappingProxyType({"tensorboard": _tensorboard, "mlflow": _mlflow})


def _figures(row: EpochRow) -> dict[str, float]:
    return {key: value for key, value in asdict(row).items() if key != "epoch"}


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{key}.")
        else:
            flat[before + key] = value
    return flat
