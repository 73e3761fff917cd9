from __future__ import annotations

import warnings

import numpy as np
import pytest

from hearfelt.audio.reader import Audio
from hearfelt.emotions import EMOTIONS, look_of
from hearfelt.inference.prediction import Prediction
from hearfelt.reports.figures.canvas import figure_png
from hearfelt.reports.figures.sounds import (
    demo_picture,
    mel_spectrogram,
    pitch_track,
    sound_sheet,
    spectrogram,
    waveform,
)

DRAWINGS = (waveform, spectrogram, mel_spectrogram, pitch_track, sound_sheet)


def a_tone(seconds: float = 1.0, rate_hz: int = 16_000, peak: float = 0.5) -> Audio:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return Audio((peak * np.sin(2 * np.pi * 200 * times)).astype(np.float32), rate_hz, name="tone.wav")


@pytest.mark.parametrize("draw", DRAWINGS)
def test_time_ends_with_the_sound_or_where_told(draw) -> None:
    assert draw(a_tone(1.5)).axes[0].get_xlim() == (0, 1.5)
    assert draw(a_tone(1.5), until_s=4.0).axes[0].get_xlim() == (0, 4.0)


@pytest.mark.parametrize("draw", DRAWINGS)
@pytest.mark.parametrize(
    "sound",
    [
        Audio(np.zeros(8_000, np.float32), 8_000),
        Audio(np.ones(800, np.float32), 8_000),
        Audio(np.full(19_200, 1e-9, np.float32), 192_000),
        Audio(np.random.default_rng(0).normal(0, 3, 4_000).astype(np.float32), 1_000),
    ],
    ids=["silence", "direct current", "next to nothing", "overdriven at 1 kHz"],
)
def test_any_sound_is_drawn_without_a_warning(draw, sound: Audio) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert figure_png(draw(sound), dpi=50).startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", [spectrogram, mel_spectrogram])
def test_the_scale_of_the_colours_ends_at_the_loudest(draw) -> None:
    picture, scale = draw(a_tone()).axes
    assert scale.get_ylabel() == "level (dB)"
    (image,) = picture.get_images()
    assert scale.get_ylim() == pytest.approx(image.get_clim())
    assert image.get_clim()[1] == pytest.approx(image.get_array().max())


def test_the_wave_fills_its_height_and_its_peak_stands_beside_it() -> None:
    axes = waveform(a_tone(peak=0.5)).axes[0]
    assert axes.get_ylim()[1] == pytest.approx(0.54)
    assert [text.get_text() for text in axes.texts] == ["peak −6 dB"]


def test_the_pitch_line_of_a_200_hz_tone_lies_at_200_hz() -> None:
    line = pitch_track(a_tone()).axes[0].get_lines()[0].get_ydata()
    np.testing.assert_allclose(line[np.isfinite(line)], 200, rtol=0.01)


def test_a_sound_without_pitch_says_so() -> None:
    texts = pitch_track(Audio(np.zeros(8_000, np.float32), 8_000)).axes[0].texts
    assert [text.get_text() for text in texts] == ["no pitch found"]


def test_the_picture_of_an_answer_ranks_all_emotions_and_says_how_sure_it_is() -> None:
    probabilities = dict(zip(EMOTIONS, (0.02, 0.02, 0.1, 0.02, 0.7, 0.1, 0.02, 0.02), strict=True))
    figure = demo_picture(a_tone(), Prediction("angry", 0.7, probabilities, False, 1.0, "classic"), note="synthetic")
    answer, ranking = figure.axes[-2:]
    assert [text.get_text() for text in answer.texts] == ["angry", "Fairly sure, 70 %"]
    assert ranking.get_yticklabels()[0].get_text() == "angry"
    assert len(ranking.get_yticklabels()) == 8
    assert ranking.patches[8].get_width() == pytest.approx(0.7)
    assert figure.get_supxlabel() == "synthetic"
    assert figure_png(figure, dpi=50)


def test_an_unsure_answer_is_called_too_low_to_rely_on() -> None:
    unsure = Prediction("calm", 0.2, {"calm": 0.2, "sad": 0.8}, True, 1.0, "classic")
    assert "too low" in demo_picture(a_tone(), unsure).axes[-2].texts[1].get_text()


def test_the_sheet_takes_the_colour_it_is_given() -> None:
    from matplotlib.colors import to_hex

    line = sound_sheet(a_tone(), colour=look_of("happy").colour).axes[3].get_lines()[0]
    assert to_hex(line.get_color()) == look_of("happy").colour
