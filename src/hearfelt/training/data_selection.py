"""Who may take part: training refuses what cannot be honest, and takes its validation part out of the training part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from hearfelt.corpora.clips import Clip, Clips, duplicates
from hearfelt.corpora.file_statistics import measure_files
from hearfelt.corpora.splits import Fold, hold_out_clips, hold_out_speakers
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import CorpusError
from hearfelt.evaluation.plan import Plan, without_copies
from hearfelt.training.settings import Validation

__all__ = ["PURPOSES", "Admitted", "Division", "Parts", "admit", "divide", "generator_for", "parts_of"]

Division = Literal["speaker", "clip"]
PURPOSES: Final = ("validation", "copies", "balance", "background", "network")


@dataclass(frozen=True)
class Admitted:
    """Clips that may be learned from.

    Attributes:
        clips: in their order.
        left_out: how many were not admitted, by reason.
    """

    clips: Clips
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class Parts:
    """Who does what where one fold is tested.

    Attributes:
        learn: what is learned from.
        validation: what the epoch, the temperature and the threshold are chosen on.
        copied: test clips whose changed copies, and only these, are learned from as well. Empty but for a protocol
            that shows what this is worth.
    """

    learn: Clips
    validation: Clips
    copied: Clips


def generator_for(seed: int, purpose: str, fold: int = 0) -> np.random.Generator:
    """Make the random numbers for one purpose, so that a change in one does not move the others.

    Example:
        >>> bool(generator_for(0, "copies").random() == generator_for(0, "copies").random())
        True
    """
    return np.random.default_rng([seed, fold, PURPOSES.index(purpose)])


def admit(clips: Clips, *, drop: Sequence[str] = ()) -> Admitted:
    """Leave out what nobody should learn from, and refuse clips from which no honest model can come.

    Left out are labels beyond the eight, silent clips, and copies of one sound under contradicting labels: there
    nobody knows which is true.

    Args:
        clips: of one corpus or of several.
        drop: emotions to leave out.

    Raises:
        CorpusError: if an emotion to drop is not there, a file cannot be read, or fewer than two emotions are left.
    """
    for emotion in drop:
        if emotion not in clips.emotions:
            raise CorpusError(f"--drop {emotion}: no clip has this label; there are {', '.join(clips.emotions)}")
    left_out: dict[str, int] = {}
    clips = clips.without(emotion=tuple(drop))
    for emotion, count in clips.count("emotion").items():
        if emotion not in EMOTIONS:
            left_out[f"of {emotion}, which is not one of hearfelt's emotions"] = count
    clips = clips.where(emotion=EMOTIONS)
    for reason, refused in (
        ("silent", _silent(clips)),
        ("the same sound under contradicting labels", _contradicting(clips)),
    ):
        kept = Clips(clip for clip in clips if clip not in refused)
        if len(kept) < len(clips):
            left_out[reason] = len(clips) - len(kept)
        clips = kept
    if len(clips.emotions) < 2:
        found = f"only {clips.emotions[0]}" if clips else "nothing"
        raise CorpusError(f"{found} in {len(clips):,} clips to learn from; at least 2 emotions are needed")
    return Admitted(clips, left_out)


def divide(clips: Clips, by: Division, validation: Validation, generator: np.random.Generator) -> tuple[Clips, Clips]:
    """Take the validation part out of the training part: speakers, or clips, as the protocol divides.

    Args:
        clips: the training part; nothing else is ever looked at.
        by: what is divided.
        validation: the recipe's shares.
        generator: draws.

    Returns:
        What is left to learn from, and the validation part.

    Raises:
        CorpusError: if there is one speaker, speakers are unknown, or an emotion is left without a clip to learn.
    """
    if by == "speaker":
        learn, held_out = hold_out_speakers(clips, share=validation.speakers, generator=generator)
    else:
        learn, held_out = hold_out_clips(clips, share=validation.clips, generator=generator)
    if lost := [emotion for emotion in clips.emotions if emotion not in learn.emotions]:
        raise CorpusError(
            f"every clip of {lost[0]} is of a speaker held out for validation; more speakers with it are needed, or"
            f" --drop {lost[0]}"
        )
    return learn, held_out


def parts_of(plan: Plan, fold: Fold, validation: Validation, *, seeds: int) -> list[Parts]:
    """Take a fold apart, once for each seed, as its protocol says.

    Validation clips are taken from the fold's own training part. Where a plan has clips beside it, those of speakers
    held out for validation, and copies of validation clips, are not learned from either.

    Args:
        plan: whose fold it is.
        fold: which.
        validation: the recipe's shares.
        seeds: how many, counted from 0; they decide who is held out.

    Raises:
        CorpusError: if training refuses these clips.
    """
    protocol = plan.protocol
    admitted, own = admit(plan.lessons_of(fold)).clips, set(fold.train)
    train, beside = Clips(c for c in admitted if c in own), Clips(c for c in admitted if c not in own)
    leaked = admit(fold.test).clips if protocol.copies_of_test or protocol.chooses_on_test else Clips()
    parts = []
    for seed in range(seeds):
        learn, held_out = divide(train, protocol.by, validation, generator_for(seed, "validation", fold.name))
        further = beside.without(speaker=held_out.speakers) if protocol.by == "speaker" else beside
        further = without_copies(further, held_out, plan.same_sound)
        # Where the epoch is chosen on test, what is held out is still not learned from: one leak at a time.
        chosen_on = leaked if protocol.chooses_on_test else held_out
        parts.append(Parts(Clips([*learn, *further]), chosen_on, leaked if protocol.copies_of_test else Clips()))
    return parts


def _silent(clips: Clips) -> set[Clip]:
    facts = measure_files(clip.sound for clip in clips)
    for clip in clips:
        if error := facts[clip.sound].error:
            raise CorpusError(f"{error}; mend or remove this clip before training")
    return {clip for clip in clips if facts[clip.sound].is_silent}


def _contradicting(clips: Clips) -> set[Clip]:
    groups = duplicates(clips)
    return {clip for group in groups for clip in group if len({one.emotion for one in group}) > 1}
