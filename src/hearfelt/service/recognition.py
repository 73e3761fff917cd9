"""Recognition of one uploaded sound, as it runs in a worker process: decoded once, within limits of length and time."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from hearfelt.audio.reader import AudioReader, AudioTrack, Sound, open_audio
from hearfelt.errors import AudioError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.speech_check import prepare
from hearfelt.inference.timeline.recording import open_recording
from hearfelt.inference.timeline.segments import rows_of
from hearfelt.results.formats import write
from hearfelt.results.predictions import prediction_row
from hearfelt.runtime.worker import extend_limit

if TYPE_CHECKING:
    from hearfelt.service.workers import Job, WorkerSettings

__all__ = ["load_models", "recognize"]

_EXPLAIN_COST: Final = 10.0  # an explanation takes at least as long as recognizing ten times the sound
_EXTEND_EVERY_S: Final = 10.0  # of sound


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
    if not job.explain:
        return prediction_row(job.name, recognizer.recognize(reader))
    explanation = recognizer.explain(reader)
    return prediction_row(job.name, explanation.prediction, explanation)


def _timeline(recognizer: Recognizer, reader: AudioReader, job: Job, length: _LengthCheck) -> dict[str, Any]:
    sound = _sound(job) if job.is_separate else reader  # each channel is decoded by itself
    progress = length.check if job.is_separate else None
    classifier, is_separate = recognizer.window_classifier(), job.is_separate
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


def _sound(job: Job) -> Sound:
    return job.sound if job.track is None else AudioTrack(job.sound, job.track)
