"""The loop: epoch after epoch over the training rows, with every choice made on validation clips."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hearfelt.errors import ModelError
from hearfelt.evaluation.metrics import confusion_matrix, uar
from hearfelt.models.build import build
from hearfelt.runtime.files import atomic_write
from hearfelt.training.checkpoint import Checkpoint, arrays_of, load_arrays, read_checkpoint, write_checkpoint
from hearfelt.training.dataset import Rows
from hearfelt.training.settings import Fit

__all__ = ["CHECKPOINT", "CURVES", "EpochRow", "Fitted", "fit", "one_thread", "write_curves"]

CHECKPOINT: Final = "checkpoint.npz"
CURVES: Final = "curves.jsonl"


@dataclass(frozen=True)
class EpochRow:
    """One line of the learning curves; accuracies and UAR are shares of 1.

    ``train_loss`` and ``train_accuracy`` are those of the rows as learned from, with dropout.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_uar: float
    learning_rate: float
    seconds: float

    def better_than(self, other: EpochRow | None) -> bool:
        """Whether this epoch's model is to be preferred: higher validation UAR, of equals the lower loss."""
        if other is None:
            return True
        return (self.validation_uar, -self.validation_loss) > (other.validation_uar, -other.validation_loss)


@dataclass(frozen=True, eq=False)
class Fitted:
    """What came of it.

    Attributes:
        network: in evaluation mode, with the weights of the best epoch.
        epoch: the best one, from 1; None where there are no epochs.
        curves: one row an epoch.
        logits: of the validation clips, ``(clips, classes)``.
    """

    network: nn.Module
    epoch: int | None
    curves: tuple[EpochRow, ...]
    logits: npt.NDArray[np.float64]


@dataclass
class _State:
    """Where the training stands between two epochs."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    curves: list[EpochRow] = field(default_factory=list)
    best: EpochRow | None = None
    best_arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def is_over(self, settings: Fit) -> bool:
        done = len(self.curves)
        waited = done - (self.best.epoch if self.best else 0)
        return done >= settings.epochs or waited >= settings.patience


def fit(
    training: Rows,
    validation: Rows,
    settings: Fit,
    folder: Path,
    *,
    seed: int,
    key: str = "",
    network: str = "classic",
    on_epoch: Callable[[EpochRow], None] | None = None,
) -> Fitted:
    """Fit a network; go on from the checkpoint in ``folder`` where there is one.

    A training that was stopped and goes on ends with the very same weights as one that was not: the state of
    the random numbers is part of the checkpoint, and everything runs on one thread. Test clips have no way in.

    Args:
        training: rows to learn from.
        validation: rows on which the epoch is chosen.
        settings: the recipe's table ``[fit]``.
        folder: for the checkpoint and the curves.
        seed: decides first weights, dropout and order.
        key: names recipe and data; a checkpoint of another key is refused.
        network: which one, by name.
        on_epoch: told each epoch's row as it comes.

    Raises:
        ModelError: if the checkpoint is damaged or belongs to another recipe or other data.
    """
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = _begin(training, settings, network)
        _resume(state, folder, key)
        write_curves(folder, state.curves)
        while not state.is_over(settings):
            row = _epoch(state, training, validation, settings.batch)
            state.curves.append(row)
            if row.better_than(state.best):
                state.best, state.best_arrays = row, arrays_of(state.network)
            write_checkpoint(folder / CHECKPOINT, _checkpoint_of(state, key))
            write_curves(folder, state.curves)
            if on_epoch:
                on_epoch(row)
        load_arrays(state.network, state.best_arrays)
        logits = answer(state.network, validation.features)
    return Fitted(state.network, state.best.epoch if state.best else None, tuple(state.curves), logits)


def answer(network: nn.Module, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Give a network's outputs in evaluation mode: ``(rows, 162)`` to ``(rows, classes)``."""
    network.eval()
    with torch.no_grad():
        outputs: Tensor = network(torch.from_numpy(features))
    return outputs.double().numpy()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread, where sums have one order, and so one result; the old number comes back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _begin(training: Rows, settings: Fit, network: str) -> _State:
    made = build(network, training.classes)
    made.get_submodule("scaler").fit(training.heard)  # type: ignore[operator]
    optimizer = torch.optim.AdamW(
        made.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=settings.epochs)
    return _State(made, optimizer, schedule)


def _epoch(state: _State, training: Rows, validation: Rows, batch: int) -> EpochRow:
    """Learn from every training row once, then look at the validation rows."""
    started = time.perf_counter()
    rate = float(state.schedule.get_last_lr()[0])
    features, targets = torch.from_numpy(training.features), torch.from_numpy(training.targets)
    criterion = nn.NLLLoss()
    losses, correct = 0.0, 0
    state.network.train()
    # Parts of nearly equal size: a last part of one row would have no deviation for batch normalization.
    parts = max(1, len(features) // batch)
    for places in torch.randperm(len(features)).tensor_split(parts):
        state.optimizer.zero_grad()
        logits = state.network(features[places])  # (batch, 162) -> (batch, classes)
        truth = targets[places].argmax(dim=1)  # one-hot (batch, classes) -> (batch,)
        loss = criterion(logits, truth)
        loss.backward()
        state.optimizer.step()
        losses += float(loss.detach()) * len(places)
        correct += int((logits.argmax(dim=1) == truth).sum())
    state.schedule.step()  # once an epoch, after its last step
    judged = _judge(answer(state.network, validation.features), validation)
    return EpochRow(
        epoch=len(state.curves) + 1,
        train_loss=losses / len(features),
        train_accuracy=correct / len(features),
        **judged,
        learning_rate=rate,
        seconds=round(time.perf_counter() - started, 3),
    )


def _judge(logits: npt.NDArray[np.float64], validation: Rows) -> dict[str, float]:
    truth, answers = validation.places, logits.argmax(axis=1)
    if not np.isfinite(logits).all():
        raise ModelError("the network's answers are no longer numbers; a lower learning_rate is wanted")
    return {
        "validation_loss": -float(logits[np.arange(len(truth)), truth].mean()),
        "validation_accuracy": float((answers == truth).mean()),
        "validation_uar": float(uar(confusion_matrix(truth, answers, validation.classes))),
    }


def _checkpoint_of(state: _State, key: str) -> Checkpoint:
    optimizer = state.optimizer.state_dict()
    arrays = {f"network/{name}": value for name, value in arrays_of(state.network).items()}
    arrays |= {f"best/{name}": value for name, value in state.best_arrays.items()}
    for place, moments in optimizer["state"].items():
        arrays |= {f"optimizer/{place}/{name}": value.numpy() for name, value in moments.items()}
    arrays["random"] = torch.get_rng_state().numpy()
    facts = {
        "key": key,
        "curves": [asdict(row) for row in state.curves],
        "best": state.best.epoch if state.best else 0,
        "groups": optimizer["param_groups"],
        "schedule": state.schedule.state_dict(),
    }
    return Checkpoint(arrays, facts)


def _resume(state: _State, folder: Path, key: str) -> None:
    checkpoint = read_checkpoint(folder / CHECKPOINT)
    if checkpoint is None:
        return
    facts = checkpoint.facts
    if facts["key"] != key:
        raise ModelError(
            f"{folder}: its checkpoint was made with another recipe or other clips; go on with the same, or give"
            " another folder"
        )
    load_arrays(state.network, checkpoint.under("network"))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in checkpoint.under("optimizer").items():
        place, _, moment = name.partition("/")
        moments.setdefault(int(place), {})[moment] = torch.from_numpy(np.array(value))
    state.optimizer.load_state_dict({"state": moments, "param_groups": facts["groups"]})
    state.schedule.load_state_dict(facts["schedule"])
    state.curves = [EpochRow(**row) for row in facts["curves"]]
    state.best = next((row for row in state.curves if row.epoch == facts["best"]), None)
    state.best_arrays = checkpoint.under("best")
    torch.set_rng_state(torch.from_numpy(np.array(checkpoint.arrays["random"])))


def write_curves(folder: Path, curves: list[EpochRow]) -> None:
    """Write the learning curves of a run, one row an epoch."""
    with atomic_write(folder / CURVES) as file:
        file.writelines(json.dumps(asdict(row)) + "\n" for row in curves)


def read_curves(folder: Path) -> list[Mapping[str, float]]:
    """Read the learning curves of a run; none where there are none."""
    path = folder / CURVES
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []
