"""Clips: labelled recordings with their speakers."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, overload

from hearfelt.audio.excerpts import Excerpt, time_fragment
from hearfelt.corpora.file_statistics import statistics_of_files
from hearfelt.corpora.tables import read_table
from hearfelt.emotions import in_order
from hearfelt.runtime.files import atomic_write

__all__ = ["COLUMNS", "PART_COLUMNS", "Clip", "Clips", "clip_columns", "duplicates", "unknown_speaker"]

COLUMNS: Final = (
    "clip",
    "corpus",
    "speaker",
    "emotion",
    "sex",
    "language",
    "channel",
    "intensity",
    "statement",
    "repetition",
    "age",
)
PART_COLUMNS: Final = ("start_s", "end_s")  # in tables of clips of which some are parts of files


def unknown_speaker(corpus: str) -> str:
    """Name the speaker of clips without a known speaker.

    Example:
        >>> unknown_speaker("mine")
        'mine/unknown'
    """
    return f"{corpus}/unknown"


@dataclass(frozen=True)
class Clip:
    """One labelled recording, or a part of one; made from file names and tables, without opening the sound.

    Attributes:
        corpus: name of the corpus it belongs to, such as ``"ravdess"``.
        root: the corpus's folder on this machine.
        name: path below ``root``, with ``/`` on every system, and of a part of a file also its times, as in
            ``"call.wav#t=1.5,3"``; it names the clip in every result file.
        speaker: who speaks, with the corpus before it: ``"ravdess/07"``.
        emotion: the label.
        sex: ``"female"``, ``"male"`` or ``""``.
        language: two-letter code, or ``""``.
        channel: ``"speech"`` or ``"song"``.
        intensity: as the corpus names it, or ``""``.
        statement: which sentence is said, as the corpus names it, or ``""``.
        repetition: which take it is, or ``""``.
        age: of the speaker in years, as text, or ``""``.
        extra: what else the corpus says of it.
        start_s: where the clip begins in its file, in seconds.
        end_s: where it ends; None for the end of the file.
    """

    corpus: str
    root: Path = field(repr=False)
    name: str
    speaker: str
    emotion: str
    sex: str = ""
    language: str = ""
    channel: str = "speech"
    intensity: str = ""
    statement: str = ""
    repetition: str = ""
    age: str = ""
    extra: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)
    start_s: float = 0.0
    end_s: float | None = None

    @property
    def clip(self) -> str:
        """Path of the file below ``root``, as the column is called."""
        return self.name.removesuffix(time_fragment(self.start_s, self.end_s))

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self.root / self.clip

    @property
    def is_part(self) -> bool:
        """Whether it is a part of its file."""
        return self.start_s > 0 or self.end_s is not None

    @property
    def sound(self) -> Path | Excerpt:
        """The sound of the clip: a file, or a part of one."""
        return Excerpt(self.path, self.start_s, self.end_s) if self.is_part else self.path

    @property
    def speaker_is_known(self) -> bool:
        """Whether the speaker is known."""
        return self.speaker != unknown_speaker(self.corpus)


class Clips(Sequence[Clip]):
    """Clips in a fixed order, with filters and counts.

    Example:
        >>> clips = Clips([Clip("mine", Path(), f"{e}.wav", "mine/a", e) for e in ("sad", "calm", "sad")])
        >>> clips.count("emotion"), len(clips.where(emotion="sad"))
        ({'calm': 1, 'sad': 2}, 2)
    """

    def __init__(self, clips: Iterable[Clip] = ()) -> None:
        self._clips = tuple(clips)

    def __len__(self) -> int:
        return len(self._clips)

    def __iter__(self) -> Iterator[Clip]:
        return iter(self._clips)

    @overload
    def __getitem__(self, place: int) -> Clip: ...
    @overload
    def __getitem__(self, place: slice) -> Clips: ...
    def __getitem__(self, place: int | slice) -> Clip | Clips:
        return Clips(self._clips[place]) if isinstance(place, slice) else self._clips[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Clips) and self._clips == other._clips

    def __hash__(self) -> int:
        return hash(self._clips)

    def __repr__(self) -> str:
        return f"<{len(self)} clips of {len(self.speakers)} speakers, {len(self.emotions)} emotions>"

    def where(self, **wanted: str | Iterable[str]) -> Clips:
        """Keep the clips whose attributes have one of these values: ``where(channel="speech")``."""
        return Clips(clip for clip in self if all(_is_one_of(clip, k, v) for k, v in wanted.items()))

    def without(self, **unwanted: str | Iterable[str]) -> Clips:
        """Leave out the clips with any of these values: ``without(emotion=("neutral", "calm"))``."""
        return Clips(clip for clip in self if not any(_is_one_of(clip, k, v) for k, v in unwanted.items()))

    def count(self, attribute: str) -> dict[str, int]:  # type: ignore[override]  # nobody counts one clip in a list
        """Count clips by an attribute: emotions in their order, everything else sorted."""
        values = [str(getattr(clip, attribute)) for clip in self]
        order = in_order(values) if attribute == "emotion" else sorted(set(values))
        return {value: values.count(value) for value in order}

    @property
    def speakers(self) -> tuple[str, ...]:
        """All speakers, sorted."""
        return tuple(sorted({clip.speaker for clip in self}))

    @property
    def emotions(self) -> tuple[str, ...]:
        """All labels, in order."""
        return in_order(clip.emotion for clip in self)

    @property
    def corpora(self) -> tuple[str, ...]:
        """All corpora, sorted."""
        return tuple(sorted({clip.corpus for clip in self}))

    def fingerprint(self) -> str:
        """Hash the set of clips and labels, so that results on the same data can be recognized.

        It depends on names, parts, speakers and labels and not on order, folder or how the sound is stored.

        Returns:
            16 hexadecimal digits.
        """
        names = ((c, f"{Path(c.clip).stem}{time_fragment(c.start_s, c.end_s)}") for c in self)
        lines = sorted(f"{c.corpus}\t{name}\t{c.speaker}\t{c.emotion}" for c, name in names)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def write(self, path: Path) -> None:
        """Write one row a clip as CSV with the columns of :func:`clip_columns`; the folder is not in it."""
        columns = clip_columns(self)
        with atomic_write(path) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([getattr(clip, column) for column in columns] for clip in self)

    @classmethod
    def read(cls, path: Path, root: Path) -> Clips:
        """Read what :meth:`write` wrote.

        Args:
            path: the CSV file.
            root: the corpus's folder.

        Raises:
            CorpusError: if a column is missing.
        """
        clips = []
        for row in read_table(path, needs=("path", *COLUMNS[1:])):
            start_s, end_s = row.part
            facts = {column: row[column] for column in COLUMNS[1:]}
            name = row["path"] + time_fragment(start_s, end_s)
            clips.append(replace(Clip(root=root, name=name, **facts), start_s=start_s, end_s=end_s))  # type: ignore[arg-type]  # extra is no column
        return cls(clips)


def clip_columns(clips: Iterable[Clip]) -> tuple[str, ...]:
    """List the columns of a table of clips: :data:`COLUMNS`, and the times if some clips are parts of files."""
    return (*COLUMNS, *PART_COLUMNS) if any(clip.is_part for clip in clips) else COLUMNS


def duplicates(clips: Iterable[Clip], *, progress: Callable[[int], None] | None = None) -> list[tuple[Clip, ...]]:
    """Find clips with the very same sound under different names.

    Args:
        clips: of one corpus or of several.
        progress: called with the number of clips just looked at.

    Returns:
        Groups of two or more, in the order of their first clip; unreadable and silent clips are in none.
    """
    clips = list(clips)
    facts = statistics_of_files((clip.sound for clip in clips), progress=progress)
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        fact = facts[clip.sound]
        if not fact.error and not fact.is_silent:
            groups.setdefault(fact.digest, []).append(clip)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _is_one_of(clip: Clip, attribute: str, values: str | Iterable[str]) -> bool:
    return getattr(clip, attribute) in ((values,) if isinstance(values, str) else tuple(values))
