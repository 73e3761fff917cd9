"""SAVEE: four men of Surrey (Haq and Jackson 2010).

``DC_a01.wav``, or ``DC/a01.wav`` as first published, is speaker, emotion, sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hearfelt.corpora.base import CorpusFormat, Published, read_names
from hearfelt.corpora.clips import Clip
from hearfelt.emotions import in_order

__all__ = ["SAVEE"]

_EMOTIONS: Final = {
    "a": "angry",
    "d": "disgust",
    "f": "fearful",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprised",
}
_SPEAKERS: Final = ("DC", "JE", "JK", "KL")
_SHAPE: Final = re.compile(
    rf"(?:^|/)(?P<speaker>{'|'.join(_SPEAKERS)})[_/](?P<emotion>{'|'.join(_EMOTIONS)})(?P<sentence>\d\d)$"
)


def _sentences(letters: str) -> range:
    # Fifteen sentences for each emotion; thirty for neutral.
    return range(1, 31 if letters == "n" else 16)


def _clip_of(root: Path, name: str, match: re.Match[str]) -> Clip | str:
    sentences = _sentences(match["emotion"])
    if int(match["sentence"]) not in sentences:
        return (
            f"a mislabelled name: sentence {match['sentence']} of {_EMOTIONS[match['emotion']]} does not exist;"
            f" 01 to {sentences[-1]} do"
        )
    return Clip(
        corpus="savee",
        root=root,
        name=name,
        speaker=f"savee/{match['speaker']}",
        emotion=_EMOTIONS[match["emotion"]],
        sex="male",
        language="en",
        statement=match["sentence"],
    )


def _stems(root: Path) -> Iterator[str]:
    for speaker in _SPEAKERS:
        for letters in _EMOTIONS:
            for sentence in _sentences(letters):
                yield f"{speaker}_{letters}{sentence:02d}"


SAVEE: Final = CorpusFormat(
    name="savee",
    title="SAVEE, Surrey Audio-Visual Expressed Emotion",
    licence="research only, on registration",
    url="http://kahlan.eps.surrey.ac.uk/savee/",
    language="en",
    speakers=4,
    clips=480,
    emotions=in_order(_EMOTIONS.values()),
    hours=0.5,
    megabytes=162,
    example="DC_a01.wav",
    shape=_SHAPE,
    parse=lambda root, names: read_names(root, names, _SHAPE, _clip_of),
    published=Published(
        rates_hz=(44_100,),
        stems=_stems,
        remarks=("Four men and no woman: a test on it says nothing about women's voices.",),
    ),
)
