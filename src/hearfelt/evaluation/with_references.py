"""Evaluate models with reference recordings: test clips are encoded once, and compared with many references."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from hearfelt.emotions import in_order
from hearfelt.errors import CorpusError
from hearfelt.evaluation.divided_model import DividedModel
from hearfelt.evaluation.encoded_clips import EncodedClips, encode_clips
from hearfelt.evaluation.evaluate import FoldPredictions, combine, narrowed
from hearfelt.evaluation.plan import Plan
from hearfelt.evaluation.predictions import Row
from hearfelt.evaluation.references import ReferenceOptions, draw_references
from hearfelt.evaluation.results import ModelFile, Results, ResultsInfo, write_results
from hearfelt.inference.reference import Reference
from hearfelt.runtime.progress import Advance

__all__ = [
    "EncodedFold",
    "encode_plan",
    "predict_with_reference",
    "predict_with_references",
    "write_with_references",
]

_CHECKED: Final = 2  # references of each fold with which the divided model is compared with the whole file


@dataclass(frozen=True, eq=False)
class EncodedFold:
    """The test part of one fold, encoded by the model that is tested on it.

    Attributes:
        model: of the fold.
        encoded: its test clips.
        fold: its number.
        seed: of the training.
        labels: those among which the predictions are scored; None for all of the model's.
    """

    model: DividedModel
    encoded: EncodedClips
    fold: int
    seed: int = 0
    labels: Sequence[str] | None = None

    @property
    def emotions(self) -> tuple[str, ...]:
        """The labels of its rows, in order."""
        known = self.model.card.labels
        return in_order(known if self.labels is None else set(self.labels) & set(known))


def predict_with_references(part: EncodedFold, options: ReferenceOptions) -> FoldPredictions:
    """Predict the test clips of one fold, each compared with a reference of other clips of the fold.

    The same references are drawn for every model and every seed of training.

    Returns:
        Rows of every draw; their seed is ``seed * draws + draw``.

    Raises:
        ModelError: if the divided model predicts otherwise than the file.
    """
    clips, sounds = part.encoded.clips, part.encoded.sounds
    rows: list[Row] = []
    for draw in range(options.draws):
        generator = np.random.default_rng([options.clips, part.fold, draw])
        for number, one in enumerate(draw_references(clips, options, generator)):
            reference = part.model.reference(sounds[index] for index in one.reference) if one.reference else None
            rows += predict_with_reference(part, one.predicted, reference, part.seed * options.draws + draw)
            if draw == 0 and number < _CHECKED:
                part.model.check(clips[one.predicted[0]].sound, sounds[one.predicted[0]], reference)
    return FoldPredictions(part.emotions, tuple(rows), part.encoded.failed)


def predict_with_reference(
    part: EncodedFold, indices: Sequence[int], reference: Reference | None, seed: int
) -> list[Row]:
    """Predict some test clips of a fold, all compared with one reference, or with none.

    Args:
        part: the fold.
        indices: of its clips that have sound.
        reference: of the same model.
        seed: for the rows.
    """
    predicted = part.model.probabilities([part.encoded.sounds[index] for index in indices], reference)
    rows = []
    for index, probabilities in zip(indices, predicted, strict=True):
        clip = part.encoded.clips[index]
        shares = probabilities if part.labels is None else narrowed(probabilities, part.emotions)
        values = tuple(shares[emotion] for emotion in part.emotions)
        rows.append(Row(clip.name, clip.speaker, part.fold, seed, clip.emotion, values))
    return rows


def encode_plan(
    path: Path, plan: Plan, *, jobs: int | None = None, progress: Advance | None = None
) -> tuple[list[EncodedFold], ResultsInfo]:
    """Encode all test clips of a plan with a finished model.

    Args:
        path: the model's file.
        plan: made with the model's own card.
        jobs: number of threads; one for each core by default.
        progress: called with 1 after each clip.

    Returns:
        The folds, and what a summary says of the model.

    Raises:
        CorpusError: if the plan's protocol makes recordings, which are evaluated over time.
        ModelError: if the model takes no reference.
    """
    if plan.protocol.recordings:
        raise CorpusError(f"{plan.protocol.name} is evaluated over time, without references")
    model, jobs = DividedModel(path), jobs or os.cpu_count() or 1
    parts = []
    for fold in plan.folds:
        encoded = encode_clips(model, fold.test, jobs=jobs, progress=progress)
        parts.append(EncodedFold(model, encoded, fold.name, labels=plan.scored_labels(fold)))
    file = ModelFile(path.stat().st_size, model.card.parameters)
    return parts, ResultsInfo(plan, model.card.recipe, model=model.card.name, file=file)


def write_with_references(
    parts: Sequence[EncodedFold], out: Path, options: ReferenceOptions, info: ResultsInfo
) -> Results:
    """Predict with references and write the results.

    Args:
        parts: each fold and seed.
        out: folder for the results.
        options: how references are drawn.
        info: what the models were made with; epochs by the seed of their training.

    Raises:
        CorpusError: if no clip has the emotion that the references are to have.
    """
    if options.emotion is not None:
        there = in_order(emotion for part in parts for emotion in part.encoded.clips.emotions)
        if options.emotion not in there:
            raise CorpusError(f"--reference-emotion {options.emotion}: there are each, {', '.join(there)}")
    evaluation, failed = combine(
        (predict_with_references(part, options) for part in parts), info.plan.all_scored_labels
    )
    epochs = {
        (fold, seed * options.draws + draw): epoch
        for (fold, seed), epoch in info.epochs.items()
        for draw in range(options.draws)
    }
    return write_results(out, evaluation, replace(info, epochs=epochs, failed=failed, reference=options.to_dict()))
