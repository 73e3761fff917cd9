"""References in an evaluation: with which other test clips each clip is compared, drawn without labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

from hearfelt.corpora.clips import Clip
from hearfelt.errors import HearfeltError

__all__ = ["DRAWS", "By", "Drawn", "ReferenceOptions", "draw_references", "reference_sentence"]

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
