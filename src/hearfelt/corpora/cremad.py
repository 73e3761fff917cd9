"""CREMA-D: 91 actors of many ages and origins say twelve sentences (Cao et al. 2014).

``1001_IEO_HAP_HI.wav`` is actor, sentence, emotion, intensity. ``VideoDemographics.csv``, when it lies beside or
above the sound, gives each actor's age, sex, race and ethnicity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Final

from hearfelt.corpora.base import CorpusFormat, Published, Reading, read_names
from hearfelt.corpora.clips import Clip
from hearfelt.corpora.tables import read_table

__all__ = ["CREMAD"]

_EMOTIONS: Final = {
    "NEU": "neutral",
    "HAP": "happy",
    "SAD": "sad",
    "ANG": "angry",
    "FEA": "fearful",
    "DIS": "disgust",
}
_SENTENCES: Final = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")
# One published name says X where all others say XX: 1040_ITH_SAD_X.
_INTENSITIES: Final = {"LO": "low", "MD": "medium", "HI": "high", "XX": "", "X": ""}
_ACTORS: Final = range(1001, 1092)
# What was never published, by actor and sentence: a whole sentence, or only its neutral clip.
_SENTENCES_LACKING: Final = {(1008, "WSI"), (1009, "MTI"), (1019, "ITH")}
_NEUTRAL_LACKING: Final = {(1002, "TIE"), (1076, "ITS")}

_SHAPE: Final = re.compile(
    r"(?:^|/)(?P<actor>\d{4})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?P<level>[A-Z]{1,2})$"
)
_DEMOGRAPHICS: Final = "VideoDemographics.csv"

_TWINS: Final = (
    ("1006_TIE_HAP_XX", "1006_TIE_NEU_XX"),
    ("1013_WSI_DIS_XX", "1013_WSI_SAD_XX"),
    ("1017_IWW_ANG_XX", "1017_IWW_FEA_XX"),
)
_SILENT: Final = "1076_MTI_SAD_XX"


def _parse(root: Path, names: Sequence[str]) -> Reading:
    actors = _demographics(root)

    def clip_of(root: Path, name: str, match: re.Match[str]) -> Clip | str:
        known = {"sentence": _SENTENCES, "emotion": _EMOTIONS, "level": _INTENSITIES}
        for part, codes in known.items():
            if match[part] not in codes:
                return f"a mislabelled name: {part} {match[part]} does not exist; {', '.join(codes)} do"
        if int(match["actor"]) not in _ACTORS:
            return f"a mislabelled name: actor {match['actor']} does not exist; 1001 to 1091 do"
        person = actors.get(match["actor"], {})
        return Clip(
            corpus="cremad",
            root=root,
            name=name,
            speaker=f"cremad/{match['actor']}",
            emotion=_EMOTIONS[match["emotion"]],
            sex=person.get("sex", "").casefold(),
            language="en",
            intensity=_INTENSITIES[match["level"]],
            statement=match["sentence"],
            age=person.get("age", ""),
            extra={part: person[part] for part in ("race", "ethnicity") if person.get(part)},
        )

    return read_names(root, names, _SHAPE, clip_of)


def _demographics(root: Path) -> Mapping[str, Mapping[str, str]]:
    """Read the actors' age, sex, race and ethnicity by their numbers; empty if unknown."""
    # People point at the corpus or at its AudioWAV folder.
    for folder in (root, root.parent):
        path = folder / _DEMOGRAPHICS
        if path.is_file():
            return {row["actorid"]: row.fields for row in read_table(path, needs=("actorid", "age", "sex"))}
    return {}


def _stems(root: Path) -> Iterator[str]:
    """Name all 7,442: sentence IEO at three intensities, the others at one; neutral always at one."""
    for actor, sentence, emotion in product(_ACTORS, _SENTENCES, _EMOTIONS):
        if (actor, sentence) in _SENTENCES_LACKING or (emotion == "NEU" and (actor, sentence) in _NEUTRAL_LACKING):
            continue
        for level in ("LO", "MD", "HI") if sentence == "IEO" and emotion != "NEU" else ("XX",):
            yield f"{actor}_{sentence}_{emotion}_{level}"


CREMAD: Final = CorpusFormat(
    name="cremad",
    title="CREMA-D, Crowd-sourced Emotional Multimodal Actors Dataset",
    licence="ODbL 1.0, contents DbCL 1.0",
    url="https://github.com/CheyneyComputerScience/CREMA-D",
    language="en",
    speakers=91,
    clips=7_442,
    emotions=tuple(_EMOTIONS.values()),
    hours=5.3,
    megabytes=606,
    example="1001_IEO_HAP_HI.wav",
    shape=_SHAPE,
    parse=_parse,
    published=Published(
        rates_hz=(16_000,),
        stems=_stems,
        unfit={
            stem: f"the same sound as {other} under another label"
            for twins in _TWINS
            for stem, other in (twins, twins[::-1])
        }
        | {_SILENT: "silent as published"},
        same_sound=tuple(frozenset(twins) for twins in _TWINS),
        silent=frozenset({_SILENT}),
        remarks=("Labels are what actors meant: listeners who only heard the voice agreed with 45.5 % of the clips.",),
    ),
)
