from __future__ import annotations

import warnings

import numpy as np
import pytest
from matplotlib.colors import to_hex

from hearfelt.emotions import EMOTIONS, look_of
from hearfelt.features.display import Outline, outline
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.reports.figures.canvas import figure_png
from hearfelt.reports.figures.timeline import COLUMNS, draw_timeline, prediction_picture


def a_segment(start_s: float, end_s: float, emotion: str, confidence: float = 0.8) -> Segment:
    rest = (1 - confidence) / (len(EMOTIONS) - 1)
    probabilities = {label: confidence if label == emotion else rest for label in EMOTIONS}
    return Segment(start_s, end_s, Prediction(emotion, confidence, probabilities, confidence < 0.5, 1.0, "toy"))


def a_timeline(duration_s: float, *segments: Segment, channel: int | None = None) -> Timeline:
    return Timeline("call.wav", channel, duration_s, segments, EMOTIONS, "toy")


def an_outline(duration_s: float, rate_hz: int = 200) -> Outline:
    times = np.arange(round(duration_s * rate_hz)) / rate_hz
    return outline([np.sin(2 * np.pi * 7 * times).astype(np.float32)], rate_hz, columns=COLUMNS)


def legend_of(figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


CALL = a_timeline(60, a_segment(2, 14, "sad"), a_segment(14, 20, "angry", 0.4), a_segment(31, 58, "sad"))


@pytest.mark.parametrize(
    ("duration_s", "ends"),
    [(3, ("0:00.0", "0:03.0")), (60, ("0:00", "1:00")), (1_000, ("0:00", "16:00")), (3_600, ("0:00:00", "1:00:00"))],
)
def test_time_is_written_so_that_it_can_be_read_for_seconds_and_for_hours(duration_s, ends) -> None:
    figure = draw_timeline([a_timeline(duration_s, a_segment(0, 1, "sad"))], [an_outline(duration_s, 20)])
    axes = figure.axes[-1]
    figure.draw_without_rendering()
    words = [label.get_text() for label in axes.get_xticklabels()]
    places = [place for place in axes.get_xticks() if 0 <= place <= duration_s]
    shown = [axes.xaxis.get_major_formatter()(place) for place in places]
    assert (shown[0], shown[-1]) == ends
    assert len(shown) <= 13
    assert words
    assert axes.get_xlim() == (0, duration_s)


def test_the_legend_holds_what_occurs_and_nothing_else() -> None:
    assert legend_of(draw_timeline([CALL], [an_outline(60)])) == ["sad", "angry", "unsure"]
    sure = a_timeline(60, a_segment(2, 14, "sad"))
    assert legend_of(draw_timeline([sure], [an_outline(60)])) == ["sad"]


def test_confidence_is_a_line_with_gaps_where_nobody_speaks() -> None:
    line = draw_timeline([CALL], [an_outline(60)]).axes[2].get_lines()[0]
    times, levels = (np.asarray(values, float) for values in line.get_data())
    assert levels[np.isfinite(levels)].tolist() == [0.8, 0.8, 0.4, 0.4, 0.8, 0.8]
    assert times[np.isnan(levels)].tolist() == [31.0]


def test_the_wave_has_the_colour_of_the_segment_and_is_grey_in_a_gap() -> None:
    (wave,) = draw_timeline([CALL], [an_outline(60)]).axes[0].collections
    colours = [to_hex(colour) for colour in wave.get_facecolors()]
    at = len(colours) / 60
    assert colours[round(8 * at)] == colours[round(40 * at)] == look_of("sad").colour
    pale, grey = colours[round(17 * at)], colours[round(25 * at)]
    assert len({pale, grey, look_of("angry").colour, look_of("sad").colour}) == 4


def test_a_word_stands_in_the_ribbon_where_there_is_room_and_it_is_sure() -> None:
    words = [text.get_text() for text in draw_timeline([CALL], [an_outline(60)]).axes[1].texts]
    assert words == ["sad", "sad"]
    short = a_timeline(600, a_segment(2, 3, "sad"))
    assert [text.get_text() for text in draw_timeline([short], [an_outline(600)]).axes[1].texts] == []


def test_segments_that_follow_each_other_alike_are_one_stretch() -> None:
    twice = a_timeline(60, a_segment(0, 20, "sad", 0.7), a_segment(20, 40, "sad", 0.9), a_segment(41, 60, "sad"))
    assert [text.get_text() for text in draw_timeline([twice], [an_outline(60)]).axes[1].texts] == ["sad", "sad"]


def test_each_side_has_a_lane_with_its_name() -> None:
    sides = [a_timeline(60, a_segment(2, 14, "sad"), channel=place) for place in (0, 1)]
    figure = draw_timeline(sides, [an_outline(60)] * 2, sides=("left", "right"))
    assert len(figure.axes) == 6
    assert [axes.get_ylabel() for axes in figure.axes[::3]] == ["left", "right"]


def test_in_an_hour_of_many_segments_confidence_is_their_mean() -> None:
    many = [a_segment(start, start + 2, "sad", 0.6 + 0.4 * (start % 4 == 0)) for start in range(0, 1_800, 2)]
    figure = draw_timeline([a_timeline(3_600, *many)], [an_outline(3_600, 2)])
    times, levels = (np.asarray(values, float) for values in figure.axes[2].get_lines()[0].get_data())
    assert levels[times < 1_790] == pytest.approx(0.8)
    assert np.isnan(levels[times > 1_810]).all()


@pytest.mark.parametrize("duration_s", [0.1, 3.0, 7_200.0])
@pytest.mark.parametrize("segments", [(), (a_segment(0, 0.1, 'my $x$ "dog"\n'),)], ids=["no speech", "a strange label"])
def test_anything_is_drawn_without_a_warning(duration_s: float, segments: tuple[Segment, ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw_timeline([a_timeline(duration_s, *segments)], [an_outline(duration_s, 20)], title="$a" * 99)
        assert figure_png(figure, dpi=40).startswith(b"\x89PNG")


def test_silence_is_a_line_and_not_magnified() -> None:
    soft = Outline(np.full(4, -1e-6, np.float32), np.full(4, 1e-6, np.float32), 0.5, 2.0)
    assert draw_timeline([a_timeline(2)], [soft]).axes[0].get_ylim()[1] == pytest.approx(1.06e-3)


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
    answer, ranking = prediction_picture(prediction, HEARD, SWING).axes[-2:]
    assert [text.get_text() for text in answer.texts] == words
    assert len(ranking.get_yticklabels()) == len(prediction.probabilities)


@pytest.mark.parametrize("emotion", ["sad", "surprised", "pleasantly surprised by it"])
def test_the_answer_fits_into_its_half_however_long_its_name(emotion: str) -> None:
    figure = prediction_picture(Prediction(emotion, 0.3, {emotion: 0.3, "sad": 0.2}, True, 2.0, "toy"), HEARD, SWING)
    figure_png(figure, dpi=50)
    said = figure.axes[-2].texts[0].get_window_extent()
    assert said.x1 <= figure.bbox.x1


def test_a_small_share_is_not_called_nothing() -> None:
    ranking = prediction_picture(SURE, HEARD, SWING).axes[-1]
    assert [text.get_text() for text in ranking.texts] == ["over 99 %", "under 1 %"]


def test_what_is_heard_when_lies_in_a_ribbon_over_the_time_of_the_sound() -> None:
    wave, ribbon = prediction_picture(SURE, HEARD, SWING).axes[:2]
    assert wave.get_xlim() == ribbon.get_xlim() == (0, 2.0)
    assert [text.get_text() for text in ribbon.texts] == ["sad"]


def test_the_model_is_named_and_where_the_sound_is_from() -> None:
    assert prediction_picture(SURE, HEARD, SWING, note="Synthetic.").get_supxlabel() == "Model: toy. Synthetic."


@pytest.mark.parametrize("levels", [None, LEVELS])
def test_it_is_drawn_without_a_warning_with_and_without_tones(levels: np.ndarray | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = prediction_picture(UNSURE, HEARD, SWING, levels=levels)
        assert len(figure.axes) == (4 if levels is None else 5)
        assert figure_png(figure, dpi=50).startswith(b"\x89PNG")
