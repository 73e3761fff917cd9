"""Predictions and timelines in a notebook: bars and segments as plain SVG and HTML."""

from __future__ import annotations

from html import escape
from typing import Final

from hearfelt.audio.warnings import texts_of
from hearfelt.emotions import look_of
from hearfelt.inference.prediction import NO_SPEECH_WORDS, Prediction
from hearfelt.inference.timeline.segments import Segment, Timeline

__all__ = ["prediction_html", "timeline_html"]

_WIDTH: Final = 600
_ROW: Final = 22
_NAME: Final = 110  # left of the bars
_LONGEST_TABLE: Final = 50  # segments


def prediction_html(prediction: Prediction) -> str:
    """Draw a bar for each emotion, the most probable first, with the warnings below.

    Example:
        >>> prediction_html(Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "classic")).count("<rect")
        2
    """
    ranked = prediction.ranked()
    rows = [
        f'<text x="0" y="{place * _ROW + 15}">{_label(label)}</text>'
        f'<rect x="{_NAME}" y="{place * _ROW + 4}" height="13" width="{max(1, 400 * share):.0f}"'
        f' fill="{look_of(label).colour}"/>'
        f'<text x="{_NAME + 6 + 400 * share:.0f}" y="{place * _ROW + 15}">{_percent(share)}</text>'
        for place, (label, share) in enumerate(ranked)
    ]
    said = ", ".join(f"{label} {share:.0%}" for label, share in ranked)
    return f"<div>{_headline(prediction)}{_svg(rows, len(rows) * _ROW, said)}{_remarks(prediction)}</div>"


def timeline_html(timeline: Timeline) -> str:
    """Draw the segments over time, and list the first of them below.

    Example:
        >>> sad = Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.5, "classic")
        >>> timeline = Timeline("call.wav", None, 12.0, (Segment(1.0, 3.5, sad),), ("calm", "sad"), "classic")
        >>> timeline_html(timeline).count("<rect")
        2
    """
    scale = _WIDTH / max(timeline.duration_s, 1e-3)
    drawn = [f'<rect x="0" y="10" width="{_WIDTH}" height="30" fill="currentColor" opacity="0.08"/>']
    drawn += [
        f'<rect x="{one.start_s * scale:.1f}" y="10" width="{max(1, one.duration_s * scale):.1f}" height="30"'
        f' fill="{look_of(one.emotion).colour}" opacity="{0.5 if one.unsure else 1}">'
        f"<title>{escape(_said(one))}</title></rect>"
        for one in timeline
    ]
    drawn.append(
        f'<text x="0" y="56">0 s</text><text x="{_WIDTH}" y="56" text-anchor="end">{timeline.duration_s:.1f} s</text>'
    )
    rows = "".join(
        f"<tr><td>{one.start_s:.1f}–{one.end_s:.1f} s</td><td>{_label(one.emotion)}{'?' if one.unsure else ''}</td>"
        f"<td>{one.confidence:.0%}</td></tr>"
        for one in timeline.segments[:_LONGEST_TABLE]
    )
    more = len(timeline) - _LONGEST_TABLE
    rest = f"<div>and {more:,} more; to_frame() has all</div>" if more > 0 else ""
    title = (
        f"<div><b>{escape(timeline.source)}</b>, {len(timeline):,} segments, {timeline.speech_s:.1f} s of speech</div>"
    )
    warnings = texts_of(timeline.warnings)
    about = f"<div>{escape(warnings)}</div>" if warnings else ""
    picture = _svg(drawn, 60, f"segments of {timeline.source}")
    return f"<div>{title}{picture}{about}<table>{rows}</table>{rest}</div>"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "under 1%"


def _headline(prediction: Prediction) -> str:
    if prediction.has_no_speech:
        return f"<div><b>{NO_SPEECH_WORDS}</b></div>"
    words = f"{prediction.confidence:.0%}, {prediction.in_words}"
    return f"<div><b>{_label(prediction.emotion)}</b> {words}</div>"


def _remarks(prediction: Prediction) -> str:
    text = texts_of(prediction.other_warnings)
    return f"<div>{escape(text)}</div>" if text else ""


def _said(segment: Segment) -> str:
    return f"{segment.emotion} {segment.confidence:.0%}, {segment.start_s:.1f} to {segment.end_s:.1f} s"


def _label(label: str) -> str:
    return f"{look_of(label).emoji} {escape(label)}"


def _svg(parts: list[str], height: int, said: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="100%" style="max-width:{_WIDTH}px;display:block" role="img"'
        f' aria-label="{escape(said, quote=True)}" font-family="sans-serif" font-size="13" fill="currentColor">'
        f"{''.join(parts)}</svg>"
    )
