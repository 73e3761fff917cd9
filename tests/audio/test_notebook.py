from __future__ import annotations

import base64
import io
import re

import numpy as np
import soundfile

from hearfelt.audio.reader import Audio


def test_the_player_holds_the_sound_and_the_drawing_its_extremes() -> None:
    samples = np.zeros(8_000, np.float32)
    samples[4_000] = 0.5
    page = Audio(samples, 8_000, name="<a>.wav")._repr_html_()
    played, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(re.findall(r"base64,([^\"]+)", page)[0])))
    assert rate_hz == 8_000
    np.testing.assert_allclose(played, samples, atol=1e-4)
    heights = [float(y) for _, y in re.findall(r"(\d+),([\d.]+)", re.findall(r'd="M([^"]+)Z"', page)[0])]
    assert (min(heights), max(heights)) == (0.0, 40.5)  # the click reaches the top; silence is the line in the middle
    assert "<a>" not in page


def test_a_long_sound_is_drawn_without_a_player() -> None:
    page = Audio(np.zeros(301 * 1_000, np.float32), 1_000)._repr_html_()
    assert "<svg" in page
    assert "<audio" not in page
