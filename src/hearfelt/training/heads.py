"""Members of the ensemble: small heads on frozen frames, each taught without one group, which then checks it."""

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
from hearfelt.models.pooling import AttentiveHead, HeadSize, PlainHead
from hearfelt.models.tiny import SmallHead
from hearfelt.training.frames import KEPT, Frames
from hearfelt.training.loop import EpochRow
from hearfelt.training.settings import Ensemble

__all__ = ["AnyHead", "Member", "Taught", "answer_frames", "new_head", "teach_member"]

AnyHead = AttentiveHead | PlainHead | SmallHead

_AT_ONCE: Final = 64  # clips that are answered together
_SORTED_AT_ONCE: Final = 8  # batches within which clips are sorted by length, so that little is padding
_STEEPEST: Final = 2.0  # length to which a gradient is cut
_RISING: Final = 0.2  # share of the steps in which the learning rate rises

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Member:
    """What one member learns from and is checked on.

    Attributes:
        frames: everything that was heard.
        labels: ``(views,)``, places of the emotions.
        chances: ``(views,)``, how often each is drawn; 0 for what this member must not learn from.
        checked: places of the views that it is checked on, one a clip.
        basis: places of the views whose statistics have mean 0 and deviation 1 after scaling.
        draws: how many views an epoch has.
        classes: how many emotions there are.
        device: where it is taught; it comes back to the processor.
    """

    frames: Frames
    labels: Places
    chances: Floats
    checked: Places
    basis: Places
    draws: int
    classes: int
    device: str = "cpu"


@dataclass(frozen=True, eq=False)
class Taught:
    """A member that has learned.

    Attributes:
        head: the network.
        logits: its answers to the views it was checked on, ``(checked, classes)``.
        curve: one row an epoch.
        epoch: whose weights these are, from 1.
    """

    head: AnyHead
    logits: Floats
    curve: tuple[EpochRow, ...]
    epoch: int


def teach_member(member: Member, kind: str, settings: Ensemble, *, seed: int, choose: bool = False) -> Taught:
    """Teach one head.

    Frames of two clips are not mixed, but what a head makes of them is (manifold mixup, Verma et al. 2019). The
    learning rate rises and falls once (Smith and Topin 2018), and the last epoch's weights are kept.

    Args:
        member: from what.
        kind: ``"attentive"``, ``"plain"`` or ``"small"``.
        settings: of the recipe.
        seed: decides every random number.
        choose: keep the epoch that did best on what it is checked on. Only a leak is shown in this way.
    """
    generator = np.random.default_rng(seed)
    classes = member.classes
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        head = new_head(kind, settings, classes, described=member.frames.numbers)
        if isinstance(head, PlainHead):
            head.scaler.fit(member.frames.moments[member.basis])
        elif isinstance(head, SmallHead):
            head.scaler.fit(member.frames.described(member.basis))
        head.to(member.device)
        epochs = settings.epochs if kind == "attentive" else settings.plain_epochs
        batches = max(1, member.draws // settings.batch)
        optimizer = torch.optim.AdamW(head.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        steps_in_all = max(3, epochs * batches + 1)
        rising = min(0.5, max(_RISING, 1.5 / steps_in_all))  # a rise of a single step would divide by zero
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=steps_in_all, pct_start=rising
        )
        even = settings.smoothing / classes
        labels = torch.from_numpy(member.labels).to(member.device)
        targets = functional.one_hot(labels, classes) * (1.0 - settings.smoothing) + even
        curve: list[EpochRow] = []
        best: tuple[EpochRow, dict[str, Tensor]] | None = None
        for epoch in range(1, epochs + 1):
            head.train()
            started, steps = time.monotonic(), []
            for places in _batches(member, batches, settings.batch, generator):
                steps.append(_step(head, member.frames, places, targets, settings, optimizer, generator))
                schedule.step()
            loss, right = (float(one) for one in np.mean(steps, axis=0))
            judged = _judge(head, member)
            rate = float(schedule.get_last_lr()[0])
            row = EpochRow(epoch, loss, right, *judged, rate, time.monotonic() - started)
            curve.append(row)
            if choose and (best is None or row.better_than(best[0])):
                best = row, {name: value.clone() for name, value in head.state_dict().items()}
        if best:
            head.load_state_dict(best[1])
        head.to("cpu")
    return Taught(
        head.eval(),
        answer_frames(head, member.frames, member.checked),
        tuple(curve),
        best[0].epoch if best else epochs,
    )


def new_head(kind: str, settings: Ensemble, classes: int, *, described: int) -> AnyHead:
    """Make an untaught head.

    Args:
        kind: ``"attentive"`` or ``"plain"``, on frames, or ``"small"``, on statistics.
        settings: of the recipe.
        classes: how many emotions it tells apart.
        described: how many statistics a view has.
    """
    if kind == "small":
        return SmallHead(described, settings.plain_hidden, classes, dropout=settings.plain_dropout)
    widths = settings.large_width, settings.small_width
    if kind == "plain":
        size = HeadSize(KEPT, widths, settings.attentions, settings.plain_hidden, settings.plain_dropout)
        return PlainHead(size, classes)
    return AttentiveHead(HeadSize(KEPT, widths, settings.attentions, settings.hidden, settings.dropout), classes)


def answer_frames(head: AnyHead, frames: Frames, places: Places) -> Floats:
    """Answer for views, in their order: logits ``(views, classes)``."""
    head.eval()
    order = places[np.argsort(frames.lengths[places], kind="stable")]
    place_of = {int(place): row for row, place in enumerate(places)}
    logits: Floats | None = None
    with torch.inference_mode():
        for start in range(0, len(order), _AT_ONCE):
            some = order[start : start + _AT_ONCE]
            answers = head.judge(_pooled(head, frames, some)).double().cpu().numpy()
            if logits is None:
                logits = np.zeros((len(places), answers.shape[1]))
            logits[[place_of[int(place)] for place in some]] = answers
    return logits if logits is not None else np.zeros((0, head.answer.out_features))


def _pooled(head: AnyHead, frames: Frames, places: Places) -> Tensor:
    """Describe views by one row each, ``(views, width)``, as the head wants it."""
    device = _device_of(head)
    if isinstance(head, AttentiveHead):
        return head.pool(*frames.batch(places, device=device))
    rows = frames.described(places) if isinstance(head, SmallHead) else frames.moments[places]
    scaled: Tensor = head.scaler(torch.from_numpy(rows).to(device))
    return scaled


def _batches(member: Member, count: int, batch: int, generator: np.random.Generator) -> Sequence[Places]:
    drawn = generator.choice(len(member.chances), count * batch, p=member.chances / member.chances.sum())
    lengths = member.frames.lengths
    parts = np.array_split(drawn, max(1, count // _SORTED_AT_ONCE))
    drawn = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in parts])
    return [drawn[start : start + batch] for start in generator.permutation(count) * batch]


def _step(
    head: AnyHead,
    frames: Frames,
    places: Places,
    targets: Tensor,
    settings: Ensemble,
    optimizer: torch.optim.Optimizer,
    generator: np.random.Generator,
) -> tuple[float, float]:
    """Learn from one batch; gives the loss and the share of mixtures whose larger part was recognized."""
    device = _device_of(head)
    pooled = _pooled(head, frames, places)
    wanted = targets[torch.from_numpy(places).to(device)]
    share = float(generator.beta(settings.mixup, settings.mixup)) if settings.mixup else 1.0
    other = torch.from_numpy(generator.permutation(len(places))).to(device)
    mixed = head.judge(share * pooled + (1.0 - share) * pooled[other])
    aim = share * wanted + (1.0 - share) * wanted[other]
    loss = -(aim * mixed.log_softmax(dim=1)).sum(dim=1).mean()
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(head.parameters(), _STEEPEST)
    optimizer.step()
    right = (mixed.argmax(dim=1) == aim.argmax(dim=1)).float().mean()
    return float(loss.detach()), float(right)


def _device_of(head: AnyHead) -> torch.device:
    return head.answer.weight.device


def _judge(head: AnyHead, member: Member) -> tuple[float, float, float]:
    """Judge a head by what it is checked on: loss, share of right answers, and UAR."""
    logits, wanted = answer_frames(head, member.frames, member.checked), member.labels[member.checked]
    found = figures_of(confusion_matrix(wanted, logits.argmax(axis=1), logits.shape[1]))
    missed = -float(log_softmax(logits)[np.arange(len(wanted)), wanted].mean())
    return missed, found["accuracy"], found["uar"]
