"""Evaluate a model: predict test clips with the exported file through the recognizer, as every user's clip."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from hearfelt.audio.reader import Sound
from hearfelt.corpora.clips import Clip
from hearfelt.emotions import in_order
from hearfelt.errors import AudioError, CorpusError, ModelError
from hearfelt.evaluation.plan import Plan
from hearfelt.evaluation.predictions import Evaluation, Row
from hearfelt.evaluation.results import FailedClip, ModelFile, Results, ResultsInfo, write_results
from hearfelt.inference.recognizer import Recognizer
from hearfelt.runtime.execution import Advance
from hearfelt.runtime.pool import Pool, workers_for

__all__ = ["FoldPredictions", "combine", "evaluate_model", "narrowed", "predict_clips"]

_CLIPS_PER_PROCESS: Final = 20  # starting a process takes as long as recognizing so many


@dataclass(frozen=True)
class FoldPredictions:
    """Predictions of one model for the test clips of one fold.

    Attributes:
        emotions: the labels of the rows, in order: the model's, or those that the fold is scored among.
        rows: one for each predicted clip.
        failed: clips without a prediction, such as silent ones.
    """

    emotions: tuple[str, ...]
    rows: tuple[Row, ...]
    failed: tuple[FailedClip, ...]


def predict_clips(
    recognizer: Recognizer,
    clips: Sequence[Clip],
    *,
    fold: int,
    seed: int = 0,
    labels: Sequence[str] | None = None,
    progress: Advance | None = None,
    pool: Pool | None = None,
) -> FoldPredictions:
    """Predict the test clips of one fold with an exported model.

    A clip that cannot be read or is silent has no prediction; it is listed in ``failed``.

    Args:
        recognizer: the model, loaded from its file.
        clips: the fold's test part.
        fold: its number, for the rows.
        seed: of the training, for the rows.
        labels: those among which the answers are scored (:func:`narrowed`); all of the model's by default.
        progress: called with 1 after each clip.
        pool: processes that have loaded the same model, to recognize there; by default it is done here.

    Raises:
        ModelError: if a clip has a label that the model does not know.
    """
    emotions = in_order(recognizer.labels if labels is None else set(labels) & set(recognizer.labels))
    if unknown := [clip for clip in clips if clip.emotion not in emotions]:
        raise ModelError(
            f"{unknown[0].name}: {unknown[0].emotion} is not among the model's labels ({', '.join(emotions)});"
            " leave such clips out"
        )

    rows, failed = [], []
    for clip, found in zip(clips, _recognized(recognizer, clips, pool), strict=True):
        if isinstance(found, AudioError):
            failed.append(FailedClip(clip.name, clip.speaker, str(found)))
        else:
            probabilities = found if labels is None else narrowed(found, emotions)
            shares = tuple(float(probabilities[emotion]) for emotion in emotions)
            rows.append(Row(clip.name, clip.speaker, fold, seed, clip.emotion, shares))
        if progress:
            progress(1)
    return FoldPredictions(emotions, tuple(rows), tuple(failed))


def _recognized(
    recognizer: Recognizer, clips: Sequence[Clip], pool: Pool | None
) -> Iterator[Mapping[str, float] | AudioError]:
    """Give the probabilities of each clip, or why there are none; in a pool, a clip may also cost its process."""
    if pool is None:
        for clip in clips:
            try:
                yield recognizer.recognize(clip.sound).probabilities
            except AudioError as error:
                yield error
        return
    for found in pool.map_sounds(_probabilities, ((clip.name, clip.sound) for clip in clips)):
        yield found if isinstance(found, AudioError) else json.loads(found)


def _probabilities(recognizer: Recognizer, sound: Sound) -> bytes:
    return json.dumps(dict(recognizer.recognize(sound).probabilities)).encode()


def narrowed(probabilities: Mapping[str, float], labels: Sequence[str]) -> dict[str, float]:
    """Compute the probabilities among some labels: those of the corpus that is tested.

    Args:
        probabilities: of all labels of a model.
        labels: some of these. The probability of calm is added to neutral's where calm is not among them; those of
            other labels are left out.

    Returns:
        A probability for each of the labels, with sum 1; all alike if the model gives them none.

    Example:
        >>> narrowed({"neutral": 0.125, "calm": 0.25, "sad": 0.375, "angry": 0.25}, ["neutral", "sad"])
        {'neutral': 0.5, 'sad': 0.5}
    """
    shares = {label: float(probabilities[label]) for label in labels}
    if "neutral" in shares and "calm" not in shares:
        shares["neutral"] += float(probabilities.get("calm", 0.0))
    total = sum(shares.values())
    return {label: share / total if total > 0 else 1 / len(shares) for label, share in shares.items()}


def combine(
    predictions: Iterable[FoldPredictions], emotions: Sequence[str] | None = None
) -> tuple[Evaluation, tuple[FailedClip, ...]]:
    """Combine the predictions of all folds and seeds; a clip without a prediction is listed once.

    Args:
        predictions: of each fold and seed.
        emotions: labels of the table; those that a fold is not scored among have probability 0 there. By default all
            folds need the same labels.

    Raises:
        CorpusError: if nothing was predicted, or the models have different labels.
    """
    predictions = list(predictions)
    if emotions is None:
        different = {one.emotions for one in predictions}
        if len(different) != 1:
            raise CorpusError(
                f"{len(different)} sets of labels among {len(predictions)} models; all folds need the same"
            )
        emotions = different.pop()
    rows = (_among(emotions, some.emotions, row) for some in predictions for row in some.rows)
    failed = {(one.speaker, one.clip): one for some in predictions for one in some.failed}
    return Evaluation(emotions, rows), tuple(failed.values())


def _among(wanted: Sequence[str], emotions: Sequence[str], row: Row) -> Row:
    """Write a row with more labels, of probability 0."""
    shares = dict(zip(emotions, row.probabilities, strict=True))
    return replace(row, probabilities=tuple(shares.get(emotion, 0.0) for emotion in wanted))


def evaluate_model(
    recognizer: Recognizer,
    plan: Plan,
    out: Path,
    *,
    file: Path | None = None,
    jobs: int | None = None,
    progress: Advance | None = None,
) -> Results:
    """Evaluate a finished model on all test clips of a plan.

    Args:
        recognizer: the model.
        plan: made with the model's own card, so that its training speakers are refused.
        out: folder for the results.
        file: that the model was loaded from. Clips are then recognized in processes of their own, so that one at which
            a process dies costs that clip only; without it they are recognized here.
        jobs: number of processes; one for each core by default.
        progress: called with 1 after each clip.

    Returns:
        The results, as written; their only seed is 0.

    Raises:
        CorpusError: if the plan's protocol makes recordings, which are evaluated over time.
    """
    if plan.protocol.recordings:
        raise CorpusError(f"{plan.protocol.name} is evaluated over time, by evaluate_recordings")
    workers = workers_for(sum(len(fold.test) for fold in plan.folds), _CLIPS_PER_PROCESS, jobs)
    with nullcontext() if file is None else Pool(partial(Recognizer.load, file, threads=1), workers) as pool:
        predictions = [
            predict_clips(
                recognizer,
                fold.test,
                fold=fold.name,
                labels=plan.scored_labels(fold),
                progress=progress,
                pool=pool,
            )
            for fold in plan.folds
        ]
    evaluation, failed = combine(predictions, plan.all_scored_labels)
    card = recognizer.card
    facts = None if file is None else ModelFile(file.stat().st_size, card.parameters)
    info = ResultsInfo(plan, card.recipe, model=card.name, failed=failed, file=facts)
    return write_results(out, evaluation, info)
