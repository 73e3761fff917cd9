"""A process that decodes and answers, one job after another, and may die without harm.

Jobs come on standard input and answers go to standard output, each as a frame: four bytes that say how long the JSON
is, the JSON, and for a job the bytes of the sound. A job is answered by one frame, or by two: first how many seconds of
sound there are, as soon as that is known, then what was heard. No pickle, and nothing on disk.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

from hearfelt.audio.reader import AudioTrack, Sound, open_audio
from hearfelt.errors import AudioError, HearfeltError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.speech_check import prepare
from hearfelt.results.following import followed
from hearfelt.results.formats import write
from hearfelt.results.prediction_rows import answer_object
from hearfelt.results.segment_rows import heard_in, json_row
from hearfelt.service.logs import place_of

__all__ = ["LENGTH_BYTES", "framed", "work"]

LENGTH_BYTES: Final = 4
_NO_MEMORY: Final = {"error": "", "kind": "memory"}
_PART: Final = 1 << 16
_EXPLAINED: Final = 10.0  # an explanation takes at least as long as answering ten times the sound


def framed(value: Mapping[str, Any]) -> bytes:
    """Make a frame of a JSON object.

    Example:
        >>> framed({"a": 1})
        b'\\x00\\x00\\x00\\x08{"a": 1}'
    """
    text = json.dumps(value, allow_nan=False).encode()
    return len(text).to_bytes(LENGTH_BYTES, "big") + text


def work(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Work until there are no more jobs.

    The first frame says which models are offered, how much memory a job may take, and how far the process stands back
    behind others (``nice``). It is answered when they are loaded.

    Args:
        jobs: frames come here.
        answers: frames go here.
    """
    task = _read(jobs)
    if task is None:
        return
    os.nice(task["nice"])
    try:
        loaded = {model: Recognizer.load(model, threads=1) for model in task["models"]}
    except HearfeltError as error:
        answers.write(framed({"error": str(error), "kind": type(error).__name__}))
        answers.flush()
        return
    prepare()
    _limit_memory(task["memory_bytes"])
    answers.write(framed({"ready": True}))
    answers.flush()
    while (job := _read(jobs)) is not None:
        signal.alarm(job["read_s"])  # whoever started this process may be gone, and nobody else would end it
        sound = _sound(jobs, job["bytes"])
        for reply in _replies(loaded, job, sound) if sound else [framed(_NO_MEMORY)]:
            answers.write(reply)
            answers.flush()
        signal.alarm(0)


def _sound(jobs: BinaryIO, count: int) -> bytes:
    """Read a sound; nothing, if there is no memory for it, and then what is left of it is passed over."""
    held, left = bytearray(), count
    fits = True
    while left:
        part = jobs.read(min(left, _PART))
        if not part:
            return b""
        left -= len(part)
        try:
            held += part if fits else b""
        except MemoryError:
            held.clear()
            fits = False
    try:
        return bytes(held)
    except MemoryError:
        return b""


def _replies(loaded: dict[str, Recognizer], job: Mapping[str, Any], sound: bytes) -> Iterator[bytes]:
    """Frame the answers to a job, whatever happens: a process that ends is taken for the sound's doing."""
    try:
        for answer in _answers(loaded, job, sound):
            yield framed(answer)
    except HearfeltError as error:
        yield framed({"error": str(error), "kind": type(error).__name__})
    except MemoryError:
        yield framed(_NO_MEMORY)
    except Exception as fault:
        yield framed({"error": "", "kind": "fault", "place": place_of(fault)})


def _answers(loaded: dict[str, Recognizer], job: Mapping[str, Any], sound: bytes) -> Iterator[dict[str, Any]]:
    recognizer, short_s = loaded[job["model"]], job["short_s"]
    sound_s = _length_s(sound, job, most_s=None if job["explain"] else short_s)
    if short_s is not None and sound_s > short_s:
        yield {"long": True}
        return
    amount_s = _EXPLAINED * sound_s if job["explain"] else sound_s
    signal.alarm(math.ceil(job["read_s"] + amount_s / job["least_speed"]))
    yield {"sound_s": amount_s}
    if job["kind"] == "timeline":
        yield {"answer": _timeline(recognizer, sound, job)}
    else:
        yield {"answer": _recognized(recognizer, sound, job)}


def _length_s(sound: bytes, job: Mapping[str, Any], *, most_s: float | None) -> float:
    """Measure how much sound there is to answer, by reading it and holding none of it.

    Args:
        sound: a file's bytes.
        job: whose limits hold.
        most_s: the file is read no further when there is more than this.

    Raises:
        AudioError: if there is more than may be, or the sound is broken.
    """
    name, longest_s = job["name"], job["longest_s"]
    with open_audio(_track(sound, job), name=name) as reader:
        channels = reader.channels if job["is_separate"] else 1
        for _ in reader.parts():
            length_s = reader.heard / reader.rate_hz
            if length_s > longest_s:
                what = "explained" if job["explain"] else "taken"
                most = f"{longest_s:,g} s, the most that is {what} here"
                raise AudioError(f"{name}: longer than {most}; cut it into parts")
            if most_s is not None and length_s * channels > most_s:
                break
        together_s = reader.heard / reader.rate_hz * channels
    if together_s > 2 * longest_s:
        raise AudioError(
            f"{name}: {channels} channels of {together_s:,.0f} s together; at most {2 * longest_s:,g} s are taken here,"
            " send fewer channels at once"
        )
    return together_s


def _recognized(recognizer: Recognizer, sound: bytes, job: Mapping[str, Any]) -> dict[str, Any]:
    named = _track(_named(sound, job["name"]), job)
    if not job["explain"]:
        return answer_object(job["name"], recognizer.recognize(named))
    explanation = recognizer.explain(named)
    return answer_object(job["name"], explanation.prediction, explanation)


def _timeline(recognizer: Recognizer, sound: bytes, job: Mapping[str, Any]) -> dict[str, Any]:
    with followed(recognizer, _track(sound, job), source=job["name"], is_separate=job["is_separate"]) as heard:
        for _ in heard.segments:
            pass  # what is heard gathers
    timelines, form = heard.gathering.timelines(), job["format"]
    about = {
        "source": job["name"],
        "model": recognizer.card.name,
        "duration_s": heard.gathering.reached_s,
        "warnings": [warning.to_dict() for warning in heard.gathering.all_warnings()],
    }
    if form != "json":
        return {**about, "text": write(timelines, form)}
    return {**about, "segments": [json_row(one) for one in heard_in(timelines)]}


def _track(sound: bytes | BytesIO, job: Mapping[str, Any]) -> Sound:
    return sound if job["track"] is None else AudioTrack(sound, job["track"])


def _named(content: bytes, name: str) -> BytesIO:
    """Make an open file that messages call by its name."""
    file = BytesIO(content)
    file.name = name
    return file


def _limit_memory(beside_bytes: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    if pages:
        most = pages * os.sysconf("SC_PAGE_SIZE") + beside_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _read(jobs: BinaryIO) -> dict[str, Any] | None:
    length = jobs.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    text = jobs.read(int.from_bytes(length, "big"))
    value: dict[str, Any] = json.loads(text)
    return value


def _answers_alone() -> BinaryIO:
    """Keep standard output for answers: what a library prints goes nowhere, where it cannot be taken for one."""
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return os.fdopen(kept, "wb")


if __name__ == "__main__":
    work(sys.stdin.buffer, _answers_alone())
