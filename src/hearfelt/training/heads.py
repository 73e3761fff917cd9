"""Train the heads of an ensemble: small networks on cached frames, and a linear discriminant in closed form."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.evaluation.calibration import log_softmax
from hearfelt.evaluation.metrics import confusion_matrix, figures_of
from hearfelt.models.pooling import AttentiveHead, Discriminant, HeadSize, PlainHead
from hearfelt.models.tiny import SmallHead
from hearfelt.training.frames import WHITENED_DIMENSIONS, Frames
from hearfelt.training.loop import EpochRow
from hearfelt.training.settings import Ensemble

__all__ = ["AnyHead", "HeadData", "TrainedHead", "fit_discriminant", "new_head", "predict_frames", "train_head"]

AnyHead = AttentiveHead | PlainHead | SmallHead

_EVALUATION_BATCH: Final = 64
_SORT_BATCHES: Final = 8  # batches within which variants are sorted by length, so that there is little padding
_MAX_GRADIENT_NORM: Final = 2.0
_WARMUP_SHARE: Final = 0.2  # share of the steps in which the learning rate rises
_MIN_ADDED: Final = 1e-6  # to the diagonal of a covariance

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class HeadData:
    """What one head is trained and validated on.

    Attributes:
        frames: of all variants of clips.
        labels: ``(variants,)``, indices of the emotions.
        sampling_weights: ``(variants,)``, how often each is drawn; 0 for what is held out of this head.
        validation: indices of the variants that it is validated on, one a clip.
        scaler_indices: indices of the variants that the scaler is fitted on.
        samples_per_epoch: number of variants drawn in an epoch.
        classes: number of emotions.
        device: where it is trained; the trained head is on the CPU.
    """

    frames: Frames
    labels: Indices
    sampling_weights: Floats
    validation: Indices
    scaler_indices: Indices
    samples_per_epoch: int
    classes: int
    device: str = "cpu"


@dataclass(frozen=True, eq=False)
class TrainedHead:
    """A trained head.

    Attributes:
        head: the network.
        logits: of the validation variants, ``(validation, classes)``.
        curve: one row an epoch.
        epoch: whose weights these are, from 1.
    """

    head: AnyHead
    logits: Floats
    curve: tuple[EpochRow, ...]
    epoch: int


def train_head(data: HeadData, kind: str, settings: Ensemble, *, seed: int, choose: bool = False) -> TrainedHead:
    """Train one head.

    Not the frames of two clips are mixed but their pooled features (manifold mixup, Verma et al. 2019). The learning
    rate rises and falls once (Smith and Topin 2018), and the last epoch's weights are kept.

    Args:
        data: to train and validate on.
        kind: ``"attentive"``, ``"plain"`` or ``"small"``.
        settings: of the recipe.
        seed: decides every random number.
        choose: keep the weights of the epoch with the best validation instead; only to show a leak.
    """
    generator = np.random.default_rng(seed)
    classes = data.classes
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        head = new_head(kind, settings, classes, features=data.frames.feature_count)
        if isinstance(head, PlainHead):
            head.scaler.fit(data.frames.frame_statistics[data.scaler_indices])
        elif isinstance(head, SmallHead):
            head.scaler.fit(data.frames.features(data.scaler_indices))
        head.to(data.device)
        epochs = settings.epochs if kind == "attentive" else settings.plain_epochs
        batches = max(1, data.samples_per_epoch // settings.batch)
        optimizer = torch.optim.AdamW(head.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        total_steps = max(3, epochs * batches + 1)
        warmup = min(0.5, max(_WARMUP_SHARE, 1.5 / total_steps))  # a rise of a single step would divide by zero
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=total_steps, pct_start=warmup
        )
        uniform = settings.smoothing / classes
        labels = torch.from_numpy(data.labels).to(data.device)
        targets = functional.one_hot(labels, classes) * (1.0 - settings.smoothing) + uniform
        curve: list[EpochRow] = []
        best: tuple[EpochRow, dict[str, Tensor]] | None = None
        for epoch in range(1, epochs + 1):
            head.train()
            started, steps = time.monotonic(), []
            for indices in _batches(data, batches, settings.batch, generator):
                steps.append(_step(head, data.frames, indices, targets, settings, optimizer, generator))
                schedule.step()
            loss, correct = (float(one) for one in np.mean(steps, axis=0))
            metrics = _validate(head, data)
            rate = float(schedule.get_last_lr()[0])
            row = EpochRow(epoch, loss, correct, *metrics, rate, time.monotonic() - started)
            curve.append(row)
            if choose and (best is None or row.better_than(best[0])):
                best = row, {name: value.clone() for name, value in head.state_dict().items()}
        if best:
            head.load_state_dict(best[1])
        head.to("cpu")
    return TrainedHead(
        head.eval(),
        predict_frames(head, data.frames, data.validation),
        tuple(curve),
        best[0].epoch if best else epochs,
    )


def new_head(kind: str, settings: Ensemble, classes: int, *, features: int) -> AnyHead:
    """Make an untrained head.

    Args:
        kind: ``"attentive"`` or ``"plain"``, on frames, or ``"small"``, on features.
        settings: of the recipe.
        classes: number of emotions.
        features: number of features of a variant.
    """
    if kind == "small":
        return SmallHead(features, settings.plain_hidden, classes, dropout=settings.plain_dropout)
    widths = settings.whisper_width, settings.moonshine_width
    if kind == "plain":
        size = HeadSize(WHITENED_DIMENSIONS, widths, settings.attentions, settings.plain_hidden, settings.plain_dropout)
        return PlainHead(size, classes)
    return AttentiveHead(
        HeadSize(WHITENED_DIMENSIONS, widths, settings.attentions, settings.hidden, settings.dropout), classes
    )


def predict_frames(head: AnyHead, frames: Frames, indices: Indices) -> Floats:
    """Compute the logits of variants, in their order: ``(indices, classes)``."""
    head.eval()
    order = indices[np.argsort(frames.lengths[indices], kind="stable")]
    index_of = {int(index): row for row, index in enumerate(indices)}
    logits: Floats | None = None
    with torch.inference_mode():
        for start in range(0, len(order), _EVALUATION_BATCH):
            some = order[start : start + _EVALUATION_BATCH]
            predicted = head.classify(_pooled(head, frames, some)).double().cpu().numpy()
            if logits is None:
                logits = np.zeros((len(indices), predicted.shape[1]))
            logits[[index_of[int(index)] for index in some]] = predicted
    return logits if logits is not None else np.zeros((0, head.output.out_features))


def _pooled(head: AnyHead, frames: Frames, indices: Indices) -> Tensor:
    """Pool each variant to one row, ``(indices, width)``, as the head needs it."""
    device = _device_of(head)
    if isinstance(head, AttentiveHead):
        return head.pool(*frames.batch(indices, device=device))
    rows = frames.features(indices) if isinstance(head, SmallHead) else frames.frame_statistics[indices]
    scaled: Tensor = head.scaler(torch.from_numpy(rows).to(device))
    return scaled


def _batches(data: HeadData, count: int, batch: int, generator: np.random.Generator) -> Sequence[Indices]:
    drawn = generator.choice(
        len(data.sampling_weights), count * batch, p=data.sampling_weights / data.sampling_weights.sum()
    )
    lengths = data.frames.lengths
    parts = np.array_split(drawn, max(1, count // _SORT_BATCHES))
    drawn = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in parts])
    return [drawn[start : start + batch] for start in generator.permutation(count) * batch]


def _step(
    head: AnyHead,
    frames: Frames,
    indices: Indices,
    targets: Tensor,
    settings: Ensemble,
    optimizer: torch.optim.Optimizer,
    generator: np.random.Generator,
) -> tuple[float, float]:
    """Train on one batch; return the loss and the share of mixtures whose larger part was recognized."""
    device = _device_of(head)
    pooled = _pooled(head, frames, indices)
    targets = targets[torch.from_numpy(indices).to(device)]
    share = float(generator.beta(settings.mixup, settings.mixup)) if settings.mixup else 1.0
    other = torch.from_numpy(generator.permutation(len(indices))).to(device)
    mixed = head.classify(share * pooled + (1.0 - share) * pooled[other])
    target = share * targets + (1.0 - share) * targets[other]
    loss = -(target * mixed.log_softmax(dim=1)).sum(dim=1).mean()
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(head.parameters(), _MAX_GRADIENT_NORM)
    optimizer.step()
    correct = (mixed.argmax(dim=1) == target.argmax(dim=1)).float().mean()
    return float(loss.detach()), float(correct)


def _device_of(head: AnyHead) -> torch.device:
    return head.output.weight.device


def _validate(head: AnyHead, data: HeadData) -> tuple[float, float, float]:
    """Validate a head: loss, accuracy and UAR."""
    logits, targets = predict_frames(head, data.frames, data.validation), data.labels[data.validation]
    found = figures_of(confusion_matrix(targets, logits.argmax(axis=1), logits.shape[1]))
    loss = -float(log_softmax(logits)[np.arange(len(targets)), targets].mean())
    return loss, found["accuracy"], found["uar"]


def fit_discriminant(
    rows: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float32],
    *,
    classes: int,
    shrinkage: float,
    emphasis: npt.NDArray[np.float32] | None = None,
) -> Discriminant:
    """Fit a linear discriminant with a shrunken covariance (Friedman 1989, "Regularized Discriminant Analysis").

    Rows of one emotion and group share a mean, and all share one covariance. All emotions have the same prior, so that
    a rare one is not neglected. Differences between speakers are part of the covariance, so they weigh little.

    Args:
        rows: ``(rows, dimensions)``.
        labels: ``(rows,)``, indices of the emotions; one without rows is never predicted.
        groups: ``(rows,)``, 0 for what is like the test clips, whose means are used; other groups contribute to the
            covariance, and give the means of emotions that group 0 lacks.
        weights: ``(rows,)``, of each row in the covariance.
        classes: number of emotions.
        shrinkage: added to the covariance's diagonal, as a share of its mean.
        emphasis: ``(dimensions,)``, factor of each dimension after scaling: the larger, the less the shrinkage affects
            it; 1 by default.

    Returns:
        From unscaled rows to logits.
    """
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-3
    scale = scale if emphasis is None else scale / emphasis
    scaled = (rows - mean) / scale
    means = np.zeros((classes, rows.shape[1]), np.float32)
    for label in range(classes):
        for group in sorted(set(groups[labels == label].tolist()), reverse=True):
            some = (labels == label) & (groups == group)
            means[label] = scaled[some].mean(axis=0)
            scaled[some] -= means[label]
    weighted = torch.from_numpy(scaled * np.sqrt(weights / weights.sum())[:, None])
    covariance = weighted.T @ weighted  # (dimensions, dimensions)
    # One row for each emotion and group leaves nothing but zeros.
    covariance.diagonal().add_(max(shrinkage * float(covariance.diagonal().mean()), _MIN_ADDED))
    slopes = torch.cholesky_solve(torch.from_numpy(means.T.copy()), torch.linalg.cholesky(covariance))
    offsets = -0.5 * (torch.from_numpy(means).T * slopes).sum(dim=0)
    offsets[torch.from_numpy(~np.isin(np.arange(classes), labels))] = -1e4
    fitted = Discriminant(rows.shape[1], classes)
    unscaled = slopes / torch.from_numpy(scale)[:, None]
    with torch.no_grad():
        fitted.slopes.copy_(unscaled)
        fitted.offsets.copy_(offsets - torch.from_numpy(mean) @ unscaled)
    return fitted.eval()
