"""Which clips belong together when a head is tested: those of one speaker, wherever that can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hearfelt.corpora.clips import Clips

__all__ = ["Grouping", "grouped"]


@dataclass(frozen=True, eq=False)
class Grouping:
    """What is never divided between learning and testing.

    Attributes:
        groups: ``(clips,)``, a number for each.
        by: ``"speaker"``; or ``"clip"`` where strangers cannot be tested, and then the scores flatter.
        warnings: what follows from that, a sentence each without its full stop.
    """

    groups: npt.NDArray[np.int64]
    by: Literal["speaker", "clip"]
    warnings: tuple[str, ...]


def grouped(clips: Clips) -> Grouping:
    """Keep clips of a speaker together, as far as speakers are known.

    A label that a single speaker says cannot be tested on strangers: whoever tested it would have nothing to learn it
    from. Its clips are divided one by one, and that is said.

    Args:
        clips: what is learned from; either all speakers are known or none is.

    Example:
        >>> from pathlib import Path
        >>> from hearfelt.corpora.clips import Clip
        >>> made = [Clip("mine", Path(), f"{e}{s}.wav", f"mine/{s}", e) for e in ("calm", "sad") for s in "ab"]
        >>> grouped(Clips(made)).groups.tolist(), grouped(Clips(made)).by
        ([0, 1, 0, 1], 'speaker')
    """
    alone = np.arange(len(clips))
    if not all(clip.speaker_is_known for clip in clips):
        return Grouping(
            alone,
            "clip",
            (
                "who speaks is not known, so the same voices may be learned from and tested: the scores are by clip and"
                " flatter; --speakers or --speaker-pattern tells who speaks",
            ),
        )
    if len(clips.speakers) == 1:
        return Grouping(
            alone,
            "clip",
            (
                f"all clips are of one speaker, {clips.speakers[0]}: the scores are by clip, and say nothing about"
                " anybody else",
            ),
        )
    single = [label for label in clips.emotions if len(clips.where(emotion=label).speakers) == 1]
    if len(single) == len(clips.emotions):
        return Grouping(
            alone,
            "clip",
            (
                "every label is said by one speaker alone, so voices and labels cannot be told apart: the scores are by"
                " clip and flatter",
            ),
        )
    place = {speaker: number for number, speaker in enumerate(clips.speakers)}
    groups = np.array(
        [len(place) + number if clip.emotion in single else place[clip.speaker] for number, clip in enumerate(clips)],
        np.int64,
    )
    warnings = tuple(f"{label} is said by one speaker alone: its recall is by clip and flatters" for label in single)
    return Grouping(groups, "speaker", warnings)
