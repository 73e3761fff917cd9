"""Read the clips to fine-tune on: a folder for each label, speakers where they are known, and what is left out.

Recordings that the base model was trained on are found, because they would make the scores too good.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from hearfelt.audio.excerpts import Excerpt, time_fragment
from hearfelt.corpora.catalog import CORPORA, FolderReading, identify, read_corpus, read_folder
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.file_statistics import FileStatistics, statistics_of_files
from hearfelt.corpora.folder import table_in
from hearfelt.corpora.tables import read_table
from hearfelt.emotions import standard_label
from hearfelt.errors import CorpusError
from hearfelt.inference.card import ModelCard
from hearfelt.runtime.files import path_given

__all__ = [
    "MIN_CLIPS_PER_LABEL",
    "FinetuningSet",
    "KnownRecordings",
    "find_known_recordings",
    "read_finetuning_set",
    "refuse_too_few",
    "sounds_of",
]


MIN_CLIPS_PER_LABEL: Final = 10  # with fewer, the score says nothing


@dataclass(frozen=True)
class FinetuningSet:
    """Clips to fine-tune on.

    Attributes:
        clips: each sound once, readable, with its label; in the order of their names.
        digests: of each clip's sound, whatever its container.
        corpus: the data set that the folder was read as; ``"folder"`` for one's own clips.
        left_out: files that are left out, by reason; none is ever left out silently.
        remarks: for the user, a sentence each.
    """

    clips: Clips
    digests: tuple[str, ...] = field(repr=False)
    corpus: str
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order in which they stand everywhere."""
        return self.clips.emotions

    @property
    def speakers_are_known(self) -> bool:
        """Whether the speaker of every clip is known."""
        return all(clip.speaker_is_known for clip in self.clips)

    def without(self, failed: Mapping[Clip, str]) -> FinetuningSet:
        """Leave out clips that the base model could not read, each with its reason."""
        if not failed:
            return self
        pairs = [(clip, digest) for clip, digest in zip(self.clips, self.digests, strict=True) if clip not in failed]
        left_out = dict(self.left_out)
        left_out[_UNREADABLE] = (*left_out.get(_UNREADABLE, ()), *failed.values())
        clips, digests = Clips(clip for clip, _ in pairs), tuple(digest for _, digest in pairs)
        return replace(self, clips=clips, digests=digests, left_out=left_out)


_UNREADABLE: Final = "cannot be read"


def read_finetuning_set(
    folder: Path,
    *,
    corpus: str | None = None,
    speakers: Path | None = None,
    speaker_pattern: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> FinetuningSet:
    """Read a folder of clips, and leave out what is not fit for training.

    Args:
        folder: a folder for each label; or a folder with a table of ``path, emotion`` and perhaps ``speaker``; or a
            corpus that hearfelt knows by its file names, which then say label and speaker.
        corpus: the data set to read the folder as, such as ``"folder"``; recognized by the file names if left out.
        speakers: a table with the columns ``path, speaker``.
        speaker_pattern: a regular expression that finds the speaker in a clip's path below the folder: its group
            ``speaker``, else its first group, else all that it matches.
        progress: called with the number of files just read.

    Raises:
        CorpusError: if there are no clips, two folders mean one label, a folder's name says nothing, some
            clips have a speaker and others have none, or a label has fewer than ten clips.
    """
    if speakers is not None and speaker_pattern is not None:
        raise CorpusError("speakers are given twice, by a table and by a pattern; one of them is wanted")
    corpus = corpus or _corpus_of(folder)
    found = read_folder(folder, corpus)
    clips = read_corpus(folder, corpus)
    remarks = list(found.reading.remarks)
    if found.form.name == "folder" and (corpus != "folder" or not _has_table(folder)):  # folder:2 goes by folders
        _check_folders(folder, clips)
        remarks += _empty_folders(folder, clips)
    elif found.form.name != "folder":
        remarks.append(
            f"{folder} was read as {found.form.name}: labels and speakers are those in its file names; --as folder"
            " takes the folders' names instead"
        )
    clips = _with_speakers(clips, found, speakers, speaker_pattern)
    _check_speakers(clips)
    facts = statistics_of_files([clip.sound for clip in clips], progress=progress)
    left_out = {}
    if found.reading.unrecognized:
        left_out["not a clip of any label"] = tuple(found.reading.unrecognized)
    kept, rejected = _select(clips, facts)
    training_set = FinetuningSet(
        kept,
        tuple(facts[clip.sound].digest for clip in kept),
        found.form.name,
        {**left_out, **rejected},
        tuple(remarks),
    )
    refuse_too_few(training_set, clips)
    return training_set


def refuse_too_few(training_set: FinetuningSet, meant: Clips) -> None:
    """Refuse a single label, or a label with too few clips.

    Args:
        training_set: what is left.
        meant: the clips before any was left out.

    Raises:
        CorpusError: with the label and its count.
    """
    if len(meant.emotions) < 2:
        raise CorpusError(
            f"only one label, {meant.emotions[0]}; at least 2 are wanted, each a folder with {MIN_CLIPS_PER_LABEL}"
            " clips or more"
        )
    left = training_set.clips.count("emotion")
    for label, count in meant.count("emotion").items():
        if left.get(label, 0) < MIN_CLIPS_PER_LABEL:
            lost = count - left.get(label, 0)
            more = f" ({lost} more cannot be used)" if lost else ""
            raise CorpusError(
                f"{label}: {_many(left.get(label, 0), 'clip')}{more}; at least {MIN_CLIPS_PER_LABEL} of each label are"
                f" wanted"
                f"{_examples(training_set.left_out)}"
            )


def _corpus_of(folder: Path) -> str:
    """Recognize the data set of a folder; ``"folder"`` if it is none that hearfelt knows."""
    try:
        return identify(folder)
    except CorpusError:
        path = path_given(folder)
        if not path.is_dir() or not any(one.is_dir() for one in path.iterdir()):
            raise
        return "folder"  # one stray file is no reason to stop


def _has_table(folder: Path) -> bool:
    return table_in(path_given(folder)) is not None


def _check_folders(folder: Path, clips: Clips) -> None:
    """Refuse two folders that mean one label, as that may be a mistake."""
    spelled: dict[str, str] = {}
    for clip in clips:
        parts = PurePosixPath(clip.name).parts[:-1]
        name = next((part for part in parts if standard_label(part) == clip.emotion), parts[0])
        if not clip.emotion.strip("_"):
            raise CorpusError(f"{folder / name}: this folder's name says nothing; a label is wanted as its name")
        if spelled.setdefault(clip.emotion, name) != name:
            raise CorpusError(
                f"{folder}: the folders {spelled[clip.emotion]!r} and {name!r} both mean {clip.emotion}; put their"
                " clips into one, or give one of them another name"
            )


def _empty_folders(folder: Path, clips: Clips) -> list[str]:
    used = {PurePosixPath(clip.name).parts[0] for clip in clips}
    folders = sorted(one.name for one in path_given(folder).iterdir() if one.is_dir() and not one.name.startswith("."))
    return [f"{folder / name}: no sound in this folder, so it is no label" for name in folders if name not in used]


def _with_speakers(clips: Clips, found: FolderReading, table: Path | None, pattern: str | None) -> Clips:
    if table is not None:
        speaker_of = _speakers_in(table, found.root)
        what = f"{table} names no speaker"
    elif pattern is not None:
        speaker_of = _speakers_by(pattern, [clip.clip for clip in clips])
        what = f"the pattern '{pattern}' finds no speaker"
    else:
        return clips
    who = [
        speaker_of.get(clip.name) or speaker_of.get(clip.clip, "") for clip in clips
    ]  # of the part, or of the whole file
    if absent := [clip.name for clip, speaker in zip(clips, who, strict=True) if not speaker]:
        raise CorpusError(f"{what} for {_some(absent)}; every clip needs one, or none")
    return Clips(replace(clip, speaker=f"{clip.corpus}/{speaker}") for clip, speaker in zip(clips, who, strict=True))


def _speakers_in(table: Path, root: Path) -> dict[str, str]:
    """Read who speaks in which file or part of one; paths start at the folder, or at the table's own."""
    speaker_of: dict[str, str] = {}
    for row in read_table(table, needs=("path", "speaker")):
        paths = (base / row.path_in(str(base)) for base in (root, table.parent))
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise row.refuse(f"there is no {row['path']}; put the file there or take the row out")
        resolved = path.resolve()
        if not resolved.is_relative_to(root.resolve()):
            continue
        name = resolved.relative_to(root.resolve()).as_posix() + time_fragment(*row.part)
        if speaker_of.setdefault(name, row["speaker"]) != row["speaker"]:
            raise row.refuse(f"{name} is spoken by {row['speaker']}, and above by {speaker_of[name]}")
    return speaker_of


def _speakers_by(pattern: str, names: Sequence[str]) -> dict[str, str]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise CorpusError(
            f"'{pattern}' is no regular expression ({error}); one that finds the speaker is wanted"
        ) from None
    speaker_of = {}
    for name in names:
        if match := expression.search(name):
            group: str | int = "speaker" if "speaker" in expression.groupindex else min(1, expression.groups)
            speaker_of[name] = (match[group] or "").strip()
    return speaker_of


def _check_speakers(clips: Clips) -> None:
    unknown = [clip.name for clip in clips if not clip.speaker_is_known]
    if unknown and len(unknown) < len(clips):
        raise CorpusError(f"no speaker is known for {_some(unknown)}; every clip needs one, or none")


def _select(clips: Clips, facts: Mapping[Path | Excerpt, FileStatistics]) -> tuple[Clips, dict[str, tuple[str, ...]]]:
    """Leave out clips that are broken, silent, of contradicting labels, or second copies."""
    reasons: dict[str, list[str]] = {}
    first: dict[str, Clip] = {}
    labels: dict[str, set[str]] = {}
    for clip in clips:
        labels.setdefault(facts[clip.sound].digest, set()).add(clip.emotion)
    kept = []
    for clip in clips:
        fact = facts[clip.sound]
        if fact.error:
            reasons.setdefault(_UNREADABLE, []).append(fact.error)
        elif fact.is_silent:
            reasons.setdefault("silent", []).append(clip.name)
        elif len(labels[fact.digest]) > 1:
            reasons.setdefault("the same sound under several labels", []).append(clip.name)
        elif fact.digest in first:
            reasons.setdefault("a copy of another clip", []).append(clip.name)
        else:
            first[fact.digest] = clip
            kept.append(clip)
    return Clips(kept), {reason: tuple(names) for reason, names in reasons.items()}


def _some(names: Sequence[str]) -> str:
    more = f" (and {len(names) - 1:,} more)" if len(names) > 1 else ""
    return f"{names[0]}{more}"


def _examples(left_out: Mapping[str, tuple[str, ...]]) -> str:
    if _UNREADABLE not in left_out:
        return ""
    return f". The first that cannot be read: {left_out[_UNREADABLE][0]}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


_BYTES: Final = 6  # of each sound's digest: two different sounds meet once in 10¹⁴ pairs


@dataclass(frozen=True)
class KnownRecordings:
    """What a base model was trained on already, of the clips that it is fine-tuned on.

    Attributes:
        sentences: one for each corpus, without their full stops; empty where nothing is known.
        is_certain: whether the base was trained on some of these clips or speakers.
    """

    sentences: tuple[str, ...]
    is_certain: bool


def sounds_of(digests: Sequence[str]) -> str:
    """Encode the digests of training sounds, short enough for a card: base64 of six bytes each, sorted.

    Example:
        >>> sounds_of(["00ff00ff00ff" + "0" * 52])
        'AP8A/wD/'
    """
    return base64.b64encode(b"".join(sorted(bytes.fromhex(digest)[:_BYTES] for digest in digests))).decode("ascii")


def find_known_recordings(clips: Clips, digests: Sequence[str], card: ModelCard) -> KnownRecordings:
    """Compare clips with what the base's card says about its training.

    Sounds are compared where the card lists them, as cards of fine-tuned models do. Besides, speakers are compared by
    name, sets of clips by fingerprint, and file names with those of every corpus in the card, so that recordings sorted
    into folders are recognized too. Renamed recordings of a corpus whose sounds are not listed are not.

    Args:
        clips: to fine-tune on.
        digests: of their sounds.
        card: of the base model.
    """
    sentences, is_certain = [], False
    own = {bytes.fromhex(digest)[:_BYTES] for digest in digests}
    for corpus, facts in card.corpora.items():
        known = own & _sounds_in(facts)
        if known or facts.get("fingerprint") == clips.fingerprint():
            count = len(known) or len(clips)
            sentences.append(f"{card.name} was trained on {count:,} of these {len(clips):,} very sounds")
            is_certain = True
        elif alike := _read_as(corpus, clips):
            sentences.append(_of_corpus(corpus, alike, card))
            is_certain |= bool(set(alike.speakers) & set(card.training_speakers))
    return KnownRecordings(tuple(dict.fromkeys(sentence for sentence in sentences if sentence)), is_certain)


def _of_corpus(corpus: str, alike: Clips, card: ModelCard) -> str:
    """Say what the card tells about the clips of one corpus, by their speakers."""
    speakers = sorted(set(alike.speakers) & set(card.training_speakers))
    if not speakers:
        if corpus == "folder":
            return ""  # everybody's own is called so
        return (
            f"{card.name} was trained on other speakers of {corpus}, who say the same in the same room: it does"
            " better on these clips than on others"
        )
    who = ", ".join(speakers[:3]) + (", …" if len(speakers) > 3 else "")
    of_them = f"{len(speakers)} of the {len(alike.speakers)} speakers"
    if corpus == "folder":
        return f"{card.name} was trained on somebody of the same name as {of_them} ({who})"
    return f"{card.name} was trained on {corpus}, with {of_them} of these clips ({who})"


def _read_as(corpus: str, clips: Clips) -> Clips:
    """Find the clips that belong to a corpus by what they are called."""
    own = clips.where(corpus=corpus)
    if own:
        return Clips(clip for clip in own if clip.speaker_is_known)
    form = CORPORA.get(corpus)
    if form is None or not clips:
        return Clips()
    names = [clip.clip for clip in clips.where(corpus="folder")]
    if not any(form.shape.search(name.rpartition(".")[0]) for name in names):
        return Clips()
    return Clips(form.parse(clips[0].root, names).clips)


def _sounds_in(facts: Mapping[str, Any]) -> set[bytes]:
    text = facts.get("sounds", "")
    try:
        listed = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        listed = b""  # a card from elsewhere may hold anything under this name
    return {listed[start : start + _BYTES] for start in range(0, len(listed), _BYTES)}
