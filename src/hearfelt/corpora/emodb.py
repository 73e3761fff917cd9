"""EMO-DB: ten actors say ten German sentences (Burkhardt et al. 2005).

``03a01Fa.wav`` is speaker, sentence, emotion (one letter, of the German word), version.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from hearfelt.corpora.base import CorpusFormat, Published, read_names
from hearfelt.corpora.clips import Clip

__all__ = ["EMODB"]

_EMOTIONS: Final = {
    "N": "neutral",
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "W": "angry",  # Wut
    "A": "fearful",  # Angst
    "E": "disgust",  # Ekel
    "L": "boredom",  # Langeweile; no label of ours, so it keeps its name and is left out of 8-class training
}
_SPEAKERS: Final = {  # sex, age
    "03": ("male", "31"),
    "08": ("female", "34"),
    "09": ("female", "21"),
    "10": ("male", "32"),
    "11": ("male", "26"),
    "12": ("male", "30"),
    "13": ("female", "32"),
    "14": ("female", "35"),
    "15": ("male", "25"),
    "16": ("female", "31"),
}
_SENTENCES: Final = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")
_SHAPE: Final = re.compile(r"(?:^|/)(?P<speaker>\d\d)(?P<sentence>[ab]\d\d)(?P<emotion>[A-Z])(?P<version>[a-z])$")


def _clip_of(root: Path, name: str, match: re.Match[str]) -> Clip | str:
    known = {"speaker": _SPEAKERS, "sentence": _SENTENCES, "emotion": _EMOTIONS}
    for part, codes in known.items():
        if match[part] not in codes:
            return f"a mislabelled name: {part} {match[part]} does not exist; {', '.join(codes)} do"
    sex, age = _SPEAKERS[match["speaker"]]
    return Clip(
        corpus="emodb",
        root=root,
        name=name,
        speaker=f"emodb/{match['speaker']}",
        emotion=_EMOTIONS[match["emotion"]],
        sex=sex,
        language="de",
        statement=match["sentence"],
        repetition=match["version"],
        age=age,
    )


_COUNTS: Final = {
    "speaker": {
        "emodb/03": 49,
        "emodb/08": 58,
        "emodb/09": 43,
        "emodb/10": 38,
        "emodb/11": 55,
        "emodb/12": 35,
        "emodb/13": 61,
        "emodb/14": 69,
        "emodb/15": 56,
        "emodb/16": 71,
    },
    "emotion": {
        "neutral": 79,
        "happy": 71,
        "sad": 62,
        "angry": 127,
        "fearful": 69,
        "disgust": 46,
        "boredom": 81,
    },
    "sex": {"female": 302, "male": 233},
    "channel": {"speech": 535},
}

EMODB: Final = CorpusFormat(
    name="emodb",
    title="EMO-DB, Berlin Database of Emotional Speech",
    licence="CC0 (as republished)",
    url="http://emodb.bilderbar.info",
    language="de",
    speakers=10,
    clips=535,
    emotions=tuple(_EMOTIONS.values()),
    hours=0.4,
    megabytes=47,
    example="03a01Fa.wav",
    shape=_SHAPE,
    parse=lambda root, names: read_names(root, names, _SHAPE, _clip_of),
    published=Published(
        rates_hz=(16_000,),
        counts=_COUNTS,
        remarks=("Boredom is none of the eight labels: it is read under its own name, and not trained on.",),
    ),
)
