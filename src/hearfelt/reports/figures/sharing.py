"""The picture of an answer that one sends to somebody: large words, the wave in the emotions' colours, all emotions."""

from __future__ import annotations

from matplotlib.figure import Figure

from hearfelt.audio import Audio
from hearfelt.inference.moments import Timeline
from hearfelt.inference.prediction import Prediction
from hearfelt.reports.figures.sounds import demo_picture

__all__ = ["sharing_picture"]


def sharing_picture(
    audio: Audio, prediction: Prediction, timeline: Timeline | None = None, *, note: str = ""
) -> Figure:
    """Draw it.

    Args:
        audio: the sound.
        prediction: the answer for it.
        timeline: colours the wave, if it is known.
        note: stands below, small: where the sound comes from.
    """
    return demo_picture(audio, prediction, note=note)
