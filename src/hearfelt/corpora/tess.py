"""TESS: two women say "Say the word …" with 200 words and seven emotions (Pichora-Fuller and Dupuis 2020).

``OAF_back_angry.wav`` is speaker (OAF older, YAF younger), word, emotion; ``ps`` is pleasant surprise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final

from hearfelt.corpora.base import CorpusFormat, Published, read_names
from hearfelt.corpora.clips import Clip

__all__ = ["TESS"]

_EMOTIONS: Final = {
    "neutral": "neutral",
    "happy": "happy",
    "sad": "sad",
    "angry": "angry",
    "fear": "fearful",
    "disgust": "disgust",
    "ps": "surprised",
}
_AGES: Final = {"OAF": "64", "YAF": "26"}
_WORD_LIST: Final = """
    back bar base bath bean beg bite boat bone book bought burn cab calm came cause chain chair chalk chat check cheek
    chief choice cool dab date dead death deep dime dip ditch dodge dog doll door fail fall far fat fit five food gap
    gas gaze germ get gin goal good goose gun half hall hash hate have haze hire hit hole home hurl hush jail jar join
    judge jug juice keen keep keg kick kill king kite knock late laud lean learn lease lid life limb live loaf long
    lore lose lot love luck make match merge mess met mill mob mode mood moon mop mouse nag name near neat nice note
    numb pad page pain pass pearl peg perch phone pick pike pole pool puff rag raid rain raise rat reach read red ring
    ripe road room rose rot rough rush said sail search seize sell shack shall shawl sheep shirt should shout size soap
    soup sour south sub such sure take talk tape team tell thin third thought thumb time tip tire ton tool tough turn
    vine voice void vote wag walk wash week wheat when which whip white wife wire witch yearn yes young youth
"""
_WORDS: Final = tuple(_WORD_LIST.split())

# One published name is misspelt: OA_bite_neutral.
_SHAPE: Final = re.compile(
    rf"(?:^|/)(?P<speaker>OAF?|YAF)_(?P<word>[a-z]+)_(?P<emotion>{'|'.join(_EMOTIONS)})$", re.IGNORECASE
)


def _clip_of(root: Path, name: str, match: re.Match[str]) -> Clip | str:
    speaker, word = match["speaker"].upper(), match["word"].casefold()
    speaker = "OAF" if speaker == "OA" else speaker
    if word not in _WORDS:
        return f"a mislabelled name: {word} is none of the 200 words"
    return Clip(
        corpus="tess",
        root=root,
        name=name,
        speaker=f"tess/{speaker}",
        emotion=_EMOTIONS[match["emotion"].casefold()],
        sex="female",
        language="en",
        statement=word,
        age=_AGES[speaker],
    )


def _stems(root: Path) -> Iterator[str]:
    return (f"{speaker}_{word}_{emotion}" for speaker, word, emotion in product(_AGES, _WORDS, _EMOTIONS))


TESS: Final = CorpusFormat(
    name="tess",
    title="TESS, Toronto Emotional Speech Set",
    licence="CC BY-NC-ND 4.0",
    url="https://doi.org/10.5683/SP2/E8H2MF",
    language="en",
    speakers=2,
    clips=2_800,
    emotions=tuple(_EMOTIONS.values()),
    hours=1.6,
    megabytes=281,
    example="OAF_back_angry.wav",
    shape=_SHAPE,
    parse=lambda root, names: read_names(root, names, _SHAPE, _clip_of),
    published=Published(
        rates_hz=(24_414,),
        stems=_stems,
        remarks=(
            "Two speakers who say the same 200 words: useful for training, meaningless as a test.",
            "As published, two files are AIFF under the ending .wav, one has 96 kHz, and one name is misspelt"
            " (OA_bite_neutral); hearfelt reads them all.",
        ),
    ),
)
