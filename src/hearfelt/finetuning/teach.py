"""Teaching a finished model other labels: from a folder of clips to one file, in seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from hearfelt.corpora.catalog import CORPORA
from hearfelt.errors import HearfeltError, ModelError
from hearfelt.evaluation.metrics import figures_of
from hearfelt.evaluation.predictions import Evaluation, Row
from hearfelt.finetuning.base_features import Base, describe, load_base
from hearfelt.finetuning.graph import with_head, with_metadata
from hearfelt.finetuning.grouping import Grouping, grouped
from hearfelt.finetuning.head import SETTINGS, fit_heads
from hearfelt.finetuning.known_recordings import Heard, heard_before, sounds_of
from hearfelt.finetuning.scoring import Material, Scored, fold_count, score
from hearfelt.finetuning.training_set import Lesson, refuse_too_few
from hearfelt.inference.card import CARD_KEY, ModelCard
from hearfelt.inference.recognizer import Recognizer
from hearfelt.runtime.files import atomic_write

__all__ = ["DEFAULT_BASE", "Taught", "teach"]

DEFAULT_BASE: Final = "hearfelt"
PARITY: Final = 1e-3  # of a logit's size: the file computes in float32, the head was found in float64
_KNOWN: Final = "synthetic-loud-and-pressed.flac"

Bars = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def _no_bars(label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda count: None)


@dataclass(frozen=True)
class Taught:
    """A model with labels of one's own, and how well it does.

    Attributes:
        path: the file.
        card: what it says of itself.
        lesson: what it learned from, and what was left out.
        evaluation: an answer to every clip by a head that had not heard the clip, nor, where speakers are known, its
            speaker.
        scored: the learning curve, and what was chosen.
        grouping: what was never divided.
        warnings: what makes the scores flatter, a sentence each.
    """

    path: Path
    card: ModelCard
    lesson: Lesson
    evaluation: Evaluation
    scored: Scored
    grouping: Grouping
    warnings: tuple[str, ...]

    @property
    def figures(self) -> dict[str, float]:
        """UAR, accuracy and macro-F1 of the held-out answers, shares of 1."""
        return figures_of(self.evaluation.confusion)


def teach(
    lesson: Lesson, out: Path, *, base: str | Path = DEFAULT_BASE, seed: int = 0, bars: Bars = _no_bars
) -> Taught:
    """Teach a model the labels of a lesson.

    The base stays as it is; a linear head on its embedding, and where that helps on its own answers, is all that is
    learned. How strongly the head is held back, how sure it may be and how well it does are all told by
    cross-validation, in which nobody is learned from and tested on at once.

    Args:
        lesson: what to learn.
        out: the new file, ending in ``.onnx``; an older one is replaced.
        base: name or path of a model that takes sound.
        seed: decides the folds.
        bars: shows how far it is.

    Raises:
        HearfeltError: if ``out`` is no name for a model file.
        ModelError: if the base has no embedding, or the new file doesn't answer as the head does.
        CorpusError: if too few clips of a label are left that the base can hear.
    """
    _check_place(out, base)
    ground = load_base(base)
    with bars("listening", len(lesson.clips)) as done:
        described = describe(ground, lesson.clips, progress=done)
    heard = lesson.without(described.failed)
    refuse_too_few(heard, lesson.clips)
    grouping = grouped(heard.clips)
    labels = np.array([heard.labels.index(clip.emotion) for clip in heard.clips], np.int64)
    material = Material(described.rows, labels, grouping.groups, len(heard.labels), ground.embedded)
    known = heard_before(heard.clips, heard.digests, ground.card)
    # What a base knows by heart, its answers would be trusted for, and with strangers that trust would be misplaced.
    settings = tuple(one for one in SETTINGS if not (known.is_certain and one.trust))
    with bars("checking", fold_count(grouping.groups)) as done:
        scored = score(material, settings=settings, seed=seed, progress=done)
    evaluation = _evaluation(heard, scored)
    warnings = (*grouping.warnings, *_flattery(known))
    card = _card(out.stem, heard, ground, scored, (evaluation, grouping, warnings))
    return Taught(out, _write(material, card, ground, scored, out), heard, evaluation, scored, grouping, warnings)


def _check_place(out: Path, base: str | Path) -> None:
    if out.suffix.casefold() != ".onnx":
        raise HearfeltError(f"{out}: a model file's name ends in .onnx; {out.with_suffix('.onnx').name} would be right")
    if out.is_dir():
        raise HearfeltError(f"{out}: this is a folder; the name of a file is wanted")
    if out.exists() and Path(base).exists() and out.samefile(base):
        raise HearfeltError(f"{out}: this is the base itself; another name is wanted")


def _evaluation(lesson: Lesson, scored: Scored) -> Evaluation:
    rows = zip(lesson.clips, scored.folds.tolist(), scored.probabilities.tolist(), strict=True)
    return Evaluation(
        lesson.labels,
        (Row(clip.name, clip.speaker, fold + 1, 0, clip.emotion, tuple(shares)) for clip, fold, shares in rows),
    )


def _flattery(known: Heard) -> tuple[str, ...]:
    follows = "the scores may flatter"
    if known.is_certain:
        follows = f"its own answers are left out of the new head, and still {follows}"
    return tuple(f"{sentence}; {follows}" for sentence in known.sentences)


def _card(
    name: str,
    lesson: Lesson,
    base: Base,
    scored: Scored,
    said: tuple[Evaluation, Grouping, tuple[str, ...]],
) -> ModelCard:
    evaluation, grouping, warnings = said
    speakers = len(lesson.clips.speakers)
    who = f"{speakers} speaker{'' if speakers == 1 else 's'}" if lesson.speakers_are_known else "unknown speakers"
    setting, labels = scored.setting, ", ".join(lesson.labels)
    return ModelCard(
        name=name,
        version=version("hearfelt"),
        labels=lesson.labels,
        input="sound",
        temperature=scored.temperature,
        unsure_below=scored.unsure_below,
        corpora=_corpora(lesson, base),
        training_speakers=tuple(sorted({*base.card.training_speakers, *lesson.clips.speakers})),
        licence=f"of the base, {base.card.name}: {base.card.licence or 'unknown'}; of the clips: {_licence(lesson)}",
        description=f"{base.card.name}, taught to tell {labels} apart by {len(lesson.clips):,} clips of {who}.",
        recipe={
            "name": name,
            "base": base.card.name,
            "base_sha256": base.digest,
            "head": "linear discriminant",
            "shrinkage": setting.shrinkage,
            "trust_in_base": setting.trust,
        },
        scores={f"taught, by {grouping.by}": figures_of(evaluation.confusion)},
        limits=(
            *(f"{sentence[0].upper()}{sentence[1:]}." for sentence in warnings),
            f"It was taught by clips of {who}; other voices, rooms and microphones are new to it.",
            *(f"Its base, {base.card.name}: {limit}" for limit in base.card.limits),
        ),
        window_s=base.card.window_s,
        parameters=base.card.parameters + (base.embedded + 1) * len(lesson.labels),
    )


def _corpora(lesson: Lesson, base: Base) -> dict[str, Mapping[str, Any]]:
    """List what the base learned from, and the taught clips under a name that is free."""
    name, number = lesson.corpus, 1
    while name in base.card.corpora:
        number += 1
        name = f"{lesson.corpus} {number}"
    own = {
        "clips": len(lesson.clips),
        "fingerprint": lesson.clips.fingerprint(),
        "licence": _licence(lesson),
        "sounds": sounds_of(lesson.digests),
    }
    return {**base.card.corpora, name: own}


def _licence(lesson: Lesson) -> str:
    return CORPORA[lesson.corpus].licence


def _write(material: Material, card: ModelCard, base: Base, scored: Scored, out: Path) -> ModelCard:
    """Fit the head to everything, put it into the file, and hold the file to it."""
    (head,) = fit_heads(
        material.rows, material.labels, material.classes, embedded=material.embedded, settings=[scored.setting]
    )
    model = with_head(base.model, head, embedded=base.embedded)
    clip = (resources.files("hearfelt.examples") / _KNOWN).read_bytes()
    recognizer = Recognizer(with_metadata(model, {CARD_KEY: card.to_json()}), name=str(out), threads=1)
    whole = np.concatenate(
        [recognizer.embed(clip), Recognizer(base.model, name=base.card.name, threads=1).logits(clip)]
    )
    wanted, given = head.answer(whole[None])[0], recognizer.logits(clip)
    apart = float((np.abs(wanted - given) / np.maximum(1.0, np.abs(wanted))).max())
    if not apart <= PARITY:
        raise ModelError(
            f"{out}: the file's answer differs from the head's by {apart:.2g}; at most {PARITY:g} is right"
        )
    said = {"example": _KNOWN, "probabilities": dict(recognizer.recognize(clip).probabilities)}
    finished = replace(card, known_answer=said)
    with atomic_write(out, "wb") as file:
        file.write(with_metadata(model, {CARD_KEY: finished.to_json()}))
    return finished
