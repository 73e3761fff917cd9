"""``hearfelt listen``: live results from the microphone, from raw samples of a pipe, or from a file in real time."""

from __future__ import annotations

import io
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final, cast

import typer

from hearfelt.cli.inputs import STANDARD_INPUT, Reading, check_standard_input, parse_reading
from hearfelt.cli.options import (
    ModelOption,
    RawOption,
    ReferenceOption,
    TableOrJson,
    TrackOption,
    examples,
    expanded,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hearfelt.audio.reader import AudioReader
    from hearfelt.cli.display.timelines import JsonEvents, LiveScreen
    from hearfelt.inference.recognizer import Recognizer

    Blocks = tuple[int, Iterator[NDArray[np.float32]], AudioReader | None]

__all__ = ["add_to"]

_EPILOG: Final = examples(
    "hearfelt listen                            # the microphone",
    "hearfelt listen --file call.wav            # a file, in real time",
    "hearfelt listen --format json              # events for another program",
    "some-program | hearfelt listen --file - --raw s16le:16000    # samples as they arrive",
)


def add_to(app: typer.Typer) -> None:
    """Add the command ``listen``."""
    app.command("listen", epilog=_EPILOG)(_listen)


def _listen(
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            callback=expanded,
            help="Read a sound file in real time instead; - takes raw samples from standard input as they arrive.",
        ),
    ] = None,
    microphone: Annotated[
        str | None,
        typer.Option(
            "--microphone", metavar="NAME|NUMBER", help="The microphone.", show_default="the system's default"
        ),
    ] = None,
    format: Annotated[
        TableOrJson,
        typer.Option(
            "--format", "-f", metavar="table|json", help="Output: a live line, or one JSON object for each event."
        ),
    ] = "table",
    model: ModelOption = None,
    reference: ReferenceOption = None,
    raw: RawOption = None,
    track: TrackOption = None,
) -> None:
    """Show the present emotion live, and list the segments that are final.

    The line at the bottom is an interim result from the last 2 seconds; the segments above it are final, and the same
    as hearfelt timeline finds in a recording. Ctrl-C ends it. No sound is kept, and none leaves this computer.
    """
    if track is not None and file is None:
        raise typer.BadParameter("a microphone has no tracks; give --file too", param_hint="--track")
    reading = parse_reading(raw, track)
    if reading.raw is not None and file is None:
        raise typer.BadParameter("a microphone says its own format; give --file too", param_hint="--raw")
    if _is_pipe(file):
        check_standard_input([STANDARD_INPUT])
        if reading.raw is None:
            raise typer.BadParameter(
                "samples that arrive live have no header; give --raw too, such as --raw s16le:16000",
                param_hint="--file",
            )
    from hearfelt.cli.inputs import read_reference
    from hearfelt.inference.recognizer import Recognizer

    recognizer = Recognizer.load(model)
    known = read_reference(reference, recognizer)
    with (
        _blocks(file, reading, microphone) as (rate_hz, blocks, reader),
        _shown(format, recognizer, file) as screen,
    ):
        stream = recognizer.stream(rate_hz, reference=known)
        with _until_stopped(blocks) as taken:
            for block in taken:
                screen.show(stream.feed(block), block, stream.duration_s)
        screen.show(stream.finish(), None, stream.duration_s)
        about_sound, about_reference = reader.warnings if reader else (), known.warnings if known else ()
        screen.warn((*about_sound, *about_reference))


@contextmanager
def _blocks(file: Path | None, reading: Reading, name: str | None) -> Iterator[Blocks]:
    """Open the microphone, a pipe, or a file that gives a block of 0.1 s every 0.1 s like a microphone."""
    if file is None:
        from hearfelt.cli.inputs import microphone

        with microphone(name) as (rate_hz, blocks):
            yield rate_hz, blocks, None
        return
    from hearfelt.audio.reader import open_audio

    if _is_pipe(file):
        with open_audio(reading.of(cast(BinaryIO, _Arriving())), name="standard input") as reader:
            yield reader.rate_hz, reader.parts(), reader
        return
    with open_audio(reading.of(file)) as reader:
        yield reader.rate_hz, _in_time(reader), reader


def _is_pipe(file: Path | None) -> bool:
    return file is not None and str(file) == STANDARD_INPUT


class _Arriving:
    """Standard input, whose reads return what has arrived and don't wait for more."""

    def read(self, size: int) -> bytes:
        return cast(io.BufferedReader, sys.stdin.buffer).read1(size)


def _shown(
    form: TableOrJson, recognizer: Recognizer, file: Path | None
) -> AbstractContextManager[JsonEvents | LiveScreen]:
    from hearfelt.cli.display.timelines import JsonEvents, LiveScreen

    source = "microphone" if file is None else str(file)
    if form == "json":
        return JsonEvents(source)
    from hearfelt.cli.display.output import console

    return LiveScreen(console(), recognizer.labels, source)


def _in_time(reader: AudioReader) -> Iterator[NDArray[np.float32]]:
    from hearfelt.cli.inputs import BLOCK_S

    length, given = max(1, round(BLOCK_S * reader.rate_hz)), 0
    started = time.monotonic()
    for part in reader.parts():
        for start in range(0, len(part), length):
            block = part[start : start + length]
            given += len(block)
            ahead_s = started + given / reader.rate_hz - time.monotonic()
            if ahead_s > 0:
                time.sleep(ahead_s)
            yield block


@contextmanager
def _until_stopped(blocks: Iterable[NDArray[np.float32]]) -> Iterator[Iterator[NDArray[np.float32]]]:
    """Give blocks until Ctrl-C, which takes effect between two of them, so that no block is used by half."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # the second Ctrl-C does not wait

    is_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, stop) if is_main else None
    try:
        yield _while_wanted(blocks, stopped)
    finally:
        if is_main:
            signal.signal(signal.SIGINT, before)


def _while_wanted(blocks: Iterable[NDArray[np.float32]], stopped: threading.Event) -> Iterator[NDArray[np.float32]]:
    for block in blocks:
        if stopped.is_set():
            return
        yield block
        if stopped.is_set():
            return
