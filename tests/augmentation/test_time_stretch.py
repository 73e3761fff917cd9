"""Time stretching: the identity at rate 1, and librosa's result at its own level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.reference_sounds import STRETCHES, answers, stretch_sound

from hearfelt.audio.reader import audio_files, read_audio
from hearfelt.augmentation.time_stretch import rms, time_stretched


def test_no_stretch_at_all_leaves_the_sound_as_it_is(toy: Path) -> None:
    audio = read_audio(audio_files(toy)[0])
    np.testing.assert_allclose(time_stretched(audio.samples, audio.rate_hz, rate=1.0), audio.samples, atol=2e-5)


@pytest.mark.parametrize("rate", STRETCHES)
def test_the_stretch_is_librosas_but_for_the_loudness_that_librosa_loses(toy: Path, rate: float) -> None:
    sound, theirs = stretch_sound(toy), answers()[f"stretch-{rate}"]
    ours = time_stretched(sound, 22_050, rate=rate)  # the rate for which librosa's frame is made
    assert rms(ours) == pytest.approx(rms(sound), rel=1e-3)
    assert rms(theirs) < rms(sound)
    likeness = np.corrcoef(ours[: theirs.size], theirs[: ours.size])[0, 1]
    assert likeness > 0.999
