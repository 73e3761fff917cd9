"""audformat databases, as audb publishes them: a folder with ``db.yaml`` and tables such as ``db.emotion.csv``.

Labels come from every table with a column ``emotion`` (or ``label``), speaker, sex and language from any table about
the same files. Tables are read as CSV or Parquet, with the reader of all tables; the pickles that audformat writes
beside them are never opened. https://audeering.github.io/audformat/data-format.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from hearfelt.audio.excerpts import time_fragment
from hearfelt.corpora.base import CorpusFormat, Reading
from hearfelt.corpora.clips import Clip, unknown_speaker
from hearfelt.corpora.tables import Row, columns_of, is_table, read_table, written_columns
from hearfelt.emotions import standard_label
from hearfelt.errors import CorpusError

__all__ = ["AUDFORMAT", "is_database"]

_HEADER: Final = "db.yaml"
_ABOUT: Final = {"speaker": ("speaker",), "sex": ("sex", "gender"), "language": ("language",)}


def is_database(root: Path) -> bool:
    """Check whether a folder is an audformat database."""
    return (root / _HEADER).is_file()


def _parse(root: Path, names: Sequence[str]) -> Reading:
    if not is_database(root):
        raise CorpusError(f"{root}: there is no {_HEADER}; an audformat database has one")
    tables = [path for path in sorted(root.glob("db.*")) if is_table(path.name)]
    columns = {table: columns_of(table) for table in tables}
    of_files = [table for table in tables if "path" in written_columns(columns[table])]
    labelled = [table for table in of_files if "emotion" in written_columns(columns[table])]
    if not labelled:
        raise CorpusError(
            f"{root}: no table db.NAME.csv or .parquet has a column file and a column emotion; save the database as CSV"
        )
    about: dict[str, dict[str, str]] = {}
    for table in of_files:
        _add(about, read_table(table))
    clips: dict[str, Clip] = {}
    first_in: dict[str, str] = {}
    missing = []
    for table in labelled:
        for row in read_table(table, needs=("path", "emotion")):
            if not row["emotion"]:
                continue  # not every annotator labels every file
            clip = _clip_of(root, row, about.get(row["path"], {}))
            if not clip.path.is_file():
                missing.append(f"{row.where.removeprefix(f'{root}/')}: there is no {clip.clip}")
            elif clips.setdefault(clip.name, clip).emotion != clip.emotion:
                raise CorpusError(
                    f"{root}: {clip.name} is {clips[clip.name].emotion} in {first_in[clip.name]} and {clip.emotion} in"
                    f" {table.name}; give the table that is meant as the path"
                )
            first_in.setdefault(clip.name, table.name)
    used = {clip.clip for clip in clips.values()}
    unrecognized = {name: "in no table with emotions" for name in names if name not in used}
    return Reading(
        tuple(clips[name] for name in sorted(clips)), unrecognized=unrecognized, missing=tuple(dict.fromkeys(missing))
    )


def _add(about: dict[str, dict[str, str]], rows: Iterable[Row]) -> None:
    """Collect what any table says of a file."""
    for row in rows:
        facts = about.setdefault(row["path"], {})
        for fact, columns in _ABOUT.items():
            if value := next((row[column] for column in columns if row[column]), ""):
                facts.setdefault(fact, value)


def _clip_of(root: Path, row: Row, facts: dict[str, str]) -> Clip:
    name, (start_s, end_s) = row.path_in(str(root)), row.part
    speaker = facts.get("speaker", "")
    return Clip(
        corpus="audformat",
        root=root,
        name=f"{name}{time_fragment(start_s, end_s)}",
        speaker=f"audformat/{speaker}" if speaker else unknown_speaker("audformat"),
        emotion=standard_label(row["emotion"]),
        sex=facts.get("sex", "").casefold() if facts.get("sex", "").casefold() in ("female", "male") else "",
        language=facts.get("language", "").casefold(),
        start_s=start_s,
        end_s=end_s,
    )


AUDFORMAT: Final = CorpusFormat(
    name="audformat",
    title="an audformat database, as audb publishes them",
    licence="that of the database",
    url="https://audeering.github.io/audformat/",
    language="",
    speakers=0,
    clips=0,
    emotions=(),
    hours=0.0,
    megabytes=0,
    example="wav/anything.wav",
    shape=re.compile(r"(?!)"),  # db.yaml tells it, no file name does
    parse=_parse,
)
