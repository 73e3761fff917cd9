"""How many clips there are of each kind, and which of the published ones are not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from hearfelt.corpora.base import Form, identity, stem_of
from hearfelt.corpora.clips import Clips

__all__ = ["Counts", "count", "missing_from", "published_clips", "published_counts", "surplus"]

Counts = Mapping[str, Mapping[str, int]]


def count(clips: Clips, wanted: Counts) -> Counts:
    """Count clips by channel, emotion, actor and sex; a value that is wanted and isn't there counts 0."""
    actors = Counter(_actor(clip.speaker) for clip in clips)
    found: Counts = {
        "channel": clips.count("channel"),
        "emotion": clips.count("emotion"),
        "actor": {actor: actors[actor] for actor in sorted(actors)},
        "sex": {sex or "unknown": number for sex, number in clips.count("sex").items()},
    }
    return {what: dict.fromkeys(wanted.get(what, {}), 0) | dict(by) for what, by in found.items()}


def published_clips(form: Form, root: Path, channel: str = "") -> Clips:
    """Make the clips that were published, as far as a rule or the corpus's own table names them; else none."""
    if form.published is None or form.published.stems is None:
        return Clips()
    names = [f"{stem}.wav" for stem in form.published.stems(root)]
    clips = Clips(form.parse(root, names).clips)
    return clips.where(channel=channel) if channel else clips


def published_counts(form: Form, published: Clips) -> Counts:
    """Count what was published; nothing for a corpus that is never complete."""
    if form.published is None:
        return {}
    counts = form.published.counts
    if not counts:
        return count(published, {})
    actors = {_actor(speaker): number for speaker, number in counts["speaker"].items()}
    return {"channel": counts["channel"], "emotion": counts["emotion"], "actor": actors, "sex": counts["sex"]}


def missing_from(clips: Clips, published: Clips, wanted: Counts) -> tuple[str, ...]:
    """Name what was published and isn't there.

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
    """Name clips whose names are well formed and were never published."""
    known = {identity(clip) for clip in published}
    if not known:
        return {}
    return {clip.name: "not among the published clips" for clip in clips if identity(clip) not in known}


def _short(clips: Clips, wanted: Counts, what: str) -> Iterator[str]:
    found = count(clips, wanted)[what]
    for value, number in wanted.get(what, {}).items():
        if found[value] < number:
            part = f"{number - found[value]} of {number}" if found[value] else f"all {number}"
            yield f"{part} clips of {what} {value}"


def _actor(speaker: str) -> str:
    return speaker.partition("/")[2]
