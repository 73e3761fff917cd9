"""``hearfelt timeline``: which emotion is spoken when, in recordings of any length."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final, Literal, cast

import typer

from hearfelt.cli.display.progress import sound_bar
from hearfelt.cli.inputs import STANDARD_INPUT, Reading, check_standard_input, parse_reading, sound_of
from hearfelt.cli.options import ModelOption, RawOption, ReferenceOption, TrackOption, examples, expanded, picture_path
from hearfelt.errors import AudioError, require

if TYPE_CHECKING:
    from hearfelt.audio.reader import Sound
    from hearfelt.cli.display.timelines import TimelineScreen
    from hearfelt.inference.recognizer import Recognizer
    from hearfelt.inference.timeline.recording import Recording
    from hearfelt.inference.timeline.segmenter import WindowClassifier
    from hearfelt.results.formats import Format
    from hearfelt.results.writer import SegmentWriter

__all__ = ["add_to"]

TimelineFormat = Literal["table", "json", "jsonl", "csv", "parquet", "textgrid", "vtt", "audacity", "elan"]

_EPILOG: Final = examples(
    "hearfelt timeline call.wav                           # a table and a ribbon",
    "hearfelt timeline call.wav --plot call.png           # as a picture",
    "hearfelt timeline call.wav --channels separate       # each side by itself",
    "hearfelt timeline call.wav --out call.TextGrid       # for Praat; .eaf for ELAN",
    "hearfelt timeline day1.wav day2.wav --out days.csv   # a row for each segment",
    "hearfelt timeline *.wav --format vtt --out captions  # a file for each sound",
)


def add_to(app: typer.Typer) -> None:
    """Add the command ``timeline``."""
    app.command("timeline", epilog=_EPILOG)(_timeline)


def _timeline(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Sound files, or - for standard input.")],
    channels: Annotated[
        Literal["mix", "separate"],
        typer.Option(
            "--channels", metavar="mix|separate", help="Mix all channels, or analyse each side of a call by itself."
        ),
    ] = "mix",
    format: Annotated[
        TimelineFormat,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="Output: table, json, jsonl, csv, parquet, textgrid, vtt, audacity or elan; with --out, the ending of"
            " the file name decides.",
        ),
    ] = "table",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", callback=expanded, help="File to write, instead of printing."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.png", callback=picture_path, help="Draw one sound and its timeline."),
    ] = None,
    model: ModelOption = None,
    reference: ReferenceOption = None,
    raw: RawOption = None,
    track: TrackOption = None,
) -> None:
    """Show which emotion is spoken when, in recordings of any length.

    Finds speech and divides it into segments, each with its start, end, emotion and confidence. Between segments there
    is no speech. Segments are written as soon as they are final. Ctrl-C ends the file properly with what was found by
    then.

    JSON has one object a line; CSV and Parquet have a row for each segment. TextGrid (Praat), WebVTT, Audacity labels
    and ELAN describe one sound; for several, --out names a folder.
    """
    if plot is not None and len(files) != 1:
        raise typer.BadParameter(f"{len(files)} sound files; a picture shows one", param_hint="--plot")
    reading, form = parse_reading(raw, track), _form(format, out)
    check_standard_input(files)
    targets = _targets(files, form, out)
    _refuse_overwriting_inputs([*(path for path, _ in targets), plot], files, model)
    from hearfelt.cli.inputs import read_reference
    from hearfelt.inference.recognizer import Recognizer

    recognizer = Recognizer.load(model)
    classifier = recognizer.window_classifier(read_reference(reference, recognizer))
    errors: list[AudioError] = []
    is_separate = channels == "separate"
    for path, sources in targets:
        with _view(recognizer, form, path, many=len(files) > 1) as view, _summary(form, path) as recordings:
            for source in sources:
                opened = _opened(source, reading, is_separate=is_separate, is_drawn=plot is not None)
                with _reported(errors), opened as sound:
                    _analyse(classifier, sound, source, view, is_separate=is_separate, recordings=recordings)
                    if plot is not None:
                        _draw(recordings[-1], sound, plot)
    if errors:
        raise typer.Exit(errors[0].exit_code)


def _form(format: str, out: Path | None) -> Format | None:
    """Choose the format to write; None for the table at a terminal."""
    if format == "table" and out is None:
        return None
    from hearfelt.results.formats import format_named, format_of

    form = format_of(out) if format == "table" and out is not None else format_named(format)
    if form.name == "parquet":
        if out is None:
            raise typer.BadParameter("Parquet is no text; give --out FILE.parquet", param_hint="--format")
        require("pyarrow", "parquet")
    return form


def _targets(files: list[str], form: Format | None, out: Path | None) -> list[tuple[Path | None, list[str]]]:
    """Assign sounds to output files, before anything slow begins."""
    if form is None or not form.is_of_one_sound or (len(files) == 1 and not (out is not None and out.is_dir())):
        return [(out, files)]
    if out is None:
        raise typer.BadParameter(
            f"{len(files)} sound files, and {form.name} describes one; give --out FOLDER", param_hint="--format"
        )
    if out.exists() and not out.is_dir():
        raise typer.BadParameter(f"{out}: this is a file; {len(files)} sounds want a folder", param_hint="--out")
    paths = [
        out / ((Path(source).stem if source != STANDARD_INPUT else "standard-input") + form.suffix) for source in files
    ]
    if twice := next((path for path in paths if paths.count(path) > 1), None):
        raise typer.BadParameter(f"two sounds would be written to {twice}; give them one by one", param_hint="--out")
    return [(path, [source]) for path, source in zip(paths, files, strict=True)]


def _refuse_overwriting_inputs(paths: list[Path | None], files: list[str], model: str | None) -> None:
    """Refuse to overwrite a sound or the model, before anything is written."""
    from hearfelt.results.writer import refuse_overwriting

    for path in paths:
        if path is not None:
            refuse_overwriting(path, files)
            refuse_overwriting(path, [model] if model else [], what="model")


def _view(
    recognizer: Recognizer, form: Format | None, path: Path | None, *, many: bool
) -> AbstractContextManager[SegmentWriter | TimelineScreen]:
    """Open the writer or the screen for the segments of some sounds."""
    if form is not None:
        from hearfelt.results.writer import SegmentWriter

        return SegmentWriter(form, recognizer.labels, path)
    from hearfelt.cli.display.output import console
    from hearfelt.cli.display.timelines import TimelineScreen

    unsure_below = recognizer.card.unsure_below
    return TimelineScreen(console(), recognizer.labels, unsure_below=unsure_below, names_sounds=many)


@contextmanager
def _reported(errors: list[AudioError]) -> Iterator[None]:
    """Report a sound that cannot be read, or not to its end, and continue with the next."""
    try:
        yield
    except AudioError as error:
        from hearfelt.cli.display.output import printable

        print(f"hearfelt: {printable(str(error))}", file=sys.stderr, flush=True)
        errors.append(error)


@contextmanager
def _opened(source: str, reading: Reading, *, is_separate: bool, is_drawn: bool) -> Iterator[Sound]:
    """Open the sound of a command-line argument.

    Separate channels are read in parallel, which is impossible from a pipe or its copy in memory.
    """
    if source != STANDARD_INPUT or not is_separate:
        with sound_of(source, reading, is_read_again=is_drawn) as sound:
            yield sound
        return
    with sound_of(source, Reading(), is_read_again=True) as piped, NamedTemporaryFile(prefix="hearfelt-") as file:
        copyfileobj(cast(BinaryIO, piped), file)
        file.flush()
        yield reading.of(file.name)


@contextmanager
def _summary(form: Format | None, path: Path | None) -> Iterator[list[Recording]]:
    """Report at the end what was written, and warnings about the sounds, also after Ctrl-C."""
    recordings: list[Recording] = []
    try:
        yield recordings
    finally:
        if path is not None and recordings:
            from hearfelt.reports.formatting import time_words

            timelines = [one for recording in recordings for one in recording.timelines()]
            segments, speech_s = sum(map(len, timelines)), sum(one.speech_s for one in timelines)
            length_s = sum(recording.reached_s for recording in recordings)
            what = f"{segments:,} segments" if segments != 1 else "1 segment"
            typer.echo(f"{path}: {what}, {time_words(speech_s)} of speech in {time_words(length_s)}")
        if form is not None:  # the screen shows them itself
            _print_warnings(recordings)


def _print_warnings(recordings: list[Recording]) -> None:
    from hearfelt.audio.warnings import texts_of
    from hearfelt.cli.display.output import printable

    for recording in recordings:
        if texts := texts_of(recording.warnings):
            print(f"hearfelt: {printable(recording.name)}: {texts}", file=sys.stderr, flush=True)


def _analyse(
    classifier: WindowClassifier,
    sound: Sound,
    source: str,
    view: SegmentWriter | TimelineScreen,
    *,
    is_separate: bool,
    recordings: list[Recording],
) -> None:
    """Analyse one sound to its end and pass on each segment."""
    from hearfelt.inference.timeline.recording import open_recording

    with (
        sound_bar(source) as bar,
        open_recording(sound, classifier, source=source, is_separate=is_separate, progress=bar.reached) as recording,
    ):
        bar.expect(recording.expected_s)
        recordings.append(recording)
        view.begin(recording)
        for row in recording:
            view.add(row)


def _draw(recording: Recording, sound: Sound, plot: Path) -> None:
    """Draw a sound and its timeline; its outline comes from a second reading, in constant memory."""
    require("matplotlib", "plots")
    from hearfelt.audio.reader import open_audio
    from hearfelt.features.display import outline
    from hearfelt.inference.timeline.segments import side_name
    from hearfelt.reports.figures.canvas import save_figure
    from hearfelt.reports.figures.timeline import COLUMNS, draw_timeline

    outlines = []
    for channel in recording.channels:
        with open_audio(sound, name=recording.name, channel=channel) as reader:
            outlines.append(outline(reader.parts(), reader.rate_hz, columns=COLUMNS))
    sides = [side_name(channel, len(recording.channels)) for channel in recording.channels]
    figure = draw_timeline(
        recording.timelines(), outlines, title=Path(recording.name).name, sides=sides if any(sides) else ()
    )
    save_figure(figure, plot)
