"""A worker: a process that loads the model once and answers one sound after another, as lines of JSON.

Started by :mod:`hearfelt.batch.workers`; ``python -m hearfelt.batch.answering`` speaks with it through pipes. It ends
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
from pathlib import Path
from typing import IO, Any

from hearfelt.audio import open_audio
from hearfelt.batch import objects
from hearfelt.batch.places import shown
from hearfelt.batch.tables import columns
from hearfelt.batch.task import Task
from hearfelt.errors import AudioError, HearfeltError
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.recognizer import Recognizer

__all__ = ["Row", "answer", "main", "sound_at", "told"]

Row = list[Any]


def answer(recognizer: Recognizer, name: str, location: str, task: Task) -> list[Row]:
    """Answer one sound; whatever is wrong with it becomes a row that says so.

    Args:
        recognizer: a loaded model.
        name: what the table calls the sound.
        location: path or address of the sound.
        task: what is wanted.

    Returns:
        The rows of the table, each in the order of :func:`hearfelt.batch.tables.columns`. Of moments there may be
        many; a sound in which nobody speaks, or that breaks off, has a row with an error, after what was heard.
    """
    rows: list[Row] = []
    opened = location
    try:
        with sound_at(location) as sound:
            opened = str(sound) if isinstance(sound, Path) else "sound"
            if not task.timeline:
                prediction = recognizer.recognize(sound)
                return [[shown(name), *_facts(prediction), prediction.duration_s, None]]
            for channel in _channels(sound, task):
                rows += _moments(recognizer, sound, shown(name), channel)
        if not rows:
            raise AudioError(f"{opened}: nobody speaks in it; there are no moments")
    except Exception as error:
        rows.append(_error_row(recognizer, name, told(error, name, (location, opened)), task))
    return rows


def sound_at(location: str) -> AbstractContextManager[Path | bytes]:
    """Give what a recognizer can read: the path, or what was fetched from a store; for a ``with`` statement.

    Raises:
        AudioError: for what is no ordinary file: reading a pipe could take for ever.
    """
    if objects.is_url(location):
        return objects.sound_of(location)
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
        return shown(f"{name}: there is not enough memory for it; fewer workers need less")
    if not isinstance(error, HearfeltError):
        return shown(f"{name}: a fault in hearfelt itself ({type(error).__name__}: {error})")
    reason = str(error)
    for one in opened:
        reason = reason.removeprefix(f"{one}: ")
    return shown(f"{name}: {reason}")


def _error_row(recognizer: Recognizer, name: str, error: str, task: Task) -> Row:
    names = columns(recognizer.labels, timeline=task.timeline)
    known = {"source": shown(name), "model": recognizer.card.name, "error": shown(error)}
    return [known.get(column) for column in names]


def _facts(prediction: Prediction) -> Row:
    probabilities = prediction.probabilities.values()
    return [prediction.emotion, prediction.confidence, *probabilities, prediction.is_unsure, prediction.model]


def _channels(sound: Path | bytes, task: Task) -> Sequence[int | None]:
    if task.channels == "mix":
        return (None,)
    with open_audio(sound) as reader:
        return range(reader.channels)


def _moments(recognizer: Recognizer, sound: Path | bytes, name: str, channel: int | None) -> Iterator[Row]:
    for moment in recognizer.moments(sound, channel=channel):
        yield [name, channel, moment.start_s, moment.end_s, *_facts(moment.prediction), moment.duration_s, None]


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
        name, location, wrong = json.loads(lines.get())
        known = wrong is not None  # what is wrong with it showed when it was listed
        rows = [_error_row(recognizer, name, wrong, task)] if known else answer(recognizer, name, location, task)
        _say(out, rows)


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
