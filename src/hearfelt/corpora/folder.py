"""Recordings of one's own: a folder for each emotion, or a table with paths and labels.

Folders may lie within each other: ``train/bored/1.wav`` and ``session 2/anna/bored/1.wav`` have their labels on another
level than ``bored/anna/1.wav``, and only the names of the folders show it. Where they leave it open, an error asks for
the level.

A table, as :mod:`hearfelt.corpora.tables` reads it, has the columns ``path, emotion`` and, if known, ``speaker``,
``sex`` and ``language``; ``start_s`` and ``end_s`` cut a part out of a file. Paths start at the table's folder.
Without a table the speakers are unknown: a folder inside an emotion's folder may be a person, a day or a microphone,
and a split by speaker that rests on a guess would be worth nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Final

from hearfelt.audio.excerpts import time_fragment
from hearfelt.audio.reader import AUDIO_SUFFIXES
from hearfelt.corpora.base import CorpusFormat, Reading
from hearfelt.corpora.clips import Clip, unknown_speaker
from hearfelt.corpora.tables import Row, columns_of, is_table, read_table, written_columns
from hearfelt.emotions import EMOTIONS, standard_label
from hearfelt.errors import CorpusError, ExtraMissingError

__all__ = ["FOLDER", "LabelLevel", "folder_at", "has_layout", "label_level", "suggested_label", "table_in"]


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


# Names of the parts that a set is divided into for training and testing; never labels, unless asked for.
_PART: Final = re.compile(
    r"(?:train|training|test|testing|dev|devel|development|val|valid|validation|eval|evaluation|held[ _-]?out|holdout)"
    r"(?:[ _.-]?(?:set|split|data|part|fold))?[ _.-]?\d*"
)
# Labels beyond the eight that other corpora and people use.
_OTHER_LABEL: Final = re.compile(
    r"aggressive|amused|amusement|annoyance|annoyed|anticipation|apologetic|ashamed|assertive|bored|"
    r"boredom|cheerful|concerned|confused|confusion|contempt|crying|curious|desperate|despair|"
    r"disappointed|disappointment|dissatisfied|doubt|elated|elation|embarrassed|embarrassment|"
    r"encouraging|enthusiasm|enthusiastic|excited|excitement|friendly|frustrated|frustration|furious|"
    r"guilt|guilty|hopeful|hostile|hot|impolite|interest|interested|ironic|irony|irritated|"
    r"laughing|laughter|love|mixed|negative|nervous|other|pain|panic|polite|positive|pride|proud|"
    r"relief|relieved|rude|sarcasm|sarcastic|satisfaction|satisfied|screaming|serious|shame|"
    r"shouting|sleepiness|sleepy|stress|stressed|tender|tenderness|tired|trust|unhappy|urgent|"
    r"whisper|whispered|whispering|worried"
)
# Sessions, speakers, days, microphones: a word with what tells them apart, a number, a date, or a short code.
_GROUP: Final = re.compile(
    r"(?:actor|actress|agent|batch|call|caller|cd|channel|client|day|dialog|dialogue|disc|disk|episode|fold|group|lab"
    r"|mic|microphone|month|part|participant|patient|person|phone|rec|recording|room|round|run|scene|sess|session|set"
    r"|site|speaker|spk|station|sub|subj|subject|take|trial|user|video|volume|week|year)s?(?:[ _.-]+\w+|\d+\w?)?"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|[a-z]{0,3}[ _.-]?\d[\d _.-]*[a-z]?"
)
_SHOWN: Final = 4  # names of a level that a message shows


@dataclass(frozen=True)
class LabelLevel:
    """One level of folders.

    Attributes:
        place: which of the folders above a file: 0 is the topmost one, -1 the one that the file lies in.
        names: what they are called.
        remark: a sentence that says which level was taken, where there are several; else ``""``.
    """

    place: int
    names: frozenset[str]
    remark: str = ""

    @property
    def number(self) -> int:
        """The level counted from 1: 1 is the topmost one, -1 the one that the file lies in."""
        return self.place + 1 if self.place >= 0 else self.place

    @property
    def labels(self) -> frozenset[str]:
        """The names as labels."""
        return frozenset(map(standard_label, self.names))


def label_level(root: Path, paths: Sequence[Sequence[str]]) -> LabelLevel:
    """Find the folders whose names are the labels.

    A single level is taken. Of several: the one with names of emotions; else the one that is neither sessions, numbers
    nor one folder around everything; else the topmost one, if no name below it repeats. Names such as ``train`` and
    ``test`` are no labels. Where names repeat and labels cannot be told from speakers, an error asks for the level.

    Args:
        root: the folder, for messages.
        paths: for each file the names of the folders above it, topmost first; one or more.

    Raises:
        CorpusError: if the level is not clear; the sentence says how to give it.

    Example:
        >>> label_level(Path("mine"), [("train", "bored"), ("train", "dog"), ("test", "bored")]).number
        2
    """
    levels = _levels(paths)
    fitting = [level for level in levels if not any(map(_is_part, level.names))]
    chosen = _clear_level(fitting, paths)
    if chosen is None or (len(levels) > 1 and _is_group(chosen) and not _has_labels(chosen)):
        raise CorpusError(_question(root, fitting if len(fitting) > 1 else levels))
    return LabelLevel(chosen.place, chosen.names, _remark(chosen, [level for level in levels if level is not chosen]))


def _levels(paths: Sequence[Sequence[str]]) -> list[LabelLevel]:
    """List the levels on which every file has a folder, topmost first; counted from below, too, if depths differ."""
    depths = {len(path) for path in paths}
    places = [*range(min(depths)), *(range(-min(depths), 0) if len(depths) > 1 else ())]
    return [LabelLevel(place, frozenset(path[place] for path in paths)) for place in places]


def _clear_level(levels: list[LabelLevel], paths: Sequence[Sequence[str]]) -> LabelLevel | None:
    if not levels:
        return None
    named = [level for level in levels if _has_labels(level)]
    if named:
        best = max(map(_share_known, named))
        levels = [level for level in named if _share_known(level) == best]
    else:
        levels = [level for level in levels if len(level.labels) > 1] or levels[:1]
        levels = [level for level in levels if not _is_group(level)] or levels
    # Of dog/1.wav, dog/rex/2.wav, cat/3.wav: the topmost folders are dog and cat, the lowest ones these and rex.
    fewest = min(levels, key=lambda level: len(level.labels))
    if all(fewest.labels < level.labels for level in levels if level is not fewest):
        return fewest
    repeats = any(_repeats(lower, upper, paths) for upper, lower in combinations(levels, 2))
    return None if named or repeats else levels[0]


def _is_part(name: str) -> bool:
    return _PART.fullmatch(name.strip().casefold()) is not None


def _is_group(level: LabelLevel) -> bool:
    return all(_GROUP.fullmatch(name.strip().casefold()) for name in level.names)


def _has_labels(level: LabelLevel) -> bool:
    return _share_known(level) >= 0.5


def _share_known(level: LabelLevel) -> float:
    """Compute the share of names that are labels, or contain one, as ``05_angry`` does."""
    return sum(any(map(_is_label, re.split(r"[^a-z]+", name.casefold()))) for name in level.names) / len(level.names)


def _is_label(word: str) -> bool:
    return standard_label(word) in EMOTIONS or _OTHER_LABEL.fullmatch(word) is not None


def _repeats(lower: LabelLevel, upper: LabelLevel, paths: Sequence[Sequence[str]]) -> bool:
    above: dict[str, str] = {}
    return any(above.setdefault(path[lower.place], path[upper.place]) != path[upper.place] for path in paths)


def _question(root: Path, levels: Sequence[LabelLevel]) -> str:
    choices = [f"{_shown(level.names)} ({_options(level)})" for level in levels]
    if len(levels) == 1:
        return (
            f"{root}: are the folders {choices[0]} labels, or parts of a set, in which a folder for each label is"
            " wanted?"
        )
    return f"{root}: which folders are the labels, {' or '.join(choices)}?"


def _remark(chosen: LabelLevel, others: Sequence[LabelLevel]) -> str:
    if not others:
        return ""
    choices = (f"{_shown(level.names - chosen.names)} ({_options(level)})" for level in others)
    what = f"The folders {_shown(chosen.names)} are the labels, not {' or '.join(choices)}"
    return f"{what}; no folder is taken for a speaker."


def _shown(names: Iterable[str]) -> str:
    ordered = sorted(names, key=str.casefold)
    more = f" and {len(ordered) - _SHOWN:,} more" if len(ordered) > _SHOWN else ""
    return f"{', '.join(ordered[:_SHOWN])}{more}"


def _options(level: LabelLevel) -> str:
    return f"--as folder:{level.number}, --corpus folder:{level.number}=DIR"
