"""Train the heads of a network that takes sound, on statistics of clips and with references of many kinds.

In training most clips come with a reference: recordings of the same setting (corpus and channel) or of the same
speaker, few or many, varied or all of one emotion. So the head learns what to make of a reference, and to do without.

Two more are fitted to the statistics: the linear discriminant of the target corpus, with the gate that keeps it to
sound like the target's, and the logistic regression that tells whether somebody speaks. Sounds without a voice for that
are made by code, and read from a folder if there is one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.audio.reader import audio_files, read_audio, resample
from hearfelt.augmentation.noises import NOISES, make_noise
from hearfelt.errors import require
from hearfelt.evaluation.calibration import log_softmax, speech_threshold
from hearfelt.evaluation.metrics import confusion_matrix, figures_of
from hearfelt.inference.reference import reference_weight, shrunken_deviation
from hearfelt.models.frontend import RATE_HZ
from hearfelt.models.layers import relative_to_reference
from hearfelt.models.sound_network import LARGEST, Head, TargetDiscriminant
from hearfelt.training.augmented_copies import degrade_reproducibly
from hearfelt.training.clip_statistics import MAX_CLIP_S
from hearfelt.training.loop import EpochRow
from hearfelt.training.settings import Heads

__all__ = [
    "Discriminant",
    "DiscriminantData",
    "GateData",
    "HeadData",
    "RowReference",
    "SpeechHead",
    "TrainedHead",
    "fit_discriminant",
    "fit_speech_head",
    "noise_sounds",
    "predict_statistics",
    "target_discriminant",
    "train_head",
]


_MAX_GRADIENT_NORM: Final = 2.0
_WARMUP_SHARE: Final = 0.2  # share of the steps in which the learning rate rises
_COUNT: Final = {"setting": 16, "speaker": 2}  # references drawn for each in every epoch
_LARGEST_REFERENCE: Final = {"setting": 150, "speaker": 50}  # recordings
_UNIFORM: Final = 0.3  # share of references whose recordings have one emotion, or two

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class HeadData:
    """What one head is trained and validated on.

    Attributes:
        rows: ``(rows, k)``, scaled statistics of all variants of clips.
        gains: ``(k,)``, of the components in a head.
        labels: ``(rows,)``, indices of the emotions.
        settings: ``(rows,)``, number of each row's setting.
        speakers: ``(rows,)``, number of each row's speaker.
        originals: ``(rows,)``, whether a row is a clip as recorded; references consist of these alone.
        sampling_weights: ``(rows,)``, how often each is drawn; 0 for what is held out of this head.
        validation: indices of the rows that it is validated on, one a clip.
        samples_per_epoch: number of rows drawn in an epoch.
        classes: number of emotions.
    """

    rows: Rows
    gains: Rows
    labels: Indices
    settings: Indices
    speakers: Indices
    originals: npt.NDArray[np.bool_]
    sampling_weights: Floats
    validation: Indices
    samples_per_epoch: int
    classes: int


@dataclass(frozen=True, eq=False)
class TrainedHead:
    """A trained head.

    Attributes:
        head: the network.
        curve: one row an epoch.
        epoch: whose weights these are, from 1.
    """

    head: Head
    curve: tuple[EpochRow, ...]
    epoch: int


def train_head(data: HeadData, settings: Heads, *, seed: int, choose: bool = False) -> TrainedHead:
    """Train one head.

    Clips are mixed (mixup, Zhang et al. 2018) after their references have been applied. The learning rate rises and
    falls once (Smith and Topin 2018), and the last epoch's weights are kept.

    Args:
        data: to train and validate on.
        settings: of the recipe.
        seed: decides every random number.
        choose: keep the weights of the epoch with the best validation instead; only to show a leak.
    """
    generator = np.random.default_rng(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        head = Head(data.rows.shape[1], settings.hidden, data.classes, dropout=settings.dropout)
        head.gains.copy_(torch.from_numpy(data.gains))
        batches = max(1, data.samples_per_epoch // settings.batch)
        total_steps = max(3, settings.epochs * batches + 1)
        optimizer = torch.optim.AdamW(head.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        warmup = min(0.5, max(_WARMUP_SHARE, 1.5 / total_steps))  # a rise of a single step would divide by zero
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=total_steps, pct_start=warmup
        )
        targets = functional.one_hot(torch.from_numpy(data.labels), data.classes).float()
        targets = targets * (1.0 - settings.smoothing) + settings.smoothing / data.classes
        chances = np.cumsum(data.sampling_weights / data.sampling_weights.sum())
        curve: list[EpochRow] = []
        best: tuple[EpochRow, dict[str, Tensor]] | None = None
        for epoch in range(1, settings.epochs + 1):
            head.train()
            started, steps = time.monotonic(), []
            references = _References(data, settings, generator)
            for _ in range(batches):
                drawn = np.searchsorted(chances, generator.random(settings.batch)).clip(max=len(chances) - 1)
                scaled = references.applied(drawn, generator)
                steps.append(_step(head, scaled, targets[torch.from_numpy(drawn)], settings, optimizer, generator))
                schedule.step()
            loss, correct = (float(one) for one in np.mean(steps, axis=0))
            rate = float(schedule.get_last_lr()[0])
            row = EpochRow(epoch, loss, correct, *_validate(head, data), rate, time.monotonic() - started)
            curve.append(row)
            if choose and (best is None or row.better_than(best[0])):
                best = row, {name: value.clone() for name, value in head.state_dict().items()}
        if best:
            head.load_state_dict(best[1])
    return TrainedHead(head.eval(), tuple(curve), best[0].epoch if best else settings.epochs)


def predict_statistics(head: Head, rows: Rows) -> Floats:
    """Compute the logits ``(rows, classes)`` of statistics ``(rows, k)``, scaled or normalized by a reference."""
    head.eval()
    with torch.inference_mode():
        logits: Floats = head(torch.from_numpy(rows)).double().numpy()
    return logits


@dataclass(frozen=True, eq=False)
class RowReference:
    """A reference made of rows; the same as :class:`hearfelt.Reference` for a finished model.

    Attributes:
        mean: ``(k,)`` of its rows.
        deviation: ``(k,)``, shrunken.
        weight: how much it counts, 0 to 1.
    """

    mean: Rows
    deviation: Rows
    weight: float

    @classmethod
    def of(cls, rows: Rows, weight: float) -> RowReference:
        """Make one of rows ``(recordings, k)``, scaled statistics."""
        return cls(rows.mean(axis=0), shrunken_deviation(rows.std(axis=0), len(rows)), weight)

    def applied(self, rows: Rows) -> Rows:
        """Normalize rows ``(rows, k)`` by it, as the network does."""
        reference = (
            torch.from_numpy(part) for part in (self.mean, self.deviation, np.array([self.weight], np.float32))
        )
        normalized: Rows = relative_to_reference(torch.from_numpy(rows), *reference).numpy()
        return normalized


class _References:
    """References for one epoch: some for every setting and every speaker, and none.

    Args:
        data: of the head.
        settings: of the recipe.
        generator: draws their recordings.
    """

    def __init__(self, data: HeadData, settings: Heads, generator: np.random.Generator) -> None:
        self._rows, self._settings = torch.from_numpy(data.rows), settings
        self._numbers = {"setting": data.settings, "speaker": data.speakers}
        self._first: dict[str, int] = {}
        usable = data.originals & (data.sampling_weights > 0)
        made: list[RowReference] = []
        for kind, numbers in self._numbers.items():
            self._first[kind] = len(made)
            for one in range(numbers.max() + 1):
                own = np.flatnonzero((numbers == one) & usable)
                made += [_drawn(data, own, _LARGEST_REFERENCE[kind], settings, generator) for _ in range(_COUNT[kind])]
        weights = np.array([[one.weight] for one in made] + [[0.0]], np.float32)
        means = np.stack([one.mean for one in made] + [np.zeros(data.rows.shape[1], np.float32)])
        deviations = np.stack([one.deviation for one in made] + [np.ones(data.rows.shape[1], np.float32)])
        self._centres, self._factors = torch.from_numpy(weights * means), torch.from_numpy(deviations**-weights)

    def applied(self, drawn: Indices, generator: np.random.Generator) -> Tensor:
        """Normalize rows by a reference of their setting or speaker, or by none: ``(drawn, k)``."""
        share, last = generator.random(len(drawn)), len(self._centres) - 1
        chosen = np.full(len(drawn), last)
        of_setting = share < self._settings.setting_references
        of_speaker = ~of_setting & (share < self._settings.setting_references + self._settings.speaker_references)
        for kind, own in (("setting", of_setting), ("speaker", of_speaker)):
            place = generator.integers(0, _COUNT[kind], np.count_nonzero(own))
            chosen[own] = self._first[kind] + self._numbers[kind][drawn[own]] * _COUNT[kind] + place
        index = torch.from_numpy(chosen)
        rows = self._rows[torch.from_numpy(drawn)]
        return (rows - self._centres[index]) * self._factors[index]


def _drawn(data: HeadData, own: Indices, largest: int, settings: Heads, generator: np.random.Generator) -> RowReference:
    """Draw the recordings of one reference among those of a setting or speaker: few or many, varied or of one kind."""
    if len(own) and generator.random() < _UNIFORM:
        emotions = generator.permutation(np.unique(data.labels[own]))[: generator.integers(1, 3)]
        own = own[np.isin(data.labels[own], emotions)]
    if not len(own):
        dimensions = data.rows.shape[1]
        return RowReference(np.zeros(dimensions, np.float32), np.ones(dimensions, np.float32), 0.0)
    count = min(len(own), round(float(np.exp(generator.uniform(0.0, np.log(largest))))))
    chosen = own[generator.permutation(len(own))[:count]]
    # Those of one emotion count in full, or a head would not learn what to make of them.
    return RowReference.of(data.rows[chosen], reference_weight(count, 1.0, settings.reference))


def _step(
    head: Head,
    scaled: Tensor,
    targets: Tensor,
    settings: Heads,
    optimizer: torch.optim.Optimizer,
    generator: np.random.Generator,
) -> tuple[float, float]:
    """Train on one batch; return the loss and the share of mixtures whose larger part was recognized."""
    share = float(generator.beta(settings.mixup, settings.mixup)) if settings.mixup else 1.0
    other = torch.from_numpy(generator.permutation(len(scaled)))
    logits = head(share * scaled + (1.0 - share) * scaled[other])
    target = share * targets + (1.0 - share) * targets[other]
    loss = -(target * logits.log_softmax(dim=1)).sum(dim=1).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(head.parameters(), _MAX_GRADIENT_NORM)
    optimizer.step()
    correct = (logits.argmax(dim=1) == target.argmax(dim=1)).float().mean()
    return float(loss.detach()), float(correct)


def _validate(head: Head, data: HeadData) -> tuple[float, float, float]:
    """Validate a head without references: loss, accuracy and UAR."""
    logits, targets = predict_statistics(head, data.rows[data.validation]), data.labels[data.validation]
    found = figures_of(confusion_matrix(targets, logits.argmax(axis=1), logits.shape[1]))
    loss = -float(log_softmax(logits)[np.arange(len(targets)), targets].mean())
    return loss, found["accuracy"], found["uar"]


_CAUTION = 2.5  # in log-odds: corpora that were left out are often taken for the target a little
_GATE_COST = 0.01  # scikit-learn's C: the smaller, the smoother


@dataclass(frozen=True, eq=False)
class DiscriminantData:
    """What the discriminant is fitted to: clips of the target's corpora and their copies.

    Attributes:
        rows: ``(rows, d)``, standardized statistics.
        labels: ``(rows,)``, indices of the emotions.
        weights: ``(rows,)``, of each row; 0 for what is held out.
        channels: ``(rows,)``, number of each row's channel; 0 for that of the target, whose means are used.
        classes: number of emotions.
    """

    rows: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    channels: npt.NDArray[np.int64]
    classes: int


@dataclass(frozen=True, eq=False)
class GateData:
    """What the gate is fitted to: clips of all corpora.

    Attributes:
        rows: ``(rows, k)``, scaled components of the statistics.
        gains: ``(k,)``, of the components.
        is_target: ``(rows,)``, whether a row is of the target's corpora.
    """

    rows: npt.NDArray[np.float32]
    gains: npt.NDArray[np.float32]
    is_target: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Discriminant:
    """A fitted discriminant.

    Attributes:
        slopes: ``(d, classes)``; a column of 0 for an emotion without rows.
        offsets: ``(classes,)``.
        mean: ``(classes,)``, of the products of rows and slopes.
        deviation: ``(classes,)``, of the same.
    """

    slopes: npt.NDArray[np.float64]
    offsets: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]
    deviation: npt.NDArray[np.float64]


def fit_discriminant(data: DiscriminantData, shrinkage: float) -> Discriminant:
    """Fit a discriminant with a shrunken covariance (Friedman 1989, "Regularized Discriminant Analysis").

    Rows of one emotion and channel share a mean, and all share one covariance. All emotions have the same prior, so
    that a rare one is not neglected; of one without rows nothing is said.

    Args:
        data: to fit to.
        shrinkage: added to the covariance's diagonal, as a share of its mean.
    """
    used = data.weights > 0
    rows = np.clip(data.rows[used], -LARGEST, LARGEST)
    labels, channels, weights = data.labels[used], data.channels[used], data.weights[used]
    centred, means = rows.copy(), np.zeros((data.classes, rows.shape[1]))
    for label in range(data.classes):
        for channel in sorted(set(channels[labels == label].tolist()), reverse=True):
            own = (labels == label) & (channels == channel)
            means[label] = np.average(rows[own], axis=0, weights=weights[own])
            centred[own] -= means[label].astype(np.float32)
    centred *= np.sqrt(weights / weights.sum()).astype(np.float32)[:, None]
    covariance = (centred.T @ centred).astype(np.float64)
    covariance[np.diag_indices_from(covariance)] += max(shrinkage * covariance.diagonal().mean(), 1e-6)
    slopes = np.linalg.solve(covariance, means.T)  # (d, classes)
    offsets = -0.5 * (means.T * slopes).sum(axis=0)
    present = np.isin(np.arange(data.classes), labels)
    slopes -= slopes[:, present].mean(axis=1, keepdims=True)
    offsets -= offsets[present].mean()
    slopes[:, ~present], offsets[~present] = 0.0, 0.0
    products = rows @ slopes
    mean = np.asarray(np.average(products, axis=0, weights=weights), np.float64)
    deviation = np.sqrt(np.asarray(np.average(np.square(products - mean), axis=0, weights=weights), np.float64))
    return Discriminant(slopes.astype(np.float64), offsets, mean, np.where(deviation > 0, deviation, 1.0))


def target_discriminant(fitted: Discriminant, data: GateData, weight: float) -> TargetDiscriminant:
    """Make the layer of a network, and fit its gate.

    The gate is a logistic regression that tells the target's corpora from the others; where there are no others it is
    open.

    Args:
        fitted: the discriminant.
        data: that the gate is fitted to.
        weight: the logits are multiplied by it.
    """
    made = TargetDiscriminant(len(fitted.slopes), data.rows.shape[1], len(fitted.offsets))
    with torch.no_grad():
        made.discriminant.weight.copy_(torch.from_numpy((fitted.slopes / fitted.deviation).T))
        made.discriminant.bias.copy_(torch.from_numpy(-fitted.mean / fitted.deviation))
        made.scale.copy_(torch.from_numpy(weight * fitted.deviation))
        made.offset.copy_(torch.from_numpy(weight * (fitted.mean + fitted.offsets)))
        made.gains.copy_(torch.from_numpy(data.gains))
        _fit_gate(made.gate, data)
    return made.eval()


def _fit_gate(gate: torch.nn.Linear, data: GateData) -> None:
    gate.weight.zero_()
    gate.bias.fill_(20.0)
    if data.is_target.all():
        return
    regression = require("sklearn.linear_model", "train").LogisticRegression(
        C=_GATE_COST, class_weight="balanced", max_iter=500
    )
    regression.fit((np.clip(data.rows, -LARGEST, LARGEST) * data.gains).astype(np.float64), data.is_target)
    gate.weight.copy_(torch.from_numpy(regression.coef_))
    gate.bias.copy_(torch.from_numpy(regression.intercept_ - _CAUTION))


_OF_EACH_KIND: Final = 60  # sounds made by code
_COST: Final = 0.01  # scikit-learn's C: the smaller, the smoother
_SPEECH_FOLDS: Final = 5


@dataclass(frozen=True, eq=False)
class SpeechHead:
    """The fitted head.

    Attributes:
        layer: from scaled statistics to a logit.
        threshold: below it there is no speech.
    """

    layer: nn.Linear
    threshold: float


def noise_sounds(folder: Path | None = None) -> tuple[list[Rows], list[str]]:
    """Make or read sounds in which nobody speaks.

    Args:
        folder: files of real noise, each used as it is and degraded; None for noise made by code alone.

    Returns:
        The sounds, ``(n,)`` at 16 kHz, and the kind of each: a name of :data:`~hearfelt.augmentation.noises.NOISES`, or
        a file's name without the digits at its end.

    Raises:
        AudioError: if a file cannot be read.
    """
    sounds, kinds = [], []
    for kind in NOISES:
        for number in range(_OF_EACH_KIND):
            sounds.append(make_noise(kind, np.random.default_rng(number)))
            kinds.append(kind)
    for path in audio_files(folder) if folder else ():
        audio = read_audio(path)
        samples = resample(audio.samples, audio.rate_hz, RATE_HZ)[: int(MAX_CLIP_S * RATE_HZ)]
        sounds += [samples, degrade_reproducibly(samples)]
        kinds += [path.stem.rstrip("0123456789-_")] * 2
    return sounds, kinds


def fit_speech_head(speech: Rows, corpora: Sequence[str], noise: Rows, kinds: Sequence[str]) -> SpeechHead:
    """Fit the head, and choose its threshold on predictions for corpora and kinds of noise that were left out.

    Args:
        speech: ``(clips, k)``, scaled statistics of speech.
        corpora: the corpus of each.
        noise: ``(sounds, k)``, of sounds in which nobody speaks.
        kinds: the kind of each.
    """
    regression = require("sklearn.linear_model", "train").LogisticRegression(
        C=_COST, class_weight="balanced", max_iter=1000
    )
    model_selection: Any = require("sklearn.model_selection", "train")
    rows, speaks = np.concatenate([speech, noise]), np.arange(len(speech) + len(noise)) < len(speech)
    regression.fit(rows, speaks)
    layer = nn.Linear(rows.shape[1], 1)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(regression.coef_))
        layer.bias.copy_(torch.from_numpy(regression.intercept_))
    groups = np.array([*corpora, *kinds])
    folds = min(_SPEECH_FOLDS, len(set(corpora)), len(set(kinds)))
    if folds > 1:
        split = model_selection.StratifiedGroupKFold(folds)
        logits = model_selection.cross_val_predict(
            regression, rows, speaks, groups=groups, cv=split, method="decision_function"
        )
    else:  # of one corpus, nothing can be left out
        logits = regression.decision_function(rows)
    return SpeechHead(layer.eval(), speech_threshold(logits, speaks, groups))
