"""Train the networks that take sound: an ensemble of heads on frozen encoders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
from torch import nn

from hearfelt.corpora.clips import Clip
from hearfelt.models.encoders.moonshine import MoonshineEncoder
from hearfelt.models.encoders.whisper import WhisperEncoder
from hearfelt.models.hearfelt import HearfeltNetwork, Whitening
from hearfelt.models.tiny import TinyNetwork
from hearfelt.training.augmented_copies import ORIGINAL, Variant
from hearfelt.training.data_selection import generator_for
from hearfelt.training.distillation import distilled_encoder, extract_tiny_features
from hearfelt.training.ensemble import EnsembleTrainer, train_ensemble
from hearfelt.training.frames import Encoders, cache_frames, extract_frames, fit_whitenings
from hearfelt.training.loop import EpochRow, TrainedNetwork, write_curves
from hearfelt.training.recipe import Recipe
from hearfelt.training.training_set import TrainingSet, variants_of

__all__ = ["prepare_frames", "train_sound_network", "whitenings_for"]

_POSITIONS: Final = 700  # of Whisper's encoder: 14 s, more than the window
_MIN_AUXILIARY: Final = 200  # clips of auxiliary corpora for the whitening; if there are fewer, all clips are used


def prepare_frames(
    recipe: Recipe,
    training_sets: Sequence[TrainingSet],
    *,
    processes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Compute and cache all frames that some training sets need, in several processes, so that no training has to.

    Args:
        recipe: how to train.
        training_sets: of all folds.
        processes: number of worker processes.
        progress: called with the number of variants just done.

    Raises:
        AudioError: if a clip cannot be read or is silent.
        ModelError: if the encoders' weights are not what they should be.
    """
    encoders = training_sets[0].encoder_frames.files.read()
    done: dict[bytes, set[tuple[Clip, Variant]]] = {}
    for training_set in training_sets:
        whitenings = whitenings_for(encoders, training_set)
        wanted = variants_of(recipe, training_set)
        if recipe.network == "tiny":
            auxiliary = _auxiliary_clips(training_set)
            cache_frames(encoders, whitenings, [(clip, ORIGINAL) for clip in auxiliary], processes=processes)
            student = distilled_encoder(recipe.distillation, encoders, whitenings, auxiliary)
            extract_tiny_features(recipe.distillation, student, wanted, progress=progress)
            continue
        known = done.setdefault(whitenings[0].components.numpy().tobytes(), set())
        if missing := [one for one in wanted if one not in known]:
            known.update(missing)
            cache_frames(encoders, whitenings, missing, processes=processes, progress=progress)


def train_sound_network(
    recipe: Recipe,
    training_set: TrainingSet,
    folder: Path,
    *,
    seed: int,
    key: str,
    on_epoch: Callable[[EpochRow], None] | None = None,
) -> TrainedNetwork:
    """Train ``hearfelt`` or ``tiny``; heads that an earlier call finished are not trained again.

    Args:
        recipe: how to train.
        training_set: with encoder frames.
        folder: for the curves and finished heads.
        seed: of every random number.
        key: names the training.
        on_epoch: called with each epoch's row, the mean over the heads, when all are trained.

    Raises:
        CorpusError: if there are fewer speakers than groups.
        ModelError: if the folder contains heads of another training.
    """
    encoders = training_set.encoder_frames.files.read()
    whitenings = whitenings_for(encoders, training_set)
    wanted = variants_of(recipe, training_set)
    network: nn.Module
    if recipe.network == "tiny":
        student = distilled_encoder(recipe.distillation, encoders, whitenings, _auxiliary_clips(training_set))
        frames = extract_tiny_features(recipe.distillation, student, wanted)
        trained = train_ensemble(EnsembleTrainer(recipe, training_set, frames, folder, key), seed=seed)
        network = TinyNetwork(student, trained.heads[0], trained.discriminant)
    else:
        frames = extract_frames(encoders, whitenings, wanted)
        trained = train_ensemble(EnsembleTrainer(recipe, training_set, frames, folder, key), seed=seed)
        whisper = WhisperEncoder.of(encoders.whisper, positions=_POSITIONS)
        moonshine = MoonshineEncoder.of(encoders.moonshine)
        network = HearfeltNetwork(whisper, moonshine, whitenings, trained.heads, trained.discriminant)
    rows = _mean_rows(trained.curves)
    write_curves(folder, rows)
    for row in rows:
        if on_epoch:
            on_epoch(row)
    return TrainedNetwork(network.eval(), trained.epoch, tuple(rows), trained.logits, trained.labels)


def whitenings_for(encoders: Encoders, training_set: TrainingSet) -> tuple[Whitening, Whitening]:
    """Fit the whitening to auxiliary corpora if there are any: it is then the same in all folds."""
    return fit_whitenings(encoders, _auxiliary_clips(training_set), generator_for(0, "network"))


def _auxiliary_clips(training_set: TrainingSet) -> list[Clip]:
    """List the clips of auxiliary corpora, or all training clips where these are too few.

    In one order, whatever order the corpora were given in, as the whitening is cached by it.
    """
    train = training_set.train
    auxiliary = train.without(corpus=training_set.encoder_frames.target.corpora)
    return sorted(auxiliary if len(auxiliary) >= _MIN_AUXILIARY else train, key=lambda clip: (clip.corpus, clip.name))


def _mean_rows(curves: Iterable[Sequence[EpochRow]]) -> list[EpochRow]:
    """Average the curves of heads that held out a group, epoch by epoch."""
    rows = []
    for same in zip(*curves, strict=True):
        values = np.mean([[float(value) for value in asdict(row).values()] for row in same], axis=0)
        rows.append(EpochRow(int(values[0]), *(float(value) for value in values[1:])))
    return rows
