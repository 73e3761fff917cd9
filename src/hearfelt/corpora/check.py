"""Is a copy of a corpus whole and sound? What is in it is counted and heard against what was published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hearfelt.corpora.base import Form, Published, stem_of
from hearfelt.corpora.catalog import FolderReading, read_folder
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.counting import Counts, count, missing_from, published_clips, published_counts, surplus
from hearfelt.corpora.folder import meant_by
from hearfelt.corpora.sound_checks import Heard, hear
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import CorpusError

__all__ = ["CorpusCheck", "check_corpus", "check_folder"]


@dataclass(frozen=True)
class CorpusCheck:
    """What was found in one copy of a corpus; files are named by their paths below its folder.

    Attributes:
        corpus: its name.
        path: the folder.
        channel: the half that was looked at, or ``""`` for all.
        complete: nothing published is missing, damaged or in doubt. For your own recordings: every file can be
            read, and no sound has two labels or two speakers.
        faults: why it is not complete, one clause each.
        clips: how many different clips there are.
        counts: clips by ``channel``, ``emotion``, ``actor`` and ``sex``.
        published: the same as published; empty where nothing was published.
        missing: what was published and isn't there: names without ending, or sentences.
        duplicates: groups of files that hold the very same sound.
        copies: files that hold a clip a second time, each beside the one that is used.
        contradictions: files that cannot both be right, one sentence each.
        strangers: sound files that are no clips of the corpus, with the reason.
        unreadable: files that cannot be used, with the fault.
        silent: clips in which nothing is heard.
        clipped: clips in which at least a thousandth of the samples stands at full scale.
        odd: clips that differ from the others (channels, sampling rate, name), with the difference.
        unfit: clips that are left out of training, with the reason.
        mislabelled: labels that look like a misspelling, with what was probably meant.
        remarks: what else should be known, one sentence each.
    """

    corpus: str
    path: Path
    channel: str
    complete: bool
    faults: tuple[str, ...]
    clips: int
    counts: Counts
    published: Counts
    missing: tuple[str, ...]
    duplicates: tuple[tuple[str, ...], ...]
    copies: Mapping[str, str]
    contradictions: tuple[str, ...]
    strangers: Mapping[str, str]
    unreadable: Mapping[str, str]
    silent: tuple[str, ...]
    clipped: tuple[str, ...]
    odd: Mapping[str, str]
    unfit: Mapping[str, str]
    mislabelled: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Give everything as values that JSON has."""
        return {name: _plain(value) for name, value in vars(self).items()}


def check_corpus(
    root: Path,
    name: str | None = None,
    channel: str | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> CorpusCheck:
    """Check a folder: count it against what was published, and hear every file once.

    Args:
        root: the folder, or a table that names sound files.
        name: which corpus it holds; known by the file names if left out.
        channel: ``"speech"`` or ``"song"`` for a copy of that half alone.
        progress: called with the number of files just heard.

    Raises:
        CorpusError: if there is nothing to check, or the corpus has no such channel.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from hearfelt.corpora.toy import write_toy
        >>> with TemporaryDirectory() as folder:
        ...     check = check_corpus(write_toy(Path(folder), speakers=2, clips_each=1))
        >>> check.complete, check.counts["sex"]
        (True, {'female': 8, 'male': 8})
    """
    return check_folder(read_folder(root, name), channel, progress=progress)


def check_folder(
    found: FolderReading, channel: str | None = None, *, progress: Callable[[int], None] | None = None
) -> CorpusCheck:
    """Check what :func:`hearfelt.corpora.catalog.read_folder` found; the rest as in :func:`check_corpus`."""
    form, reading, channel = found.form, found.reading, channel or ""
    if channel and channel not in form.channels:
        raise CorpusError(f"{form.name} has no {channel}, it has {' and '.join(form.channels)}; leave --channel out")
    clips = Clips(reading.clips)
    clips = clips.where(channel=channel) if channel else clips
    used = {clip.name for clip in clips}
    copies = {copy: kept for copy, kept in reading.copies.items() if kept in used}
    heard = hear(found.root, clips, (copies, tuple(reading.strangers)), progress=progress)

    published = published_clips(form, found.root, channel)
    wanted = published_counts(form, published)
    counts = count(clips, wanted)
    missing = (*reading.missing, *missing_from(clips, published, wanted))
    faults = (*_missing_faults(missing, counts, wanted), *_heard_faults(heard, form.published))
    unfit = form.published.unfit if form.published else {}
    return CorpusCheck(
        corpus=form.name,
        path=found.root,
        channel=channel,
        complete=not faults,
        faults=faults,
        clips=len(clips),
        counts=counts,
        published=wanted,
        missing=missing,
        duplicates=heard.duplicates(),
        copies=copies,
        contradictions=tuple(sentence for _, sentence in heard.contradictions()),
        strangers=reading.strangers,
        unreadable=heard.unreadable,
        silent=heard.silent,
        clipped=heard.clipped,
        odd={name: why for name, why in reading.odd.items() if name in used}
        | surplus(clips, published)
        | heard.odd(form.published),
        unfit={clip.name: unfit[stem_of(clip.name)] for clip in clips if stem_of(clip.name) in unfit},
        mislabelled={label: meant for label in clips.emotions if (meant := meant_by(label))},
        remarks=(*reading.remarks, *_remarks(form, clips, heard)),
    )


def _missing_faults(missing: Sequence[str], counts: Counts, wanted: Counts) -> Iterator[str]:
    """Say that clips are missing, and which option helps if a whole channel is."""
    if not missing:
        return
    channels = wanted.get("channel", {})
    absent = [channel for channel in channels if counts["channel"][channel] == 0]
    whole = [channel for channel in channels if counts["channel"][channel] == channels[channel]]
    if absent and len(absent) + len(whole) == len(channels):
        there = f" (--channel {whole[0]} checks this half alone)" if whole else ""
        yield f"all {absent[0]} is missing{there}"
    else:
        short = sum(channels.values()) - sum(counts["channel"].values())  # a sentence may stand for many clips
        yield f"{_clips(max(len(missing), short))} missing"


def _heard_faults(heard: Heard, published: Published | None) -> Iterator[str]:
    """Say what is wrong with the sound. Strangers are no fault of the corpus, and no fault here."""
    if bad := sum(name in heard.clips for name in heard.unreadable):
        yield f"{_clips(bad)} cannot be read"
    if published is None:
        if contradictions := len(list(heard.contradictions())):
            yield f"{contradictions:,} sound{'' if contradictions == 1 else 's'} under contradicting labels"
        return
    if silent := sum(stem_of(name) not in published.silent for name in heard.silent):
        yield f"{_clips(silent)} silent"
    if doubtful := heard.doubtful(published.same_sound):
        yield f"{_clips(len(frozenset().union(*doubtful)))} in doubt, for their sound or their name is another's"


def _remarks(form: Form, clips: Clips, heard: Heard) -> Iterator[str]:
    """Say what everybody should know before they use these clips."""
    usual = heard.usual_rate_hz
    if form.published and usual and usual not in form.published.rates_hz:
        rates = " or ".join(f"{rate:,}" for rate in form.published.rates_hz)
        yield f"The clips have {usual:,} Hz; they were published with {rates} Hz."
    if heard.copies:
        yield f"{len(heard.copies):,} files hold a clip a second time; one file of each is used."
    yield from form.published.remarks if form.published else ()
    others = [label for label in clips.emotions if label not in EMOTIONS]
    if others and form.published is None:
        yield f"Labels outside the eight are left out of training: {', '.join(others)}."
    if unknown := sum(not clip.speaker_is_known for clip in clips):
        yield f"Nobody wrote down who speaks in {_clips(unknown)}, so no test by speaker is possible with them."
    elif len(clips.speakers) == 1:
        yield f"One speaker only ({clips.speakers[0]}): a test here says nothing about other voices."
    if len(clips.emotions) == 1:
        yield f"One emotion only ({clips.emotions[0]}): there is nothing to tell apart."


def _clips(number: int) -> str:
    return "1 clip" if number == 1 else f"{number:,} clips"


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple) else value
