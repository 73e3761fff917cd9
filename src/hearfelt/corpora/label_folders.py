"""Find the level of nested folders whose names are the labels.

``train/bored/1.wav`` and ``session 2/anna/bored/1.wav`` have their labels on another level than ``bored/anna/1.wav``,
and only the names of the folders show it. Where they leave it open, an error asks for the level.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from hearfelt.emotions import EMOTIONS, standard_label
from hearfelt.errors import CorpusError

__all__ = ["LabelLevel", "label_level"]

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
