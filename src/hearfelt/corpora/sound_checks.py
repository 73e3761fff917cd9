"""Checks of the sound in a corpus: copies, contradicting labels, silence, faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hearfelt.corpora.base import Published, stem_of
from hearfelt.corpora.clips import Clip
from hearfelt.corpora.file_statistics import FileStatistics, measure_files

__all__ = ["CLIPPED_SHARE", "SoundFindings", "inspect_sounds"]

CLIPPED_SHARE: Final = 0.001  # of the samples, 1 ms in each second; less is the one peak of a loud recording


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


def inspect_sounds(
    root: Path,
    clips: Sequence[Clip],
    others: tuple[Mapping[str, str], Sequence[str]],
    *,
    progress: Callable[[int], None] | None = None,
) -> SoundFindings:
    """Decode every file of a folder once.

    Args:
        root: the folder.
        clips: the clips of the corpus.
        others: second copies, each beside the clip that was kept; and files that are no clips.
        progress: called with the number of files just decoded.
    """
    copies, unrecognized = others
    sounds = {clip.name: clip.sound for clip in clips} | {name: root / name for name in (*copies, *unrecognized)}
    facts = measure_files(sounds.values(), progress=progress)
    by_name = {name: facts[sound] for name, sound in sounds.items()}
    return SoundFindings(by_name, {clip.name: clip for clip in clips}, copies)


def _names(clips: Sequence[Clip]) -> frozenset[str]:
    return frozenset(clip.name for clip in clips)
