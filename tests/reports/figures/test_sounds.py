from __future__ import annotations

import warnings

import numpy as np
import pytest

from hearfelt.audio.reader import Audio
from hearfelt.emotions import EMOTIONS, look_of
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion
from hearfelt.inference.explain.shapley import GROUPS_IN_WORDS, Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.reports.figures.canvas import figure_png, figure_svg
from hearfelt.reports.figures.sounds import (
    contribution_bars,
    demo_picture,
    mel_spectrogram,
    occlusion_sheet,
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


SHARES = {"chroma": 0.25, "mfcc": -1.5, "zero_crossing_rate": 0.0, "mel": 3.0, "rms": 0.75}


def an_explanation(shares: dict[str, float]) -> Explanation:
    prediction = Prediction("angry", 0.6, {"angry": 0.6, "sad": 0.4}, False, 1.2, "toy")
    return Explanation(prediction, -2.0 + sum(shares.values()), -2.0, shares)


def test_bars_are_as_long_as_the_contributions_and_the_strongest_comes_first() -> None:
    axes = contribution_bars(an_explanation(SHARES)).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [3.0, -1.5, 0.75, 0.25, 0.0]
    assert [text.get_text() for text in axes.texts] == ["+3.00", "−1.50", "+0.75", "+0.25", "+0.00"]
    assert axes.get_yticklabels()[0].get_text() == GROUPS_IN_WORDS["mel"][1]


def test_what_speaks_against_has_another_colour() -> None:
    mel, mfcc, rms, *_ = contribution_bars(an_explanation(SHARES)).axes[0].patches
    assert mel.get_facecolor() == rms.get_facecolor() != mfcc.get_facecolor()


def test_the_plot_says_where_the_log_odds_start_and_end() -> None:
    assert contribution_bars(an_explanation(SHARES)).axes[0].get_xlabel() == (
        "log-odds of angry: −2.00 on average, +0.50 for this clip"
    )


@pytest.mark.parametrize("share", [0.0, 1e-12, 40.0, -40.0, 1.0])
@pytest.mark.parametrize("other", [0.0, -0.5, -0.001])
def test_every_number_stays_inside_and_beside_the_names(share: float, other: float) -> None:
    figure = contribution_bars(an_explanation({**dict.fromkeys(SHARES, share), "mel": other * share}))
    assert figure_png(figure, dpi=100).startswith(b"\x89PNG")
    axes = figure.axes[0]
    names_end = max(label.get_window_extent().x1 for label in axes.get_yticklabels())
    for text in axes.texts:
        box = text.get_window_extent()
        assert names_end < box.x0
        assert box.x1 <= figure.bbox.x1


def test_a_label_that_looks_like_a_formula_is_drawn_as_text() -> None:
    prediction = Prediction("$a", 0.6, {"$a": 0.6, "b": 0.4}, False, 1.2, "toy")
    svg = figure_svg(contribution_bars(Explanation(prediction, 0.4, 0.0, {"$b": 0.4})))
    assert "log-odds of $a" in svg
    assert "$b" in svg


AUDIO = Audio((0.1 * np.sin(np.arange(32_000) / 9)).astype(np.float32), 16_000, name="tone")


def an_occlusion(times: list[float], bands: list[float]) -> Occlusion:
    prediction = Prediction("angry", 0.6, {"angry": 0.6, "sad": 0.4}, False, 2.0, "toy")
    middles = tuple(np.linspace(0.125, 1.875, len(times)).tolist())
    return Occlusion(prediction, 0.4, 0.25, middles, tuple(times), BANDS_HZ, tuple(bands))


def test_the_curve_stands_under_the_waveform_on_the_same_time_axis() -> None:
    times = [0.1, 0.2, 1.5, -0.4, 0.0]
    wave, curve, bands = occlusion_sheet(AUDIO, an_occlusion(times, [0.1] * 8)).axes
    assert wave.get_xlim() == curve.get_xlim() == (0, 2.0)
    drawn = curve.lines[0]
    assert drawn.get_ydata().tolist() == times
    assert drawn.get_xdata()[2] == pytest.approx(1.0)
    assert bands.get_yticklabels()[5].get_text() == "2.7 to 3.9 kHz"


def test_bands_are_as_long_as_their_effects_and_against_has_another_colour() -> None:
    effects = [0.5, -1.0, 0.0, 2.0, 0.1, 0.1, 0.1, 0.1]
    bars = occlusion_sheet(AUDIO, an_occlusion([0.1] * 5, effects)).axes[2].patches
    assert [bar.get_width() for bar in bars] == effects
    assert bars[0].get_facecolor() != bars[1].get_facecolor()


def test_the_picture_says_that_it_is_occlusion_and_no_cause() -> None:
    svg = figure_svg(occlusion_sheet(AUDIO, an_occlusion([0.1] * 5, [0.2] * 8), title="a$b.wav"))
    assert "not a cause" in svg
    assert "a$b.wav: angry, 60 %" in svg


@pytest.mark.parametrize("effect", [0.0, 1e-9, 30.0, -30.0])
def test_any_effect_can_be_drawn(effect: float) -> None:
    assert figure_png(occlusion_sheet(AUDIO, an_occlusion([effect] * 3, [effect] * 8)), dpi=60).startswith(b"\x89PNG")
