"""Speaker-independent splits of clips, and the check that refuses a leak."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hearfelt.corpora.clips import Clip, Clips, duplicates
from hearfelt.errors import CorpusError, require

__all__ = [
    "Fold",
    "Leaks",
    "find_leaks",
    "hold_out_clips",
    "hold_out_speakers",
    "listed_folds",
    "random_split",
    "refuse_leaks",
    "speaker_folds",
]


@dataclass(frozen=True)
class Fold:
    """One split into training, validation and test clips.

    Attributes:
        name: its number as published.
        train: clips for training; validation clips are taken out of them.
        test: what is only ever answered, once, at the end.
    """

    name: int
    train: Clips
    test: Clips


@dataclass(frozen=True)
class Leaks:
    """Speakers and sounds on both sides of a fold.

    Attributes:
        speakers: those on both sides.
        copies: groups of clips with the very same sound, some on each side.
    """

    speakers: tuple[str, ...]
    copies: tuple[tuple[Clip, ...], ...]

    def __bool__(self) -> bool:
        return bool(self.speakers or self.copies)

    def sentence(self) -> str:
        """Describe the leak in a few words.

        Example:
            >>> Leaks(("ravdess/01", "ravdess/02"), ()).sentence()
            '2 speakers are on both sides (ravdess/01, ravdess/02)'
        """
        parts = []
        if self.speakers:
            who = ", ".join(self.speakers[:3]) + (", …" if len(self.speakers) > 3 else "")
            parts.append(f"{_many(len(self.speakers), 'speaker')} on both sides ({who})")
        if self.copies:
            which = " = ".join(clip.name for clip in self.copies[0])
            parts.append(f"{_many(len(self.copies), 'sound')} on both sides under different names ({which})")
        return " and ".join(parts)


def speaker_folds(clips: Sequence[Clip], folds: int, *, seed: int = 0) -> Iterator[Fold]:
    """Split clips into folds without a speaker in both training and test.

    Voices are easier to tell apart than emotions: a model scores far better on speakers it was trained on than on
    unseen ones. Speakers who share the very same sound stay together.

    Args:
        clips: at least one clip of each of ``folds`` different speakers.
        folds: number of folds, 2 or more.
        seed: decides the order among speakers with equally many clips.

    Yields:
        One :class:`Fold` after another, named from 1; the test parts are disjoint and together hold every clip once.

    Raises:
        CorpusError: if there are fewer speakers than folds, or a clip's speaker is unknown.
    """
    clips = Clips(clips)
    _refuse_unknown_speakers(clips)
    if folds < 2:
        raise CorpusError(f"{folds} folds; at least 2 are needed, so that something is left for training")
    parties = _inseparable(clips)
    if len(parties) < folds:
        raise CorpusError(
            f"{_many(len(parties), 'speaker')} there; {folds} folds need at least {folds}, or ask for fewer folds"
        )
    generator = np.random.default_rng(seed)
    count = clips.count("speaker")
    shuffled = [parties[place] for place in generator.permutation(len(parties))]
    shuffled.sort(key=lambda party: -sum(count[speaker] for speaker in party))
    tested: list[list[str]] = [[] for _ in range(folds)]
    for party in shuffled:  # the largest first, each to the smallest fold
        min(tested, key=lambda fold: sum(count[speaker] for speaker in fold)).extend(party)
    yield from listed_folds(clips, dict(enumerate(tested, 1)))


def listed_folds(clips: Sequence[Clip], test_speakers: Mapping[int, Sequence[str]]) -> Iterator[Fold]:
    """Split clips by published lists of test speakers.

    Args:
        clips: to be divided.
        test_speakers: for each fold its test speakers, such as ``{1: ["ravdess/01", "ravdess/11"]}``.

    Yields:
        One :class:`Fold` for each list, in their order.

    Raises:
        CorpusError: if a listed speaker has no clip.
    """
    clips = Clips(clips)
    for name, speakers in test_speakers.items():
        if absent := sorted(set(speakers) - set(clips.speakers)):
            raise CorpusError(f"no clip of {absent[0]}, whom fold {name} tests; the whole corpus is needed")
        yield Fold(name, clips.without(speaker=speakers), clips.where(speaker=speakers))


def random_split(clips: Sequence[Clip], codes: Sequence[str], *, share: float = 0.2, seed: int = 42) -> Fold:
    """Split clips at random, whoever speaks: the student project's split, which leaks.

    Args:
        clips: in the order that the split is defined on.
        codes: the class of each clip; scikit-learn draws class by class in their sorted order.
        share: share of the clips that is tested on, 0 to 1.
        seed: ``random_state`` of scikit-learn's ``train_test_split``.

    Returns:
        One fold, named 1.

    Raises:
        CorpusError: if a class has fewer than two clips.
        ExtraMissingError: if scikit-learn is not installed.
    """
    selection = require("sklearn.model_selection", "train")
    try:
        train, test = selection.train_test_split(list(clips), test_size=share, stratify=list(codes), random_state=seed)
    except ValueError as error:
        raise CorpusError(f"these {len(clips)} clips cannot be split by class: {error}") from error
    return Fold(1, Clips(train), Clips(test))


def find_leaks(fold: Fold, *, same_sound: Iterable[tuple[Clip, ...]] | None = None) -> Leaks:
    """Find speakers and sounds on both sides of a fold.

    Args:
        fold: what to look at.
        same_sound: groups of clips with the very same sound, where they are known already for these clips and
            perhaps more; by default every clip of the fold is looked at.

    Example:
        >>> find_leaks(Fold(1, Clips(), Clips()))
        Leaks(speakers=(), copies=())
    """
    both = sorted(set(fold.train.speakers) & set(fold.test.speakers))
    learned, tested = ({(clip.root, clip.name) for clip in side} for side in (fold.train, fold.test))
    groups = []
    for group in duplicates([*fold.train, *fold.test]) if same_sound is None else same_sound:
        there = tuple(clip for clip in group if (clip.root, clip.name) in learned | tested)
        if len({(clip.root, clip.name) in learned for clip in there}) == 2:
            groups.append(there)
    return Leaks(tuple(both), tuple(groups))


def refuse_leaks(fold: Fold) -> None:
    """Raise an error if a speaker or a sound is in both training and test.

    Raises:
        CorpusError: with the names.
    """
    if leaks := find_leaks(fold):
        raise CorpusError(
            f"fold {fold.name} leaks: {leaks.sentence()}; a score from it would be flattering, so divide by speaker"
            " and leave copies out"
        )


def hold_out_speakers(
    clips: Sequence[Clip], *, share: float = 0.15, generator: np.random.Generator
) -> tuple[Clips, Clips]:
    """Hold out some training speakers for validation: to choose the epoch and the temperature.

    Args:
        clips: the training part of a fold.
        share: share of the speakers, 0 to 1; at least one is taken and one is left.
        generator: draws the speakers.

    Returns:
        The rest of the training part, and the validation part.

    Raises:
        CorpusError: if fewer than two speakers are there, or a clip's speaker is unknown.
    """
    clips = Clips(clips)
    _refuse_unknown_speakers(clips)
    parties = _inseparable(clips)
    if len(parties) < 2:
        raise CorpusError(
            f"{_many(len(parties), 'speaker')} there; training needs at least 2, one of them for validation"
        )
    wanted = min(len(parties) - 1, max(1, round(share * len(parties))))
    drawn = [speaker for place in generator.permutation(len(parties))[:wanted] for speaker in parties[place]]
    return clips.without(speaker=drawn), clips.where(speaker=drawn)


def hold_out_clips(clips: Sequence[Clip], *, share: float = 0.1, generator: np.random.Generator) -> tuple[Clips, Clips]:
    """Hold out some training clips of each emotion for validation; copies of one sound stay together.

    Args:
        clips: the training part of a split by clip.
        share: share of each emotion's clips, 0 to 1; at least one is taken.
        generator: draws the clips.

    Returns:
        The rest of the training part, and the validation part.

    Raises:
        CorpusError: if an emotion has fewer than two clips.
    """
    clips = Clips(clips)
    first_of = {clip: group[0] for group in duplicates(clips) for clip in group}
    drawn: set[Clip] = set()
    for emotion, count in clips.count("emotion").items():
        if count < 2:
            raise CorpusError(f"one clip of {emotion}; at least 2 of each emotion are needed")
        own = [clip for clip in clips.where(emotion=emotion) if clip not in first_of]
        wanted = min(len(own), max(1, round(share * count)))
        drawn.update(own[place] for place in generator.permutation(len(own))[:wanted])
    return Clips(c for c in clips if c not in drawn), Clips(c for c in clips if c in drawn)


def _inseparable(clips: Clips) -> list[tuple[str, ...]]:
    """Group speakers who share a sound; almost always each speaker alone."""
    party_of = {speaker: {speaker} for speaker in clips.speakers}
    for group in duplicates(clips):
        joined = set().union(*(party_of[clip.speaker] for clip in group))
        party_of.update(dict.fromkeys(joined, joined))
    return sorted({tuple(sorted(party)) for party in party_of.values()})


def _refuse_unknown_speakers(clips: Clips) -> None:
    unknown = sum(not clip.speaker_is_known for clip in clips)
    if unknown:
        raise CorpusError(
            f"{_many(unknown, 'clip')} without a speaker; name who speaks (a column 'speaker'), or an honest split by"
            " speaker cannot be made"
        )


def _many(count: int, noun: str) -> str:
    return f"1 {noun} is" if count == 1 else f"{count:,} {noun}s are"
