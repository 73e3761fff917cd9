"""Select the clips to train on, and hold validation clips out of the training part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from hearfelt.corpora.clips import Clip, Clips, duplicates
from hearfelt.corpora.file_statistics import statistics_of_files
from hearfelt.corpora.splits import Fold, hold_out_clips, hold_out_speakers
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import CorpusError
from hearfelt.evaluation.plan import Plan, without_copies
from hearfelt.training.settings import Validation

__all__ = ["PURPOSES", "Division", "FoldParts", "Selection", "generator_for", "parts_of", "select", "split_validation"]

Division = Literal["speaker", "clip"]
PURPOSES: Final = ("validation", "copies", "balance", "background", "network", "reference", "gate")


@dataclass(frozen=True)
class Selection:
    """Clips selected for training.

    Attributes:
        clips: in their order.
        left_out: number of clips left out, by reason.
    """

    clips: Clips
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class FoldParts:
    """The parts of a fold's training clips.

    Attributes:
        train: clips to train on.
        validation: clips to choose the epoch, the temperature and the threshold on.
        leaked: test clips whose augmented copies, and only these, are trained on too; empty in every honest protocol.
    """

    train: Clips
    validation: Clips
    leaked: Clips

    @property
    def clips(self) -> Clips:
        """All of them."""
        return Clips(dict.fromkeys([*self.train, *self.validation, *self.leaked]))


def generator_for(seed: int, purpose: str, fold: int = 0) -> np.random.Generator:
    """Make a random generator for one purpose, so that changes in one do not affect the others.

    Example:
        >>> bool(generator_for(0, "copies").random() == generator_for(0, "copies").random())
        True
    """
    return np.random.default_rng([seed, fold, PURPOSES.index(purpose)])


def select(clips: Clips, *, drop: Sequence[str] = ()) -> Selection:
    """Leave out clips that are not fit for training, and refuse clips that are too few.

    Left out are labels beyond the eight emotions, silent clips, and copies of one sound with different labels, of
    which nobody knows which is true.

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
        raise CorpusError(f"{found} in {len(clips):,} clips to train on; at least 2 emotions are needed")
    return Selection(clips, left_out)


def split_validation(
    clips: Clips, by: Division, validation: Validation, generator: np.random.Generator
) -> tuple[Clips, Clips]:
    """Hold validation clips out of the training part, by speaker or by clip as the protocol splits.

    Args:
        clips: the training part.
        by: what is held out.
        validation: the recipe's shares.
        generator: draws.

    Returns:
        The clips to train on, and the validation clips.

    Raises:
        CorpusError: if there is one speaker, speakers are unknown, or an emotion is left without a training clip.
    """
    if by == "speaker":
        train, held_out = hold_out_speakers(clips, share=validation.speakers, generator=generator)
    else:
        train, held_out = hold_out_clips(clips, share=validation.clips, generator=generator)
    if lost := [emotion for emotion in clips.emotions if emotion not in train.emotions]:
        raise CorpusError(
            f"every clip of {lost[0]} is of a speaker held out for validation; more speakers with it are needed, or"
            f" --drop {lost[0]}"
        )
    return train, held_out


def parts_of(plan: Plan, fold: Fold, validation: Validation, *, seeds: int) -> list[FoldParts]:
    """Split a fold's training clips, once for each seed, as its protocol says.

    Validation clips are taken from the fold's own training part. Of a plan's auxiliary clips, those of speakers held
    out for validation, and copies of validation clips, are not trained on either.

    Args:
        plan: of the fold.
        fold: one of the plan's folds.
        validation: the recipe's shares.
        seeds: number of seeds, counted from 0; they decide what is held out.

    Raises:
        CorpusError: if training refuses these clips.
    """
    protocol = plan.protocol
    selection, own = select(plan.training_clips(fold)).clips, set(fold.train)
    own_clips, auxiliary = Clips(c for c in selection if c in own), Clips(c for c in selection if c not in own)
    leaked = select(fold.test).clips if protocol.copies_of_test or protocol.chooses_on_test else Clips()
    parts = []
    for seed in range(seeds):
        train, held_out = own_clips, Clips()
        if protocol.holds_out:
            generator = generator_for(seed, "validation", fold.name)
            train, held_out = split_validation(own_clips, protocol.by, validation, generator)
        further = auxiliary.without(speaker=held_out.speakers) if protocol.by == "speaker" else auxiliary
        further = without_copies(further, held_out, plan.same_sound)
        # On the leak ladder, what is held out is not trained on even where nothing is chosen on it: one leak at a time.
        chosen_on = leaked if protocol.chooses_on_test else held_out
        parts.append(FoldParts(Clips([*train, *further]), chosen_on, leaked if protocol.copies_of_test else Clips()))
    return parts


def _silent(clips: Clips) -> set[Clip]:
    facts = statistics_of_files(clip.sound for clip in clips)
    for clip in clips:
        if error := facts[clip.sound].error:
            raise CorpusError(f"{error}; mend or remove this clip before training")
    return {clip for clip in clips if facts[clip.sound].is_silent}


def _contradicting(clips: Clips) -> set[Clip]:
    groups = duplicates(clips)
    return {clip for group in groups for clip in group if len({one.emotion for one in group}) > 1}
