from __future__ import annotations

from dataclasses import replace

import pytest

from hearfelt.audio.warnings import SoundWarning
from hearfelt.inference.prediction import Prediction
from hearfelt.page.answer_markup import answer, oddities, overview, said_of
from hearfelt.page.calibration_text import what_sure_means
from hearfelt.reports.shipped_scores import read_measured

SAD = Prediction("sad", 0.98, {"calm": 0.02, "sad": 0.98}, False, 2.0, "hearfelt")
CUT = SoundWarning("cut_short", "1.00 s of 2.00 s are there", {"there_s": 1.0, "promised_s": 2.0})
TONE = replace(SAD, unsure=True, warnings=(SoundWarning("no_speech", "no speech was found"), CUT))


@pytest.mark.parametrize(
    "shown", [said_of(TONE), answer(TONE), overview([("tone.wav", TONE)])], ids=["spoken", "answer", "table"]
)
def test_where_nobody_speaks_that_is_said_before_the_emotion(shown: str) -> None:
    assert shown.index("no speech heard") < shown.index("sad? 98 %")
    assert "very sure" not in shown
    assert "perhaps" not in shown


def test_how_often_such_answers_were_right_is_not_said_of_what_is_no_voice() -> None:
    measured = read_measured().for_strangers("hearfelt")
    assert "voices that it had not heard" in what_sure_means(SAD, measured)
    assert "voices that it had not heard" not in what_sure_means(TONE, measured)


def test_what_is_odd_stands_on_a_line_of_its_own_and_only_if_there_is_anything() -> None:
    assert oddities(SAD) == ""
    assert oddities(TONE).count("<p") == 1
    assert ">1.00 s of 2.00 s are there.<" in oddities(TONE)
    assert "no speech" not in oddities(TONE)  # the headline says it
