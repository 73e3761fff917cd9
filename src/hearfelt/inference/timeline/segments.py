"""Segments of a recording, interim results of a stream, and the timeline of a whole sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hearfelt.audio.warnings import SoundWarning
from hearfelt.inference.prediction import Prediction

__all__ = ["InterimResult", "Segment", "Timeline"]


@dataclass(frozen=True)
class Segment:
    """A stretch of speech with one emotion; final.

    Attributes:
        start_s: start, in seconds from the beginning of the sound.
        end_s: end.
        prediction: its probabilities are the mean over the stretch.

    Example:
        >>> Segment(1.0, 3.5, Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.5, "classic")).emotion
        'sad'
    """

    start_s: float
    end_s: float
    prediction: Prediction

    @property
    def emotion(self) -> str:
        """The most probable label."""
        return self.prediction.emotion

    @property
    def confidence(self) -> float:
        """Its probability, 0 to 1."""
        return self.prediction.confidence

    @property
    def probabilities(self) -> Mapping[str, float]:
        """For each of the model's labels, in its order; they add up to 1."""
        return self.prediction.probabilities

    @property
    def unsure(self) -> bool:
        """Whether the confidence is below the card's threshold."""
        return self.prediction.unsure

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class InterimResult:
    """A first result for the present of a stream, from at most its last 2 s; later sound does not change it.

    Attributes:
        start_s: start of the window, in seconds from the beginning of the stream.
        end_s: end of the window, the present.
        prediction: for the window by itself.
    """

    start_s: float
    end_s: float
    prediction: Prediction


@dataclass(frozen=True)
class Timeline:
    """All segments of one sound, or of one of its channels; between them there is no speech.

    Attributes:
        source: name of the sound, such as its path.
        channel: number of the channel, counted from 0; None if all were mixed.
        duration_s: length of the sound, in seconds.
        segments: by time, without overlap; empty if nobody speaks.
        labels: the model's emotions, in its order.
        model: name of the model.
        warnings: problems found in the sound; empty for a clean recording.

    Example:
        >>> Timeline("call.wav", None, 12.0, (), ("calm", "sad"), "classic").speech_s
        0.0
    """

    source: str
    channel: int | None
    duration_s: float
    segments: tuple[Segment, ...]
    labels: tuple[str, ...]
    model: str
    warnings: tuple[SoundWarning, ...] = ()

    @property
    def speech_s(self) -> float:
        """Seconds of speech."""
        return float(sum(segment.duration_s for segment in self.segments))

    def to_frame(self) -> Any:
        """Give the segments as a ``pandas.DataFrame`` with an index as in audformat: ``file, start, end``.

        Raises:
            ExtraMissingError: if pandas is not installed.
        """
        from hearfelt.inference.timeline.data_frame import data_frame

        return data_frame([self])
