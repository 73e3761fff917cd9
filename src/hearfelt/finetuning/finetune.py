"""Fine-tune a finished model to other labels: a new linear head, from a folder of clips to one file in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from hearfelt.corpora.catalog import CORPORA
from hearfelt.errors import HearfeltError, ModelError, require
from hearfelt.evaluation.metrics import figures_of
from hearfelt.evaluation.predictions import Evaluation, Row
from hearfelt.finetuning.base_model import (
    SETTINGS,
    BaseModel,
    base_features,
    fit_heads,
    load_base,
    with_head,
    with_metadata,
)
from hearfelt.finetuning.cross_validation import (
    CrossValidation,
    Grouping,
    LabelledFeatures,
    cross_validate,
    fold_count,
    group_clips,
)
from hearfelt.finetuning.training_set import (
    FinetuningSet,
    KnownRecordings,
    find_known_recordings,
    refuse_too_few,
    sounds_of,
)
from hearfelt.inference.card import CARD_KEY, ModelCard
from hearfelt.inference.recognizer import Recognizer
from hearfelt.runtime.execution import Progress, no_progress
from hearfelt.runtime.files import atomic_write

__all__ = ["DEFAULT_BASE", "FinetunedModel", "finetune"]

DEFAULT_BASE: Final = "hearfelt"
PARITY: Final = 1e-3  # of a logit's size: the file computes in float32, the head was fitted in float64
_KNOWN: Final = "synthetic-loud-and-pressed.flac"


@dataclass(frozen=True)
class FinetunedModel:
    """A fine-tuned model and its scores.

    Attributes:
        path: the file.
        card: of the file.
        training_set: what it was trained on, and what was left out.
        evaluation: a held-out prediction of every clip, by a head that was not trained on the clip nor, where speakers
            are known, on its speaker.
        validation: the learning curve, and the chosen setting.
        grouping: what was never split.
        warnings: what makes the scores too good, a sentence each.
    """

    path: Path
    card: ModelCard
    training_set: FinetuningSet
    evaluation: Evaluation
    validation: CrossValidation
    grouping: Grouping
    warnings: tuple[str, ...]

    @property
    def figures(self) -> dict[str, float]:
        """UAR, accuracy and macro-F1 of the held-out predictions, 0 to 1."""
        return figures_of(self.evaluation.confusion)


def finetune(
    training_set: FinetuningSet,
    out: Path,
    *,
    base: str | Path = DEFAULT_BASE,
    seed: int = 0,
    progress: Progress = no_progress,
) -> FinetunedModel:
    """Fine-tune a model to the labels of a training set.

    The base stays as it is; only a linear head is trained, on its embedding and, where that helps, on its logits.
    Shrinkage, temperature, threshold and scores come from cross-validation with no speaker in training and test.

    Args:
        training_set: clips with their labels.
        out: the new file, ending in ``.onnx``; an older one is replaced.
        base: name or path of a model that takes sound.
        seed: of the folds.
        progress: shows the stages.

    Raises:
        HearfeltError: if ``out`` is no name for a model file.
        ModelError: if the base has no embedding, or the new file's logits are not the head's.
        CorpusError: if too few clips of a label are left that the base can read.
        ExtraMissingError: if onnx is not installed.
    """
    require("onnx", "teach")
    _check_out(out, base)
    base_model = load_base(base)
    with progress("computing features", len(training_set.clips)) as done:
        features = base_features(base_model, training_set.clips, progress=done)
    meant, training_set = training_set.clips, training_set.without(features.failed)
    refuse_too_few(training_set, meant)
    grouping = group_clips(training_set.clips)
    labels = np.array([training_set.labels.index(clip.emotion) for clip in training_set.clips], np.int64)
    data = LabelledFeatures(features.rows, labels, grouping.groups, len(training_set.labels), base_model.embedding_size)
    known = find_known_recordings(training_set.clips, training_set.digests, base_model.card)
    # The logits of a base that was trained on these clips look better than they are for unseen speakers.
    settings = tuple(one for one in SETTINGS if not (known.is_certain and one.base_weight))
    with progress("cross-validation", fold_count(grouping.groups)) as done:
        validation = cross_validate(data, settings=settings, seed=seed, progress=done)
    evaluation = _evaluation(training_set, validation)
    warnings = (*grouping.warnings, *_warnings_of(known))
    card = _card(out.stem, training_set, base_model, validation, (evaluation, grouping, warnings))
    return FinetunedModel(
        out, _write(data, card, base_model, validation, out), training_set, evaluation, validation, grouping, warnings
    )


def _check_out(out: Path, base: str | Path) -> None:
    if out.suffix.casefold() != ".onnx":
        raise HearfeltError(f"{out}: a model file's name ends in .onnx; {out.with_suffix('.onnx').name} would be right")
    if out.is_dir():
        raise HearfeltError(f"{out}: this is a folder; the name of a file is wanted")
    if out.exists() and Path(base).exists() and out.samefile(base):
        raise HearfeltError(f"{out}: this is the base itself; another name is wanted")


def _evaluation(training_set: FinetuningSet, validation: CrossValidation) -> Evaluation:
    rows = zip(training_set.clips, validation.folds.tolist(), validation.probabilities.tolist(), strict=True)
    return Evaluation(
        training_set.labels,
        (Row(clip.name, clip.speaker, fold + 1, 0, clip.emotion, tuple(shares)) for clip, fold, shares in rows),
    )


def _warnings_of(known: KnownRecordings) -> tuple[str, ...]:
    follows = "the scores may be too good"
    if known.is_certain:
        follows = f"its logits are not used by the new head, and still {follows}"
    return tuple(f"{sentence}; {follows}" for sentence in known.sentences)


def _card(
    name: str,
    training_set: FinetuningSet,
    base: BaseModel,
    validation: CrossValidation,
    scores: tuple[Evaluation, Grouping, tuple[str, ...]],
) -> ModelCard:
    evaluation, grouping, warnings = scores
    base_licence = base.card.licence or "unknown"
    speakers = len(training_set.clips.speakers)
    who = f"{speakers} speaker{'' if speakers == 1 else 's'}" if training_set.speakers_are_known else "unknown speakers"
    setting, labels = validation.setting, ", ".join(training_set.labels)
    return ModelCard(
        name=name,
        version=version("hearfelt"),
        labels=training_set.labels,
        input="sound",
        temperature=validation.temperature,
        unsure_below=validation.unsure_below,
        corpora=_corpora(training_set, base),
        training_speakers=tuple(sorted({*base.card.training_speakers, *training_set.clips.speakers})),
        licence=f"of the base, {base.card.name}: {base_licence}; of the clips: {_licence(training_set)}",
        description=f"{base.card.name}, fine-tuned to {labels} with {len(training_set.clips):,} clips of {who}.",
        recipe={
            "name": name,
            "base": base.card.name,
            "base_sha256": base.digest,
            "head": "linear discriminant",
            "shrinkage": setting.shrinkage,
            "base_weight": setting.base_weight,
        },
        scores={f"cross-validation by {grouping.by}": figures_of(evaluation.confusion)},
        limits=(
            *(f"{sentence[0].upper()}{sentence[1:]}." for sentence in warnings),
            f"Fine-tuned on clips of {who}; voices, rooms and microphones unlike theirs are new to it.",
            *(f"Its base, {base.card.name}: {limit}" for limit in base.card.limits),
        ),
        window_s=base.card.window_s,
        parameters=base.card.parameters + (base.embedding_size + 1) * len(training_set.labels),
    )


def _corpora(training_set: FinetuningSet, base: BaseModel) -> dict[str, Mapping[str, Any]]:
    """List the corpora of the base, and the new clips under a name that is free."""
    name, number = training_set.corpus, 1
    while name in base.card.corpora:
        number += 1
        name = f"{training_set.corpus} {number}"
    own = {
        "clips": len(training_set.clips),
        "fingerprint": training_set.clips.fingerprint(),
        "licence": _licence(training_set),
        "sounds": sounds_of(training_set.digests),
    }
    return {**base.card.corpora, name: own}


def _licence(training_set: FinetuningSet) -> str:
    return CORPORA[training_set.corpus].licence


def _write(
    data: LabelledFeatures, card: ModelCard, base: BaseModel, validation: CrossValidation, out: Path
) -> ModelCard:
    """Fit the head to all clips, write the file, and check its logits."""
    (head,) = fit_heads(
        data.rows, data.labels, data.classes, embedding_size=data.embedding_size, settings=[validation.setting]
    )
    model = with_head(base.model, head, embedding_size=base.embedding_size)
    clip = (resources.files("hearfelt.examples") / _KNOWN).read_bytes()
    recognizer = Recognizer(with_metadata(model, {CARD_KEY: card.to_json()}), name=str(out), threads=1)
    whole = np.concatenate(
        [recognizer.embed(clip), Recognizer(base.model, name=base.card.name, threads=1).logits(clip)]
    )
    of_head, of_file = head.logits(whole[None])[0], recognizer.logits(clip)
    difference = float((np.abs(of_head - of_file) / np.maximum(1.0, np.abs(of_head))).max())
    if not difference <= PARITY:
        raise ModelError(
            f"{out}: the file's logits differ from the head's by {difference:.2g}; at most {PARITY:g} is right"
        )
    known_answer = {"example": _KNOWN, "probabilities": dict(recognizer.recognize(clip).probabilities)}
    finished = replace(card, known_answer=known_answer)
    with atomic_write(out, "wb") as file:
        file.write(with_metadata(model, {CARD_KEY: finished.to_json()}))
    return finished
