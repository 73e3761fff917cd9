"""Train an ensemble: heads for each group held out, which give its confidence, and then the heads that stay."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from hearfelt.corpora.clips import Clips
from hearfelt.corpora.splits import speaker_folds
from hearfelt.errors import ModelError
from hearfelt.evaluation.calibration import fit_temperature, log_softmax
from hearfelt.evaluation.plan import without_copies
from hearfelt.models.encoders.pitch_statistics import PITCH_DIMENSIONS
from hearfelt.models.pooling import Discriminant
from hearfelt.training.augmented_copies import ORIGINAL
from hearfelt.training.checkpoint import Checkpoint, arrays_of, load_arrays, read_checkpoint, write_checkpoint
from hearfelt.training.data_selection import generator_for
from hearfelt.training.frames import Frames
from hearfelt.training.heads import (
    AnyHead,
    HeadData,
    TrainedHead,
    fit_discriminant,
    new_head,
    predict_frames,
    train_head,
)
from hearfelt.training.loop import EpochRow
from hearfelt.training.recipe import Recipe
from hearfelt.training.training_set import TrainingSet

__all__ = ["EnsembleTrainer", "TrainedEnsemble", "held_out_groups", "train_ensemble"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TrainedEnsemble:
    """A trained ensemble, with held-out predictions for its calibration.

    Attributes:
        heads: of each kind.
        discriminant: scaled so that its probabilities are calibrated.
        curves: of the heads of the first kind that held out a group, validated on it.
        epoch: whose weights the heads of the first kind have, on average.
        logits: ``(clips, classes)``, of every target clip by heads that were not trained on its group.
        labels: ``(clips,)``, indices of the true emotions of these clips.
    """

    heads: tuple[tuple[AnyHead, ...], ...]
    discriminant: Discriminant
    curves: tuple[tuple[EpochRow, ...], ...]
    epoch: int
    logits: Floats
    labels: Indices


class EnsembleTrainer:
    """Trains the heads of one ensemble, and stores each as soon as it is done.

    Args:
        recipe: how to train.
        training_set: with encoder frames.
        frames: of all variants of its clips.
        folder: for finished heads.
        key: names the training.
    """

    def __init__(self, recipe: Recipe, training_set: TrainingSet, frames: Frames, folder: Path, key: str) -> None:
        self.recipe, self.training_set, self.frames, self.folder, self.key = recipe, training_set, frames, folder, key
        self.source = training_set.encoder_frames
        self.labels = np.array([training_set.labels.index(clip.emotion) for clip in frames.clips], np.int64)
        self.in_target_corpora = np.isin([clip.corpus for clip in frames.clips], self.source.target.corpora)
        self.index_of = {
            clip: index
            for index, (clip, variant) in enumerate(zip(frames.clips, frames.variants, strict=True))
            if variant == ORIGINAL
        }
        channels = {clip.channel for clip in self.source.target}
        kinds = sorted({(clip.corpus, clip.channel) for clip in frames.clips})
        self.groups = np.array(
            [
                0 if own and clip.channel in channels else 1 + kinds.index((clip.corpus, clip.channel))
                for own, clip in zip(self.in_target_corpora, frames.clips, strict=True)
            ]
        )

    @property
    def head_counts(self) -> dict[str, int]:
        """Number of heads of each kind in the network."""
        settings = self.recipe.ensemble
        if self.recipe.network == "tiny":
            return {"small": settings.plain_heads}
        return {"attentive": settings.attentive_heads, "plain": settings.plain_heads}

    def original_indices(self, clips: Clips) -> Indices:
        """Find the variants that are clips as they are."""
        return np.array([self.index_of[clip] for clip in clips], np.int64)

    def sampling_weights(self, held_out: Clips) -> Floats:
        """Weigh each variant by how often it is drawn; never what is held out, nor the same speaker or sound.

        The weights of the target's corpora add up to 1, those of auxiliary corpora to the recipe's
        ``auxiliary_weight``, each corpus in proportion to the square root of its size.

        Args:
            held_out: clips of a group; empty for a head that stays.

        Returns:
            ``(variants,)``.
        """
        settings, source, frames = self.recipe.ensemble, self.source, self.frames
        channels = {clip.channel for clip in source.target}
        speakers = set(held_out.speakers) if source.by == "speaker" else set()
        train = Clips([*self.training_set.train, *self.training_set.leaked])
        allowed = set(without_copies(train, held_out, source.same_sound))
        only_validated = set(self.training_set.validation) - set(self.training_set.train)
        weights = np.zeros(len(frames))
        for index, (clip, variant) in enumerate(zip(frames.clips, frames.variants, strict=True)):
            if clip not in allowed or clip.speaker in speakers or (clip in only_validated and variant == ORIGINAL):
                continue
            weights[index] = settings.degraded_weight if variant.degraded else 1.0
            if self.in_target_corpora[index] and clip.channel not in channels:
                weights[index] *= settings.other_channel_weight
        weights[self.in_target_corpora] /= weights[self.in_target_corpora].sum()
        corpora = np.array([clip.corpus for clip in frames.clips])
        sizes = {name: np.count_nonzero(weights[corpora == name]) for name in self.training_set.train.corpora}
        roots = {name: np.sqrt(size) for name, size in sizes.items() if size and name not in source.target.corpora}
        for name, root in roots.items():
            own = corpora == name
            weights[own] *= settings.auxiliary_weight * root / sum(roots.values()) / weights[own].sum()
        return weights

    def head(self, name: str, kind: str, sampling_weights: Floats, validation: Clips, *, seed: int) -> TrainedHead:
        """Train one head, or load it if an earlier call stored it."""
        settings, train, classes = self.recipe.ensemble, self.training_set.train, len(self.training_set.labels)
        path = self.folder / f"{name}.npz"
        untrained = new_head(kind, settings, classes, features=self.frames.feature_count)
        if stored := _stored(path, self.key, untrained):
            return stored
        target_corpora = self.source.target.corpora
        has_auxiliary = len(train.corpora) > len(target_corpora)
        data = HeadData(
            self.frames,
            self.labels,
            sampling_weights,
            validation=self.original_indices(self.training_set.validation or validation),
            scaler_indices=np.flatnonzero(self.in_target_corpora & (sampling_weights > 0)),
            samples_per_epoch=round(
                len(train.where(corpus=target_corpora)) * (1.0 + settings.auxiliary_weight * has_auxiliary)
            ),
            classes=classes,
            device=self.source.device,
        )
        trained = train_head(data, kind, settings, seed=seed, choose=bool(self.training_set.validation))
        _store(path, self.key, trained)
        return trained

    def discriminant(self, sampling_weights: Floats) -> Discriminant:
        """Fit the discriminant to the target's corpora, and to others for emotions that these lack."""
        used = self.in_target_corpora & (sampling_weights > 0)
        lacking = ~np.isin(self.labels, self.labels[used]) & (sampling_weights > 0)
        indices = np.flatnonzero(used | lacking)
        emphasis = np.ones(self.frames.feature_count, np.float32)
        emphasis[-PITCH_DIMENSIONS:] = self.recipe.ensemble.pitch_weight
        return fit_discriminant(
            self.frames.features(indices),
            self.labels[indices],
            self.groups[indices],
            sampling_weights[indices].astype(np.float32),
            classes=len(self.training_set.labels),
            shrinkage=self.recipe.ensemble.shrinkage,
            emphasis=emphasis,
        )

    def discriminant_logits(self, discriminant: Discriminant, indices: Indices) -> Floats:
        """Compute a discriminant's logits of variants, ``(indices, classes)``."""
        with torch.inference_mode():
            logits: Floats = discriminant(torch.from_numpy(self.frames.features(indices))).double().numpy()
        return logits


def train_ensemble(trainer: EnsembleTrainer, *, seed: int) -> TrainedEnsemble:
    """Train heads without each group, which predict it, and then those that stay, on everything."""
    source, settings = trainer.source, trainer.recipe.ensemble
    head_logits, discriminant_logits, labels, curves = [], [], [], []
    for number, group in enumerate(held_out_groups(trainer.training_set, settings.groups, seed)):
        sampling_weights = trainer.sampling_weights(group)
        validation = trainer.original_indices(group)
        logits: list[Floats] = []
        for kind in trainer.head_counts:
            one = trainer.head(f"group{number}-{kind}", kind, sampling_weights, group, seed=1000 * seed + number)
            curves += [one.curve] if not logits else []
            logits.append(log_softmax(predict_frames(one.head, trainer.frames, validation)))
        head_logits.append(np.stack(logits))  # (kinds, clips, classes)
        discriminant_logits.append(trainer.discriminant_logits(trainer.discriminant(sampling_weights), validation))
        labels.append(trainer.labels[validation])
    truth, of_discriminant = np.concatenate(labels), np.concatenate(discriminant_logits)
    temperature = fit_temperature(of_discriminant, truth)
    of_heads = np.concatenate(head_logits, axis=1)
    held_out = np.concatenate([of_heads, log_softmax(of_discriminant / temperature)[None]]).mean(axis=0)
    everything = trainer.sampling_weights(Clips())
    heads = [
        [
            trainer.head(f"{kind}{number}", kind, everything, source.target, seed=1000 * seed + 100 + number)
            for number in range(count)
        ]
        for kind, count in trainer.head_counts.items()
    ]
    discriminant = trainer.discriminant(everything)
    with torch.no_grad():
        discriminant.slopes.div_(temperature)
        discriminant.offsets.div_(temperature)
    return TrainedEnsemble(
        heads=tuple(tuple(one.head for one in some) for some in heads),
        discriminant=discriminant,
        curves=tuple(curves),
        epoch=round(float(np.mean([one.epoch for one in heads[0]]))),
        logits=held_out,
        labels=truth,
    )


def held_out_groups(training_set: TrainingSet, count: int, seed: int) -> list[Clips]:
    """Split the target into groups of speakers, or of clips with the same share of every emotion."""
    target, by = training_set.encoder_frames.target, training_set.encoder_frames.by
    if by == "speaker":
        return [fold.test for fold in speaker_folds(target, count, seed=seed)]
    generator = generator_for(seed, "validation")
    shuffled = [target[int(index)] for index in generator.permutation(len(target))]
    dealt = sorted(shuffled, key=lambda clip: clip.emotion)
    return [Clips(dealt[number::count]) for number in range(count)]


def _store(path: Path, key: str, trained: TrainedHead) -> None:
    curve = [asdict(row) for row in trained.curve]
    write_checkpoint(path, Checkpoint(arrays_of(trained.head), {"key": key, "curve": curve, "epoch": trained.epoch}))


def _stored(path: Path, key: str, untrained: AnyHead) -> TrainedHead | None:
    """Load a stored head into an untrained one; None where there is none."""
    stored = read_checkpoint(path)
    if stored is None:
        return None
    if stored.facts["key"] != key:
        raise ModelError(f"{path}: of another recipe or other clips; delete the folder, or give another one")
    load_arrays(untrained, stored.arrays)
    curve = tuple(EpochRow(**row) for row in stored.facts["curve"])
    return TrainedHead(untrained.eval(), np.zeros((0, 0)), curve, stored.facts["epoch"])
