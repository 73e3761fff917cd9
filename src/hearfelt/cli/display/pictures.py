"""Pictures of one sound: waveform, spectrogram, and the prediction or its explanation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from hearfelt.cli.options import expanded
from hearfelt.errors import require

if TYPE_CHECKING:
    from hearfelt.audio.reader import Sound
    from hearfelt.inference.explain.occlusion import Occlusion
    from hearfelt.inference.explain.shapley import Explanation
    from hearfelt.inference.prediction import Prediction

__all__ = ["draw_prediction", "picture_path"]

_SUFFIXES: Final = (".png", ".svg", ".pdf")


def picture_path(path: Path | None) -> Path | None:
    """Check the path of a picture, before anything slow begins; for ``callback=`` of an option.

    Raises:
        typer.BadParameter: if the ending is not that of a picture.
    """
    if path is not None and path.suffix.casefold() not in _SUFFIXES:
        raise typer.BadParameter(f"{path}: pictures are written as {', '.join(_SUFFIXES)}")
    return expanded(path)


def draw_prediction(
    prediction: Prediction, sound: Sound, path: Path, *, note: str = "", why: Explanation | Occlusion | None = None
) -> None:
    """Write a picture of a sound and its prediction, or of what the prediction depends on.

    Args:
        prediction: the prediction.
        sound: the sound; it is read again.
        path: the file to write; its ending decides the format.
        note: printed below, such as that the voice is synthetic.
        why: the explanation to draw; without it waveform, spectrogram and probabilities are drawn.

    Raises:
        ExtraMissingError: if matplotlib is not installed.
    """
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
