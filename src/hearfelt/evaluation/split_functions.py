"""How each protocol divides its clips: published lists of speakers, folds by speaker, draws by clip."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

import numpy as np

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.splits import Fold, listed_folds, random_split, speaker_folds
from hearfelt.evaluation.published import EMOBOX, LUNA_JIMENEZ, emotion_code, tested_speakers

__all__ = ["by_clip", "by_speaker", "emobox", "luna_jimenez", "student_split", "whole"]

CLIP_SEED: Final = 7  # of the folds by clip; any number would do, but it must stay


def emobox(clips: Clips, folds: int) -> list[Fold]:
    """Make EmoBox's 6 folds by actor."""
    return list(listed_folds(clips, tested_speakers(EMOBOX)))


def luna_jimenez(clips: Clips, folds: int) -> list[Fold]:
    """Make the 5 folds by actor of Luna-Jiménez et al. 2021."""
    return list(listed_folds(clips, tested_speakers(LUNA_JIMENEZ)))


def student_split(clips: Clips, folds: int) -> list[Fold]:
    """Make the student project's split: file names sorted, one in five drawn, whoever speaks."""
    by_name = sorted(clips, key=_file_name)
    return [random_split(by_name, [emotion_code(clip.name) for clip in by_name], share=0.2, seed=42)]


def by_speaker(clips: Clips, folds: int) -> list[Fold]:
    """Make folds of about equally many clips, no speaker in two of them."""
    return list(speaker_folds(clips, folds))


def by_clip(clips: Clips, folds: int) -> list[Fold]:
    """Deal the clips of each emotion at random to folds, whoever speaks in them: everybody is in every fold.

    The draw depends on the file names and on nothing else, so that it is the same on every machine.

    Args:
        clips: to be dealt.
        folds: how many.

    Returns:
        Folds named from 1, each with the same share of every emotion, to within a clip.

    Example:
        >>> from pathlib import Path
        >>> made = [Clip("mine", Path(), f"{e}{k}.wav", "mine/a", e) for e in ("calm", "sad") for k in range(6)]
        >>> [fold.test.count("emotion") for fold in by_clip(Clips(made), 3)]
        [{'calm': 2, 'sad': 2}, {'calm': 2, 'sad': 2}, {'calm': 2, 'sad': 2}]
    """
    by_name = Clips(sorted(clips, key=_file_name))
    generator = np.random.default_rng(CLIP_SEED)
    fold_of: dict[Clip, int] = {}
    for emotion in by_name.emotions:
        own = by_name.where(emotion=emotion)
        first = len(fold_of)  # where the last emotion ended, so that odd clips don't all land in the first fold
        for turn, place in enumerate(generator.permutation(len(own)), first):
            fold_of[own[int(place)]] = turn % folds
    return [
        Fold(
            name + 1,
            Clips(clip for clip in by_name if fold_of[clip] != name),
            Clips(clip for clip in by_name if fold_of[clip] == name),
        )
        for name in range(folds)
    ]


def whole(clips: Clips, folds: int) -> list[Fold]:
    """Test every clip and learn from none: for a finished model."""
    return [Fold(1, Clips(), clips)]


def _file_name(clip: Clip) -> str:
    return PurePosixPath(clip.name).name
