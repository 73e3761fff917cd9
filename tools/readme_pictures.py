"""Draw the plots of the README from published counts and results.

    python tools/readme_pictures.py [--results results/emobox-ravdess/classic] [--out docs/pictures]

``counts.png`` counts the clips of RAVDESS, ``confusion.png`` and ``curves.png`` show committed results, and
``answer.png`` the prediction for a bundled clip. A picture without results is not changed, with a message.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from hearfelt.audio.reader import audio_files, read_audio
from hearfelt.corpora.catalog import CORPORA
from hearfelt.corpora.check import published_clips
from hearfelt.evaluation.results import read_results
from hearfelt.inference.recognizer import Recognizer
from hearfelt.reports.evaluation import read_curves
from hearfelt.reports.figures.canvas import save_figure
from hearfelt.reports.figures.corpora import count_plot
from hearfelt.reports.figures.results import confusion_matrix, learning_curves
from hearfelt.reports.figures.sounds import demo_picture

HERE = Path(__file__).parents[1]


def counts() -> Figure:
    clips = published_clips(CORPORA["ravdess"], HERE)
    return count_plot(clips.count("emotion"), title="RAVDESS, clips by emotion")


def confusion(folder: Path) -> Figure:
    evaluation = read_results(folder).evaluation
    each = np.asarray(evaluation.confusion) / len(evaluation.seeds)  # so that a row sums to its clips
    return confusion_matrix(each, evaluation.emotions, title=f"{folder.name} on {folder.parent.name}")


def curves(folder: Path) -> Figure:
    rows = read_curves(folder)
    if not rows:
        raise FileNotFoundError(f"{folder}: no learning curves")
    return learning_curves(rows)


def answer() -> Figure:
    clip = audio_files(HERE / "src" / "hearfelt" / "examples")[0]
    prediction = Recognizer.load().recognize(clip)
    return demo_picture(read_audio(clip), prediction, title=clip.name, note="a synthetic voice")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", type=Path, default=HERE / "results" / "emobox-ravdess" / "classic")
    parser.add_argument("--out", type=Path, default=HERE / "docs" / "pictures")
    options = parser.parse_args()
    pictures: dict[str, Callable[[], Figure]] = {
        "counts": counts,
        "confusion": lambda: confusion(options.results),
        "curves": lambda: curves(options.results),
        "answer": answer,
    }
    for name, draw in pictures.items():
        try:
            print(save_figure(draw(), options.out / f"{name}.png"))
        except (OSError, ValueError) as error:
            print(f"{name}.png is not changed: {error}")


if __name__ == "__main__":
    main()
