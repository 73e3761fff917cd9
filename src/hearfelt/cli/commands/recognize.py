"""``hearfelt recognize``, the emotion in files and folders, and ``hearfelt demo``, in bundled clips."""

from __future__ import annotations

import shutil
import sys
import traceback
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearfelt.cli.inputs import STANDARD_INPUT, check_standard_input, parse_reading, read_reference, sound_of
from hearfelt.cli.options import (
    FormatOption,
    ModelOption,
    RawOption,
    ReferenceOption,
    TrackOption,
    examples,
    expanded,
    picture_path,
)
from hearfelt.errors import AudioError, ExtraMissingError, require

if TYPE_CHECKING:
    from hearfelt.audio.reader import Sound
    from hearfelt.cli.display.predictions import Result
    from hearfelt.inference.explain.occlusion import Occlusion
    from hearfelt.inference.explain.shapley import Explanation
    from hearfelt.inference.prediction import Prediction
    from hearfelt.inference.recognizer import Recognizer
    from hearfelt.inference.reference import Reference

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands ``recognize`` and ``demo``."""
    app.command(
        "recognize",
        epilog=examples(
            "hearfelt recognize clip.wav other.mp3",
            "hearfelt recognize clip.wav --why                    # what it depends on",
            "hearfelt recognize clip.wav --plot clip.png          # as a picture",
            "hearfelt recognize clip.wav --why --plot why.png     # the reasons, drawn",
            "hearfelt recognize folder/ --out emotions.csv",
            "hearfelt recognize clip.wav --model my.onnx",
            "hearfelt recognize clip.wav --reference me.json      # with hearfelt reference",
            "curl https://example.org/clip.mp3 | hearfelt recognize -",
            "hearfelt recognize line.pcm --raw alaw:8000:1        # as telephones store it",
        ),
    )(_recognize)
    app.command("demo", epilog=examples("hearfelt demo", "hearfelt demo --out picture.svg --model svm"))(_demo)


def _recognize(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Sound files, folders of them, or - for standard input."),
    ] = None,
    model: ModelOption = None,
    format: FormatOption = "table",
    why: Annotated[
        bool, typer.Option("--why", "--explain", help="Show what in the sound the result depends on.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.png", callback=picture_path, help="Draw one clip and its result."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            callback=expanded,
            help="Table to write, instead of printing: .csv, .jsonl or .parquet.",
        ),
    ] = None,
    reference: ReferenceOption = None,
    raw: RawOption = None,
    track: TrackOption = None,
) -> None:
    """Recognize the emotion in sound files, with a confidence.

    Reads WAV, FLAC, OGG, Opus, MP3 and AIFF; with the extra "formats" also M4A, AAC, WebM, WMA, AC-3, AMR and the sound
    of a video. A folder means every sound file in it and below, sorted by path. A file that cannot be read is reported,
    the others are still recognized, and the exit code is 3. Without a path, hearfelt asks for one. No sound leaves this
    computer.

    Problems in a sound, such as a file that was cut short, are shown below its result, and are in the column or list
    "warnings" of CSV and JSON; docs/warnings.md lists the codes.

    With --why, a model that takes sound is run many times, each time without a stretch of time or a band of frequencies
    (occlusion: what changes, not a cause); for a model on 162 features the Shapley values are exact. JSON has all
    numbers, CSV one value for each band or group, and the stretch that changes most.
    """
    reading = parse_reading(raw, track)
    sources = _sources(paths or [_ask_for_path()], is_raw=raw is not None)
    if plot is not None and len(sources) != 1:
        raise typer.BadParameter(f"{len(sources)} sound files; a picture shows one", param_hint="--plot")
    if out is not None:
        _check_out(out, sources, model)
    from hearfelt.audio.reader import read_audio
    from hearfelt.cli.display.predictions import Result, printing, writing
    from hearfelt.inference.recognizer import Recognizer

    recognizer, first_error = Recognizer.load(model), None
    known = read_reference(reference, recognizer)
    shown = printing(format, recognizer, sources, why=why) if out is None else writing(out, recognizer, why=why)
    with shown as show:
        for source in sources:
            with ExitStack() as stack:
                try:
                    sound = stack.enter_context(sound_of(source, reading))
                    _refuse_empty(source)
                    if plot is not None:
                        sound = read_audio(sound)  # whole, since it is drawn as well
                    result = _recognized(recognizer, source, sound, why=why, reference=known)
                except AudioError as error:
                    if context.obj:  # --debug
                        traceback.print_exception(error)
                    result = Result(source, error=error)
                show(result)
                first_error = first_error or result.error
                if plot is not None and result.prediction is not None:
                    _draw(result.prediction, sound, plot, why=result.explanation)
    if first_error is not None:
        raise typer.Exit(first_error.exit_code)


def _check_out(out: Path, sources: list[str], model: str | None) -> None:
    """Refuse a table that cannot be written, or would overwrite a sound or the model, before anything slow begins."""
    from hearfelt.results.tables import table_format
    from hearfelt.results.writer import refuse_overwriting

    table_format(str(out))
    refuse_overwriting(out, sources)
    refuse_overwriting(out, [model] if model else [], what="model")


def _ask_for_path() -> str:
    """Ask for a path, if standard input is a terminal."""
    if not sys.stdin.isatty():
        raise typer.BadParameter("give at least one sound file or folder", param_hint="PATH")
    while True:
        print("Path of a sound file or folder: ", end="", file=sys.stderr, flush=True)
        try:
            path = input().strip().strip("'\"")  # a file dropped on a terminal may come in quotes
        except EOFError:
            raise typer.BadParameter("give at least one sound file or folder", param_hint="PATH") from None
        if path:
            return path


def _sources(paths: list[str], *, is_raw: bool) -> list[str]:
    """List the sounds: files as given, folders as the sound files below them."""
    from hearfelt.audio.reader import audio_files
    from hearfelt.runtime.files import path_given

    check_standard_input(paths)
    sources: list[str] = []
    for path in paths:
        folder = path_given(path)
        is_folder = path != STANDARD_INPUT and _is_folder(folder)
        if is_folder and is_raw:
            raise typer.BadParameter(f"{path} is a folder; raw samples are read from files and -", param_hint="--raw")
        try:
            found = [_as_typed(file) for file in audio_files(folder)] if is_folder else []
        except AudioError:
            found = []
        sources.extend(found or [path])  # an empty folder stays: its error is reported in its turn
    return sources


def _as_typed(file: Path) -> str:
    """Write a listed file so that it is not taken for one in the home folder: a folder may be called ``~``."""
    return f"./{file}" if file.parts[0] == "~" else str(file)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # no permission: the reader reports it in its turn
        return False


def _refuse_empty(source: str) -> None:
    from hearfelt.audio.reader import audio_files
    from hearfelt.runtime.files import path_given

    folder = path_given(source)
    if source != STANDARD_INPUT and _is_folder(folder) and not audio_files(folder):
        raise AudioError(f"{source}: no sound in this folder; WAV, FLAC, OGG, Opus, MP3 or AIFF is wanted")


def _recognized(recognizer: Recognizer, source: str, sound: Sound, *, why: bool, reference: Reference | None) -> Result:
    from hearfelt.cli.display.predictions import Result

    if why:
        explanation = recognizer.explain(sound, reference=reference)
        return Result(source, explanation.prediction, explanation)
    return Result(source, recognizer.recognize(sound, reference=reference))


def _draw(
    prediction: Prediction, sound: Sound, path: Path, *, note: str = "", why: Explanation | Occlusion | None = None
) -> None:
    """Write a picture of a sound and its prediction, or of what the prediction depends on."""
    require("matplotlib", "plots")
    from hearfelt.audio.inputs import name_of
    from hearfelt.audio.reader import read_audio
    from hearfelt.inference.explain.shapley import Explanation
    from hearfelt.reports.figures.canvas import save_figure
    from hearfelt.reports.figures.sounds import contribution_bars, demo_picture, occlusion_sheet

    name = Path(name_of(sound)).name
    if why is None:
        figure = demo_picture(read_audio(sound), prediction, title=name, note=note)
    elif isinstance(why, Explanation):
        figure = contribution_bars(why, title=f"{name}: evidence for {why.emotion} and against it")
    else:
        figure = occlusion_sheet(read_audio(sound), why, title=name)
    save_figure(figure, path)


_INTRODUCTION = """\
Synthetic voices say one sentence, each meant to sound like its name; nobody
speaks in the rain. Their settings were chosen by how the shipped model
recognizes them: they show what the output looks like, not how good it is.
"""


def _demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE.png", callback=picture_path, help="Where to write the picture.")
    ] = Path("demo.png"),
    model: ModelOption = None,
) -> None:
    """Recognize bundled synthetic clips, and draw one of them where matplotlib is installed."""
    from hearfelt.cli.display.predictions import Result, printing
    from hearfelt.examples.clips import example_clips
    from hearfelt.inference.recognizer import Recognizer

    recognizer = Recognizer.load(model)
    clips = example_clips()
    print(_INTRODUCTION)
    names = [clip.stem for clip in clips]
    with printing("table", recognizer, names) as show:
        predictions = [recognizer.recognize(clip) for clip in clips]
        for name, prediction in zip(names, predictions, strict=True):
            show(Result(name, prediction))
    try:
        _draw(predictions[0], str(clips[0]), out, note="a synthetic voice")
        print(f"\nThe first of them as a picture: {out}\n")
    except ExtraMissingError:
        print("\nWith matplotlib it also draws the first of them: pip install 'hearfelt[plots]'\n")
    _say_what_next()


def _say_what_next() -> None:
    program = "hearfelt" if shutil.which("hearfelt") else _started_as()
    print("Try next")
    for command, purpose in (
        ("recognize YOUR.wav --why", "your own recording, and why"),
        ("card", "what the model is"),
        ("corpora get ravdess ~/ravdess", "what it was trained on"),
        ("--help", "everything else"),
    ):
        print(f"  {f'{program} {command}':<{len(program) + 32}}{purpose}")


def _started_as() -> str:
    """Give the path of this program, as short as it can be typed here."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return f"{Path(sys.executable).name} -m hearfelt"
    try:
        return str(program.relative_to(Path.cwd()))
    except ValueError:
        return str(program)
