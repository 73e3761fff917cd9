"""RAVDESS: 24 professional actors speak and sing two sentences (Livingstone and Russo 2018).

``03-01-05-02-01-01-12.wav`` is modality-channel-emotion-intensity-statement-repetition-actor. An actor's speech
and song are one person, so the speaker is the same in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Final

from hearfelt.corpora.base import CorpusFormat, Published, Reading, read_names
from hearfelt.corpora.clips import Clip
from hearfelt.emotions import EMOTIONS

__all__ = ["EMOTION_CODES", "RAVDESS", "published_stems"]

# "01" to "08" in hearfelt's own order, which is RAVDESS's.
EMOTION_CODES: Final = {f"{code:02d}": emotion for code, emotion in enumerate(EMOTIONS, start=1)}
_CHANNELS: Final = {"01": "speech", "02": "song"}
_INTENSITIES: Final = {"01": "normal", "02": "strong"}
_STATEMENTS: Final = {"01": "kids", "02": "dogs"}  # "Kids are talking by the door", "Dogs are sitting by the door"
_ACTORS: Final = 24

_FIELDS: Final = ("modality", "channel", "emotion", "intensity", "statement", "repetition", "actor")
_SHAPE: Final = re.compile(r"(?:^|/)" + "-".join(rf"(?P<{name}>\d\d)" for name in _FIELDS) + "$")
_FOLDER: Final = re.compile(r"(?:^|/)Actor_(\d\d)/", re.IGNORECASE)


def _clip_of(root: Path, name: str, match: re.Match[str]) -> Clip | str:
    """Parse one name; every code has to be one that was published."""
    code = match.groupdict()
    if code["modality"] != "03":
        return f"modality {code['modality']} is a film; 03 is sound alone"
    known = {
        "channel": _CHANNELS,
        "emotion": EMOTION_CODES,
        "intensity": _INTENSITIES,
        "statement": _STATEMENTS,
        "repetition": ("01", "02"),
        "actor": tuple(f"{actor:02d}" for actor in range(1, _ACTORS + 1)),
    }
    for part, codes in known.items():
        if code[part] not in codes:
            return f"a mislabelled name: {part} {code[part]} does not exist; {min(codes)} to {max(codes)} do"
    if code["emotion"] == "01" and code["intensity"] == "02":
        return "a mislabelled name: neutral was never spoken with strong intensity"
    if code["channel"] == "02" and code["emotion"] > "06":
        return f"a mislabelled name: {EMOTION_CODES[code['emotion']]} was never sung"
    return Clip(
        corpus="ravdess",
        root=root,
        name=name,
        speaker=f"ravdess/{code['actor']}",
        emotion=EMOTION_CODES[code["emotion"]],
        sex="male" if int(code["actor"]) % 2 else "female",
        language="en",
        channel=_CHANNELS[code["channel"]],
        intensity=_INTENSITIES[code["intensity"]],
        statement=_STATEMENTS[code["statement"]],
        repetition=str(int(code["repetition"])),
    )


def _parse(root: Path, names: Sequence[str]) -> Reading:
    reading = read_names(root, names, _SHAPE, _clip_of)
    odd = {}
    for clip in reading.clips:
        folder = _FOLDER.search(clip.name)
        if folder and f"ravdess/{folder[1]}" != clip.speaker:
            odd[clip.name] = f"lies in the folder of actor {folder[1]}, and its name says {clip.speaker[-2:]}"
    return replace(reading, odd=odd)


def published_stems(root: Path = Path()) -> Iterator[str]:
    """List all 2,452 clips: 24 actors × 60 of speech; 23 actors × 44 of song, for actor 18 has none."""
    actors = range(1, _ACTORS + 1)
    for actor, channel, emotion, intensity in product(actors, _CHANNELS, EMOTION_CODES, _INTENSITIES):
        if channel == "02" and (actor == 18 or emotion > "06"):
            continue
        if (emotion, intensity) == ("01", "02"):
            continue
        for statement, repetition in product(_STATEMENTS, ("01", "02")):
            yield f"03-{channel}-{emotion}-{intensity}-{statement}-{repetition}-{actor:02d}"


RAVDESS: Final = CorpusFormat(
    name="ravdess",
    title="RAVDESS, Ryerson Audio-Visual Database of Emotional Speech and Song",
    licence="CC BY-NC-SA 4.0",
    url="https://zenodo.org/records/1188976",
    language="en",
    speakers=_ACTORS,
    clips=2_452,
    emotions=EMOTIONS,
    hours=2.8,
    megabytes=434,
    example="03-01-05-02-01-01-12.wav",
    shape=_SHAPE,
    parse=_parse,
    channels=("speech", "song"),
    published=Published(
        rates_hz=(48_000,),
        stems=published_stems,
        same_sound=(frozenset({"03-01-03-01-02-01-07", "03-01-03-01-02-02-07"}),),
        two_channels=frozenset(
            {
                "03-01-02-01-01-02-01",
                "03-01-08-01-02-02-01",
                "03-01-02-01-02-02-05",
                "03-01-03-01-02-01-20",
                "03-01-06-01-01-02-20",
                "03-02-01-01-01-01-24",
            }
        ),
        remarks=(
            "Six clips have two channels as published, and two clips of actor 07 are the same sound.",
            "An actor's speech and song are one voice, and one speaker here.",
        ),
    ),
)
