"""Notes and tuning against librosa and what musicians know."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reference_sounds import CHROMA, EVERY_BIN, RATE_HZ, answers, chord, tuned_sound

from hearfelt.features.chroma import NOTES, chroma_filters, frame_chroma, tuning_of
from hearfelt.features.spectrum import frame_magnitudes


@pytest.mark.parametrize(("rate_hz", "tuning"), CHROMA)
def test_chroma_filters_are_librosas(rate_hz: int, tuning: float) -> None:
    theirs = answers()[f"chroma-{rate_hz}-{tuning}"]
    np.testing.assert_allclose(chroma_filters(rate_hz, tuning)[:, ::EVERY_BIN], theirs, rtol=1e-6, atol=1e-9)


def test_tuning_is_librosas_to_the_bar_of_its_histogram() -> None:
    ours = [tuning_of(frame_magnitudes(tuned_sound(seed)), RATE_HZ) for seed in range(20)]
    assert ours == answers()["tuning"].tolist()


@pytest.mark.parametrize("cents", [-40, -20, 10, 30])
def test_an_instrument_out_of_tune_is_heard_to_be(cents: int) -> None:
    notes = [frequency_hz * 2 ** (cents / 1200) for frequency_hz in (440.0, 554.365, 659.255)]
    assert tuning_of(frame_magnitudes(chord(*notes)), RATE_HZ) == pytest.approx(cents / 100, abs=0.03)


def test_the_chroma_of_an_a_major_chord_is_highest_at_its_three_notes() -> None:
    chroma = frame_chroma(frame_magnitudes(chord(440.0, 554.365, 659.255)), RATE_HZ)[20]
    assert {NOTES[note] for note in chroma.argsort()[-3:]} == {"A", "C#", "E"}
    assert chroma.max() == 1.0


def test_a_silent_frame_has_no_note_and_leaves_the_others_alone() -> None:
    sound = chord(440.0, seconds=2.0)
    sound[: sound.size // 2] = 0.0
    chroma = frame_chroma(frame_magnitudes(sound), RATE_HZ)
    assert not chroma[:10].any()
    assert NOTES[chroma[-10].argmax()] == "A"


def test_sound_without_a_peak_is_taken_to_be_in_tune() -> None:
    assert tuning_of(frame_magnitudes(chord(50.0)) * 0, RATE_HZ) == 0.0
