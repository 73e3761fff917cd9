"""Evaluating: test clips answered by an exported file through the recognizer, as every user's clip is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hearfelt.corpora.clips import Clip
from hearfelt.emotions import in_order
from hearfelt.errors import AudioError, CorpusError, ModelError
from hearfelt.evaluation.plan import Plan
from hearfelt.evaluation.predictions import Evaluation, Row
from hearfelt.evaluation.results import About, ModelFile, Results, Unanswered, write_results
from hearfelt.inference.recognizer import Recognizer

__all__ = ["Answers", "answer_clips", "evaluate_model", "gather"]

Progress = Callable[[int], None]

_BLOCK = 16  # clips that a thread takes at once: few, so that Ctrl-C is soon heard


@dataclass(frozen=True)
class Answers:
    """What one model answered for the test clips of one fold.

    Attributes:
        emotions: the model's labels, in order.
        rows: one for each clip that was answered.
        unanswered: the clips in which nothing could be heard, such as silent ones.
    """

    emotions: tuple[str, ...]
    rows: tuple[Row, ...]
    unanswered: tuple[Unanswered, ...]


def answer_clips(
    recognizer: Recognizer,
    clips: Sequence[Clip],
    *,
    fold: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> Answers:
    """Let an exported model answer the test clips of one fold.

    A clip that cannot be read or is silent is not guessed at and not forgotten: it is named in ``unanswered``.

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
    if strange := [clip for clip in clips if clip.emotion not in emotions]:
        raise ModelError(
            f"{strange[0].name}: {strange[0].emotion} is not among the model's labels ({', '.join(emotions)});"
            " leave such clips out"
        )

    def answer(clip: Clip) -> Row | Unanswered:
        try:
            probabilities = recognizer.recognize(clip.sound).probabilities
        except AudioError as error:
            return Unanswered(clip.name, clip.speaker, str(error))
        shares = tuple(float(probabilities[emotion]) for emotion in emotions)
        return Row(clip.name, clip.speaker, fold, seed, clip.emotion, shares)

    made = []
    for clip in clips:
        made.append(answer(clip))
        if progress:
            progress(1)
    rows = tuple(one for one in made if isinstance(one, Row))
    return Answers(emotions, rows, tuple(one for one in made if isinstance(one, Unanswered)))


def gather(answers: Iterable[Answers]) -> tuple[Evaluation, tuple[Unanswered, ...]]:
    """Put the answers of all folds and seeds together; a clip that no seed could answer is named once.

    Raises:
        CorpusError: if nothing was answered, or the models have different labels.
    """
    answers = list(answers)
    emotions = {one.emotions for one in answers}
    if len(emotions) != 1:
        raise CorpusError(f"{len(emotions)} sets of labels among {len(answers)} models; all folds need the same")
    unanswered = {(one.speaker, one.clip): one for some in answers for one in some.unanswered}
    return Evaluation(emotions.pop(), (row for some in answers for row in some.rows)), tuple(unanswered.values())


def evaluate_model(
    recognizer: Recognizer,
    plan: Plan,
    out: Path,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
    size: int | None = None,
) -> Results:
    """Measure a finished model: it answers all test clips of a plan, and nothing is trained.

    Args:
        recognizer: the model.
        plan: made with the model's own card, so that speakers whom it has heard are refused.
        out: folder for the results.
        jobs: how many threads share the clips; one for each core by default.
        progress: called with 1 after each clip.
        size: of the model's file in bytes, where it is known.

    Returns:
        The results, as written; their only seed is 0.

    Raises:
        CorpusError: if the plan's protocol makes recordings, which are not answered as clips.
    """
    if plan.protocol.recordings:
        raise CorpusError(f"{plan.protocol.name} is answered segment by segment, by evaluate_recordings")
    parts = [
        (fold.name, fold.test[start : start + _BLOCK])
        for fold in plan.folds
        for start in range(0, len(fold.test), _BLOCK)
    ]
    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:  # a recognizer may be used from several threads
        answers = list(pool.map(lambda part: answer_clips(recognizer, part[1], fold=part[0], progress=progress), parts))
    evaluation, unanswered = gather(answers)
    card = recognizer.card
    file = None if size is None else ModelFile(size, card.parameters)
    about = About(plan, card.recipe, model=card.name, unanswered=unanswered, file=file)
    return write_results(out, evaluation, about)
