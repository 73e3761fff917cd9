from __future__ import annotations

import warnings

import numpy as np
import pytest

from hearfelt.features.display import outline
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.reports.figures.answers import answer_picture
from hearfelt.reports.figures.canvas import figure_png

SURE = Prediction("sad", 0.996, {"calm": 0.004, "sad": 0.996}, False, 2.0, "toy")
GUESS = Prediction("sad", 0.4, {"calm": 0.3, "happy": 0.3, "sad": 0.4}, False, 2.0, "toy")
UNSURE = Prediction("sad", 0.3, {"calm": 0.3, "sad": 0.3}, True, 2.0, "toy")
HEARD = Timeline("a$b.wav", None, 2.0, (Segment(0.2, 1.8, SURE),), ("calm", "sad"), "toy")
SWING = outline([np.sin(np.arange(16_000)).astype(np.float32)], 8_000)
LEVELS = np.full((80, 100), 128, np.uint8)


@pytest.mark.parametrize(
    ("prediction", "words"),
    [
        (SURE, ["sad", "Very sure, over 99 %"]),
        (GUESS, ["sad", "A guess, 40 %"]),
        (UNSURE, ["perhaps sad", "Unsure, 30 %: too low to rely on"]),
    ],
)
def test_the_answer_is_said_in_the_words_of_the_page(prediction: Prediction, words: list[str]) -> None:
    answer, ranking = answer_picture(prediction, HEARD, SWING).axes[-2:]
    assert [text.get_text() for text in answer.texts] == words
    assert len(ranking.get_yticklabels()) == len(prediction.probabilities)


@pytest.mark.parametrize("emotion", ["sad", "surprised", "pleasantly surprised by it"])
def test_the_answer_fits_into_its_half_however_long_its_name(emotion: str) -> None:
    figure = answer_picture(Prediction(emotion, 0.3, {emotion: 0.3, "sad": 0.2}, True, 2.0, "toy"), HEARD, SWING)
    figure_png(figure, dpi=50)
    said = figure.axes[-2].texts[0].get_window_extent()
    assert said.x1 <= figure.bbox.x1


def test_a_small_share_is_not_called_nothing() -> None:
    ranking = answer_picture(SURE, HEARD, SWING).axes[-1]
    assert [text.get_text() for text in ranking.texts] == ["over 99 %", "under 1 %"]


def test_what_is_heard_when_lies_in_a_ribbon_over_the_time_of_the_sound() -> None:
    wave, ribbon = answer_picture(SURE, HEARD, SWING).axes[:2]
    assert wave.get_xlim() == ribbon.get_xlim() == (0, 2.0)
    assert [text.get_text() for text in ribbon.texts] == ["sad"]


def test_the_model_is_named_and_where_the_sound_is_from() -> None:
    assert answer_picture(SURE, HEARD, SWING, note="Synthetic.").get_supxlabel() == "Model: toy. Synthetic."


@pytest.mark.parametrize("levels", [None, LEVELS])
def test_it_is_drawn_without_a_warning_with_and_without_tones(levels: np.ndarray | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = answer_picture(UNSURE, HEARD, SWING, levels=levels)
        assert len(figure.axes) == (4 if levels is None else 5)
        assert figure_png(figure, dpi=50).startswith(b"\x89PNG")
