"""Check a copy of a corpus: its clips are counted, decoded and compared with what was published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hearfelt.audio.excerpts import Excerpt
from hearfelt.corpora.base import CorpusFormat, Published, identity, stem_of
from hearfelt.corpora.catalog import FolderReading, read_folder
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.file_statistics import FileStatistics, statistics_of_files
from hearfelt.corpora.folder import suggested_label
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import CorpusError

__all__ = [
    "CLIPPED_SHARE",
    "CorpusCheck",
    "Counts",
    "SoundFindings",
    "check_corpus",
    "check_folder",
    "count",
    "inspect_sounds",
    "missing_from",
    "published_clips",
    "published_counts",
    "surplus",
]

Counts = Mapping[str, Mapping[str, int]]

CLIPPED_SHARE: Final = 0.001  # of the samples, 1 ms in each second; less is the one peak of a loud recording


@dataclass(frozen=True)
class CorpusCheck:
    """Result of a check; files are named by their paths below the corpus's folder.

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
        unrecognized: sound files that are no clips of the corpus, with the reason.
        unreadable: files that cannot be used, with the fault.
        silent: clips without any sound in them.
        clipped: clips in which at least a thousandth of the samples stands at full scale.
        odd: clips that differ from the others (channels, sampling rate, name), with the difference.
        unfit: clips that are left out of training, with the reason.
        mislabelled: labels that look like a misspelling, each with the likely right one.
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
    unrecognized: Mapping[str, str]
    unreadable: Mapping[str, str]
    silent: tuple[str, ...]
    clipped: tuple[str, ...]
    odd: Mapping[str, str]
    unfit: Mapping[str, str]
    mislabelled: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return everything as plain values for JSON."""
        values = {name: _plain(value) for name, value in vars(self).items()}
        return {"strangers" if name == "unrecognized" else name: value for name, value in values.items()}


@dataclass(frozen=True)
class SoundFindings:
    """The sound of every file in a folder.

    Attributes:
        facts: statistics of each file, by name.
        clips: each clip of the corpus by name.
        copies: files that hold a clip a second time, each beside the one that was kept.
    """

    facts: Mapping[str, FileStatistics]
    clips: Mapping[str, Clip]
    copies: Mapping[str, str]

    @property
    def unreadable(self) -> dict[str, str]:
        """Files that cannot be used, with the fault."""
        return {name: fact.error for name, fact in self.facts.items() if fact.error}

    @property
    def silent(self) -> tuple[str, ...]:
        """Clips without any sound in them."""
        return tuple(name for name in self.clips if self.facts[name].is_silent)

    @property
    def clipped(self) -> tuple[str, ...]:
        """Clips with at least :data:`CLIPPED_SHARE` of the samples at full scale."""
        return tuple(name for name in self.clips if self.facts[name].clipped_share >= CLIPPED_SHARE)

    def duplicates(self) -> tuple[tuple[str, ...], ...]:
        """Group files that hold the very same sound, unrecognized ones among them, in the order of their names."""
        groups: dict[str, list[str]] = {}
        for name in sorted(self.facts):
            if not self.facts[name].error:
                groups.setdefault(self.facts[name].digest, []).append(name)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    def contradictions(self) -> Iterator[tuple[frozenset[str], str]]:
        """Find files that cannot both be right.

        Yields:
            The clips in question, and a sentence.
        """
        for clips in self._alike():
            names = " and ".join(clip.name for clip in clips)
            emotions = dict.fromkeys(clip.emotion for clip in clips)
            speakers = dict.fromkeys(clip.speaker for clip in clips)
            conflicts = [" and ".join(what) for what in (emotions, speakers) if len(what) > 1]
            if conflicts:
                yield _names(clips), f"{names} are the same sound under {', '.join(conflicts)}"
        for copy, kept in self.copies.items():
            one, other = self.facts[copy], self.facts[kept]
            if not one.error and not other.error and one.digest != other.digest:
                yield frozenset({kept}), f"{kept} and {copy} have one name and are not the same sound"

    def doubtful(self, known: Sequence[frozenset[str]]) -> set[frozenset[str]]:
        """Find clips of a published corpus that cannot be what was published.

        Args:
            known: groups that are the same sound as published, by name without ending.

        Returns:
            Groups of clips.
        """
        doubtful = {_names(clips) for clips in self._alike()} | {names for names, _ in self.contradictions()}
        return {names for names in doubtful if frozenset(map(stem_of, names)) not in known}

    def odd(self, published: Published | None) -> dict[str, str]:
        """List clips with several channels or another sampling rate than most."""
        usual = self.usual_rate_hz
        odd: dict[str, str] = {}
        for name in self.clips:
            fact = self.facts[name]
            if fact.error:
                continue
            parts = []
            if fact.channels != 1:
                as_published = published and stem_of(name) in published.two_channels and fact.channels == 2
                parts.append(f"{fact.channels} channels" + (", as published" if as_published else ""))
            if fact.rate_hz != usual:
                parts.append(f"{fact.rate_hz:,} Hz where most clips have {usual:,} Hz")
            if parts:
                odd[name] = "; ".join(parts)
        return odd

    @property
    def usual_rate_hz(self) -> int:
        """The sampling rate that most clips have; 0 if none can be read."""
        rates = Counter(self.facts[name].rate_hz for name in self.clips if not self.facts[name].error)
        return rates.most_common(1)[0][0] if rates else 0

    def _alike(self) -> Iterator[list[Clip]]:
        """Yield groups of different clips that hold the same sound; second copies count as the clip itself."""
        for group in self.duplicates():
            kept = dict.fromkeys(self.copies.get(name, name) for name in group)
            clips = [self.clips[name] for name in kept if name in self.clips]
            if len(clips) > 1:
                yield clips


def check_corpus(
    root: Path,
    name: str | None = None,
    channel: str | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> CorpusCheck:
    """Check a folder: count its clips against what was published, and decode every file once.

    Args:
        root: the folder, or a table that names sound files.
        name: which corpus it holds; known by the file names if left out.
        channel: ``"speech"`` or ``"song"`` for a copy of that half alone.
        progress: called with the number of files just decoded.

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
    found: FolderReading,
    channel: str | None = None,
    *,
    facts: Mapping[Path | Excerpt, FileStatistics] | None = None,
    progress: Callable[[int], None] | None = None,
) -> CorpusCheck:
    """Check what :func:`hearfelt.corpora.catalog.read_folder` found, as :func:`check_corpus` does.

    Args:
        found: the folder as read.
        channel: as in :func:`check_corpus`.
        facts: statistics of every sound file of the folder, if they are measured already.
        progress: as in :func:`check_corpus`.
    """
    form, reading, channel = found.form, found.reading, channel or ""
    if channel and channel not in form.channels:
        raise CorpusError(f"{form.name} has no {channel}, it has {' and '.join(form.channels)}; leave --channel out")
    clips = Clips(reading.clips)
    clips = clips.where(channel=channel) if channel else clips
    used = {clip.name for clip in clips}
    copies = {copy: kept for copy, kept in reading.copies.items() if kept in used}
    sounds = inspect_sounds(found.root, clips, (copies, tuple(reading.unrecognized)), facts=facts, progress=progress)

    published = published_clips(form, found.root, channel)
    wanted = published_counts(form, published)
    counts = count(clips, wanted)
    missing = (*reading.missing, *missing_from(clips, published, wanted))
    faults = (*_missing_faults(missing, counts, wanted), *_sound_faults(sounds, form.published))
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
        duplicates=sounds.duplicates(),
        copies=copies,
        contradictions=tuple(sentence for _, sentence in sounds.contradictions()),
        unrecognized=reading.unrecognized,
        unreadable=sounds.unreadable,
        silent=sounds.silent,
        clipped=sounds.clipped,
        odd={name: why for name, why in reading.odd.items() if name in used}
        | surplus(clips, published)
        | sounds.odd(form.published),
        unfit={clip.name: unfit[stem_of(clip.name)] for clip in clips if stem_of(clip.name) in unfit},
        mislabelled={label: likely for label in clips.emotions if (likely := suggested_label(label))},
        remarks=(*reading.remarks, *_remarks(form, clips, sounds)),
    )


def inspect_sounds(
    root: Path,
    clips: Sequence[Clip],
    others: tuple[Mapping[str, str], Sequence[str]],
    *,
    facts: Mapping[Path | Excerpt, FileStatistics] | None = None,
    progress: Callable[[int], None] | None = None,
) -> SoundFindings:
    """Decode every file of a folder once.

    Args:
        root: the folder.
        clips: the clips of the corpus.
        others: second copies, each beside the clip that was kept; and files that are no clips.
        facts: statistics of all of these, if they are measured already.
        progress: called with the number of files just decoded.
    """
    copies, unrecognized = others
    sounds = {clip.name: clip.sound for clip in clips} | {name: root / name for name in (*copies, *unrecognized)}
    facts = statistics_of_files(sounds.values(), progress=progress) if facts is None else facts
    by_name = {name: facts[sound] for name, sound in sounds.items()}
    return SoundFindings(by_name, {clip.name: clip for clip in clips}, copies)


def count(clips: Clips, wanted: Counts) -> Counts:
    """Count clips by channel, emotion, actor and sex; an expected value that is missing counts 0."""
    actors = Counter(_actor(clip.speaker) for clip in clips)
    found: Counts = {
        "channel": clips.count("channel"),
        "emotion": clips.count("emotion"),
        "actor": {actor: actors[actor] for actor in sorted(actors)},
        "sex": {sex or "unknown": number for sex, number in clips.count("sex").items()},
    }
    return {what: dict.fromkeys(wanted.get(what, {}), 0) | dict(by) for what, by in found.items()}


def published_clips(form: CorpusFormat, root: Path, channel: str = "") -> Clips:
    """List the published clips, as far as a rule or the corpus's own table names them."""
    if form.published is None or form.published.stems is None:
        return Clips()
    names = [f"{stem}.wav" for stem in form.published.stems(root)]
    clips = Clips(form.parse(root, names).clips)
    return clips.where(channel=channel) if channel else clips


def published_counts(form: CorpusFormat, published: Clips) -> Counts:
    """Count what was published; empty for a corpus that is never complete."""
    if form.published is None:
        return {}
    counts = form.published.counts
    if not counts:
        return count(published, {})
    actors = {_actor(speaker): number for speaker, number in counts["speaker"].items()}
    return {"channel": counts["channel"], "emotion": counts["emotion"], "actor": actors, "sex": counts["sex"]}


def missing_from(clips: Clips, published: Clips, wanted: Counts) -> tuple[str, ...]:
    """List published clips that are missing.

    Args:
        clips: what is there.
        published: every published clip, as far as known by name.
        wanted: what was published, counted.

    Returns:
        Names without ending where they are known; else one sentence for each actor of whom clips are missing.
    """
    there = {identity(clip) for clip in clips}
    if named := tuple(stem_of(clip.name) for clip in published if identity(clip) not in there):
        return named
    return tuple(_short(clips, wanted, "actor")) or tuple(_short(clips, wanted, "emotion"))


def surplus(clips: Clips, published: Clips) -> dict[str, str]:
    """List clips whose names are well formed and were never published."""
    known = {identity(clip) for clip in published}
    if not known:
        return {}
    return {clip.name: "not among the published clips" for clip in clips if identity(clip) not in known}


def _missing_faults(missing: Sequence[str], counts: Counts, wanted: Counts) -> Iterator[str]:
    """Report missing clips, and the option that helps if a whole channel is missing."""
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


def _sound_faults(sounds: SoundFindings, published: Published | None) -> Iterator[str]:
    """Report faults of the sound. Files that are no clips of the corpus are not its fault."""
    if bad := sum(name in sounds.clips for name in sounds.unreadable):
        yield f"{_clips(bad)} cannot be read"
    if published is None:
        if contradictions := len(list(sounds.contradictions())):
            yield f"{contradictions:,} sound{'' if contradictions == 1 else 's'} under contradicting labels"
        return
    if silent := sum(stem_of(name) not in published.silent for name in sounds.silent):
        yield f"{_clips(silent)} silent"
    if doubtful := sounds.doubtful(published.same_sound):
        yield f"{_clips(len(frozenset().union(*doubtful)))} in doubt, for their sound or their name is another's"


def _remarks(form: CorpusFormat, clips: Clips, sounds: SoundFindings) -> Iterator[str]:
    """Yield notes on how these clips can be used."""
    usual = sounds.usual_rate_hz
    if form.published and usual and usual not in form.published.rates_hz:
        rates = " or ".join(f"{rate:,}" for rate in form.published.rates_hz)
        yield f"The clips have {usual:,} Hz; they were published with {rates} Hz."
    if sounds.copies:
        yield f"{len(sounds.copies):,} files hold a clip a second time; one file of each is used."
    yield from form.published.remarks if form.published else ()
    others = [label for label in clips.emotions if label not in EMOTIONS]
    if others and form.published is None:
        yield f"Labels outside the eight are left out of training: {', '.join(others)}."
    if unknown := sum(not clip.speaker_is_known for clip in clips):
        test = "so no speaker-independent test is possible with them; a table's column speaker says who speaks"
        yield f"The speaker of {_clips(unknown)} is not known, {test}."
    elif len(clips.speakers) == 1:
        yield f"One speaker only ({clips.speakers[0]}): a test on it says nothing about other voices."
    if len(clips.emotions) == 1:
        yield f"One emotion only ({clips.emotions[0]}): there is nothing to classify."


def _clips(number: int) -> str:
    return "1 clip" if number == 1 else f"{number:,} clips"


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple) else value


def _short(clips: Clips, wanted: Counts, what: str) -> Iterator[str]:
    found = count(clips, wanted)[what]
    for value, number in wanted.get(what, {}).items():
        if found[value] < number:
            part = f"{number - found[value]} of {number}" if found[value] else f"all {number}"
            yield f"{part} clips of {what} {value}"


def _actor(speaker: str) -> str:
    return speaker.partition("/")[2]


def _names(clips: Sequence[Clip]) -> frozenset[str]:
    return frozenset(clip.name for clip in clips)
