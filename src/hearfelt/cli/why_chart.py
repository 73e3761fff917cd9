"""The charts of ``--why`` at a terminal: what an answer depends on, in bars and in one sentence.

This module imports rich at its top; it is imported only when a chart is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from textwrap import fill
from typing import Final

from rich.text import Text

from hearfelt.cli.answer_table import bar
from hearfelt.inference.explain import GROUPS_IN_WORDS, Explanation
from hearfelt.inference.occlusion import WHAT_IT_SAYS, Occlusion

__all__ = ["occlusion_sentence", "why_chart", "why_sentence"]

FOR, AGAINST = "#009e73", "#d55e00"
_WORTH_SAYING: Final = 0.1  # of the strongest; what spoke less against the answer is left unsaid
_LITTLE: Final = 0.1  # log-odds: 50 % would become 52 %
_NARROW: Final = 64  # columns; with fewer, words are short and the chart moves to the left
_LEVELS: Final = " ▁▂▃▄▅▆▇█"
_NAMES: Final = 8  # cells of "against" and a space, left of the curve


def why_chart(explanation: Explanation | Occlusion, width: int) -> Text:
    """Draw what an answer depends on.

    Args:
        explanation: from ``Recognizer.explain``. Shapley values add up to how far this clip is from the average clip
            the model learned from; the effects of occlusion add up to nothing.
        width: cells that may be used.

    Returns:
        Lines with bars, to the right for the answer and to the left against it, and a sentence. Numbers are log-odds.
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
        sentence, least = occlusion_sentence(explanation), _LITTLE
    else:
        shares = sorted(explanation.contributions.items(), key=lambda pair: -abs(pair[1]))
        words = [(GROUPS_IN_WORDS.get(name, (name, name))[int(is_wide)], share) for name, share in shares]
        sentence, least = why_sentence(explanation), 1e-9
    _add_bars(chart, words, width, indent, least=least)
    chart.append(fill(sentence, max(20, width), initial_indent=indent, subsequent_indent=indent) + "\n")
    return chart


def why_sentence(explanation: Explanation) -> str:
    """Say in one sentence what spoke most for the answer and what most against it.

    Example:
        >>> from hearfelt.inference.prediction import Prediction
        >>> answer = Prediction("angry", 0.8, {"angry": 0.8, "sad": 0.2}, False, 2.0, "classic")
        >>> shares = {"chroma": 0.1, "mfcc": 0.9, "zero_crossing_rate": 0.0, "mel": 0.3, "rms": -0.2}
        >>> print(why_sentence(Explanation(answer, 1.4, 0.3, shares)))
        Measured against the clips it learned from, the timbre of the voice spoke most for angry; loudness against it.
    """
    shares, emotion = explanation.contributions, explanation.emotion
    most, least = max(shares, key=lambda name: shares[name]), min(shares, key=lambda name: shares[name])
    name = {key: short for key, (short, _) in GROUPS_IN_WORDS.items()}
    start = "Measured against the clips it learned from,"
    if shares[most] <= 0:
        return f"{start} nothing spoke for {emotion}; the other emotions only seemed less likely still."
    sentence = f"{start} {name.get(most, most)} spoke most for {emotion}"
    if shares[least] < -_WORTH_SAYING * max(abs(share) for share in shares.values()):
        sentence += f"; {name.get(least, least)} against it"
    return f"{sentence}."


def occlusion_sentence(occlusion: Occlusion) -> str:
    """Say in words which stretch and which band the answer depends on most, and what that means.

    Example:
        >>> from hearfelt.inference.prediction import Prediction
        >>> answer = Prediction("sad", 0.8, {"calm": 0.2, "sad": 0.8}, False, 0.5, "hearfelt")
        >>> some = Occlusion(answer, 1.4, 0.1, (0.1, 0.3), (0.2, 0.9), ((0.0, 300.0), (300.0, 8000.0)), (0.0, 0.5))
        >>> occlusion_sentence(some).partition(". ")[0]
        'Without 0.2 to 0.3 s it is less sure of sad, and without 300 to 8,000 Hz'
    """
    time, band = occlusion.strongest_time, occlusion.strongest_band
    half_s = occlusion.window_s / 2
    start_s, end_s = max(0.0, occlusion.times_s[time] - half_s), occlusion.times_s[time] + half_s
    low, high = occlusion.bands_hz[band]
    changes = [occlusion.time_effects[time], occlusion.band_effects[band]]
    says = f"Occlusion: {WHAT_IT_SAYS}."
    if max(map(abs, changes)) < _LITTLE:
        return f"No stretch and no band alone makes it much less sure of {occlusion.emotion}. {says}"
    surer = ["less sure" if change > 0 else "surer" for change in changes]
    sentence = f"Without {start_s:.1f} to {end_s:.1f} s it is {surer[0]} of {occlusion.emotion}, and "
    sentence += "" if surer[0] == surer[1] else f"{surer[1]} "
    return f"{sentence}without {low:,.0f} to {high:,.0f} Hz. {says}"


def _add_bars(chart: Text, words: Sequence[tuple[str, float]], width: int, indent: str, *, least: float) -> None:
    longest = max(len(word) for word, _ in words)
    half = max(0, min(14, (width - longest - len(indent) - 10) // 2))
    most = max([least, *(abs(share) for _, share in words)])  # what changes little must not look like much
    for word, share in words:
        drawn = bar(abs(share) / most, half).rstrip()
        left, right = ("█" * round(abs(share) / most * half), "") if share < 0 else ("", drawn)
        chart.append(f"{indent}{word:<{longest}}  ")
        chart.append(f"{left:>{half}}", AGAINST)
        chart.append("│", "dim")
        chart.append(f"{right:<{half}}", FOR)
        chart.append(f" {share:+.2f}\n", "dim")


def _add_curve(chart: Text, occlusion: Occlusion, width: int, indent: str) -> None:
    """Draw over time how much each stretch speaks for the answer, and below it, against it."""
    columns = max(1, min(len(occlusion.time_effects), width - len(indent) - _NAMES))
    effects = _strongest(occlusion.time_effects, columns)
    most = max([_LITTLE, *map(abs, effects)])
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
    """Give each of some columns the strongest of the values that fall into it."""
    edges = [place * len(values) // columns for place in range(columns + 1)]
    return [max(values[first:end], key=abs) for first, end in pairwise(edges)]
