"""What a download has brought into a folder, so that it is not brought again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zipfile import ZipInfo

from hearfelt.runtime.files import atomic_write

__all__ = ["RECEIPT_NAME", "Receipt", "Received", "read_receipt"]

RECEIPT_NAME: Final = ".hearfelt-receipt.json"  # hidden, so that no corpus takes it for its own

_ACTOR: Final = re.compile(r"Actor_(\d\d)/")


@dataclass(frozen=True)
class Received:
    """One clip as the zip states it: ``size`` in bytes and CRC-32."""

    size: int
    crc: int


@dataclass(frozen=True)
class Receipt:
    """The clips that came out of one zip and were in place when this was written.

    Attributes:
        archive: name of the zip.
        clips: by name inside the zip, such as ``"Actor_01/03-01-01-01-01-01-01.wav"``.
    """

    archive: str
    clips: Mapping[str, Received] = field(default_factory=dict)

    def whole_actors(self, folder: Path, clips_each: int) -> set[int]:
        """Tell which actors are wholly there: so many clips each, every one on the disk with its size.

        Args:
            folder: that holds ``Actor_01`` and so on.
            clips_each: how many clips an actor has.
        """
        there: dict[int, int] = {}
        for name, clip in self.clips.items():
            match = _ACTOR.match(name)
            path = folder / name
            if match and path.is_file() and path.stat().st_size == clip.size:
                there[int(match[1])] = there.get(int(match[1]), 0) + 1
        return {actor for actor, clips in there.items() if clips >= clips_each}

    def plus(self, members: Iterable[ZipInfo]) -> Receipt:
        """Make the receipt that holds these clips, too."""
        new = {member.filename: Received(member.file_size, member.CRC) for member in members}
        return Receipt(self.archive, {**self.clips, **new})

    def write(self, folder: Path) -> None:
        """Write the receipt into ``folder``, atomically; call it when the clips are in place, not before."""
        clips = [
            {"name": name, "size": clip.size, "crc32": f"{clip.crc:08x}"} for name, clip in sorted(self.clips.items())
        ]
        with atomic_write(folder / RECEIPT_NAME) as file:
            json.dump({"archive": self.archive, "clips": clips}, file, indent=0)


def read_receipt(folder: Path, archive: str) -> Receipt:
    """Read the receipt in a folder; one that is missing, damaged or of another zip counts as empty.

    Example:
        >>> read_receipt(Path("nowhere"), "a.zip").clips
        {}
    """
    try:
        content = json.loads((folder / RECEIPT_NAME).read_text(encoding="utf-8"))
        if content["archive"] != archive:
            return Receipt(archive)
        clips = {str(clip["name"]): Received(int(clip["size"]), int(clip["crc32"], 16)) for clip in content["clips"]}
    except (OSError, ValueError, KeyError, TypeError):
        return Receipt(archive)
    return Receipt(archive, clips)
