"""What others published about splitting RAVDESS: the actors of each test fold, and which clips there are.

Folds are facts, copied from their authors' own files:

- EmoBox (Ma et al. 2024, "EmoBox: Multilingual Multi-corpus Speech Emotion Recognition Toolkit and
  Benchmark"), ``data/ravdess/fold_*/`` of the repository emo-box/EmoBox at commit 08280f2.
- Luna-Jiménez et al. 2021, "A Proposal for Multimodal Emotion Recognition Using Aural Transformers and
  Action Units on RAVDESS Dataset" (Applied Sciences 12(1), 327), README and ``main_FineTuneWav2Vec_CV.py``
  of the repository cristinalunaj/MMEmotionRecognition.
- RAVDESS (Livingstone and Russo 2018), file names as described at Zenodo, record 1188976.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import PurePosixPath
from typing import Final

from hearfelt.corpora.clips import Clips
from hearfelt.errors import CorpusError

__all__ = ["EMOBOX", "LUNA_JIMENEZ", "emotion_code", "ravdess_names", "refuse_incomplete", "tested_speakers"]

# Test actors of each fold. Odd numbers are men; EmoBox's fold 2 tests women only.
EMOBOX: Final[Mapping[int, tuple[int, ...]]] = {
    1: (1, 11, 20, 21),
    2: (4, 10, 12, 14),
    3: (8, 9, 19, 23),
    4: (3, 5, 7, 24),
    5: (2, 15, 16, 18),
    6: (6, 13, 17, 22),
}
LUNA_JIMENEZ: Final[Mapping[int, tuple[int, ...]]] = {
    0: (2, 5, 14, 15, 16),
    1: (3, 6, 7, 13, 18),
    2: (10, 11, 12, 19, 20),
    3: (8, 17, 21, 23, 24),
    4: (1, 4, 9, 22),
}

ACTORS: Final = range(1, 25)
WITHOUT_SONG: Final = 18  # this actor's songs were lost before publication
_CHANNEL_CODES: Final = {"speech": "01", "song": "02"}
_EMOTION_CODES: Final = {"speech": range(1, 9), "song": range(1, 7)}  # song has neither disgust nor surprise


def tested_speakers(folds: Mapping[int, tuple[int, ...]]) -> dict[int, list[str]]:
    """Write published actors as hearfelt names speakers.

    Example:
        >>> tested_speakers(EMOBOX)[1]
        ['ravdess/01', 'ravdess/11', 'ravdess/20', 'ravdess/21']
    """
    return {fold: [f"ravdess/{actor:02d}" for actor in actors] for fold, actors in folds.items()}


def ravdess_names(channel: str, actors: Iterable[int] = ACTORS) -> list[str]:
    """List the names, without suffix, of every RAVDESS clip of one channel: 60 or 44 an actor.

    Neutral has one intensity and every other emotion two; each comes with two sentences, said twice.

    Example:
        >>> names = ravdess_names("song")
        >>> len(ravdess_names("speech")), len(names), names[0]
        (1440, 1012, '03-02-01-01-01-01-01')
    """
    return [
        f"03-{_CHANNEL_CODES[channel]}-{emotion:02d}-{intensity}-{sentence}-{take}-{actor:02d}"
        for actor in actors
        if channel == "speech" or actor != WITHOUT_SONG
        for emotion, intensity in product(_EMOTION_CODES[channel], ("01", "02"))
        if emotion != 1 or intensity == "01"
        for sentence, take in product(("01", "02"), repeat=2)
    ]


def emotion_code(name: str) -> str:
    """Read the two-digit emotion code from a RAVDESS name.

    Example:
        >>> emotion_code("Actor_01/03-01-05-02-01-01-01.wav")
        '05'
    """
    return PurePosixPath(name).stem.split("-")[2]


def refuse_incomplete(clips: Clips, channels: Iterable[str], actors: Iterable[int], *, protocol: str) -> None:
    """Raise an error unless the clips are exactly those that a published split of RAVDESS is defined over.

    Raises:
        CorpusError: with the number of missing clips and the first of them, or with one that is there twice.
    """
    actors = list(actors)
    wanted = [name for channel in channels for name in ravdess_names(channel, actors)]
    there = Counter(PurePosixPath(clip.name).stem for clip in clips)
    missing = [name for name in wanted if name not in there]
    if missing:
        raise CorpusError(
            f"ravdess: {len(missing):,} of the {len(wanted):,} clips that {protocol} is defined over are missing,"
            f" the first is {missing[0]}; 'hearfelt corpora check' lists them"
        )
    twice = [name for name, count in there.items() if count > 1]
    if twice:
        paths = [clip.name for clip in clips if PurePosixPath(clip.name).stem == twice[0]]
        raise CorpusError(
            f"ravdess: {len(twice):,} clips are there more than once, the first as {' and '.join(paths[:2])};"
            f" {protocol} needs each of its {len(wanted):,} clips once"
        )
