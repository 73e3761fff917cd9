"""``hearfelt demo``: the main job on the clips that come with the package."""

from __future__ import annotations

import shutil
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from hearfelt.cli.display.pictures import draw_answer, picture_path
from hearfelt.cli.display.predictions import Answer, printing
from hearfelt.cli.options import ModelOption, examples

__all__ = ["add_to"]

_INTRODUCTION = """\
Six synthetic voices say one sentence, each in its own way. Nobody feels
anything in them: they show how hearfelt answers, not how well.
"""


def add_to(app: typer.Typer) -> None:
    """Add the command ``demo``."""
    app.command("demo", epilog=examples("hearfelt demo", "hearfelt demo --out picture.svg --model svm"))(_demo)


def _demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE.png", callback=picture_path, help="Where the picture goes.")
    ] = Path("demo.png"),
    model: ModelOption = None,
) -> None:
    """Recognize six bundled clips of synthetic voices and draw one of them."""
    from hearfelt.audio.reader import audio_files
    from hearfelt.inference.recognizer import Recognizer

    recognizer = Recognizer.load(model)
    clips = audio_files(Path(str(resources.files("hearfelt.examples"))))
    print(_INTRODUCTION)
    names = [clip.stem for clip in clips]
    with printing("table", recognizer, names) as show:
        predictions = [recognizer.recognize(clip) for clip in clips]
        for name, prediction in zip(names, predictions, strict=True):
            show(Answer(name, prediction))
    draw_answer(predictions[0], str(clips[0]), out, note="a synthetic voice, made by espeak-ng")
    _say_what_next(out)


def _say_what_next(picture: Path) -> None:
    program = "hearfelt" if shutil.which("hearfelt") else _started_as()
    print(f"\nThe first of them as a picture: {picture}\n")
    print("Try next")
    for command, purpose in (
        ("recognize YOUR.wav --why", "your own recording, and why"),
        ("card", "what the model is"),
        ("corpora get ravdess ~/ravdess", "what it learned from"),
        ("--help", "everything else"),
    ):
        print(f"  {f'{program} {command}':<{len(program) + 32}}{purpose}")


def _started_as() -> str:
    """Give the path that this program was started by, as short as it can be typed here."""
    program = Path(sys.argv[0])
    try:
        return str(program.relative_to(Path.cwd()))
    except ValueError:
        return str(program)
