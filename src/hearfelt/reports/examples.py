"""One example clip for each emotion, chosen so that little but the emotion differs."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from hearfelt.audio.excerpts import Excerpt
from hearfelt.audio.reader import Audio, read_audio, resample
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.file_statistics import FileStatistics

__all__ = ["Example", "choose_examples", "trimmed"]

_LONGEST_S: Final = 8.0  # of a longer clip the beginning is shown
_RATE_HZ: Final = 24_000  # enough for a voice on a page, half the size of 48 kHz
_QUIET: Final = 0.01  # of the peak, -40 dB: silence at both ends
_MARGIN_S: Final = 0.1
_CHUNK_S: Final = 0.01


@dataclass(frozen=True)
class Example:
    """The example clip of an emotion.

    Attributes:
        clip: which one.
        audio: its sound without the silence at both ends, at most 8 s.
    """

    clip: Clip
    audio: Audio

    def flac(self) -> bytes:
        """Return the sound as a FLAC file, which every browser plays."""
        rate_hz = min(self.audio.rate_hz, _RATE_HZ)
        samples = np.clip(resample(self.audio.samples, self.audio.rate_hz, rate_hz), -1.0, 1.0)
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, rate_hz, format="FLAC", subtype="PCM_16")
        return buffer.getvalue()


def choose_examples(
    clips: Clips, facts: Mapping[Path | Excerpt, FileStatistics], *, most: int = 16
) -> tuple[Example, ...]:
    """Choose a clip of each emotion, by one speaker and with the same words wherever the corpus has them.

    Args:
        clips: candidates; unreadable and silent ones are ignored.
        facts: statistics of each clip.
        most: emotions, in their order; a corpus with more labels shows the first of them.

    Returns:
        One example for each emotion with an audible clip, in order.
    """
    audible = Clips(c for c in clips if not facts[c.sound].error and not facts[c.sound].is_silent)
    if not audible:
        return ()
    speaker = _with_most_emotions(audible, "speaker")
    own = audible.where(speaker=speaker)
    spoken = own.where(channel="speech") or own
    statement = _with_most_emotions(spoken, "statement")
    durations = [facts[clip.sound].duration_s for clip in audible]
    usual_s = float(np.median(durations))

    def fitness(clip: Clip) -> tuple[object, ...]:
        return (
            clip.speaker != speaker,
            clip.channel != "speech",
            clip.statement != statement,
            clip.intensity not in ("strong", "HI"),
            clip.repetition,
            abs(facts[clip.sound].duration_s - usual_s),
            clip.name,
        )

    chosen = (min(audible.where(emotion=emotion), key=fitness) for emotion in audible.emotions[:most])
    return tuple(Example(clip, trimmed(read_audio(clip.sound, name=clip.name))) for clip in chosen)


def trimmed(audio: Audio) -> Audio:
    """Cut off silence at both ends, except 0.1 s, and everything beyond 8 s.

    Example:
        >>> sound = np.zeros(30_000, np.float32)
        >>> sound[10_000:20_000] = 0.5
        >>> trimmed(Audio(sound, 10_000)).duration_s
        1.2
    """
    level = np.abs(audio.samples - np.median(audio.samples))
    # A single loud sample is a click; ten milliseconds of sound begin a voice.
    chunk = max(1, round(_CHUNK_S * audio.rate_hz))
    loudest = np.maximum.reduceat(level, np.arange(0, len(level), chunk))
    loud = np.flatnonzero(loudest > _QUIET * level.max())
    if not loud.size:
        return audio
    margin = round(_MARGIN_S * audio.rate_hz)
    first = max(0, int(loud[0]) * chunk - margin)
    behind = min(len(level), (int(loud[-1]) + 1) * chunk + margin, first + round(_LONGEST_S * audio.rate_hz))
    return replace(audio, samples=audio.samples[first:behind])


def _with_most_emotions(clips: Clips, attribute: str) -> str:
    """Return the value of an attribute, such as a speaker, whose clips have the most emotions."""
    emotions: dict[str, set[str]] = {}
    for clip in clips:
        emotions.setdefault(str(getattr(clip, attribute)), set()).add(clip.emotion)
    return min(emotions, key=lambda value: (-len(emotions[value]), value))
