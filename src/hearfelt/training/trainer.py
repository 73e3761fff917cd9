"""Train one model: from a training set to a model file with its card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from hearfelt.errors import CorpusError, ModelError, require
from hearfelt.evaluation.metrics import confusion_matrix, figures_of
from hearfelt.inference.card import ModelCard
from hearfelt.models.layers import Scaler
from hearfelt.models.networks import kind_of
from hearfelt.models.svm import SvmNetwork
from hearfelt.runtime.files import atomic_write, remove_parts
from hearfelt.training.build_card import card_for
from hearfelt.training.data_selection import generator_for
from hearfelt.training.export import export, export_sound
from hearfelt.training.loop import EpochRow, TrainedNetwork, one_thread, predict, train_network, train_on_all
from hearfelt.training.recipe import Recipe
from hearfelt.training.settings import Svm
from hearfelt.training.sound_network import train_sound_network
from hearfelt.training.training_set import Rows, TrainingSet, training_rows, validation_rows

__all__ = ["FLOAT_MODEL", "MODEL", "RUN", "TrainedModel", "train_model"]

MODEL: Final = "model.onnx"
FLOAT_MODEL: Final = "float.onnx"  # the same network in float32, to measure the cost of 8 bits; it is never shipped
FINAL: Final = "final"  # folder of the epochs in which validation clips are trained on, too
RUN: Final = "run.json"  # written last: where it exists, the training is over and the model is whole
BACKGROUND: Final = 64  # training clips that predictions are explained against
_EXAMPLES: Final = 4  # training clips on which an exported file is compared with its network


@dataclass(frozen=True)
class TrainedModel:
    """A trained model.

    Attributes:
        folder: contains ``model.onnx``, the curves and ``run.json``.
        epoch: the one chosen on validation clips, from 1; None where there are no epochs.
        validation: metrics on clips that were held out of the training, 0 to 1.
    """

    folder: Path
    epoch: int | None
    validation: dict[str, float]

    @property
    def path(self) -> Path:
        """The model file."""
        return self.folder / MODEL


def train_model(
    recipe: Recipe,
    training_set: TrainingSet,
    folder: Path,
    *,
    seed: int,
    on_epoch: Callable[[EpochRow], None] | None = None,
) -> TrainedModel:
    """Train one model and write its file; resume where an earlier call was stopped, and do nothing twice.

    Args:
        recipe: how to train.
        training_set: what to train on.
        folder: for the model, its curves and, meanwhile, a checkpoint or finished heads.
        seed: of every random number.
        on_epoch: called with each epoch's row; of several heads the mean, when all are trained.

    Raises:
        CorpusError: if an emotion has too few clips, or there are fewer speakers than groups.
        ModelError: if the folder contains another training, or the exported file differs from the network.
    """
    key = training_set.key(recipe, seed)
    if done := _finished(folder, key):
        return done
    folder.mkdir(parents=True, exist_ok=True)
    remove_parts(folder)
    if kind_of(recipe.network).input == "sound":
        with one_thread():
            trained = train_sound_network(recipe, training_set, folder, seed=seed, key=key, on_epoch=on_epoch)
            _export_sound(trained, training_set, card_for(recipe, training_set, trained), folder)
    else:
        trained = _train_on_features(recipe, training_set, folder, seed=seed, key=key, on_epoch=on_epoch)
        drawn = generator_for(seed, "background").permutation(len(training_set.train))[:BACKGROUND]
        background = training_set.clip_features.of(training_set.train).features[np.sort(drawn)]
        with one_thread():
            export(trained.network, card_for(recipe, training_set, trained), background, folder / MODEL)
    confusion = confusion_matrix(trained.labels, trained.logits.argmax(axis=1), len(training_set.labels))
    model = TrainedModel(folder, trained.epoch, figures_of(confusion))
    run = {"key": key, "seed": seed, "epoch": model.epoch, "validation": model.validation}
    with atomic_write(folder / RUN) as file:
        json.dump(run, file, indent=1)
        file.write("\n")
    for path in folder.glob("*.npz"):  # the checkpoint, or finished heads
        path.unlink()
    shutil.rmtree(folder / FINAL, ignore_errors=True)
    return model


def _finished(folder: Path, key: str) -> TrainedModel | None:
    """Read the result of a training that is over; None if it isn't.

    Raises:
        ModelError: if the folder contains another training.
    """
    try:
        run: dict[str, Any] = json.loads((folder / RUN).read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / RUN}: cannot be read ({error}); delete the folder and start again") from error
    if run["key"] != key:
        raise ModelError(
            f"{folder}: holds a model made with another recipe or from other clips; delete it, or give another folder"
        )
    return TrainedModel(folder, run["epoch"], run["validation"])


def _export_sound(trained: TrainedNetwork, training_set: TrainingSet, card: ModelCard, folder: Path) -> None:
    indices = np.linspace(0, len(training_set.train) - 1, _EXAMPLES).astype(int)
    examples = [training_set.train[index].sound for index in indices]
    export_sound(trained.network, card, examples, folder / MODEL, folder / FLOAT_MODEL)


def _train_on_features(
    recipe: Recipe,
    training_set: TrainingSet,
    folder: Path,
    *,
    seed: int,
    key: str,
    on_epoch: Callable[[EpochRow], None] | None,
) -> TrainedNetwork:
    rows = training_rows(training_set, recipe.balance, generator_for(seed, "balance"))
    validation = validation_rows(training_set)
    if len(rows) < 2 or not len(validation):
        raise CorpusError(f"{len(rows)} clips to train on and {len(validation)} to validate on; more are needed")
    if recipe.network == "svm":
        return _train_svm(rows, validation, recipe.svm)
    trained = train_network(rows, validation, recipe.fit, folder, seed=seed, key=key, on_epoch=on_epoch)
    if not recipe.fit.final_epochs or training_set.validates_on_test:
        return trained
    rows = training_rows(training_set, recipe.balance, generator_for(seed, "balance"), with_validation=True)
    return train_on_all(trained, rows, recipe.fit, folder / FINAL, seed=seed, key=key)


def _train_svm(training: Rows, validation: Rows, settings: Svm) -> TrainedNetwork:
    svm = require("sklearn.svm", "train")
    scaler = Scaler(training.features.shape[1])
    scaler.fit(training.real)
    mean, scale = scaler.mean.double().numpy(), scaler.scale.double().numpy()
    machine = svm.SVC(C=settings.c, kernel="rbf", gamma="scale", class_weight="balanced" if settings.balanced else None)
    machine.fit((training.features - mean) / scale, training.indices)
    network = SvmNetwork.of(machine, scaler)
    with one_thread():
        return TrainedNetwork(network, None, (), predict(network, validation.features), validation.indices)
