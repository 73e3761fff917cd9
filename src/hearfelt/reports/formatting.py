"""Words for people: percentages, intervals, counts, times, rows of scores, and explanations in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hearfelt.inference.explain.occlusion import WHAT_IT_SAYS, Occlusion
from hearfelt.inference.explain.shapley import GROUPS_IN_WORDS, Explanation
from hearfelt.inference.prediction import percent_words
from hearfelt.reports.translation import _, grouped, marked

__all__ = [
    "COLUMNS",
    "LITTLE",
    "bare",
    "interval",
    "many",
    "method_rows",
    "occlusion_sentence",
    "percent",
    "share_words",
    "signed",
    "time_words",
    "why_sentence",
]

COLUMNS: Final = ("error rate", "missed", "false alarm", "confusion", "frame accuracy", "frame UAR")

_KEYS: Final = ("diarization_error_rate", "missed", "false_alarm", "confusion", "frame_accuracy", "frame_uar")
_METHODS: Final = (
    ("timeline", None),
    ("naive: 2 s windows, no voice activity", "naive"),
    ("naive, only where the timeline found speech", "naive_where_speech_was_found"),
)

LITTLE: Final = 0.1
"""Log-odds that no chart may show as large: 50 % would become 52 %."""

_SAYS: Final = f"Occlusion: {WHAT_IT_SAYS}."
_LITTLE_CHANGES: Final = marked("No stretch and no band alone makes it much less confident of {emotion}.")
_CHANGES: Final = {  # of its confidence, without a stretch and without a band: whether it falls
    (True, True): marked(
        "Without {start} to {end} s it is less confident of {emotion}, and without {low} to {high} Hz."
    ),
    (False, False): marked(
        "Without {start} to {end} s it is more confident of {emotion}, and without {low} to {high} Hz."
    ),
    (True, False): marked(
        "Without {start} to {end} s it is less confident of {emotion}, and more confident without {low} to {high} Hz."
    ),
    (False, True): marked(
        "Without {start} to {end} s it is more confident of {emotion}, and less confident without {low} to {high} Hz."
    ),
}

_WORTH_SAYING: Final = 0.1  # of the strongest; smaller evidence against the emotion is not mentioned


def bare(share: float) -> str:
    """Format a share of 1 as per cent without the sign, for tables whose heading has it.

    Example:
        >>> bare(0.4567)
        '45.7'
    """
    return f"{share * 100:.1f}"


def percent(share: float) -> str:
    """Format a share of 1 as per cent.

    Example:
        >>> percent(0.4567)
        '45.7 %'
    """
    return f"{bare(share)} %"


def interval(ends: tuple[float, float] | None) -> str:
    """Format an interval of shares as per cent, without the sign; a dash where there is none.

    Example:
        >>> interval((0.412, 0.5)), interval(None)
        ('41.2–50.0', '–')
    """
    return "–" if ends is None else f"{bare(ends[0])}–{bare(ends[1])}"


def many(count: int, noun: str, plural: str | None = None) -> str:
    """Format a count with its noun.

    Example:
        >>> many(1, "seed"), many(1440, "clip"), many(2, "copy", "copies")
        ('1 seed', '1,440 clips', '2 copies')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def share_words(share: float) -> str:
    """Format a probability in whole per cent, never as 0 or 100.

    Example:
        >>> share_words(0.784), share_words(0.004), share_words(0.999)
        ('78 %', 'under 1 %', 'over 99 %')
    """
    if share < 0.01:
        return _("under 1 %")
    return _("over 99 %") if share > 0.995 else percent_words(share).replace("%", " %")


def signed(value: float) -> str:
    """Format a number with its sign and two decimals.

    Example:
        >>> signed(-0.5), signed(1.0)
        ('−0.50', '+1.00')
    """
    return f"{value:+.2f}".replace("-", "−")


def method_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    """Return a row for each method: its name, then per cent in the order of :data:`COLUMNS`."""
    sources = [(words, summary if key is None else summary[key]) for words, key in _METHODS]
    return [[words, *(bare(figures[key]) for key in _KEYS)] for words, figures in sources]


def time_words(time_s: float, *, step_s: float = 1.0, until_s: float = 0.0) -> str:
    """Write a time as ``m:ss``, or as ``h:mm:ss`` from an hour on, rounded to the nearest second or tenth.

    Args:
        time_s: the time.
        step_s: distance between times; below a second, tenths are shown.
        until_s: the longest time beside it, so that all have the same form.

    Example:
        >>> time_words(75), time_words(75, until_s=3_600), time_words(0.5, step_s=0.5)
        ('1:15', '0:01:15', '0:00.5')
    """
    if step_s < 1:
        minutes, tenths = divmod(round(10 * time_s), 600)
        shown = f"{tenths / 10:04.1f}"
    else:
        minutes, seconds = divmod(round(time_s), 60)
        shown = f"{seconds:02}"
    if max(time_s, until_s) >= 3_600:
        return f"{minutes // 60}:{minutes % 60:02}:{shown}"
    return f"{minutes}:{shown}"


def why_sentence(explanation: Explanation) -> str:
    """Name the strongest evidence for the emotion and against it.

    Example:
        >>> from hearfelt.inference.prediction import Prediction
        >>> answer = Prediction("angry", 0.8, {"angry": 0.8, "sad": 0.2}, False, 2.0, "classic")
        >>> shares = {"chroma": 0.1, "mfcc": 0.9, "zero_crossing_rate": 0.0, "mel": 0.3, "rms": -0.2}
        >>> why_sentence(Explanation(answer, 1.4, 0.3, shares)).partition("; ")[2]
        'loudness against it.'
    """
    shares, emotion = explanation.contributions, _(explanation.emotion)
    most, least = max(shares, key=lambda name: shares[name]), min(shares, key=lambda name: shares[name])
    name = {key: _(short) for key, (short, _long) in GROUPS_IN_WORDS.items()}
    if shares[most] <= 0:
        return _(
            "Compared with its training clips, nothing was evidence for {emotion}; the other emotions were even less"
            " probable.",
            emotion=emotion,
        )
    strongest = name.get(most, most)
    if shares[least] < -_WORTH_SAYING * max(abs(share) for share in shares.values()):
        return _(
            "Compared with its training clips, {strongest} was the strongest evidence for {emotion}; {other} against"
            " it.",
            strongest=strongest,
            emotion=emotion,
            other=name.get(least, least),
        )
    return _(
        "Compared with its training clips, {strongest} was the strongest evidence for {emotion}.",
        strongest=strongest,
        emotion=emotion,
    )


def occlusion_sentence(occlusion: Occlusion) -> str:
    """Name the stretch of time and the frequency band that the prediction depends on most.

    Example:
        >>> from hearfelt.inference.prediction import Prediction
        >>> answer = Prediction("sad", 0.8, {"calm": 0.2, "sad": 0.8}, False, 0.5, "hearfelt")
        >>> some = Occlusion(answer, 1.4, 0.1, (0.1, 0.3), (0.2, 0.9), ((0.0, 300.0), (300.0, 8000.0)), (0.0, 0.5))
        >>> occlusion_sentence(some).partition(". ")[0]
        'Without 0.2 to 0.3 s it is less confident of sad, and without 300 to 8,000 Hz'
    """
    time, band = occlusion.strongest_time, occlusion.strongest_band
    half_s = occlusion.window_s / 2
    start_s, end_s = max(0.0, occlusion.times_s[time] - half_s), occlusion.times_s[time] + half_s
    low, high = occlusion.bands_hz[band]
    changes = [occlusion.time_effects[time], occlusion.band_effects[band]]
    text = _LITTLE_CHANGES if max(map(abs, changes)) < LITTLE else _CHANGES[changes[0] > 0, changes[1] > 0]
    found = _(
        text,
        start=f"{start_s:.1f}",
        end=f"{end_s:.1f}",
        low=grouped(low),
        high=grouped(high),
        emotion=_(occlusion.emotion),
    )
    return f"{found} {_(_SAYS)}"
