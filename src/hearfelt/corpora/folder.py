"""Recordings of one's own: a folder for each emotion, or a table with paths and labels.

Where folders lie within each other, :mod:`hearfelt.corpora.label_folders` finds those that are the labels.

A table, as :mod:`hearfelt.corpora.tables` reads it, has the columns ``path, emotion`` and, if known, ``speaker``,
``sex`` and ``language``; ``start_s`` and ``end_s`` cut a part out of a file. Paths start at the table's folder.
Without a table the speakers are unknown: a folder inside an emotion's folder may be a person, a day or a microphone,
and a split by speaker that rests on a guess would be worth nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from hearfelt.audio.excerpts import time_fragment
from hearfelt.audio.reader import AUDIO_SUFFIXES
from hearfelt.corpora.base import CorpusFormat, Reading
from hearfelt.corpora.clips import Clip, unknown_speaker
from hearfelt.corpora.label_folders import label_level
from hearfelt.corpora.tables import Row, columns_of, is_table, read_table, written_columns
from hearfelt.emotions import EMOTIONS, standard_label
from hearfelt.errors import CorpusError, ExtraMissingError

__all__ = ["FOLDER", "folder_at", "has_layout", "suggested_label", "table_in"]

_NEEDS: Final = ("path", "emotion")
_OWN: Final = frozenset(("clip", "source"))  # what hearfelt calls the paths in tables of clips, features and answers
_SEXES: Final = {
    **dict.fromkeys(("f", "female", "w", "woman"), "female"),
    **dict.fromkeys(("m", "male", "man"), "male"),
}
_DENIALS: Final = frozenset(("anti", "free", "isn", "less", "never", "no", "non", "nor", "not", "un", "without"))
_DENYING_PREFIXES: Final = ("anti", "dis", "im", "in", "non", "not", "un")
_DENYING_SUFFIXES: Final = ("free", "less")


def suggested_label(label: str) -> str:
    """Suggest one of the eight labels for a misspelt one, or return ``""``; never the opposite, as of ``unhappy``.

    Example:
        >>> [suggested_label(label) for label in ("agnry", "05_angry", "boredom", "sad", "unhappy")]
        ['angry', 'angry', '', '', '']
    """
    words = [word for word in re.split(r"[^a-z]+", label.casefold()) if word]
    if label in EMOTIONS or any(map(_denies, words)):
        return ""
    named = {called for word in words if (called := standard_label(word)) in EMOTIONS}
    if named:
        return named.pop() if len(named) == 1 else ""  # happy_or_sad is neither
    return _close_to(label)


def _close_to(word: str) -> str:
    close = get_close_matches(word, EMOTIONS, n=1, cutoff=0.75)
    return close[0] if close else ""


def _denies(word: str) -> bool:
    """Check whether a word negates a label: ``not``, or ``un``, ``non``, ``less`` around an emotion."""
    if word in _DENIALS:
        return True
    inner = [word.removeprefix(prefix) for prefix in _DENYING_PREFIXES if word.startswith(prefix)]
    inner += [word.removesuffix(suffix) for suffix in _DENYING_SUFFIXES if word.endswith(suffix)]
    return any(standard_label(one) in EMOTIONS or _close_to(one) for one in inner)


def table_in(root: Path) -> Path | None:
    """Find the table of a folder: the one with the columns ``path`` and ``emotion``.

    One that calls paths ``clip`` or ``source`` is not looked for: hearfelt wrote it, and its emotions may be answers.

    Args:
        root: the folder, or the table itself.

    Raises:
        CorpusError: if several tables could be meant.
    """
    if root.is_file():
        return root
    tables = [path for path in sorted(root.iterdir()) if is_table(path.name)]
    fitting = [path for path in tables if _is_label_table(path)]
    if len(fitting) > 1:
        names = ", ".join(path.name for path in fitting)
        raise CorpusError(f"{root}: several tables could say what is in it ({names}); give one of them as the path")
    return fitting[0] if fitting else None


def has_layout(root: Path, names: Iterable[str]) -> bool:
    """Check whether a folder can be read as one's own recordings: by a table, or by its subfolders."""
    return table_in(root) is not None or all("/" in name for name in names)


def _is_label_table(path: Path) -> bool:
    try:
        called = written_columns(columns_of(path))
    except (CorpusError, ExtraMissingError):
        return False  # some other table, which is no text
    return set(_NEEDS) <= called.keys() and called["path"] not in _OWN


def folder_at(level: int) -> CorpusFormat:
    """Make the form in which the folders of one level are the labels, whatever they are called.

    Args:
        level: 1 for the topmost folders, 2 for those in them; -1 for the folder that each file lies in.
    """
    return replace(FOLDER, parse=partial(_at_level, level - 1 if level > 0 else level))


def _parse(root: Path, names: Sequence[str]) -> Reading:
    table = table_in(root)
    return _by_folders(root, names) if table is None else _by_table(table, names)


def _by_folders(root: Path, names: Sequence[str]) -> Reading:
    above = [folders for name in names if (folders := PurePosixPath(name).parts[:-1])]
    known = [[folder for folder in folders if standard_label(folder) in EMOTIONS] for folders in above]
    if all(len(found) == 1 for found in known):  # plain, also where some lie deeper than others
        return _labelled(root, names, {folders: found[0] for folders, found in zip(above, known, strict=True)})
    level = label_level(root, above)
    reading = _labelled(root, names, {folders: folders[level.place] for folders in above})
    return replace(reading, remarks=(level.remark,) if level.remark else ())


def _at_level(place: int, root: Path, names: Sequence[str]) -> Reading:
    if root.is_file():
        raise CorpusError(f"{root}: a table says the labels; read it as folder, without a level")
    number = place + 1 if place >= 0 else place
    above = [PurePosixPath(name).parts[:-1] for name in names]
    labels = {folders: folders[place] for folders in above if -len(folders) <= place < len(folders)}
    if not labels:
        deepest = max(map(len, above))
        raise CorpusError(f"{root}: no sound lies in folders of level {number}; there are {deepest:,} levels")
    return _labelled(root, names, labels)


def _labelled(root: Path, names: Sequence[str], labels: Mapping[tuple[str, ...], str]) -> Reading:
    """Make clips of files by the folders above them; a file without a label is skipped."""
    clips, unrecognized = [], {}
    for name in names:
        label = labels.get(PurePosixPath(name).parts[:-1])
        if label is None:
            unrecognized[name] = "in no folder that names its emotion"
        else:
            clips.append(Clip("folder", root, name, unknown_speaker("folder"), standard_label(label)))
    return Reading(tuple(clips), unrecognized=unrecognized)


def _by_table(table: Path, names: Iterable[str]) -> Reading:
    root = table.parent
    clips: dict[str, Clip] = {}
    first_in: dict[str, str] = {}
    odd: dict[str, str] = {}
    missing: list[str] = []
    for row in read_table(table, needs=_NEEDS):
        clip = _clip_of(row, root)
        name = clip.name
        if name in clips:
            if _told(clips[name]) != _told(clip):
                raise row.refuse(f"{name} is {_told(clip)}, and in {first_in[name]} {_told(clips[name])}")
        elif clip.path.is_file():
            clips[name], first_in[name] = clip, row.where.removeprefix(f"{table}, ")
            if row["sex"] and not clip.sex:
                odd[name] = f"sex {row['sex']} is read as unknown; female and male are known"
        else:
            missing.append(f"{row.where.removeprefix(f'{root}{os.sep}')}: there is no {clip.clip}")
    if not clips and not missing:
        raise CorpusError(f"{table}: no rows; a row for each sound file is needed")
    used = {clip.clip for clip in clips.values()}
    unrecognized = dict.fromkeys((name for name in names if name not in used), f"not in {table.name}")
    in_order = tuple(sorted(clips.values(), key=lambda clip: (clip.clip, clip.start_s, clip.name)))
    return Reading(in_order, unrecognized=unrecognized, odd=odd, missing=tuple(missing))


def _file_of(row: Row, root: Path) -> str:
    """Read the path, below the table's folder where it can be, with ``/`` on every system."""
    if not row["path"]:
        raise row.refuse("no path; each row needs the path of a sound file")
    path = Path(row.path_in(str(root)))
    if path.suffix.casefold() not in AUDIO_SUFFIXES:
        raise row.refuse(f"{row['path']} does not end like a sound file (.wav, .flac, .mp3, .opus …)")
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _clip_of(row: Row, root: Path) -> Clip:
    name, (start_s, end_s) = _file_of(row, root), row.part
    if not row["emotion"]:
        raise row.refuse(f"{name} has no emotion; each row needs one")
    known = {*_NEEDS, "speaker", "sex", "language", "start_s", "end_s"}
    return Clip(
        corpus="folder",
        root=root,
        name=f"{name}{time_fragment(start_s, end_s)}",
        speaker=_speaker_of(row),
        emotion=standard_label(row["emotion"]),
        sex=_SEXES.get(row["sex"].casefold(), ""),
        language=row["language"].casefold(),
        extra={column: value for column, value in row.fields.items() if value and column not in known},
        start_s=start_s,
        end_s=end_s,
    )


def _speaker_of(row: Row) -> str:
    """Name the speaker with the corpus before it; tables that hearfelt wrote have done so already."""
    speaker = row["speaker"].removeprefix("folder/")
    is_unknown = speaker.rpartition("/")[2] in ("", "unknown")
    return unknown_speaker("folder") if is_unknown else f"folder/{speaker}"


def _told(clip: Clip) -> str:
    return f"{clip.emotion}, spoken by {clip.speaker}"


FOLDER: Final = CorpusFormat(
    name="folder",
    title="your own: a folder for each emotion, or a table with path, emotion",
    licence="yours",
    url="",
    language="",
    speakers=0,
    clips=0,
    emotions=(),
    hours=0.0,
    megabytes=0,
    example="angry/anything.wav",
    shape=re.compile(r"(?!)"),  # no file name says that it is one's own
    parse=_parse,
)
