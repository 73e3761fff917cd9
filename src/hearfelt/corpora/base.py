"""Base types of a corpus: its description, its file names, what was published.

A corpus is one :class:`CorpusFormat`. Its ``parse`` sees only names, never sound, so that reading a folder of thousands
of clips takes a moment; :mod:`hearfelt.corpora.check` looks at the sound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from hearfelt.corpora.clips import Clip

__all__ = ["CorpusFormat", "Published", "Reading", "identity", "read_names", "stem_of"]

Parse = Callable[[Path, Sequence[str]], "Reading"]


@dataclass(frozen=True)
class Reading:
    """The clips found in a folder, and the files that are none.

    Attributes:
        clips: the corpus, each of its clips once, in the order of their names.
        copies: files that hold a clip a second time, each beside the one that was kept.
        unrecognized: files that are no clips of this corpus, each with the reason.
        odd: clips that are named in an unusual way, each with what is unusual.
        missing: what the corpus's own table names and the folder lacks, one sentence each.
        remarks: how it was read, where that could have been meant in another way, one sentence each.
    """

    clips: tuple[Clip, ...] = ()
    copies: Mapping[str, str] = field(default_factory=dict)
    unrecognized: Mapping[str, str] = field(default_factory=dict)
    odd: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Published:
    """What the authors published; a folder is checked against it.

    Attributes:
        rates_hz: sampling rates of the published files.
        counts: clips by attribute and value, such as ``{"emotion": {"angry": 127}}``, where no rule says
            every name.
        stems: given the folder, every published name without its ending, where a rule or a table says them.
        unfit: clips not to train on, by name without ending, each with the reason.
        same_sound: groups of clips that are byte-identical as published, by name without ending.
        two_channels: clips that have two channels as published, by name without ending.
        silent: clips that are silent as published, by name without ending.
        remarks: notes for users of the corpus, one sentence each.
    """

    rates_hz: tuple[int, ...] = ()
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    stems: Callable[[Path], Iterable[str]] | None = None
    unfit: Mapping[str, str] = field(default_factory=dict)
    same_sound: tuple[frozenset[str], ...] = ()
    two_channels: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class CorpusFormat:
    """Description of a corpus.

    Attributes:
        name: as it is called everywhere, such as ``"ravdess"``.
        title: one line for people.
        licence: under which its authors gave it out.
        url: where it comes from, or ``""``.
        language: two-letter code, or ``""``.
        speakers: how many people speak; 0 where that differs from copy to copy.
        clips: how many were published; 0 where that differs from copy to copy.
        emotions: labels, in order.
        hours: length of all clips together, about.
        megabytes: size of the published files, about.
        example: the name of one of its files.
        shape: fits the path of its clips below the folder, without ending; searched, so it says ``(?:^|/)…$``.
        parse: turns the sound files of a folder, as paths below it, into clips.
        channels: ``"speech"``, ``"song"`` or both.
        published: what its authors put out, or None for a corpus that is never complete.
    """

    name: str
    title: str
    licence: str
    url: str
    language: str
    speakers: int
    clips: int
    emotions: tuple[str, ...]
    hours: float
    megabytes: int
    example: str
    shape: re.Pattern[str]
    parse: Parse
    channels: tuple[str, ...] = ("speech",)
    published: Published | None = None


def stem_of(name: str) -> str:
    """Return a clip's name without folders and ending; dots inside the name stay.

    Example:
        >>> stem_of("Actor_01/03-01-01-01-01-01-01.wav")
        '03-01-01-01-01-01-01'
    """
    return PurePosixPath(name).stem


def identity(clip: Clip) -> tuple[str, ...]:
    """Identify the recording of a clip, whatever its folder, its ending or its spelling.

    Two files of a published corpus with the same identity are two copies of one clip.
    """
    return clip.speaker, clip.emotion, clip.channel, clip.intensity, clip.statement, clip.repetition


def read_names(
    root: Path,
    names: Iterable[str],
    shape: re.Pattern[str],
    clip_of: Callable[[Path, str, re.Match[str]], Clip | str],
) -> Reading:
    """Parse file names into clips, and keep one file of each.

    Some copies of a corpus hold everything twice, one of them a folder deeper. The file with the fewest folders
    above it is kept, then the first by name.

    Args:
        root: the corpus's folder.
        names: paths of sound files below it.
        shape: what a name looks like; searched in the path without its ending.
        clip_of: makes the clip, or says in one clause why the name cannot be one.

    Returns:
        Clips, copies and unrecognized files.
    """
    kept: dict[tuple[str, ...], Clip] = {}
    copies: dict[str, str] = {}
    unrecognized: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (name.count("/"), name)):
        match = shape.search(str(PurePosixPath(name).with_suffix("")))
        found = "not named like a clip of this corpus" if match is None else clip_of(root, name, match)
        if isinstance(found, str):
            unrecognized[name] = found
        elif (first := kept.setdefault(identity(found), found)) is not found:
            copies[name] = first.name
    clips = sorted(kept.values(), key=lambda clip: clip.name)
    return Reading(tuple(clips), dict(sorted(copies.items())), dict(sorted(unrecognized.items())))
