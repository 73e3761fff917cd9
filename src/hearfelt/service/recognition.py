"""Recognition of one uploaded sound, as it runs in a worker process: decoded once, within limits of length and time."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from hearfelt.audio.inputs import AudioTrack
from hearfelt.audio.reader import AudioReader, Sound, open_audio
from hearfelt.errors import AudioError, HearfeltError, ModelError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.reference import Reference
from hearfelt.inference.timeline.recording import open_recording
from hearfelt.inference.timeline.segments import rows_of
from hearfelt.inference.voice_activity import prepare
from hearfelt.results.formats import write
from hearfelt.results.tables import prediction_row
from hearfelt.runtime.worker import extend_limit

__all__ = ["Job", "WorkerSettings", "load_models", "recognize"]

_EXPLAIN_COST: Final = 10.0  # an explanation takes at least as long as recognizing ten times the sound
_EXTEND_EVERY_S: Final = 10.0  # of sound


@dataclass(frozen=True)
class WorkerSettings:
    """Limits on the processes that decode and recognize.

    Attributes:
        processes: how many answer short sounds; each has one thread and every model that is offered. As many more, of
            lower priority, answer long sounds and explanations; these are started when the first one comes.
        short_s: a sound up to this long is short.
        longest_job_s: how long it may take to read a sound, and to answer one of no length.
        least_speed: seconds of sound that are answered in a second at least; a longer sound may take more time.
        memory_bytes: what a job may take beside what the process has when its models are loaded.
        queue: jobs that may wait, short ones and long ones each; one more is turned away.
        patience_s: how long a short job may wait for a process.
        long_patience_s: the same for a long job.

    Example:
        >>> WorkerSettings(longest_job_s=60, least_speed=4).limit_s(1200)
        360.0
    """

    processes: int = field(default_factory=lambda: os.cpu_count() or 1)
    short_s: float = 30.0
    longest_job_s: float = 60.0
    least_speed: float = 4.0
    memory_bytes: int = 1 << 30
    queue: int = 64
    patience_s: float = 30.0
    long_patience_s: float = 300.0

    def limit_s(self, sound_s: float) -> float:
        """Say how long a job may take when its sound was read.

        Args:
            sound_s: seconds of sound that are to be answered.
        """
        return self.longest_job_s + sound_s / self.least_speed


@dataclass(frozen=True)
class Job:
    """What is to be done with one sound.

    Attributes:
        kind: one answer for the whole of it, or segments.
        sound: a file's bytes.
        name: what answers and errors call it.
        model: one of those that are offered.
        explain: whether an answer comes with what it depends on.
        longest_s: seconds of sound that are taken at most; with ``is_separate`` twice that, of all channels together.
        format: of segments: ``"json"``, ``"vtt"`` or ``"csv"``.
        is_separate: whether segments are those of each channel by itself.
        track: audio track, counted from 0; None for the file's own choice.
        reference: JSON of what is usual for this voice or room; forgotten with the job.
    """

    kind: Literal["recognize", "timeline"]
    sound: bytes = field(repr=False)
    name: str
    model: str
    explain: bool = False
    longest_s: float = 3600.0
    format: str = "json"
    is_separate: bool = False
    track: int | None = None
    reference: str | None = field(default=None, repr=False)


def load_models(models: Sequence[str]) -> dict[str, Recognizer]:
    """Load models by name or file, and what finds speech: all that is in memory before it is limited."""
    loaded = {model: Recognizer.load(model, threads=1) for model in models}
    prepare()
    return loaded


def recognize(models: Mapping[str, Recognizer], job: Job, settings: WorkerSettings, short_s: float | None) -> bytes:
    """Do a job.

    Args:
        models: loaded, by name or file.
        job: what is wanted.
        settings: time limits.
        short_s: the sound is only checked if it has more seconds than this, all channels together, or is to be
            explained; None to recognize it in any case.

    Returns:
        A JSON object as :meth:`hearfelt.service.workers.Workers.answer` describes it; nothing if the sound was only
        checked.

    Raises:
        AudioError: if the sound cannot be recognized, or is longer than the job allows.
    """
    recognizer = models[job.model]
    with open_audio(_sound(job), name=job.name) as reader:
        channels = reader.channels if job.is_separate else 1
        length = _LengthCheck(job, settings, channels)
        if job.explain and reader.lasts_longer_than(job.longest_s):
            raise length.too_long()
        if short_s is not None and (job.explain or reader.lasts_longer_than(short_s / channels)):
            return b""
        if reader.duration_s * channels > min(job.longest_s * channels, 2 * job.longest_s):
            length.measure()  # refuses it now, unless its header promises more sound than there is
        if job.explain:
            length.extend(_EXPLAIN_COST * reader.duration_s)
        else:
            reader.on_part = length.check
        answer = (_timeline if job.kind == "timeline" else _prediction)(recognizer, reader, job, length)
    return json.dumps(answer, allow_nan=False).encode()


def _prediction(recognizer: Recognizer, reader: AudioReader, job: Job, _: _LengthCheck) -> dict[str, Any]:
    reference = _reference(job, recognizer)
    if not job.explain:
        return prediction_row(job.name, recognizer.recognize(reader, reference=reference))
    explanation = recognizer.explain(reader, reference=reference)
    return prediction_row(job.name, explanation.prediction, explanation)


def _timeline(recognizer: Recognizer, reader: AudioReader, job: Job, length: _LengthCheck) -> dict[str, Any]:
    sound = _sound(job) if job.is_separate else reader  # each channel is decoded by itself
    progress = length.check if job.is_separate else None
    classifier, is_separate = recognizer.window_classifier(_reference(job, recognizer)), job.is_separate
    with open_recording(sound, classifier, source=job.name, is_separate=is_separate, progress=progress) as recording:
        deque(recording, maxlen=0)  # to the end
    timelines = recording.timelines()
    about = {
        "source": job.name,
        "model": recognizer.card.name,
        "duration_s": recording.reached_s,
        "warnings": [warning.to_dict() for warning in recording.warnings],
    }
    if job.format != "json":
        return {**about, "text": write(timelines, job.format)}
    return {**about, "segments": [row.to_dict() for row in rows_of(timelines)]}


class _LengthCheck:
    """Checks how long a sound is while it is read, and extends the time limit of its call accordingly."""

    def __init__(self, job: Job, settings: WorkerSettings, channels: int) -> None:
        self._job, self._settings, self._channels = job, settings, channels
        self._began_s, self._extended_s = time.monotonic(), 0.0

    def check(self, heard_s: float) -> None:
        """Take how many seconds of each channel have been read.

        Raises:
            AudioError: if that is more than the job allows.
        """
        longest_s, together_s = self._job.longest_s, heard_s * self._channels
        if heard_s > longest_s:
            raise self.too_long()
        if together_s > 2 * longest_s:
            raise AudioError(
                f"{self._job.name}: {self._channels} channels of {together_s:,.0f} s together; at most"
                f" {2 * longest_s:,g} s are taken here, send fewer channels at once"
            )
        if heard_s >= self._extended_s + _EXTEND_EVERY_S:
            self._extended_s = heard_s
            self.extend(together_s)

    def extend(self, sound_s: float) -> None:
        """Give the call the time that this much sound may take."""
        ends_s = self._began_s + self._settings.longest_job_s + self._settings.limit_s(sound_s)
        extend_limit(max(0.0, ends_s - time.monotonic()))

    def measure(self) -> None:
        """Check the whole length, by reading all of the sound."""
        with open_audio(_sound(self._job), name=self._job.name) as reader:
            for _ in reader.parts():
                if reader.samples_read > self._job.longest_s * reader.rate_hz:
                    break
            self.check(reader.samples_read / reader.rate_hz)

    def too_long(self) -> AudioError:
        what = "explained" if self._job.explain else "taken"
        longest = f"{self._job.longest_s:,g} s, the most that is {what} here"
        return AudioError(f"{self._job.name}: longer than {longest}; cut it into parts")


def _reference(job: Job, recognizer: Recognizer) -> Reference | None:
    """Read the reference of a request; what is wrong with it is the client's, unlike a fault of the model."""
    if job.reference is None:
        return None
    try:
        reference = Reference.from_json(job.reference)
        recognizer.window_classifier(reference)  # refuses one of another model
    except ModelError as error:
        raise HearfeltError(str(error)) from error
    return reference


def _sound(job: Job) -> Sound:
    return job.sound if job.track is None else AudioTrack(job.sound, job.track)
