"""The section of ``docs/results.md`` on recordings: which emotion is heard when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hearfelt.evaluation.segment_results import TimedResults
from hearfelt.evaluation.segment_tables import Recorded
from hearfelt.reports.formatting import bare, many
from hearfelt.reports.ways import COLUMNS, way_rows
from result_pages.markdown import markdown_table

__all__ = ["example_of", "over_time_section", "picture_of"]

_ENOUGH: Final = 5  # clips in a recording that is worth a picture

_TEXT: Final = """\
## Conversations: which emotion is heard when

Recordings made of clips of actors whom the model never heard, one person each, with pauses, in a noisy room. The error
rate is missed speech, false alarms and confused emotions over the time of true speech, on frames of 10 ms without a
collar; lower is better, and it can exceed 100 %. "Naive" is the same model on plain windows of 2 s, one each second.
[protocols.md](protocols.md#recordings-which-emotion-is-heard-when) says how the recordings are made."""


def over_time_section(results: Sequence[TimedResults]) -> str:
    """Write the section; empty where no model was followed over time yet."""
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
            lead += f" The timeline's error rate is {bare(abs(lower))} % {side} than the naive way's."
        alt = f"When which emotion is truly heard in recording {example_of(one).name}, and what {one.name} says of it"
        picture = f"![{alt}]({picture_of(one).removeprefix('docs/')})"
        parts += [lead, markdown_table(["%", *COLUMNS], way_rows(summary)), picture]
    return "\n\n".join(parts)


def example_of(one: TimedResults) -> Recorded:
    """Choose the recording that is shown: the first with five clips or more, however well it was answered."""
    return next((made for made in one.recordings if len(made.truth) >= _ENOUGH), one.recordings[0])


def picture_of(one: TimedResults) -> str:
    """Name the picture's file, below the checkout."""
    return f"docs/pictures/{one.protocol}-{one.name}.png"
