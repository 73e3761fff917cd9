"""``hearfelt listen``: live results from the microphone, or from a file in real time."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hearfelt.cli.inputs import Reading
from hearfelt.cli.options import ModelOption, ReferenceOption, TableOrJson, TrackOption, examples, expanded

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
)


def add_to(app: typer.Typer) -> None:
    """Add the command ``listen``."""
    app.command("listen", epilog=_EPILOG)(_listen)


def _listen(
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", callback=expanded, help="Read a sound file in real time instead."),
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
    track: TrackOption = None,
) -> None:
    """Show the present emotion live, and list the segments that are final.

    The line at the bottom is an interim result from the last 2 seconds; the segments above it are final, and the same
    as hearfelt timeline finds in a recording. Ctrl-C ends it. No sound is kept, and none leaves this computer.
    """
    if track is not None and file is None:
        raise typer.BadParameter("a microphone has no tracks; give --file too", param_hint="--track")
    from hearfelt.cli.inputs import read_reference
    from hearfelt.inference.recognizer import Recognizer

    recognizer = Recognizer.load(model)
    known = read_reference(reference, recognizer)
    with (
        _blocks(file, Reading(track=track), microphone) as (rate_hz, blocks, reader),
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
    """Open the microphone, or a file that gives a block of 0.1 s every 0.1 s like a microphone."""
    if file is None:
        from hearfelt.cli.inputs import microphone

        with microphone(name) as (rate_hz, blocks):
            yield rate_hz, blocks, None
        return
    from hearfelt.audio.reader import open_audio

    with open_audio(reading.of(file)) as reader:
        yield reader.rate_hz, _in_time(reader), reader


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
