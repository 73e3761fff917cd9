"""Evaluate a model with reference recordings: which other test clips each clip is compared with, drawn without labels.

A table of its own says what a reference costs in which all recordings have one emotion.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any, Final, Literal

import numpy as np

from hearfelt.corpora.clips import Clip
from hearfelt.emotions import in_order
from hearfelt.errors import CorpusError, HearfeltError
from hearfelt.evaluation.encoded_clips import DividedModel, EncodedClips, encode_clips, encoding_pool
from hearfelt.evaluation.evaluate import FoldPredictions, combine, narrowed
from hearfelt.evaluation.metrics import ece, uar
from hearfelt.evaluation.plan import Plan
from hearfelt.evaluation.predictions import Evaluation, Row
from hearfelt.evaluation.results import ModelFile, Results, ResultsInfo, corpora_of, write_results
from hearfelt.inference.reference import Reference
from hearfelt.runtime.execution import Advance
from hearfelt.runtime.files import atomic_write

__all__ = [
    "DRAWS",
    "SINGLE_EMOTIONS",
    "By",
    "Drawn",
    "EncodedFold",
    "ReferenceOptions",
    "SingleEmotions",
    "draw_references",
    "encode_plan",
    "find_single_emotions",
    "predict_with_reference",
    "predict_with_references",
    "read_single_emotions",
    "reference_sentence",
    "write_single_emotions",
    "write_with_references",
]


By = Literal["setting", "speaker"]

DRAWS: Final = 3
_MOST_PARTS: Final = 20  # of a group: so many different references answer a large corpus in each draw


@dataclass(frozen=True)
class ReferenceOptions:
    """Which reference each clip is compared with.

    Attributes:
        clips: number of recordings in a reference, 1 or more.
        by: whose recordings they are: of the same setting, which is the corpus, or of the same speaker.
        draws: how often all references are drawn anew; every clip is predicted once in each draw.
        emotion: all recordings of a reference have this label, to show what that costs; None for any. Nothing else
            looks at labels.
    """

    clips: int
    by: By = "setting"
    draws: int = DRAWS
    emotion: str | None = None

    def __post_init__(self) -> None:
        if self.clips < 1 or self.draws < 1:
            raise HearfeltError(f"{self.clips} clips in {self.draws} draws; at least 1 of each is needed")

    def to_dict(self) -> dict[str, Any]:
        """Write it for ``summary.json``."""
        return asdict(self)


def reference_sentence(reference: Mapping[str, Any]) -> str:
    """Say how references were drawn.

    Args:
        reference: as :meth:`ReferenceOptions.to_dict` writes it.

    Example:
        >>> reference_sentence(ReferenceOptions(30).to_dict())
        'each clip compared with 30 others of its setting; mean of 3 draws'
    """
    which = f"{reference['clips']} other{'s' if reference['clips'] > 1 else ''} of its {reference['by']}"
    emotion = f", all {reference['emotion']}" if reference["emotion"] else ""
    draws = f"; mean of {reference['draws']} draws" if reference["draws"] > 1 else ""
    return f"each clip compared with {which}{emotion}{draws}"


@dataclass(frozen=True)
class Drawn:
    """Some clips and the reference that they are compared with.

    Attributes:
        predicted: indices of the clips.
        reference: indices of the recordings in the reference, never among ``predicted``; empty for no reference.
    """

    predicted: tuple[int, ...]
    reference: tuple[int, ...]


def draw_references(clips: Sequence[Clip], options: ReferenceOptions, generator: np.random.Generator) -> list[Drawn]:
    """Draw a reference for every clip from other clips of its setting or speaker.

    The clips of a group are divided into parts at random. A part is predicted with a reference from the other parts:
    with 60 clips of a speaker and 30 in a reference each half is compared with the other. A large group has 20 parts,
    so that not all depends on one draw. In a small group there may be fewer clips than wanted, and a single clip has
    no reference.

    Args:
        clips: test clips of one fold.
        options: how many, and of whom.
        generator: draws.

    Returns:
        Parts that together contain every clip once.

    Example:
        >>> from pathlib import Path
        >>> four = [Clip("mine", Path(), f"{k}.wav", "mine/a", "sad") for k in range(4)]
        >>> halves = draw_references(four, ReferenceOptions(2), np.random.default_rng(0))
        >>> [(sorted(one.predicted), sorted(one.reference)) for one in halves]
        [([0, 2], [1, 3]), ([1, 3], [0, 2])]
    """
    groups: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        groups.setdefault(clip.corpus if options.by == "setting" else clip.speaker, []).append(index)
    drawn = []
    for group in groups.values():
        shuffled = generator.permutation(group)
        for part in np.array_split(shuffled, _part_count(len(group), options.clips)):
            own = set(part.tolist())
            others = [index for index in shuffled.tolist() if index not in own]
            if options.emotion is not None:
                others = [index for index in others if clips[index].emotion == options.emotion]
            chosen = generator.permutation(others)[: options.clips].astype(int)
            drawn.append(Drawn(tuple(part.tolist()), tuple(chosen.tolist())))
    return drawn


def _part_count(clips: int, wanted: int) -> int:
    """Count the parts of a group, so that the others have enough clips for a reference, if that is possible."""
    if clips >= 2 * wanted:
        return min(_MOST_PARTS, max(2, clips // wanted), clips)
    return clips if clips <= wanted else math.ceil(clips / (clips - wanted))


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
        jobs: number of processes; one for each core by default.
        progress: called with 1 after each clip.

    Returns:
        The folds, and what a summary says of the model.

    Raises:
        CorpusError: if the plan's protocol makes recordings, which are evaluated over time.
        ModelError: if the model takes no reference.
    """
    if plan.protocol.recordings:
        raise CorpusError(f"{plan.protocol.name} is evaluated over time, without references")
    model, parts = DividedModel(path), []
    with encoding_pool(path, sum(len(fold.test) for fold in plan.folds), jobs) as pool:
        for fold in plan.folds:
            encoded = encode_clips(model, fold.test, pool=pool, progress=progress)
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
            raise CorpusError(
                f"--reference-emotion {options.emotion}: no clip has it; there are each, {', '.join(there)}"
            )
    evaluation, failed = combine(
        (predict_with_references(part, options) for part in parts), info.plan.all_scored_labels
    )
    epochs = {
        (fold, seed * options.draws + draw): epoch
        for (fold, seed), epoch in info.epochs.items()
        for draw in range(options.draws)
    }
    return write_results(out, evaluation, replace(info, epochs=epochs, failed=failed, reference=options.to_dict()))


SINGLE_EMOTIONS: Final = "single_emotions.json"
_DECIMALS: Final = 6


@dataclass(frozen=True)
class SingleEmotions:
    """What references cost in which all recordings have one emotion.

    Attributes:
        folder: where it is; its name says which model and references.
        content: of ``single_emotions.json``. Its ``runs`` have ``fold``, ``seed``, ``emotion``, ``uar`` and ``ece``;
            those without a reference have no emotion.
    """

    folder: Path
    content: Mapping[str, Any] = field(repr=False)

    def uar(self, emotion: str | None) -> dict[int, float]:
        """Compute the mean UAR over draws and seeds of each fold that has clips of an emotion; None: no reference."""
        scores: dict[int, list[float]] = {}
        for run in self.content["runs"]:
            if run["emotion"] == emotion:
                scores.setdefault(run["fold"], []).append(run["uar"])
        return {fold: fmean(some) for fold, some in scores.items()}

    def change(self, emotion: str) -> dict[int, float]:
        """Compute what a reference of this emotion changes in the UAR of each fold that has clips of it."""
        alone = self.uar(None)
        return {fold: score - alone[fold] for fold, score in self.uar(emotion).items()}

    @property
    def emotions(self) -> tuple[str, ...]:
        """The emotions that references were made of, in order."""
        return in_order(run["emotion"] for run in self.content["runs"] if run["emotion"])


def write_single_emotions(
    parts: Sequence[EncodedFold], out: Path, options: ReferenceOptions, info: ResultsInfo
) -> SingleEmotions:
    """Measure references in which all recordings have one emotion, and write ``single_emotions.json``.

    Args:
        parts: each fold and seed.
        out: folder for the file.
        options: how references are drawn; ``emotion`` is each in turn, as far as a fold has clips of it.
        info: what the models were made with.
    """
    content = {
        "protocol": info.plan.protocol.name,
        "corpora": corpora_of(info.plan.clips),
        "recipe": dict(info.recipe),
        "model": info.model,
        "version": version("hearfelt"),
        "reference": options.to_dict(),
        "runs": _single_emotions(parts, options),
    }
    with atomic_write(out / SINGLE_EMOTIONS) as file:
        json.dump(content, file, indent=1, ensure_ascii=False)
        file.write("\n")
    return read_single_emotions(out)


def read_single_emotions(folder: Path) -> SingleEmotions:
    """Read what :func:`write_single_emotions` wrote.

    Raises:
        CorpusError: if the file is missing or damaged.
    """
    path = folder / SINGLE_EMOTIONS
    try:
        content = json.loads(path.read_text("utf-8"))
        runs = [{key: run[key] for key in ("fold", "seed", "emotion", "uar", "ece")} for run in content["runs"]]
        return SingleEmotions(folder, {**content, "runs": runs})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{path}: cannot be read ({error!r}); 'hearfelt evaluate' writes it") from error


def find_single_emotions(home: Path) -> list[SingleEmotions]:
    """Read every ``PROTOCOL/NAME/single_emotions.json`` below a folder, sorted."""
    return [read_single_emotions(path.parent) for path in sorted(home.glob(f"*/*/{SINGLE_EMOTIONS}"))]


def _single_emotions(parts: Iterable[EncodedFold], options: ReferenceOptions) -> list[dict[str, Any]]:
    """Measure each fold without a reference and with references of each emotion of which it has clips."""
    found: list[dict[str, Any]] = []
    for part in parts:
        rows = predict_with_reference(part, range(len(part.encoded.clips)), None, part.seed * options.draws)
        found.append({"fold": part.fold, "seed": part.seed * options.draws, "emotion": None, **_figures(part, rows)})
        for emotion in part.encoded.clips.emotions:
            predictions = predict_with_references(part, replace(options, emotion=emotion))
            for seed in range(part.seed * options.draws, (part.seed + 1) * options.draws):
                rows = [row for row in predictions.rows if row.seed == seed]
                found.append({"fold": part.fold, "seed": seed, "emotion": emotion, **_figures(part, rows)})
    return found


def _figures(part: EncodedFold, rows: Sequence[Row]) -> dict[str, float]:
    evaluation = Evaluation(part.emotions, rows)
    error = ece(evaluation.confidences, evaluation.correct)
    return {"uar": round(uar(evaluation.confusion), _DECIMALS), "ece": round(error, _DECIMALS)}
