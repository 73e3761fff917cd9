"""Train the networks that take sound: small heads on statistics of a frozen encoder's states.

Predictions for calibration come from further heads, each trained without a group: some speakers of the target corpus,
or a whole other corpus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.splits import speaker_folds
from hearfelt.errors import ModelError
from hearfelt.evaluation.calibration import log_softmax, unfamiliar_threshold
from hearfelt.evaluation.plan import without_copies
from hearfelt.inference.reference import prior_logits, reference_weight, variety
from hearfelt.models.encoders.weights import fingerprint
from hearfelt.models.encoders.whisper import WhisperEncoder
from hearfelt.models.layers import Scaler
from hearfelt.models.sound_network import Head, Projection, SoundNetwork, TargetDiscriminant
from hearfelt.training.augmented_copies import ORIGINAL
from hearfelt.training.build_card import target_temperature
from hearfelt.training.clip_statistics import ClipStatistics, MakeEncoder, extract_sounds, extract_statistics
from hearfelt.training.data_selection import generator_for
from hearfelt.training.distillation import distilled_encoder, new_student
from hearfelt.training.heads import (
    Discriminant,
    DiscriminantData,
    GateData,
    HeadData,
    RowReference,
    TrainedHead,
    fit_discriminant,
    fit_speech_head,
    noise_sounds,
    predict_statistics,
    target_discriminant,
    train_head,
)
from hearfelt.training.loop import (
    Checkpoint,
    EpochRow,
    HeldOut,
    TrainedNetwork,
    arrays_of,
    load_arrays,
    read_checkpoint,
    write_checkpoint,
    write_curves,
)
from hearfelt.training.recipe import Recipe
from hearfelt.training.training_set import TrainingSet, variants_of

__all__ = ["HeadTrainer", "held_out_groups", "prepare_statistics", "train_sound_network"]

_POSITIONS: Final = 700  # of Whisper's encoder: 14 s, more than the window
_ROWS_FOR_PROJECTION: Final = 6000
_ROWS_FOR_GATE: Final = 8000
_CLIPS_FOR_FULL_SHARE: Final = 400  # a smaller corpus is drawn less often
_UNFAMILIAR: Final = 0.005  # share of the training clips themselves that is further away

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Rows = npt.NDArray[np.float32]


def prepare_statistics(
    recipe: Recipe,
    training_sets: Sequence[TrainingSet],
    *,
    processes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Compute and cache all statistics that some training sets need, in several processes, so that no training has to.

    Args:
        recipe: how to train.
        training_sets: of all folds.
        processes: number of worker processes.
        progress: called with the number of variants just done.

    Raises:
        AudioError: if a clip cannot be read or is silent.
        ModelError: if the encoder's weights are not what they should be.
    """
    done: set[tuple[Any, ...]] = set()
    for training_set in training_sets:
        make_encoder = _encoder_maker(recipe, training_set)
        name = fingerprint(make_encoder().state_dict()) if recipe.network == "tiny" else ""
        wanted = [one for one in variants_of(recipe, training_set) if (name, *one) not in done]
        done.update((name, *one) for one in wanted)
        if wanted:
            extract_statistics(make_encoder, wanted, processes=processes, progress=progress)


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
        training_set: with an encoder as its source.
        folder: for the curves and finished heads.
        seed: of every random number.
        key: names the training.
        on_epoch: called with each epoch's row, the mean over the heads, when all are trained.

    Raises:
        CorpusError: if there are fewer speakers than groups.
        ModelError: if the folder contains heads of another training.
    """
    make_encoder = _encoder_maker(recipe, training_set)
    statistics = extract_statistics(make_encoder, variants_of(recipe, training_set), processes=1)
    trainer = HeadTrainer(recipe, training_set, statistics, folder, key)
    held_out: list[HeldOut] = []
    curves: list[Sequence[EpochRow]] = []
    for number, group in enumerate(held_out_groups(training_set, recipe.heads.groups, seed)):
        weights = trainer.sampling_weights(group)
        one = trainer.head(f"group{number}", weights, group, seed=1000 * seed + number)
        held_out.append(trainer.held_out(one.head, trainer.discriminant(weights), group))
        curves.append(one.curve)
    weights = trainer.sampling_weights(Clips())
    heads = [
        trainer.head(f"head{number}", weights, training_set.encoder_source.target, seed=1000 * seed + 100 + number)
        for number in range(recipe.heads.count)
    ]
    discriminant = trainer.discriminant(weights)
    if discriminant is not None:
        discriminant.temperature.fill_(target_temperature(training_set.labels, held_out))
        held_out = [one.tempered(float(discriminant.temperature)) for one in held_out]
    sounds, kinds = noise_sounds(training_set.encoder_source.noise)
    noise = trainer.project(extract_sounds(make_encoder, sounds))
    speech = fit_speech_head(trainer.rows, [clip.corpus for clip in trainer.clips], noise, kinds)
    network = SoundNetwork(
        _shortened(make_encoder()),
        trainer.projection,
        trainer.scaler,
        [one.head for one in heads],
        discriminant,
        speech.layer,
    )
    rows = _mean_rows(curves)
    write_curves(folder, rows)
    for row in rows:
        if on_epoch:
            on_epoch(row)
    own = [one for one in held_out if not one.is_outside]
    return TrainedNetwork(
        network.eval(),
        round(float(np.mean([one.epoch for one in heads]))),
        tuple(rows),
        np.concatenate([one.logits for one in own]),
        np.concatenate([one.labels for one in own]),
        tuple(held_out),
        no_speech_below=speech.threshold,
        unfamiliar_above=trainer.unfamiliar_above(),
        reference_settings=recipe.heads.reference,
    )


class HeadTrainer:
    """Trains the heads of one network, and stores each as soon as it is done.

    Args:
        recipe: how to train.
        training_set: with an encoder as its source.
        statistics: of all variants of its clips.
        folder: for finished heads.
        key: names the training.

    Attributes:
        projection: fitted to the training clips as recorded, whatever their labels.
        scaler: fitted to the same, projected.
        gains: ``(k,)``, of the components in a head.
        rows: ``(variants, k)``, projected and scaled statistics.
        is_original: ``(variants,)``, whether a variant is a clip as recorded.
    """

    def __init__(
        self, recipe: Recipe, training_set: TrainingSet, statistics: ClipStatistics, folder: Path, key: str
    ) -> None:
        self.recipe, self.training_set, self.folder, self.key = recipe, training_set, folder, key
        self.source = training_set.encoder_source
        self.clips, self.variants, self._values = statistics.clips, statistics.variants, statistics.values
        self._discriminants: dict[bytes, Discriminant] = {}
        self.labels = np.array([training_set.labels.index(clip.emotion) for clip in self.clips], np.int64)
        self.is_original = np.array([variant == ORIGINAL for variant in self.variants])
        self.index_of = {clip: index for index, clip in enumerate(self.clips) if self.is_original[index]}
        target = () if self.source.stands_in else self.source.target.corpora
        self.in_target_corpora = np.isin([clip.corpus for clip in self.clips], target)
        own = self.is_original & self._is_trained_on(Clips())
        drawn = generator_for(0, "network").permutation(np.flatnonzero(own))[:_ROWS_FOR_PROJECTION]
        dimensions = statistics.values.shape[1]
        self.projection = Projection(dimensions, min(recipe.heads.components, dimensions, len(drawn)))
        self.gains = self.projection.fit(statistics.values[np.sort(drawn)].astype(np.float32))
        with torch.inference_mode():
            parts = np.array_split(statistics.values, len(statistics.values) // 4096 + 1)
            projected = np.concatenate(
                [self.projection(torch.from_numpy(part.astype(np.float32))).numpy() for part in parts]
            )
        self.scaler = Scaler(projected.shape[1])
        self.scaler.fit(projected[own])
        self.rows = self._scaled(projected)

    def project(self, statistics: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
        """Project and scale statistics ``(rows, d)`` to ``(rows, k)``."""
        with torch.inference_mode():
            return self._scaled(self.projection(torch.from_numpy(statistics.astype(np.float32))).numpy())

    def unfamiliar_above(self) -> float:
        """Choose the distance from the middle of all training clips above which a sound is unfamiliar."""
        rows = self.rows[self.is_original]
        corpora = np.array([clip.corpus for clip, own in zip(self.clips, self.is_original, strict=True) if own])
        return unfamiliar_threshold(np.sqrt(np.square(rows).mean(axis=1)), corpora, _UNFAMILIAR)

    def _scaled(self, projected: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        scaled: npt.NDArray[np.float32] = (projected - self.scaler.mean.numpy()) / self.scaler.scale.numpy()
        return scaled

    def _is_trained_on(self, held_out: Clips) -> npt.NDArray[np.bool_]:
        """Tell which variants may be trained on: none of what is held out, of the same speaker or the same sound."""
        speakers = set(held_out.speakers) if self.source.by == "speaker" else set()
        train = Clips([*self.training_set.train, *self.training_set.leaked])
        allowed = set(without_copies(train, held_out, self.source.same_sound))
        only_validated = set(self.training_set.validation) - set(self.training_set.train)
        return np.array(
            [
                clip in allowed
                and clip.speaker not in speakers
                and not (clip in only_validated and variant == ORIGINAL)
                for clip, variant in zip(self.clips, self.variants, strict=True)
            ]
        )

    def sampling_weights(self, held_out: Clips) -> Floats:
        """Weigh each variant by how often it is drawn; never what is held out.

        All corpora are drawn equally often, small ones less often, and the target's ``target_weight`` times as often.

        Args:
            held_out: clips of a group; empty for a head that stays.

        Returns:
            ``(variants,)``.
        """
        settings = self.recipe.heads
        channels = {clip.channel for clip in self.source.target}
        weights = self._is_trained_on(held_out).astype(np.float64)
        weights[[variant.degraded for variant in self.variants]] *= settings.degraded_weight
        weights[[variant.speed != 1.0 for variant in self.variants]] *= settings.speed_weight
        other_channel = [clip.channel not in channels for clip in self.clips]
        weights[self.in_target_corpora & other_channel] *= settings.other_channel_weight
        corpora = np.array([clip.corpus for clip in self.clips])
        for corpus in np.unique(corpora):
            own = corpora == corpus
            if total := weights[own].sum():
                share = min(1.0, np.count_nonzero(own & self.is_original & (weights > 0)) / _CLIPS_FOR_FULL_SHARE)
                share *= settings.target_weight if self.in_target_corpora[own].any() else 1.0
                weights[own] *= share / total
        return weights

    def head(self, name: str, sampling_weights: Floats, validation: Clips, *, seed: int) -> TrainedHead:
        """Train one head, or load it if an earlier call stored it."""
        settings, classes = self.recipe.heads, len(self.training_set.labels)
        path = self.folder / f"{name}.npz"
        if stored := _stored(path, self.key, Head(self.rows.shape[1], settings.hidden, classes)):
            return stored
        data = HeadData(
            self.rows,
            self.gains,
            self.labels,
            _numbers(f"{clip.corpus}/{clip.channel}" for clip in self.clips),
            _numbers(clip.speaker for clip in self.clips),
            self.is_original,
            sampling_weights,
            validation=self._indices(self.training_set.validation or validation),
            samples_per_epoch=int(np.count_nonzero(self.is_original & (sampling_weights > 0))),
            classes=classes,
        )
        trained = train_head(data, settings, seed=seed, choose=bool(self.training_set.validation))
        _store(path, self.key, trained)
        return trained

    def discriminant(self, sampling_weights: Floats) -> TargetDiscriminant | None:
        """Fit the discriminant to the target's corpora; None where the recipe or the training set has none."""
        settings, used = self.recipe.heads, sampling_weights > 0
        if not settings.discriminant_weight or not (used & self.in_target_corpora).any():
            return None
        drawn = generator_for(0, "gate").permutation(np.flatnonzero(used))[:_ROWS_FOR_GATE]
        gate = GateData(self.rows[drawn], self.gains, self.in_target_corpora[drawn])
        return target_discriminant(self._fitted(sampling_weights), gate, settings.discriminant_weight)

    def _fitted(self, sampling_weights: Floats) -> Discriminant:
        """Fit it, or give the one of the same target clips: most groups leave out another corpus."""
        target = np.flatnonzero(self.in_target_corpora)
        weights = sampling_weights[target]
        key = weights.tobytes()
        if key not in self._discriminants:
            channels = {clip.channel for clip in self.source.target}
            data = DiscriminantData(
                self._standardized(target),
                self.labels[target],
                weights,
                np.array([int(self.clips[index].channel not in channels) for index in target]),
                len(self.training_set.labels),
            )
            self._discriminants[key] = fit_discriminant(data, self.recipe.heads.shrinkage_of_discriminant)
        return self._discriminants[key]

    def _standardized(self, indices: Indices) -> Rows:
        values = torch.from_numpy(self._values[indices].astype(np.float32))
        standardized: Rows = self.projection.standardized(values).numpy()
        return standardized

    def held_out(self, head: Head, discriminant: TargetDiscriminant | None, group: Clips) -> HeldOut:
        """Predict a group that was not trained on, without and with a reference of other clips of it."""
        indices = self._indices(group)
        settings, kept = self.recipe.heads, self.rows.shape[1]
        rows, share = self.rows[indices], np.zeros(len(indices))
        if discriminant is not None:
            with torch.inference_mode():
                scores = discriminant.scores(torch.from_numpy(self._standardized(indices))).numpy()
                share = discriminant.share(torch.from_numpy(rows))[:, 0].double().numpy()
            rows = np.concatenate([rows, scores], axis=1)
        with_reference = np.zeros((len(rows), len(self.training_set.labels)))
        weights = np.zeros(len(rows))

        def predict(normalized: Rows, scaled: Rows) -> Floats:
            logits = log_softmax(predict_statistics(head, normalized[:, :kept]))
            if discriminant is None:
                return logits
            scores, components = torch.from_numpy(normalized[:, kept:]), torch.from_numpy(scaled[:, :kept])
            with torch.inference_mode():
                both: Floats = discriminant(torch.from_numpy(logits), scores, components).numpy()
            return both

        halves = np.array_split(generator_for(0, "reference").permutation(len(rows)), 2)
        for answered, others in (halves, halves[::-1]):
            chosen = rows[others[: settings.reference_clips]]
            if not len(chosen):  # a group of one clip
                with_reference[answered] = predict(rows[answered], rows[answered])
                continue
            probabilities = np.exp(log_softmax(predict(chosen, chosen)))
            weight = reference_weight(len(chosen), variety(probabilities), settings.reference)
            normalized = RowReference.of(chosen, weight).applied(rows[answered])
            prior = weight * prior_logits(probabilities.mean(axis=0), settings.reference)
            with_reference[answered] = predict(normalized, rows[answered]) + prior
            weights[answered] = weight
        corpus = group.corpora[0]
        return HeldOut(
            corpus,
            corpus not in self.source.target.corpora or set(group) == set(self.source.target),
            predict(rows, rows),
            self.labels[indices],
            with_reference,
            float(weights.mean()),
            share,
        )

    def _indices(self, clips: Clips) -> Indices:
        return np.array([self.index_of[clip] for clip in clips], np.int64)


def held_out_groups(training_set: TrainingSet, count: int, seed: int) -> list[Clips]:
    """Split the target into groups, and make one of each other corpus that has several emotions.

    A target that only stands in is left out as a whole, too, as any other corpus.

    Args:
        training_set: with an encoder as its source.
        count: number of the target's groups: of speakers, or of clips with the same share of every emotion.
        seed: of the split.
    """
    target, by = training_set.encoder_source.target, training_set.encoder_source.by
    corpora = [corpus for corpus in training_set.train.corpora if corpus not in target.corpora]
    others = [own for corpus in corpora if len((own := training_set.train.where(corpus=corpus)).emotions) > 1]
    if training_set.encoder_source.stands_in:
        others.append(target)
    if by == "speaker":
        return [*(fold.test for fold in speaker_folds(target, count, seed=seed)), *others]
    generator = generator_for(seed, "validation")
    shuffled = [target[int(index)] for index in generator.permutation(len(target))]
    dealt = sorted(shuffled, key=lambda clip: clip.emotion)
    return [*(Clips(dealt[number::count]) for number in range(count)), *others]


def _encoder_maker(recipe: Recipe, training_set: TrainingSet) -> MakeEncoder:
    weights = training_set.encoder_source.files.read()
    make_whisper = partial(_whisper, {name: tensor.numpy() for name, tensor in weights.items()})
    if recipe.network != "tiny":
        return make_whisper
    student = distilled_encoder(recipe.distillation, make_whisper, _auxiliary_clips(training_set))
    return partial(_student, recipe, {name: value.numpy() for name, value in student.state_dict().items()})


def _whisper(weights: dict[str, npt.NDArray[Any]]) -> nn.Module:
    return WhisperEncoder.of(_tensors(weights))


def _shortened(encoder: nn.Module) -> nn.Module:
    """Leave out the places of Whisper's encoder that no window reaches."""
    return (
        WhisperEncoder.of(encoder.state_dict(), positions=_POSITIONS)
        if isinstance(encoder, WhisperEncoder)
        else encoder
    )


def _student(recipe: Recipe, weights: dict[str, npt.NDArray[Any]]) -> nn.Module:
    student = new_student(recipe.distillation)
    student.load_state_dict(_tensors(weights))
    return student.eval()


def _tensors(arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _auxiliary_clips(training_set: TrainingSet) -> list[Clip]:
    """List the clips of other corpora than the target's, or all where there are none: in one order, for the cache."""
    train = training_set.train
    auxiliary = train.without(corpus=training_set.encoder_source.target.corpora)
    return sorted(auxiliary or train, key=lambda clip: (clip.corpus, clip.name))


def _numbers(names: Iterable[str]) -> Indices:
    return np.unique(list(names), return_inverse=True)[1].astype(np.int64)


def _mean_rows(curves: Iterable[Sequence[EpochRow]]) -> list[EpochRow]:
    """Average the curves of heads that held out a group, epoch by epoch."""
    rows = []
    for same in zip(*curves, strict=True):
        values = np.mean([[float(value) for value in asdict(row).values()] for row in same], axis=0)
        rows.append(EpochRow(int(values[0]), *(float(value) for value in values[1:])))
    return rows


def _store(path: Path, key: str, trained: TrainedHead) -> None:
    curve = [asdict(row) for row in trained.curve]
    write_checkpoint(path, Checkpoint(arrays_of(trained.head), {"key": key, "curve": curve, "epoch": trained.epoch}))


def _stored(path: Path, key: str, untrained: Head) -> TrainedHead | None:
    """Load a stored head into an untrained one; None where there is none."""
    stored = read_checkpoint(path)
    if stored is None:
        return None
    if stored.facts["key"] != key:
        raise ModelError(f"{path}: of another recipe or other clips; delete the folder, or give another one")
    load_arrays(untrained, stored.arrays)
    curve = tuple(EpochRow(**row) for row in stored.facts["curve"])
    return TrainedHead(untrained.eval(), curve, stored.facts["epoch"])
