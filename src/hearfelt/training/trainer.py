"""Teaching: from a lesson to a model file, with everything that its card says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from hearfelt.errors import CorpusError, ModelError, require
from hearfelt.evaluation.metrics import confusion_matrix, figures_of
from hearfelt.models.scaler import Scaler
from hearfelt.models.svm import SvmNetwork
from hearfelt.runtime.files import atomic_write, remove_parts
from hearfelt.training.build_card import card_for
from hearfelt.training.data_selection import generator_for
from hearfelt.training.dataset import Lesson, Rows, training_rows, validation_rows
from hearfelt.training.export import export
from hearfelt.training.loop import CHECKPOINT, EpochRow, Fitted, answer, fit, one_thread
from hearfelt.training.recipe import Recipe
from hearfelt.training.settings import Svm

__all__ = ["MODEL", "RUN", "Taught", "finished", "key_of", "teach"]

MODEL: Final = "model.onnx"
RUN: Final = "run.json"  # written last: where it is, the training is over and the model whole
BACKGROUND: Final = 64  # training clips that answers are explained against
_FORMAT: Final = 1  # of a run; raised when the same recipe would give another model


@dataclass(frozen=True)
class Taught:
    """A finished training.

    Attributes:
        folder: holds ``model.onnx``, the curves and ``run.json``.
        epoch: the one chosen on validation clips, from 1; None where there are no epochs.
        validation: figures on the validation clips at that epoch, shares of 1.
    """

    folder: Path
    epoch: int | None
    validation: dict[str, float]

    @property
    def model(self) -> Path:
        """The model file."""
        return self.folder / MODEL


def key_of(recipe: Recipe, lesson: Lesson, seed: int) -> str:
    """Name a training by everything that decides its weights: recipe, clips, labels, sound and seed.

    A recipe's description decides nothing, and may be worded better while its runs go on.

    Returns:
        16 hexadecimal digits.
    """
    decisive = {name: value for name, value in recipe.to_dict().items() if name != "description"}
    facts = [_FORMAT, decisive, lesson.labels, seed]
    names = [[f"{clip.corpus}/{clip.name}", clip.emotion] for clip in lesson.clips]
    digest = hashlib.sha256(json.dumps([facts, names, len(lesson.learn.clips)]).encode())
    for heard in (lesson.learn, lesson.validation, *([lesson.copied] if lesson.copied else [])):
        digest.update(heard.features.tobytes())
        digest.update(heard.copies.tobytes())
    return digest.hexdigest()[:16]


def teach(
    recipe: Recipe,
    lesson: Lesson,
    folder: Path,
    *,
    seed: int,
    on_epoch: Callable[[EpochRow], None] | None = None,
) -> Taught:
    """Train one model and write its file; go on where an earlier call was stopped, and do nothing twice.

    Args:
        recipe: how.
        lesson: from what.
        folder: for the model, its curves and, meanwhile, a checkpoint.
        seed: decides every random number.
        on_epoch: told each epoch's row as it comes.

    Raises:
        CorpusError: if an emotion has too few clips.
        ModelError: if the folder holds another training, or the exported file differs from the network.
    """
    key = key_of(recipe, lesson, seed)
    if done := finished(folder, key):
        return done
    folder.mkdir(parents=True, exist_ok=True)
    remove_parts(folder)
    rows = training_rows(lesson, recipe.balance, generator_for(seed, "balance"))
    validation = validation_rows(lesson)
    if len(rows) < 2 or not len(validation):
        raise CorpusError(f"{len(rows)} clips to learn from and {len(validation)} to check on; more are needed")
    if recipe.network == "svm":
        fitted = _fit_svm(rows, validation, recipe.svm)
    else:
        fitted = fit(rows, validation, recipe.fit, folder, seed=seed, key=key, on_epoch=on_epoch)
    drawn = generator_for(seed, "background").permutation(len(lesson.learn.clips))[:BACKGROUND]
    with one_thread():
        export(
            fitted.network,
            card_for(recipe, lesson.labels, lesson.clips, fitted.network, (fitted.logits, validation.places)),
            lesson.learn.features[np.sort(drawn)],
            folder / MODEL,
        )
    figures = figures_of(confusion_matrix(validation.places, fitted.logits.argmax(axis=1), validation.classes))
    run = {"key": key, "seed": seed, "epoch": fitted.epoch, "validation": figures}
    with atomic_write(folder / RUN) as file:
        json.dump(run, file, indent=1)
        file.write("\n")
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return Taught(folder, fitted.epoch, figures)


def finished(folder: Path, key: str) -> Taught | None:
    """Read what a training left that is over; None if it isn't.

    Raises:
        ModelError: if the folder holds another training.
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
    return Taught(folder, run["epoch"], run["validation"])


def _fit_svm(training: Rows, validation: Rows, settings: Svm) -> Fitted:
    svm = require("sklearn.svm", "train")
    scaler = Scaler(training.features.shape[1])
    scaler.fit(training.heard)
    mean, scale = scaler.mean.double().numpy(), scaler.scale.double().numpy()
    machine = svm.SVC(C=settings.c, kernel="rbf", gamma="scale", class_weight="balanced" if settings.balanced else None)
    machine.fit((training.features - mean) / scale, training.places)
    network = SvmNetwork.of(machine, scaler)
    with one_thread():
        return Fitted(network, None, (), answer(network, validation.features))
