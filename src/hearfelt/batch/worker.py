"""A worker: a process that loads the model once and answers one sound after another, as lines of JSON.

A list is the rows of a sound. An object says why there are none: what ``failed`` when the model was loaded, what
``stopped`` the job, or a want of ``memory``, for which the sound may be answered by itself in another process.
Started by :mod:`hearfelt.batch.workers`; ``python -m hearfelt.batch.worker`` speaks with it through pipes. It ends
with the process that started it, and writes no file.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import stat
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import resources
from pathlib import Path
from typing import IO, Any, Final

from hearfelt.audio.excerpts import Excerpt
from hearfelt.audio.inputs import name_of
from hearfelt.audio.reader import AudioReader, AudioTrack, Sound, open_audio
from hearfelt.audio.warnings import SoundWarning
from hearfelt.batch import object_store as objects
from hearfelt.batch.fetching import fetched
from hearfelt.batch.infrastructure_errors import SurroundingsError, is_of_surroundings, is_want_of_memory
from hearfelt.batch.storage import shown
from hearfelt.batch.tables import columns
from hearfelt.batch.task import Task
from hearfelt.errors import AudioError, HearfeltError
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.speech_check import speech_warnings
from hearfelt.inference.timeline.recordings import segments_of

__all__ = ["Row", "answer", "main", "sound_at", "told"]

Row = list[Any]

_WHOLE: Final = (0.0, None)
_DURATION_S: Final = -3  # places in a row
_WARNINGS: Final = -2
_EXAMPLE: Final = "synthetic-even.flac"  # of hearfelt's own: a worker that cannot answer it can answer nothing


def answer(
    recognizer: Recognizer, name: str, location: str, task: Task, *, part: tuple[float, float | None] = _WHOLE
) -> list[Row]:
    """Answer one sound; whatever is wrong with it becomes a row that says so.

    Args:
        recognizer: a loaded model.
        name: what the table calls the sound.
        location: path or address of the sound.
        task: what is wanted.
        part: where the part that is meant begins and ends, in seconds; segments are timed from the beginning of
            the sound all the same.

    Returns:
        The rows of the table, each in the order of :func:`hearfelt.batch.tables.columns`. Of segments there may be
        many; a sound in which nobody speaks, or that breaks off, has a row with an error, after what was heard.

    Raises:
        SurroundingsError: if something failed that is not the sound's fault, such as its store or a disk.
        MemoryError: if there was too little memory, which may be the sound's fault or not.
    """
    rows: list[Row] = []
    warnings: list[dict[str, object]] = []
    opened = location
    try:
        with sound_at(location) as found:
            whole = found if task.track is None else AudioTrack(found, task.track)
            sound = whole if part == _WHOLE else Excerpt(whole, *part)
            opened = name_of(sound)
            if not task.timeline:
                prediction = recognizer.recognize(sound)
                return [[shown(name), *_facts(prediction), prediction.duration_s, _objects(prediction.warnings), None]]
            for channel in _channels(sound, task):
                with open_audio(sound, channel=channel) as reader:
                    begun = len(rows)
                    about_speech: tuple[SoundWarning, ...] = ()
                    try:
                        rows += _segments(recognizer, reader, shown(name), channel, part[0])
                        speech_s = sum(row[_DURATION_S] for row in rows[begun:])
                        about_speech = speech_warnings(speech_s, reader.heard / reader.rate_hz)
                    finally:  # what is odd is known only now, also where the sound broke off
                        warnings = _objects((*reader.warnings, *about_speech))
                        for row in rows[begun:]:
                            row[_WARNINGS] = warnings
        if not rows:
            raise AudioError(f"{opened}: nobody speaks in it; there are no segments")
    except Exception as error:
        sentence = told(error, name, (location, opened))
        if is_want_of_memory(error):
            raise MemoryError(sentence) from error
        if is_of_surroundings(error):
            raise SurroundingsError(sentence) from error
        rows.append(_error_row(recognizer, name, sentence, task, warnings))
    return rows


def sound_at(location: str) -> AbstractContextManager[Path | bytes]:
    """Give what a recognizer can read: the path, or what was fetched from a store; for a ``with`` statement.

    Raises:
        AudioError: for what is no ordinary file: reading a pipe could take for ever.
    """
    if objects.is_url(location):
        return fetched(location)
    try:
        kind = os.stat(location).st_mode  # noqa: PTH116
    except (OSError, ValueError):
        return nullcontext(Path(location))  # the reader says what is wrong with it
    if stat.S_ISDIR(kind) or stat.S_ISREG(kind):
        return nullcontext(Path(location))
    raise AudioError(f"{location}: this is no ordinary file; a sound file is wanted here")


def told(error: Exception, name: str, opened: Iterable[str] = ()) -> str:
    """Say in one sentence what is wrong with a sound, under the name that the table uses.

    Args:
        error: what went wrong.
        name: what the table calls the sound.
        opened: names under which it was opened; the error may begin with one.

    Example:
        >>> told(AudioError("/calls/a.wav: the file is empty"), "a.wav", ["/calls/a.wav"])
        'a.wav: the file is empty'
    """
    if isinstance(error, MemoryError):
        return shown(f"{name}: there is not enough memory for it, even for one worker by itself")
    if not isinstance(error, HearfeltError):
        return shown(f"{name}: a fault in hearfelt itself ({type(error).__name__}: {error})")
    reason = str(error)
    for one in opened:
        reason = reason.removeprefix(f"{one}: ")
    return shown(f"{name}: {reason}")


def _error_row(
    recognizer: Recognizer, name: str, error: str, task: Task, warnings: list[dict[str, object]] | None = None
) -> Row:
    names = columns(recognizer.labels, timeline=task.timeline)
    known = {"source": shown(name), "model": recognizer.card.name, "warnings": warnings or None, "error": shown(error)}
    return [known.get(column) for column in names]


def _objects(warnings: Iterable[SoundWarning]) -> list[dict[str, object]]:
    return [warning.to_dict() for warning in warnings]


def _facts(prediction: Prediction) -> Row:
    probabilities = prediction.probabilities.values()
    return [prediction.emotion, prediction.confidence, *probabilities, prediction.unsure, prediction.model]


def _channels(sound: Sound, task: Task) -> Sequence[int | None]:
    if task.channels == "mix":
        return (None,)
    with open_audio(sound) as reader:
        return range(reader.channels)


def _segments(
    recognizer: Recognizer, reader: AudioReader, name: str, channel: int | None, before_s: float
) -> Iterator[Row]:
    for segment in segments_of(reader, recognizer.segmenter()):
        times = [round(before_s + segment.start_s, 6), round(before_s + segment.end_s, 6)]  # as they are written
        yield [name, channel, *times, *_facts(segment.prediction), segment.duration_s, None, None]


def main() -> None:
    """Answer what comes in on standard input, a sound a line, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the one who started this decides
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints must not come between the answers
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    task = Task.from_json(sys.stdin.buffer.readline())
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    try:
        recognizer = Recognizer(Path(task.model), name=task.model, threads=1)
    except HearfeltError as error:
        _say(out, {"failed": str(error)})
        return
    _say(out, {"model": recognizer.card.name, "labels": recognizer.labels})
    while True:
        asked = json.loads(lines.get())
        try:
            _say(out, _answered(recognizer, asked, task))
        except SurroundingsError as error:
            _say(out, {"stopped": str(error)})
        except MemoryError as error:
            _say(out, {"memory": str(error)})


def _answered(recognizer: Recognizer, asked: list[Any] | None, task: Task) -> list[Row]:
    if asked is None:  # whether anything can be answered
        with resources.as_file(resources.files("hearfelt.examples") / _EXAMPLE) as example:
            return answer(recognizer, _EXAMPLE, str(example), Task(task.model))
    name, location, wrong, start_s, end_s = asked
    if wrong is not None:  # it showed when it was listed
        return [_error_row(recognizer, name, wrong, task)]
    return answer(recognizer, name, location, task, part=(start_s, end_s))


def _listen(lines: queue.SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        lines.put(line)
    os._exit(0)  # nobody is there any more, or nothing is wanted any more


def _say(out: IO[bytes], value: object) -> None:
    line = memoryview(json.dumps(value, separators=(",", ":")).encode() + b"\n")
    while line:
        line = line[out.write(line) :]


if __name__ == "__main__":
    main()
