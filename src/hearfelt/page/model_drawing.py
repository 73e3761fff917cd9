"""The drawings of the Model view, as SVG: the reliability diagram and the leak ladder."""

from __future__ import annotations

from html import escape
from typing import Final

from hearfelt.reports.formatting import bare
from hearfelt.reports.shipped_scores import Ladder, Measurement

__all__ = ["ladder", "reliability"]

_LEFT: Final = 44  # where the axes meet
_TOP: Final = 30  # so that a figure above the highest point is seen whole
_SIDE: Final = 300  # of the square between them
_BOTTOM: Final = _TOP + _SIDE
_STRENGTHS: Final = (1.0, 0.6, 0.35)  # of the models' lines
_FEWEST: Final = 5  # answers; a point of fewer says nothing


def reliability(one: Measurement) -> str:
    """Draw how often answers of each confidence were right: on the dashed line, confidence keeps its word."""
    parts = [_frame("how sure it said it was", "how often it was right")]
    parts.append(f'<line class="hf-diagonal" x1="{_across(0)}" y1="{_up(0)}" x2="{_across(1)}" y2="{_up(1)}"/>')
    bins = [bin for bin in one.reliability if bin.count >= _FEWEST]
    most = max((bin.count for bin in bins), default=1)
    points = " ".join(f"{_across(bin.confidence)},{_up(bin.accuracy)}" for bin in bins)
    parts.append(f'<polyline class="hf-curve" points="{points}"/>')
    for bin in bins:
        radius = 4 + 8 * (bin.count / most) ** 0.5
        what = f"said {100 * bin.confidence:.0f} %, right {100 * bin.accuracy:.0f} %, {bin.count} answers"
        parts.append(
            f'<circle class="hf-point" cx="{_across(bin.confidence)}" cy="{_up(bin.accuracy)}" r="{radius:.1f}">'
            f"<title>{what}</title></circle>"
        )
    said = ", ".join(f"{100 * bin.confidence:.0f} % said and {100 * bin.accuracy:.0f} % right" for bin in bins)
    return _svg("".join(parts), f"Reliability diagram: {said}", _LEFT + _SIDE + 14)


def ladder(steps: Ladder) -> str:
    """Draw how the same network's score rises with every leak, the honest step at the left."""
    width = 440
    parts = [_frame("", "test clips answered rightly", width=width)]
    names = ["honest", *(f"+ leak {number}" for number in range(1, len(steps.steps)))]
    places = [_LEFT + width * (number + 0.5) / len(names) for number in range(len(names))]
    for place, name in zip(places, names, strict=True):
        parts.append(f'<text x="{place:.0f}" y="{_BOTTOM + 20}" text-anchor="middle">{name}</text>')
    guess = _up(steps.guess)
    parts.append(f'<line class="hf-diagonal" x1="{_LEFT}" y1="{guess}" x2="{_LEFT + width}" y2="{guess}"/>')
    parts.append(f'<text x="{_LEFT + width}" y="{guess - 6:.1f}" text-anchor="end">guessing</text>')
    best = max(steps.models, key=lambda name: sum(score or 0.0 for score in steps.models[name]), default=None)
    said = []
    for strength, (name, scores) in zip(_STRENGTHS, steps.models.items(), strict=False):
        there = [(place, score) for place, score in zip(places, scores, strict=True) if score is not None]
        points = " ".join(f"{place:.1f},{_up(score)}" for place, score in there)
        parts.append(f'<polyline class="hf-curve" style="opacity:{strength}" points="{points}"/>')
        for number, (place, score) in enumerate(there):
            # Figures stand away from lines: at the left of where one begins, above the best and below the others.
            across, up, anchor = (0, -12, "middle") if name == best else (8, 18, "start")
            if number == 0:
                across, up, anchor = -11, 4, "end"
            where = f'x="{place + across:.1f}" y="{_up(score) + up:.1f}" text-anchor="{anchor}"'
            parts.append(f'<circle class="hf-point" cx="{place:.1f}" cy="{_up(score)}" r="5"/>')
            parts.append(f'<text class="hf-strong" {where}>{bare(score)}</text>')
        start, score = there[0]
        parts.append(f'<text x="{start:.1f}" y="{_up(score) + 22:.1f}" text-anchor="middle">{escape(name)}</text>')
        said.append(f"{name} from {bare(there[0][1])} % to {bare(there[-1][1])} %")
    return _svg("".join(parts), f"Leak ladder: {'; '.join(said)}", _LEFT + width + 14)


def _frame(below: str, beside: str, *, width: int = _SIDE) -> str:
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<line class="hf-grid" x1="{_LEFT}" y1="{_up(share)}" x2="{_LEFT + width}" y2="{_up(share)}"/>')
        parts.append(f'<text x="{_LEFT - 7}" y="{_up(share) + 4:.1f}" text-anchor="end">{100 * share:.0f}</text>')
        if below:
            parts.append(f'<text x="{_across(share)}" y="{_BOTTOM + 18}" text-anchor="middle">{100 * share:.0f}</text>')
    if below:
        parts.append(f'<text x="{_LEFT + width / 2}" y="{_BOTTOM + 38}" text-anchor="middle">{below} (%)</text>')
    middle = _TOP + _SIDE / 2
    parts.append(f'<text transform="translate(11 {middle}) rotate(-90)" text-anchor="middle">{beside} (%)</text>')
    return "".join(parts)


def _across(share: float) -> float:
    return round(_LEFT + _SIDE * share, 1)


def _up(share: float) -> float:
    return round(_BOTTOM - _SIDE * share, 1)


def _svg(content: str, said: str, width: int) -> str:
    height = _BOTTOM + 46
    return (
        f'<svg class="hf-drawing" viewBox="0 0 {width} {height}" style="max-width:{width * 1.15:.0f}px" role="img"'
        f' aria-label="{escape(said)}">{content}</svg>'
    )
