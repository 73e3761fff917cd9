"""Evaluate a model: predict test clips with the exported file through the recognizer, as every user's clip."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hearfelt.corpora.clips import Clip
from hearfelt.emotions import in_order
from hearfelt.errors import AudioError, CorpusError, ModelError
from hearfelt.evaluation.plan import Plan
from hearfelt.evaluation.predictions import Evaluation, Row
from hearfelt.evaluation.results import FailedClip, ModelFile, Results, ResultsInfo, write_results
from hearfelt.inference.recognizer import Recognizer
from hearfelt.runtime.progress import Advance

__all__ = ["FoldPredictions", "combine", "evaluate_model", "predict_clips"]

_BLOCK = 16  # clips that a thread takes at once: few, so that Ctrl-C acts soon


@dataclass(frozen=True)
class FoldPredictions:
    """Predictions of one model for the test clips of one fold.

    Attributes:
        emotions: the model's labels, in order.
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
    progress: Advance | None = None,
) -> FoldPredictions:
    """Predict the test clips of one fold with an exported model.

    A clip that cannot be read or is silent has no prediction; it is listed in ``failed``.

    Args:
        recognizer: the model, loaded from its file.
        clips: the fold's test part.
        fold: its number, for the rows.
        seed: of the training, for the rows.
        progress: called with 1 after each clip.

    Raises:
        ModelError: if a clip has a label that the model does not know.
    """
    emotions = in_order(recognizer.labels)
    if unknown := [clip for clip in clips if clip.emotion not in emotions]:
        raise ModelError(
            f"{unknown[0].name}: {unknown[0].emotion} is not among the model's labels ({', '.join(emotions)});"
            " leave such clips out"
        )

    def predict(clip: Clip) -> Row | FailedClip:
        try:
            probabilities = recognizer.recognize(clip.sound).probabilities
        except AudioError as error:
            return FailedClip(clip.name, clip.speaker, str(error))
        shares = tuple(float(probabilities[emotion]) for emotion in emotions)
        return Row(clip.name, clip.speaker, fold, seed, clip.emotion, shares)

    results = []
    for clip in clips:
        results.append(predict(clip))
        if progress:
            progress(1)
    rows = tuple(one for one in results if isinstance(one, Row))
    return FoldPredictions(emotions, rows, tuple(one for one in results if isinstance(one, FailedClip)))


def combine(predictions: Iterable[FoldPredictions]) -> tuple[Evaluation, tuple[FailedClip, ...]]:
    """Combine the predictions of all folds and seeds; a clip without a prediction is listed once.

    Raises:
        CorpusError: if nothing was predicted, or the models have different labels.
    """
    predictions = list(predictions)
    emotions = {one.emotions for one in predictions}
    if len(emotions) != 1:
        raise CorpusError(f"{len(emotions)} sets of labels among {len(predictions)} models; all folds need the same")
    failed = {(one.speaker, one.clip): one for some in predictions for one in some.failed}
    return Evaluation(emotions.pop(), (row for some in predictions for row in some.rows)), tuple(failed.values())


def evaluate_model(
    recognizer: Recognizer,
    plan: Plan,
    out: Path,
    *,
    jobs: int | None = None,
    progress: Advance | None = None,
    size: int | None = None,
) -> Results:
    """Evaluate a finished model on all test clips of a plan.

    Args:
        recognizer: the model.
        plan: made with the model's own card, so that its training speakers are refused.
        out: folder for the results.
        jobs: number of threads; one for each core by default.
        progress: called with 1 after each clip.
        size: of the model's file in bytes, where it is known.

    Returns:
        The results, as written; their only seed is 0.

    Raises:
        CorpusError: if the plan's protocol makes recordings, which are evaluated over time.
    """
    if plan.protocol.recordings:
        raise CorpusError(f"{plan.protocol.name} is evaluated over time, by evaluate_recordings")
    parts = [
        (fold.name, fold.test[start : start + _BLOCK])
        for fold in plan.folds
        for start in range(0, len(fold.test), _BLOCK)
    ]
    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:  # a recognizer may be used from several threads
        predictions = list(
            pool.map(lambda part: predict_clips(recognizer, part[1], fold=part[0], progress=progress), parts)
        )
    evaluation, failed = combine(predictions)
    card = recognizer.card
    file = None if size is None else ModelFile(size, card.parameters)
    info = ResultsInfo(plan, card.recipe, model=card.name, failed=failed, file=file)
    return write_results(out, evaluation, info)
