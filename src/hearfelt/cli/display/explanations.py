"""The charts of ``--why`` at a terminal: what a prediction depends on, as bars and one sentence.

This module imports rich at its top; it is imported only when a chart is printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from textwrap import fill
from typing import Final

from rich.text import Text

from hearfelt.cli.display.prediction_table import bar
from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import GROUPS_IN_WORDS, Explanation
from hearfelt.reports.explanations import LITTLE, occlusion_sentence, why_sentence

__all__ = ["why_chart"]

FOR, AGAINST = "#009e73", "#d55e00"
_NARROW: Final = 64  # columns; with fewer, words are short and the chart moves to the left
_UNIT: Final = "Numbers are log-odds: each +1 multiplies the odds of the emotion by 2.7, as from 50% to 73%."  # e
_LEVELS: Final = " ▁▂▃▄▅▆▇█"
_NAMES: Final = 8  # cells of "against" and a space, left of the curve


def why_chart(explanation: Explanation | Occlusion, width: int) -> Text:
    """Draw what a prediction depends on.

    Args:
        explanation: from ``Recognizer.explain``. Shapley values add up to the difference from the mean over training
            clips; the effects of occlusion do not add up.
        width: of the console, in cells.

    Returns:
        Lines with bars, to the right for the emotion and to the left against it, and a sentence. Numbers are log-odds.
    """
    is_wide = width >= _NARROW
    indent = "    " if is_wide else "  "
    chart = Text()
    if isinstance(explanation, Occlusion):
        _add_curve(chart, explanation, width, indent)
        words = [
            (f"{low:,.0f} to {high:,.0f} Hz", effect)
            for (low, high), effect in zip(explanation.bands_hz, explanation.band_effects, strict=True)
        ]
        sentence, least = occlusion_sentence(explanation), LITTLE
    else:
        shares = sorted(explanation.contributions.items(), key=lambda pair: -abs(pair[1]))
        words = [(GROUPS_IN_WORDS.get(name, (name, name))[int(is_wide)], share) for name, share in shares]
        sentence, least = why_sentence(explanation), 1e-9
    _add_bars(chart, words, width, indent, least=least)
    chart.append(fill(sentence, max(20, width), initial_indent=indent, subsequent_indent=indent) + "\n")
    chart.append(fill(_UNIT, max(20, width), initial_indent=indent, subsequent_indent=indent) + "\n", "dim")
    return chart


def _add_bars(chart: Text, words: Sequence[tuple[str, float]], width: int, indent: str, *, least: float) -> None:
    longest = max(len(word) for word, _ in words)
    half = max(0, min(14, (width - longest - len(indent) - 10) // 2))
    most = max([least, *(abs(share) for _, share in words)])  # a small effect must not look large
    for word, share in words:
        drawn = bar(abs(share) / most, half).rstrip()
        left, right = ("█" * round(abs(share) / most * half), "") if share < 0 else ("", drawn)
        chart.append(f"{indent}{word:<{longest}}  ")
        chart.append(f"{left:>{half}}", AGAINST)
        chart.append("│", "dim")
        chart.append(f"{right:<{half}}", FOR)
        chart.append(f" {share:+.2f}\n", "dim")


def _add_curve(chart: Text, occlusion: Occlusion, width: int, indent: str) -> None:
    """Draw over time how much each stretch speaks for the emotion, and below it, against it."""
    columns = max(1, min(len(occlusion.time_effects), width - len(indent) - _NAMES))
    effects = _strongest(occlusion.time_effects, columns)
    most = max([LITTLE, *map(abs, effects)])
    for name, sign, colour in (("for", 1, FOR), ("against", -1, AGAINST)):
        heights = [max(0.0, sign * effect) / most for effect in effects]
        drawn = "".join(_LEVELS[round(height * (len(_LEVELS) - 1))] for height in heights)
        if drawn.strip() or sign > 0:
            chart.append(f"{indent}{name:<{_NAMES}}")
            chart.append(f"{drawn}\n", colour)
    end = f"{occlusion.times_s[-1] + occlusion.window_s / 2:.1f} s"
    gap = max(1, columns - len("0") - len(end))
    chart.append(f"{indent}{'':<{_NAMES}}0{'':<{gap}}{end}\n", "dim")


def _strongest(values: Sequence[float], columns: int) -> list[float]:
    """Give each column the strongest of the values that fall into it."""
    edges = [place * len(values) // columns for place in range(columns + 1)]
    return [max(values[first:end], key=abs) for first, end in pairwise(edges)]
