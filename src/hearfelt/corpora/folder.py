"""Anyone's own recordings: a folder for each emotion, or a table that says what each file is.

A table is CSV or TSV with the columns ``path, emotion`` and, if known, ``speaker, sex, language``; paths start at
the table's folder. Without a table the speakers are unknown: a folder inside an emotion's folder may be a person,
a day or a microphone, and a split by speaker that rests on a guess would be worth nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Final

from hearfelt.audio import AUDIO_SUFFIXES
from hearfelt.clips import Clip, unknown_speaker
from hearfelt.corpora.base import Form, Reading
from hearfelt.corpora.tables import TABLE_SUFFIXES, columns_of, read_table
from hearfelt.emotions import EMOTIONS, emotion_called
from hearfelt.errors import CorpusError

__all__ = ["FOLDER", "has_layout", "meant_by", "table_in"]

_NEEDS: Final = ("path", "emotion")
_SEXES: Final = {
    **dict.fromkeys(("f", "female", "w", "woman"), "female"),
    **dict.fromkeys(("m", "male", "man"), "male"),
}


def meant_by(label: str) -> str:
    """Guess which of the eight labels a misspelt one means, or return ``""``.

    Example:
        >>> meant_by("agnry"), meant_by("05_angry"), meant_by("boredom"), meant_by("sad")
        ('angry', 'angry', '', '')
    """
    if label in EMOTIONS:
        return ""
    for word in re.split(r"[^a-z]+", label):
        if (called := emotion_called(word)) in EMOTIONS:
            return called
    close = get_close_matches(label, EMOTIONS, n=1, cutoff=0.75)
    return close[0] if close else ""


def table_in(root: Path) -> Path | None:
    """Find the table that says what is in a folder: the one with the columns ``path`` and ``emotion``.

    Args:
        root: the folder, or the table itself.

    Raises:
        CorpusError: if several tables could be meant.
    """
    if root.is_file():
        return root
    tables = [path for path in sorted(root.iterdir()) if path.suffix.casefold() in TABLE_SUFFIXES]
    fitting = [path for path in tables if set(_NEEDS) <= _columns(path)]
    if len(fitting) > 1:
        names = ", ".join(path.name for path in fitting)
        raise CorpusError(f"{root}: several tables could say what is in it ({names}); give one of them as the path")
    return fitting[0] if fitting else None


def has_layout(root: Path, names: Iterable[str]) -> bool:
    """Tell whether a folder can be read as anyone's own: by a table, or because all sound lies in folders."""
    return table_in(root) is not None or all("/" in name for name in names)


def _columns(path: Path) -> set[str]:
    try:
        return set(columns_of(path))
    except CorpusError:
        return set()  # some other table, which is no text


def _parse(root: Path, names: Sequence[str]) -> Reading:
    table = table_in(root)
    return _by_folders(root, names) if table is None else _by_table(table, names)


def _by_folders(root: Path, names: Sequence[str]) -> Reading:
    clips, strangers = [], {}
    for name in names:
        folders = PurePosixPath(name).parts[:-1]
        if not folders:
            strangers[name] = "in no folder that names its emotion"
            continue
        # Some collections put the emotion deeper, as train/angry/1.wav: a folder with a known name decides.
        known = [folder for folder in folders if emotion_called(folder) in EMOTIONS]
        emotion = emotion_called(known[0] if known else folders[0])
        clips.append(Clip("folder", root, name, unknown_speaker("folder"), emotion))
    return Reading(tuple(clips), strangers=strangers)


@dataclass(frozen=True)
class _Row:
    """One line of a table, for messages that name it."""

    table: Path
    line: int
    fields: Mapping[str, str]

    def refuse(self, fault: str) -> CorpusError:
        return CorpusError(f"{self.table}, line {self.line}: {fault}")


def _by_table(table: Path, names: Iterable[str]) -> Reading:
    root = table.parent
    clips: dict[str, Clip] = {}
    lines: dict[str, int] = {}
    odd: dict[str, str] = {}
    missing: list[str] = []
    for line, fields in read_table(table, needs=_NEEDS):
        row = _Row(table, line, fields)
        name = _name_of(row, root)
        clip = _clip_of(row, root, name)
        if name in clips:
            if _told(clips[name]) != _told(clip):
                raise row.refuse(f"{name} is {_told(clip)}, and in line {lines[name]} {_told(clips[name])}")
        elif clip.path.is_file():
            clips[name], lines[name] = clip, line
            if fields.get("sex") and not clip.sex:
                odd[name] = f"sex {fields['sex']} is read as unknown; female and male are known"
        else:
            missing.append(f"{table.name}, line {line}: there is no {name}")
    if not clips and not missing:
        raise CorpusError(f"{table}: no rows; a row for each sound file is needed")
    strangers = dict.fromkeys((name for name in names if name not in clips), f"not in {table.name}")
    in_order = tuple(clips[name] for name in sorted(clips))
    return Reading(in_order, strangers=strangers, odd=odd, missing=tuple(missing))


def _name_of(row: _Row, root: Path) -> str:
    """Read the path, below the table's folder where it can be, with ``/`` on every system."""
    written = row.fields["path"]
    if not written:
        raise row.refuse("no path; each row needs the path of a sound file")
    path = Path(written if (root / written).exists() else written.replace("\\", "/"))
    if path.suffix.casefold() not in AUDIO_SUFFIXES:
        raise row.refuse(f"{written} does not end like a sound file (.wav, .flac, .mp3, .opus …)")
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _clip_of(row: _Row, root: Path, name: str) -> Clip:
    fields = row.fields
    if not fields["emotion"]:
        raise row.refuse(f"{name} has no emotion; each row needs one")
    speaker = fields.get("speaker", "")
    known = {*_NEEDS, "speaker", "sex", "language"}
    return Clip(
        corpus="folder",
        root=root,
        name=name,
        speaker=f"folder/{speaker}" if speaker else unknown_speaker("folder"),
        emotion=emotion_called(fields["emotion"]),
        sex=_SEXES.get(fields.get("sex", "").casefold(), ""),
        language=fields.get("language", "").casefold(),
        extra={column: value for column, value in fields.items() if value and column not in known},
    )


def _told(clip: Clip) -> str:
    return f"{clip.emotion}, spoken by {clip.speaker}"


FOLDER: Final = Form(
    name="folder",
    title="your own: a folder for each emotion, or a CSV or TSV table with path, emotion",
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
