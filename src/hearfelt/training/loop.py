"""Train the network on 162 features, epoch by epoch; the best epoch is chosen on validation clips.

Checkpoints are plain arrays and JSON, so that loading one cannot run code.
"""

from __future__ import annotations

import json
import math
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hearfelt.errors import ModelError
from hearfelt.evaluation.metrics import confusion_matrix, uar
from hearfelt.models.classic import ClassicNetwork
from hearfelt.runtime.files import atomic_write
from hearfelt.training.settings import Fit
from hearfelt.training.training_set import Rows

__all__ = [
    "CHECKPOINT",
    "CURVES",
    "Checkpoint",
    "EpochRow",
    "HeldOut",
    "TrainedNetwork",
    "arrays_of",
    "load_arrays",
    "one_thread",
    "predict",
    "read_checkpoint",
    "read_curves",
    "train_network",
    "train_on_all",
    "write_checkpoint",
    "write_curves",
]


CHECKPOINT: Final = "checkpoint.npz"
CURVES: Final = "curves.jsonl"


@dataclass(frozen=True)
class EpochRow:
    """Metrics of one epoch, a line of the learning curves; accuracies and UAR are 0 to 1.

    ``train_loss`` and ``train_accuracy`` are computed while training, with dropout, on mixed rows and smoothed targets.
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
        """Whether this epoch is preferred: higher validation UAR, of equals the lower loss."""
        if other is None:
            return True
        return (self.validation_uar, -self.validation_loss) > (other.validation_uar, -other.validation_loss)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predictions for a group of clips by a head that was not trained on it.

    Attributes:
        corpus: of the clips.
        is_outside: whether the whole corpus was left out.
        logits: ``(clips, classes)`` without a reference.
        labels: ``(clips,)``, indices of the true emotions.
        reference_logits: ``(clips, classes)`` with a reference of other clips of the group.
        reference_weight: how much these references counted, on average.
        target_share: ``(clips,)``, how much each clip is like the target's for the discriminant; 0 where there is none.
    """

    corpus: str
    is_outside: bool
    logits: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    reference_logits: npt.NDArray[np.float64]
    reference_weight: float
    target_share: npt.NDArray[np.float64]

    @property
    def kind(self) -> str:
        """The corpus, and whether all of it was left out: what counts alike in calibration."""
        return f"{self.corpus}, {'whole' if self.is_outside else 'speakers'}"

    def tempered(self, temperature: float) -> HeldOut:
        """Divide the logits by the target's temperature, as far as the clips are like the target's."""
        divisor = temperature ** self.target_share[:, None]
        return replace(self, logits=self.logits / divisor, reference_logits=self.reference_logits / divisor)


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A trained network, with held-out predictions for its calibration.

    Attributes:
        network: in evaluation mode, with the weights of the best epoch.
        epoch: the best one, from 1; None where there are no epochs.
        curves: one row an epoch.
        logits: of clips that it was not trained on, ``(clips, classes)``.
        labels: of these clips, ``(clips,)``, indices of the true emotions.
        held_out: of a network that takes sound, the predictions for every held-out group.
        no_speech_below: of a network that takes sound, the logit below which there is no speech.
        unfamiliar_above: of a network that takes sound, the distance above which a sound is unfamiliar.
        reference_settings: of a network that takes sound, how much references count.
    """

    network: nn.Module
    epoch: int | None
    curves: tuple[EpochRow, ...]
    logits: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    held_out: tuple[HeldOut, ...] = ()
    no_speech_below: float = 0.0
    unfamiliar_above: float = 0.0
    reference_settings: Mapping[str, float] = field(default_factory=dict)


@dataclass
class _State:
    """State of a training between two epochs; ``average`` has the running mean of the network's weights."""

    network: nn.Module
    average: AveragedModel
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    curves: list[EpochRow] = field(default_factory=list)
    best: EpochRow | None = None
    best_arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def is_over(self, settings: Fit) -> bool:
        done = len(self.curves)
        waited = done - (self.best.epoch if self.best else 0)
        return done >= settings.epochs or waited >= settings.patience


def train_network(
    training: Rows,
    validation: Rows,
    settings: Fit,
    folder: Path,
    *,
    seed: int,
    key: str = "",
    on_epoch: Callable[[EpochRow], None] | None = None,
) -> TrainedNetwork:
    """Train the network ``classic``; resume from the checkpoint in ``folder`` if there is one.

    A training that was stopped and resumed ends with the very same weights as one that was not: the state of the
    random numbers is part of the checkpoint, and everything runs on one thread.

    Args:
        training: rows to train on.
        validation: rows on which the epoch is chosen.
        settings: the recipe's table ``[fit]``.
        folder: for the checkpoint and the curves.
        seed: of first weights, dropout and order.
        key: names recipe and data; a checkpoint of another key is refused.
        on_epoch: called with each epoch's row.

    Raises:
        ModelError: if the checkpoint is damaged or belongs to another recipe or other data.
    """
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = _begin(training, settings)
        _train(state, training, validation, settings, folder, key, on_epoch)
        logits = predict(state.network, validation.features)
    epoch = state.best.epoch if state.best else None
    return TrainedNetwork(state.network, epoch, tuple(state.curves), logits, validation.indices)


def train_on_all(
    trained: TrainedNetwork, rows: Rows, settings: Fit, folder: Path, *, seed: int, key: str = ""
) -> TrainedNetwork:
    """Train a network further on all rows, those of validation clips too, for ``final_epochs`` more.

    The learning rate begins anew (a warm restart) and the running mean of the last step is kept: no epoch is chosen.

    Args:
        trained: by :func:`train_network`; its epoch, its curves and its held-out predictions stay what they are.
        rows: of all clips.
        settings: the recipe's table ``[fit]``.
        folder: for the checkpoint, another than that of the first training.
        seed: of dropout and order.
        key: as for :func:`train_network`.
    """
    settings = replace(settings, epochs=settings.final_epochs, patience=settings.final_epochs)
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = _begin(rows, settings, arrays_of(trained.network))
        _train(state, rows, None, settings, folder, key)
    return replace(trained, network=state.network)


def _train(
    state: _State,
    training: Rows,
    validation: Rows | None,
    settings: Fit,
    folder: Path,
    key: str,
    on_epoch: Callable[[EpochRow], None] | None = None,
) -> None:
    """Train until the end, from the folder's checkpoint if there is one; then load the weights of the best epoch.

    Without validation clips that is the last epoch.
    """
    _resume(state, folder, key)
    write_curves(folder, state.curves)
    while not state.is_over(settings):
        row = _epoch(state, training, validation, settings)
        state.curves.append(row)
        if validation is None or row.better_than(state.best):
            state.best, state.best_arrays = row, arrays_of(state.average.module)
        write_checkpoint(folder / CHECKPOINT, _checkpoint_of(state, key))
        write_curves(folder, state.curves)
        if on_epoch:
            on_epoch(row)
    load_arrays(state.network, state.best_arrays)


def predict(network: nn.Module, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Compute a network's outputs in evaluation mode: ``(rows, 162)`` to ``(rows, classes)``."""
    network.eval()
    with torch.no_grad():
        outputs: Tensor = network(torch.from_numpy(features))
    return outputs.double().numpy()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread, where sums have one order and so one result; then restore the old number."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _begin(training: Rows, settings: Fit, weights: Arrays | None = None) -> _State:
    network = ClassicNetwork(training.classes, logarithms=settings.logarithms)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # convolutions take a quarter less
    if weights is None:
        network.scaler.fit(training.real)
    else:
        load_arrays(network, weights)
    moving = get_ema_multi_avg_fn(settings.averaging)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=moving, use_buffers=True)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=settings.epochs * _parts(training, settings))
    return _State(network, average, optimizer, schedule)


def _parts(training: Rows, settings: Fit) -> int:
    """Count the steps of an epoch.

    Its parts have nearly equal sizes: a last part of one row would have no deviation for batch normalization.
    """
    return max(1, len(training) // settings.batch)


def _epoch(state: _State, training: Rows, validation: Rows | None, settings: Fit) -> EpochRow:
    """Train on every row once, then validate; without validation clips, their metrics are NaN."""
    started = time.perf_counter()
    rate = float(state.schedule.get_last_lr()[0])
    features, targets = torch.from_numpy(training.features), torch.from_numpy(training.targets)
    losses, correct = 0.0, 0
    state.network.train()
    for indices in torch.randperm(len(features)).tensor_split(_parts(training, settings)):
        rows, wanted = _mixed(features[indices], targets[indices], settings.mixup)
        state.optimizer.zero_grad()
        logits = state.network(rows)  # (batch, 162) -> (batch, classes)
        smoothed = wanted * (1.0 - settings.smoothing) + settings.smoothing / training.classes
        loss = -(smoothed * logits).sum(dim=1).mean()
        loss.backward()
        state.optimizer.step()
        state.schedule.step()
        state.average.update_parameters(state.network)
        losses += float(loss.detach()) * len(indices)
        correct += int((logits.argmax(dim=1) == wanted.argmax(dim=1)).sum())
    validation_figures = _validate(state.average.module, validation)
    return EpochRow(
        epoch=len(state.curves) + 1,
        train_loss=losses / len(features),
        train_accuracy=correct / len(features),
        **validation_figures,
        learning_rate=rate,
        seconds=round(time.perf_counter() - started, 3),
    )


def _mixed(rows: Tensor, targets: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Mix each row and its target with those of another row (mixup, Zhang et al. 2018).

    Args:
        rows: ``(batch, 162)``.
        targets: ``(batch, classes)``.
        strength: both parameters of the beta distribution of a row's own share; 0 leaves rows as they are.
    """
    if not strength:
        return rows, targets
    share = torch.distributions.Beta(strength, strength).sample((len(rows), 1))
    share = torch.maximum(share, 1.0 - share)  # a row is mostly itself
    others = torch.randperm(len(rows))
    return rows.lerp(rows[others], 1.0 - share), targets.lerp(targets[others], 1.0 - share)


def _validate(network: nn.Module, validation: Rows | None) -> dict[str, float]:
    if validation is None:
        return dict.fromkeys(("validation_loss", "validation_accuracy", "validation_uar"), math.nan)
    logits = predict(network, validation.features)
    truth, predicted = validation.indices, logits.argmax(axis=1)
    if not np.isfinite(logits).all():
        raise ModelError("the network's outputs are not finite; a lower learning_rate is wanted")
    return {
        "validation_loss": -float(logits[np.arange(len(truth)), truth].mean()),
        "validation_accuracy": float((predicted == truth).mean()),
        "validation_uar": float(uar(confusion_matrix(truth, predicted, validation.classes))),
    }


def _checkpoint_of(state: _State, key: str) -> Checkpoint:
    optimizer = state.optimizer.state_dict()
    arrays = {f"network/{name}": value for name, value in arrays_of(state.network).items()}
    arrays |= {f"average/{name}": value for name, value in arrays_of(state.average).items()}
    arrays |= {f"best/{name}": value for name, value in state.best_arrays.items()}
    for index, moments in optimizer["state"].items():
        arrays |= {f"optimizer/{index}/{name}": value.numpy() for name, value in moments.items()}
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
    load_arrays(state.average, checkpoint.under("average"))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in checkpoint.under("optimizer").items():
        index, _, moment = name.partition("/")
        tensor = torch.from_numpy(np.array(value))
        if tensor.ndim == 4:  # laid out as the weights are
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        moments.setdefault(int(index), {})[moment] = tensor
    state.optimizer.load_state_dict({"state": moments, "param_groups": facts["groups"]})
    state.schedule.load_state_dict(facts["schedule"])
    state.curves = [EpochRow(**row) for row in facts["curves"]]
    state.best = next((row for row in state.curves if row.epoch == facts["best"]), None)
    state.best_arrays = checkpoint.under("best")
    torch.set_rng_state(torch.from_numpy(np.array(checkpoint.arrays["random"])))


def write_curves(folder: Path, curves: list[EpochRow]) -> None:
    """Write learning curves, one row an epoch."""
    with atomic_write(folder / CURVES) as file:
        file.writelines(json.dumps(asdict(row)) + "\n" for row in curves)


def read_curves(folder: Path) -> list[Mapping[str, float]]:
    """Read the learning curves of a run; empty where there are none."""
    path = folder / CURVES
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []


_FACTS: Final = "facts"

Arrays = dict[str, npt.NDArray[Any]]


class Checkpoint:
    """The state of a training.

    Attributes:
        arrays: weights, the optimizer's moments and the state of the random numbers, by name.
        facts: everything else, as JSON.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]], facts: Mapping[str, Any]) -> None:
        self.arrays = dict(arrays)
        self.facts = dict(facts)

    def under(self, name: str) -> Arrays:
        """Select the arrays whose names begin with ``name/``, without that beginning."""
        return {key.removeprefix(f"{name}/"): value for key, value in self.arrays.items() if key.startswith(f"{name}/")}


def arrays_of(network: nn.Module) -> Arrays:
    """Copy the weights and buffers of a network."""
    return {name: tensor.detach().numpy().copy() for name, tensor in network.state_dict().items()}


def load_arrays(network: nn.Module, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Load copied weights and buffers.

    Raises:
        ModelError: if they are those of another network.
    """
    try:
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in arrays.items()})
    except RuntimeError as error:
        raise ModelError("the checkpoint is that of another network; start again in another folder") from error


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically.

    Args:
        path: the file, replaced where it exists.
        checkpoint: without an array called ``facts``.
    """
    facts = np.frombuffer(json.dumps(checkpoint.facts).encode(), np.uint8)
    with atomic_write(path, "wb") as file:
        np.savez(file, **{_FACTS: facts, **checkpoint.arrays})  # type: ignore[arg-type]


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Read a checkpoint.

    Returns:
        None where there is none.

    Raises:
        ModelError: if the file is damaged.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return Checkpoint(arrays, json.loads(arrays.pop(_FACTS).tobytes()))
    except FileNotFoundError:
        return None
    except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: a damaged checkpoint ({error}); delete it and start again") from error
