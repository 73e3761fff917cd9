"""The two zips that RAVDESS was published in, and where they lie."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from hearfelt.corpora.transfer import RemoteFile
from hearfelt.corpora.web import Web

__all__ = ["SONG", "SPEECH", "Archive", "Source"]


@dataclass(frozen=True)
class Archive:
    """One published zip and what is in it.

    Attributes:
        channel: speech or song.
        name: of the zip; without its ending also the name of the folder that it is unpacked to.
        size: of the zip in bytes.
        md5: of the zip.
        actors: who is in it.
        clips_each: how many clips of each actor.
        unpacked: bytes that the clips need on the disk, rounded up.
    """

    channel: str
    name: str
    size: int
    md5: str
    actors: frozenset[int]
    clips_each: int
    unpacked: int


# Zenodo record 1188976 (Livingstone and Russo 2018). Unpacked: 1.48 h and 1.31 h of 96,000 bytes a second.
SPEECH: Final = Archive(
    "speech",
    "Audio_Speech_Actors_01-24.zip",
    208_468_073,
    "bc696df654c87fed845eb13823edef8a",
    frozenset(range(1, 25)),
    clips_each=60,
    unpacked=520_000_000,
)
SONG: Final = Archive(
    "song",
    "Audio_Song_Actors_01-24.zip",
    225_505_317,
    "5411230427d67a21e18aa4d466e6d1b9",
    frozenset(range(1, 25)) - {18},
    clips_each=44,
    unpacked=460_000_000,
)


def _zenodo() -> str:
    return os.environ.get("HEARFELT_ZENODO") or "https://zenodo.org/records/1188976/files"


@dataclass(frozen=True)
class Source:
    """Where RAVDESS comes from.

    Attributes:
        base: address of the folder with the zips; by default what the environment variable ``HEARFELT_ZENODO`` says
            (a mirror), else Zenodo's record.
        archives: the zips in it.
        web: how to ask.

    Example:
        >>> Source("https://mirror.example/ravdess").file(SPEECH).url
        'https://mirror.example/ravdess/Audio_Speech_Actors_01-24.zip?download=1'
    """

    base: str = field(default_factory=_zenodo)
    archives: tuple[Archive, ...] = (SPEECH, SONG)
    web: Web = field(default_factory=Web)

    def file(self, archive: Archive) -> RemoteFile:
        """Name a zip as a file on the web."""
        return RemoteFile(f"{self.base.rstrip('/')}/{archive.name}?download=1", archive.size, archive.md5)
