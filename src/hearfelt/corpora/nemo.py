"""nEMO: nine actors say ninety Polish sentences (Christop 2024).

``EB0_anger_1.wav`` is speaker, emotion, sentence. ``data.tsv``, when it lies beside or above the sound, adds age,
sex and text; it names ``.wav`` files whatever the copy holds and pads some fields, so clips are matched by stem.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from hearfelt.corpora.base import CorpusFormat, Published, Reading, read_names, stem_of
from hearfelt.corpora.clips import Clip
from hearfelt.corpora.tables import read_table

__all__ = ["NEMO"]

_EMOTIONS: Final = {
    "neutral": "neutral",
    "happiness": "happy",
    "sadness": "sad",
    "anger": "angry",
    "fear": "fearful",
    "surprised": "surprised",
}
# From data.tsv, so that a copy without it still tells women from men.
_SEXES: Final = {
    "EB0": "female",
    "IC0": "female",
    "KD0": "female",
    "KS0": "male",
    "MK0": "female",
    "MP0": "male",
    "SM0": "male",
    "TP0": "male",
    "WR0": "male",
}
_SHAPE: Final = re.compile(rf"(?:^|/)(?P<speaker>[A-Z]{{2}}\d)_(?P<emotion>{'|'.join(_EMOTIONS)})_(?P<sentence>\d+)$")
_TABLE: Final = "data.tsv"


def _parse(root: Path, names: Sequence[str]) -> Reading:
    rows = _rows(root)

    def clip_of(root: Path, name: str, match: re.Match[str]) -> Clip | str:
        if match["speaker"] not in _SEXES:
            return f"a mislabelled name: speaker {match['speaker']} does not exist; {', '.join(_SEXES)} do"
        row = rows.get(stem_of(name), {})
        emotion = row.get("emotion") or match["emotion"]
        return Clip(
            corpus="nemo",
            root=root,
            name=name,
            speaker=f"nemo/{row.get('speaker_id') or match['speaker']}",
            emotion=_EMOTIONS.get(emotion, emotion),
            sex=row.get("gender") or _SEXES[match["speaker"]],
            language="pl",
            statement=match["sentence"],
            age=row.get("age", ""),
            extra={"text": row["raw_text"]} if row.get("raw_text") else {},
        )

    return read_names(root, names, _SHAPE, clip_of)


def _rows(root: Path) -> Mapping[str, Mapping[str, str]]:
    """Read ``data.tsv`` by stem; empty if it isn't there."""
    for folder in (root, root.parent):
        path = folder / _TABLE
        if path.is_file():
            return {stem_of(row["file_id"]): row.fields for row in read_table(path, needs=("file_id", "emotion"))}
    return {}


def _stems(root: Path) -> Iterable[str]:
    """List the clips that ``data.tsv`` names; none without it, and then counts alone are checked."""
    return _rows(root)


_COUNTS: Final = {
    "speaker": {
        "nemo/EB0": 539,
        "nemo/IC0": 540,
        "nemo/KD0": 540,
        "nemo/KS0": 540,
        "nemo/MK0": 450,
        "nemo/MP0": 256,
        "nemo/SM0": 538,
        "nemo/TP0": 539,
        "nemo/WR0": 539,
    },
    "emotion": {"neutral": 809, "happy": 749, "sad": 769, "angry": 749, "fearful": 736, "surprised": 669},
    "sex": {"female": 2_069, "male": 2_412},
    "channel": {"speech": 4_481},
}

NEMO: Final = CorpusFormat(
    name="nemo",
    title="nEMO, Polish emotional speech",
    licence="CC BY-NC-SA 4.0",
    url="https://github.com/amu-cai/nEMO",
    language="pl",
    speakers=9,
    clips=4_481,
    emotions=tuple(_EMOTIONS.values()),
    hours=3.1,
    megabytes=531,
    example="EB0_anger_1.wav",
    shape=_SHAPE,
    parse=_parse,
    published=Published(
        rates_hz=(24_000,),
        counts=_COUNTS,
        stems=_stems,
        remarks=("Speaker MK0 has no surprise, and MP0 about half of the sentences, as published.",),
    ),
)
