"""What an answer depends on, as HTML: Shapley bars of feature groups, or the curve and bands of occlusion."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import GROUPS_IN_WORDS, Explanation
from hearfelt.reports.explanations import LITTLE, occlusion_sentence, why_sentence

__all__ = ["reasons"]

_WIDE: Final = 1_000  # of a curve's own coordinates
_HALF: Final = 100  # from its line in the middle to either end
_EACH: Final = 12  # points between two stretches, so that both colours meet on the line
_METHOD: Final = {
    "shapley": (
        "Each bar is the exact Shapley value of a group of numbers that the model hears. Measured are log-odds:"
        " +0.7 doubles the odds of the answer."
    ),
    "occlusion": (
        "The model was asked again and again, each time with a stretch of time or a band of tones taken away."
        " Measured are log-odds: +0.7 means that the part doubles the odds of the answer."
    ),
}


def reasons(why: Explanation | Occlusion) -> str:
    """Set what an answer depends on: a sentence, then its charts.

    Args:
        why: from ``Recognizer.explain``.
    """
    emotion = escape(why.emotion)
    key = (
        f'<p class="hf-key"><span class="hf-for">speaks for {emotion}</span>'
        f'<span class="hf-against">speaks against it</span></p>'
    )
    if isinstance(why, Explanation):
        shares = sorted(why.contributions.items(), key=lambda pair: -abs(pair[1]))
        rows = [(GROUPS_IN_WORDS.get(name, (name, name))[0], share) for name, share in shares]
        charts = _rows(rows, "What each kind of sound contributes")
        return f'<p class="hf-said">{escape(why_sentence(why))}</p>{key}{charts}{_method("shapley")}'
    rows = [
        (f"{_hertz(low)} to {_hertz(high)} Hz", effect)
        for (low, high), effect in zip(why.bands_hz, why.band_effects, strict=True)
    ]
    charts = (
        f'<div class="hf-reasons"><div><h4>When it is heard</h4>{_curve(why)}</div>'
        f"<div><h4>In which tones, low to high</h4>{_rows(rows, 'What each band of tones contributes')}</div></div>"
    )
    return f'<p class="hf-said">{escape(occlusion_sentence(why))}</p>{key}{charts}{_method("occlusion")}'


def _method(name: str) -> str:
    return f'<p class="hf-method">{_METHOD[name]}</p>'


def _hertz(value: float) -> str:
    return f"{value:,.0f}"


def _rows(rows: Sequence[tuple[str, float]], label: str) -> str:
    most = max([LITTLE, *(abs(share) for _, share in rows)])  # what changes little must not look like much
    lines = "".join(
        f'<li style="--share:{abs(share) / most:.4f}"><span class="hf-label">{escape(name)}</span>'
        f'<span class="hf-both {"hf-against" if share < 0 else "hf-for"}" aria-hidden="true"><b></b></span>'
        f'<span class="hf-share">{_signed(share)}</span></li>'
        for name, share in rows
    )
    return f'<ul class="hf-why" aria-label="{escape(label)}">{lines}</ul>'


def _curve(why: Occlusion) -> str:
    """Draw what every stretch of time contributes: above the line for the answer, below it against."""
    end_s = why.times_s[-1] + why.window_s / 2
    fine_s = np.linspace(why.times_s[0], why.times_s[-1], _EACH * len(why.times_s))
    fine = np.interp(fine_s, why.times_s, why.time_effects)
    most = max(LITTLE, float(np.abs(fine).max()))
    across, up = _WIDE * fine_s / end_s, _HALF * fine / most

    def area(heights: np.ndarray) -> str:
        points = " ".join(f"{x:.1f},{_HALF - y:.1f}" for x, y in zip(across, heights, strict=True))
        return f"M{across[0]:.1f},{_HALF} L{points} L{across[-1]:.1f},{_HALF} Z"

    place = why.strongest_time
    said = f"The stretch around {why.times_s[place]:.1f} s changes most: {_signed(why.time_effects[place])}"
    return (
        f'<svg class="hf-curve-of-time" viewBox="0 0 {_WIDE} {2 * _HALF}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(said)}"><path class="hf-for" d="{area(np.maximum(up, 0))}"/>'
        f'<path class="hf-against" d="{area(np.minimum(up, 0))}"/>'
        f'<line x1="0" y1="{_HALF}" x2="{_WIDE}" y2="{_HALF}"/></svg>'
        f'<p class="hf-ends" aria-hidden="true"><span>0 s</span><span>{end_s:.1f} s</span></p>'
    )


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
