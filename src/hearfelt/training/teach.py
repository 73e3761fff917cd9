"""Teaching: from a lesson to a model file, with everything that its card says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from hearfelt.clips import Clips
from hearfelt.corpora.catalog import FORMS
from hearfelt.errors import CorpusError, ModelError, require
from hearfelt.evaluation.calibration import fit_temperature, log_softmax, threshold_for
from hearfelt.evaluation.metrics import confusion_matrix, figures_of
from hearfelt.files import atomic_write
from hearfelt.inference.card import ModelCard
from hearfelt.models.build import NETWORKS
from hearfelt.models.scaler import Scaler
from hearfelt.models.svm import SvmNetwork
from hearfelt.training.admission import generator_for
from hearfelt.training.dataset import Lesson, Rows, training_rows, validation_rows
from hearfelt.training.export import export
from hearfelt.training.loop import CHECKPOINT, EpochRow, Fitted, answer, fit, one_thread
from hearfelt.training.recipe import Recipe, Svm

__all__ = ["MODEL", "RUN", "Taught", "key_of", "teach"]

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
    for heard in (lesson.learn, lesson.validation):
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
    if done := _finished(folder, key):
        return done
    folder.mkdir(parents=True, exist_ok=True)
    for partial in folder.glob(".*.part"):  # of a process that was killed while it wrote
        partial.unlink(missing_ok=True)
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
            _card(recipe, lesson, fitted, validation),
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


def _finished(folder: Path, key: str) -> Taught | None:
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


def _card(recipe: Recipe, lesson: Lesson, fitted: Fitted, validation: Rows) -> ModelCard:
    """Fill in the card; temperature and threshold are chosen on the validation clips."""
    kind = NETWORKS[recipe.network]
    temperature = fit_temperature(fitted.logits, validation.places)
    probabilities = np.exp(log_softmax(fitted.logits / temperature))
    correct = probabilities.argmax(axis=1) == validation.places
    corpora = _corpora(lesson.clips)
    return ModelCard(
        name=recipe.name,
        version=version("hearfelt"),
        labels=lesson.labels,
        input=kind.input,
        temperature=temperature,
        unsure_below=threshold_for(probabilities.max(axis=1), correct),
        corpora=corpora,
        heard_speakers=lesson.clips.speakers,
        licence=_licence(corpora),
        description=recipe.description,
        recipe=recipe.to_dict(),
        limits=(*kind.limits, *_limits(lesson.clips)),
    )


def _corpora(clips: Clips) -> dict[str, dict[str, Any]]:
    parts = {corpus: clips.where(corpus=corpus) for corpus in clips.corpora}
    return {
        corpus: {
            "clips": len(own),
            "fingerprint": own.fingerprint(),
            "licence": FORMS[corpus].licence if corpus in FORMS else "",
        }
        for corpus, own in parts.items()
    }


def _licence(corpora: Mapping[str, Mapping[str, Any]]) -> str:
    """Say under which licence the weights are: what the recordings forbid, they forbid too."""
    licences = {corpus: str(facts["licence"]) for corpus, facts in corpora.items() if facts["licence"]}
    origin = ", ".join(f"{corpus} ({licence})" for corpus, licence in licences.items())
    if any("NC" in licence.replace("-", " ").split() for licence in licences.values()):
        return f"for non-commercial use only: trained on {origin}"
    return f"trained on {origin}" if origin else ""


def _limits(clips: Clips) -> tuple[str, ...]:
    """Say what follows from the clips alone."""
    limits = [f"It has heard {len(clips.speakers)} speakers; other voices, rooms and microphones are new to it."]
    languages = [language for language in clips.count("language") if language]
    if len(languages) == 1:
        limits.append(f"It has heard one language ({languages[0]}).")
    if "ravdess" in clips.corpora:
        limits.append(
            "RAVDESS is acted by professionals who all say the same two sentences: everyday speech is subtler."
        )
    return tuple(limits)
