"""Synthetic recordings with exact labels over time (clips of one speaker with pauses, in noise), and predicting them.

Real calls are not labelled every hundredth of a second. Here a script lists the clips of a recording; the sound is made
from it in memory, the same on every machine, and the beginning and the end of each clip are known exactly. It is
predicted by the timeline, and naively by windows of fixed length.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.audio.reader import Samples, read_audio, resample
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.emotions import in_order
from hearfelt.errors import AudioError, CorpusError, ModelError
from hearfelt.evaluation.metrics import FRAMES_PER_S, LabelSpan
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.windowing import FRAME, QUIETER_DB, RATE_HZ, frame_powers
from hearfelt.runtime.execution import Advance
from hearfelt.runtime.pool import Pool

__all__ = [
    "LONGEST_PAUSE_S",
    "METHODS",
    "MOST_CLIPS",
    "NAIVE",
    "SNR_DB",
    "STEP_S",
    "TIMELINE",
    "WINDOW_S",
    "ClipSpan",
    "RecordingPredictions",
    "Script",
    "SegmentPrediction",
    "SyntheticRecording",
    "clipped_to",
    "naive_windows",
    "predict_recordings",
    "room_noise",
    "speech_within",
    "window_starts",
    "write_scripts",
]

MOST_CLIPS: Final = 8
LONGEST_PAUSE_S: Final = 2.0
SNR_DB: Final = (15.0, 30.0)

_GRID: Final = RATE_HZ // FRAMES_PER_S  # 160 samples, 10 ms: clips begin on a frame
_FLAT_BELOW_HZ: Final = 50.0
_LEAST_POWER: Final = 1e-12


@dataclass(frozen=True)
class Script:
    """The content of one recording, before any sound is read.

    Attributes:
        name: a number with three digits or more, from ``"000"``.
        clips: of one speaker, in their order, none twice.
        pauses_s: after each clip but the last, in whole frames of 10 ms.
        snr_db: level of the voice over that of the noise, in dB.
        noise_seed: of the noise.
    """

    name: str
    clips: tuple[Clip, ...]
    pauses_s: tuple[float, ...]
    snr_db: float
    noise_seed: int

    @property
    def speaker(self) -> str:
        """The speaker."""
        return self.clips[0].speaker

    def record(self) -> SyntheticRecording:
        """Make the sound at 16 kHz: the clips as they are, silence between them, and noise over all.

        The clips keep their levels, so that a shout stays louder than a whisper. The voice's level is the mean of
        the clips' levels in dB, each measured within its true speech; the noise lies ``snr_db`` under it, the same
        from the first to the last sample. In the pauses there is only noise.

        Raises:
            AudioError: if a clip cannot be read or is silent.
        """
        parts: list[Samples] = []
        spans, levels_db, length = [], [], 0
        for clip, pause_s in zip(self.clips, (*self.pauses_s, 0.0), strict=True):
            audio = read_audio(clip.sound, strict=True)
            samples = resample(audio.samples, audio.rate_hz, RATE_HZ)
            start, end = speech_within(samples, name=clip.name)
            spans.append(ClipSpan(clip, length / RATE_HZ, (length + start) / RATE_HZ, (length + end) / RATE_HZ))
            levels_db.append(10 * np.log10(float(np.var(samples[start:end], dtype=np.float64))))
            whole = -(-len(samples) // _GRID) * _GRID + round(pause_s * FRAMES_PER_S) * _GRID
            parts.append(np.pad(samples, (0, whole - len(samples))))
            length += whole
        noise = room_noise(length, np.random.default_rng(self.noise_seed))
        noise *= 10 ** ((float(np.mean(levels_db)) - self.snr_db) / 20)
        return SyntheticRecording(self, (np.concatenate(parts) + noise).astype(np.float32), tuple(spans))


@dataclass(frozen=True)
class ClipSpan:
    """One clip in a recording.

    Attributes:
        clip: which one.
        clip_start_s: where its file begins.
        start_s: where its true speech begins, in seconds from the beginning of the recording.
        end_s: where its true speech ends.
    """

    clip: Clip
    clip_start_s: float
    start_s: float
    end_s: float


@dataclass(frozen=True, eq=False)
class SyntheticRecording:
    """A recording and its labels over time.

    Attributes:
        script: what it was made from.
        samples: ``(n,)`` float32 at 16 kHz, a whole number of frames of 10 ms.
        spans: its clips, in their order.
    """

    script: Script
    samples: Samples = field(repr=False)
    spans: tuple[ClipSpan, ...]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / RATE_HZ

    @property
    def truth(self) -> tuple[LabelSpan, ...]:
        """The true emotions over time."""
        return tuple(LabelSpan(span.start_s, span.end_s, span.clip.emotion) for span in self.spans)


def write_scripts(clips: Sequence[Clip], count: int = 200, *, seed: int = 0) -> tuple[Script, ...]:
    """Draw the content of recordings.

    Each recording is of the next speaker. It has 1 to 8 clips, with equal probabilities, or as many as its speaker
    has; pauses of 0 to 2 s and noise 15 to 30 dB under the voice, both drawn uniformly. A recording depends on the
    clips' names, ``seed`` and its own number, so that the first of many are those of few, on every machine.

    Args:
        clips: of one speaker or of several.
        count: number of recordings.
        seed: another seed gives others.

    Raises:
        CorpusError: if there are no clips, or no recordings are wanted.

    Example:
        >>> from pathlib import Path
        >>> clips = [Clip("mine", Path(), f"{k}.wav", f"mine/{k % 2}", "calm") for k in range(20)]
        >>> scripts = write_scripts(clips, 3)
        >>> [script.speaker for script in scripts], scripts[:2] == write_scripts(clips, 2)
        (['mine/0', 'mine/1', 'mine/0'], True)
    """
    if not clips or count < 1:
        raise CorpusError(f"{count} recordings of {len(clips)} clips; at least one of each is wanted")
    ordered = Clips(sorted(clips, key=lambda clip: (clip.corpus, clip.name.rpartition("/")[2], clip.name)))
    own = [ordered.where(speaker=speaker) for speaker in ordered.speakers]
    return tuple(_drawn(own[number % len(own)], number, seed) for number in range(count))


def speech_within(samples: Samples, *, name: str = "sound") -> tuple[int, int]:
    """Find the true speech of a clean clip: from the first to the last 20 ms frame within 40 dB of the loudest.

    A frame's loudness is its power around its own mean, over that of the loudest frame; a pause within a sentence
    belongs to it.

    Args:
        samples: ``(n,)`` at 16 kHz.
        name: what messages call the clip.

    Returns:
        The first sample, and the first one after the last frame.

    Raises:
        AudioError: if the clip is silent.

    Example:
        >>> tone = np.sin(np.arange(1600) / 3).astype(np.float32)      # 0.1 s
        >>> speech_within(np.concatenate([np.zeros(3200, np.float32), tone, tone / 1000]))
        (3200, 4800)
    """
    powers = frame_powers(samples) if len(samples) >= FRAME else np.zeros(1)
    if powers.max() < _LEAST_POWER:
        raise AudioError(f"{name}: silent; a clip with a voice in it is wanted")
    loud = np.flatnonzero(powers >= powers.max() * 10 ** (-QUIETER_DB / 10))
    return int(loud[0]) * FRAME, int(loud[-1] + 1) * FRAME


def room_noise(length: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Make pink noise: 3 dB less with each octave from 50 Hz on, and flat below.

    Args:
        length: samples, at 16 kHz.
        generator: the one source of randomness.

    Returns:
        ``(length,)`` with a power of 1 and no offset.

    Example:
        >>> noise = room_noise(16_000, np.random.default_rng(0))
        >>> round(float(noise.std()), 6), abs(float(noise.mean())) < 1e-9
        (1.0, True)
    """
    size = 1 << (length - 1).bit_length()  # any other length may take twenty times as long
    spectrum = np.fft.rfft(generator.standard_normal(size))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(size, 1 / RATE_HZ), _FLAT_BELOW_HZ))
    noise = np.fft.irfft(spectrum, size)[:length]
    noise -= noise.mean()
    return np.asarray(noise / noise.std())


def _drawn(clips: Clips, number: int, seed: int) -> Script:
    """Draw one recording of one speaker's clips."""
    generator = np.random.default_rng([seed, number])
    size = min(int(generator.integers(1, MOST_CLIPS + 1)), len(clips))
    chosen = tuple(clips[int(place)] for place in generator.choice(len(clips), size, replace=False))
    longest = round(LONGEST_PAUSE_S * FRAMES_PER_S)
    frames = generator.integers(0, longest + 1, size - 1)
    snr_db = round(float(generator.uniform(*SNR_DB)), 3)
    pauses_s = tuple(int(frame) / FRAMES_PER_S for frame in frames)
    return Script(f"{number:03d}", chosen, pauses_s, snr_db, int(generator.integers(2**32)))


WINDOW_S: Final = 2.0
STEP_S: Final = 1.0
TIMELINE, NAIVE = "timeline", "naive"
METHODS: Final = (TIMELINE, NAIVE)


@dataclass(frozen=True)
class SegmentPrediction:
    """The prediction of one segment.

    Attributes:
        segment: beginning, end and emotion.
        probabilities: of each emotion, in order.
    """

    segment: LabelSpan
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class RecordingPredictions:
    """One recording with its predictions; its sound is not kept.

    Attributes:
        script: what it was made from.
        duration_s: length in seconds.
        spans: its clips, and when their true speech is.
        predictions: of each of :data:`METHODS`.
    """

    script: Script
    duration_s: float
    spans: tuple[ClipSpan, ...]
    predictions: dict[str, tuple[SegmentPrediction, ...]]


def predict_recordings(
    recognizer: Recognizer, scripts: Sequence[Script], *, pool: Pool | None = None, progress: Advance | None = None
) -> list[RecordingPredictions]:
    """Make each recording, and predict it with both methods.

    Args:
        recognizer: the model.
        scripts: of the recordings.
        pool: processes that have loaded the same model; by default it is done here.
        progress: called with 1 after each recording.

    Returns:
        One for each script, in their order.

    Raises:
        ModelError: if a clip has a label that the model does not know.
        AudioError: if a clip cannot be read.
    """
    emotions = in_order(recognizer.labels)
    for clip in (clip for script in scripts for clip in script.clips):
        if clip.emotion not in emotions:
            raise ModelError(f"{clip.name}: {clip.emotion} is not among the model's labels ({', '.join(emotions)})")

    named = ((f"recording {script.name} of {script.speaker}", script) for script in scripts)
    replies = (_predict(recognizer, script) for script in scripts) if pool is None else pool.map_sounds(_predict, named)
    predicted = []
    for script, reply in zip(scripts, replies, strict=True):
        if isinstance(reply, AudioError):
            raise reply
        predicted.append(_predicted(script, reply))
        if progress:
            progress(1)
    return predicted


def _predict(recognizer: Recognizer, script: Script) -> bytes:
    emotions, recording = in_order(recognizer.labels), script.record()
    segments = [
        _segment_prediction(LabelSpan(one.start_s, one.end_s, one.emotion), one.prediction, emotions)
        for one in recognizer.timeline(recording.samples, RATE_HZ).segments
    ]
    times = [(span.clip_start_s, span.start_s, span.end_s) for span in recording.spans]
    predictions = {TIMELINE: segments, NAIVE: naive_windows(recognizer, recording)}
    rows = {method: [astuple(one) for one in some] for method, some in predictions.items()}
    return json.dumps((recording.duration_s, times, rows)).encode()


def _predicted(script: Script, reply: bytes) -> RecordingPredictions:
    duration_s, times, rows = json.loads(reply)
    spans = tuple(ClipSpan(clip, *three) for clip, three in zip(script.clips, times, strict=True))
    predictions = {
        method: tuple(SegmentPrediction(LabelSpan(*span), tuple(probabilities)) for span, probabilities in some)
        for method, some in rows.items()
    }
    return RecordingPredictions(script, duration_s, spans, predictions)


def naive_windows(recognizer: Recognizer, recording: SyntheticRecording) -> tuple[SegmentPrediction, ...]:
    """Predict windows of 2 s, one each second, with or without speech.

    Every segment takes the prediction of the window whose middle is nearest: a window stands for its middle second, the
    first also for the half second before and the last for what is left. Where the end of the recording falls between
    two windows, one more ends with it. A silent window has no prediction.

    Args:
        recognizer: the model.
        recording: to predict.
    """
    emotions = in_order(recognizer.labels)
    windows = window_starts(recording.duration_s)
    middles = [(start + end) / 2 for start, end in windows]
    edges = [0.0, *((one + next_) / 2 for one, next_ in pairwise(middles)), recording.duration_s]
    predictions = []
    for (start_s, end_s), from_s, to_s in zip(windows, edges[:-1], edges[1:], strict=True):
        window: Samples = recording.samples[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
        try:
            prediction = recognizer.recognize(window, RATE_HZ)
        except AudioError:
            continue
        predictions.append(_segment_prediction(LabelSpan(from_s, to_s, prediction.emotion), prediction, emotions))
    return tuple(predictions)


def window_starts(duration_s: float) -> list[tuple[float, float]]:
    """List where windows of 2 s begin and end, one each second.

    Example:
        >>> window_starts(3.5)
        [(0.0, 2.0), (1.0, 3.0), (1.5, 3.5)]
        >>> window_starts(1.2)
        [(0.0, 1.2)]
    """
    if duration_s <= WINDOW_S:
        return [(0.0, duration_s)]
    starts = np.arange(0.0, duration_s - WINDOW_S + 1e-9, STEP_S).tolist()
    if duration_s - WINDOW_S - starts[-1] > 1e-9:
        starts.append(round(duration_s - WINDOW_S, 6))
    return [(start, round(start + WINDOW_S, 6)) for start in starts]


def clipped_to(predictions: Iterable[LabelSpan], found: Sequence[LabelSpan]) -> list[LabelSpan]:
    """Cut segments to those parts that lie inside others: naive predictions where the timeline found speech.

    Args:
        predictions: segments that don't lie over each other.
        found: likewise.

    Example:
        >>> clipped_to([LabelSpan(0.0, 2.0, "sad"), LabelSpan(2.0, 3.0, "calm")], [LabelSpan(1.5, 2.5, "angry")])
        [LabelSpan(start_s=1.5, end_s=2.0, emotion='sad'), LabelSpan(start_s=2.0, end_s=2.5, emotion='calm')]
    """
    cut = (
        LabelSpan(max(one.start_s, inside.start_s), min(one.end_s, inside.end_s), one.emotion)
        for one in predictions
        for inside in found
    )
    return [one for one in cut if one.end_s > one.start_s]


def _segment_prediction(segment: LabelSpan, prediction: Prediction, emotions: Sequence[str]) -> SegmentPrediction:
    return SegmentPrediction(segment, tuple(float(prediction.probabilities[emotion]) for emotion in emotions))
