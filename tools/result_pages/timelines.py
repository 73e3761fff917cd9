"""The section of ``docs/results.md`` on timelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hearfelt.evaluation.segment_results import RecordingRows, SegmentResults
from hearfelt.reports.formatting import COLUMNS, bare, many, method_rows
from result_pages.markdown import markdown_table

__all__ = ["example_of", "over_time_section", "picture_of"]

_MIN_CLIPS: Final = 5  # of the recording in the picture

_TEXT: Final = """\
## Timelines on synthetic conversations

Recordings made of clips of unseen speakers, one speaker each, with pauses and background noise. The error rate is
missed speech, false alarms and confused emotions, divided by the duration of true speech, on frames of 10 ms without a
collar; lower is better, and it can exceed 100 %. "Naive" is the same model on windows of 2 s, one per second.
[protocols.md](protocols.md#timelines-on-synthetic-conversations) describes the recordings."""


def over_time_section(results: Sequence[SegmentResults]) -> str:
    """The section; empty without results."""
    if not results:
        return ""
    parts = [_TEXT]
    for one in results:
        summary = one.summary
        speakers = many(len(summary["by_speaker"]), "speaker")
        lead = (
            f"### {one.name} on `{one.protocol}`\n\n{many(summary['recordings'], 'recording')} of {speakers},"
            f" {summary['duration_s'] / 60:.0f} minutes, {summary['speech_s'] / 60:.0f} of them speech."
        )
        if (lower := summary["lower_than_naive"]) is not None:
            side = "lower" if lower >= 0 else "higher"
            lead += f" The error rate is {bare(abs(lower))} % {side} than that of the naive method."
        alt = f"Recording {example_of(one).name}: true emotions, timeline of {one.name}, naive method"
        picture = f"![{alt}]({picture_of(one).removeprefix('docs/')})"
        parts += [lead, markdown_table(["%", *COLUMNS], method_rows(summary)), picture]
    return "\n\n".join(parts)


def example_of(one: SegmentResults) -> RecordingRows:
    """The recording in the picture: the first with five clips or more, whatever its score."""
    return next((made for made in one.recordings if len(made.truth) >= _MIN_CLIPS), one.recordings[0])


def picture_of(one: SegmentResults) -> str:
    """Path of the picture in the checkout."""
    return f"docs/pictures/{one.protocol}-{one.name}.png"
