from __future__ import annotations

from dataclasses import replace

import pytest

from hearfelt.audio.warnings import SoundWarning
from hearfelt.evaluation.metrics import Reliability
from hearfelt.inference.prediction import SURE_WORDS, Band, Prediction
from hearfelt.inference.recognizer import shipped_models
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.page.texts import calibration_text, confidence_range, prediction_text, timeline_text
from hearfelt.reports.shipped_scores import Measurement, ShippedScores, read_scores

BINS = tuple(Reliability(k / 10, (k + 1) / 10, 0 if k == 9 else 5 * k, 0.0, 0.3) for k in range(10))
ONE = Measurement(
    "mine", "unheard", "unseen", False, True, 0.6, None, 0.55, 0.2, 240, 4, 1, ("calm", "sad"), ((1, 0), (0, 1)),
    BINS,
)  # fmt: skip


def answer(confidence: float, *, unsure: bool = False) -> Prediction:
    return Prediction("sad", confidence, {"calm": 1 - confidence, "sad": confidence}, unsure, 2.0, "mine")


def test_how_often_such_answers_were_right_is_what_was_measured() -> None:
    said = calibration_text(answer(0.6), ONE)  # 25 answers from 50 to 60 %, 30 from 60 to 70 %, 30 % of them right
    assert said == (
        "In a test with 4 unseen speakers, 16 of 55 predictions with 50 to 70 % confidence were correct: 30 %,"
        " less than the confidence says."
    )


def test_a_calibrated_model_is_not_called_overconfident() -> None:
    honest = replace(ONE, reliability=tuple(replace(one, accuracy=0.62) for one in BINS))
    assert calibration_text(answer(0.6), honest).endswith("were correct: 62 %.")


def test_too_few_answers_tell_nothing() -> None:
    assert "there was no prediction with 90 to 100 % confidence: too few" in calibration_text(answer(0.95), ONE)
    few = replace(ONE, reliability=(*BINS[:9], Reliability(0.9, 1.0, 13, 0.95, 0.7)))
    said = calibration_text(answer(0.95), few)
    assert "only 13 predictions with 90 to 100 % confidence: too few" in said
    assert "correct: " not in said


def test_a_recipe_is_not_taken_for_the_file_that_answers() -> None:
    assert "4 unseen speakers, of models trained with the same recipe," in calibration_text(
        answer(0.6), replace(ONE, is_shipped_file=False)
    )


def test_a_model_that_nobody_measured_promises_nothing() -> None:
    assert calibration_text(answer(0.8), None) == "How often such predictions are correct was not measured."


def test_an_unsure_answer_and_a_guess_are_called_so_first() -> None:
    assert calibration_text(answer(0.55, unsure=True), ONE).startswith("The confidence is too low to rely on")
    assert calibration_text(answer(0.4), ONE).startswith("The other emotions together are more probable")


def test_every_confidence_lies_in_the_span_of_its_word() -> None:
    for least, word in SURE_WORDS:
        low, high = confidence_range(least)
        assert low == least < high
        assert answer((low + high) / 2).in_words == word


@pytest.mark.parametrize("name", shipped_models())
def test_every_shipped_model_was_measured_on_unseen_speakers(name: str) -> None:
    one = read_scores().for_unseen_speakers(name)
    assert one is not None
    assert (one.model, one.is_shipped_file, one.leaky) == (name, True, False)
    for low, _ in SURE_WORDS:
        count, share = one.right_between(*confidence_range(low))
        said = calibration_text(answer(low + 0.05), one)
        assert "too few" in said if count < 20 else f"{round(count * share)} of {count} predictions" in said


def test_a_leaky_measurement_is_never_used_for_calibration() -> None:
    folds, leaky = replace(ONE, is_shipped_file=False), replace(ONE, leaky=True)
    assert ShippedScores((leaky,)).for_unseen_speakers("mine") is None
    assert ShippedScores((leaky, folds)).for_unseen_speakers("mine") == folds
    assert ShippedScores((leaky, folds, ONE)).for_unseen_speakers("mine") == ONE


def test_a_sound_without_speech_has_no_calibration() -> None:
    tone = replace(answer(0.98), warnings=(SoundWarning("no_speech", "no speech was found"),))
    assert "unseen speakers" not in calibration_text(tone, ONE)
    assert prediction_text(tone) == "no speech found"


OUTSIDE = (Band(0.0, 0.5, 400, 150), Band(0.5, 0.9, 700, 300), Band(0.9, 1.0, 104, 98))


def test_figures_from_outside_the_training_corpora_replace_those_from_inside() -> None:
    said = calibration_text(replace(answer(0.95), outside=OUTSIDE), ONE)
    assert said == (
        "In a test on corpora that were left out of training, 98 of 104 predictions with 90 to 100 % confidence were"
        " correct: 94 %."
    )
    said = calibration_text(replace(answer(0.6), outside=OUTSIDE), None)
    assert "300 of 700 predictions with 50 to 90 % confidence were correct: 43 %." in said


def test_of_an_unfamiliar_sound_no_figures_are_quoted() -> None:
    odd = replace(answer(0.95), outside=OUTSIDE, warnings=(SoundWarning("unfamiliar", "unfamiliar"),))
    said = calibration_text(odd, ONE)
    assert "not known" in said
    assert not set("0123456789") & set(said)


def test_several_plausible_emotions_are_named_and_one_is_not() -> None:
    shares = {"calm": 0.3, "sad": 0.6, "angry": 0.1}
    prediction = Prediction("sad", 0.6, shares, False, 2.0, "mine", quantiles={"0.9": 0.75})
    assert calibration_text(prediction, ONE).endswith(" In 90 % of cases, the correct emotion is one of: sad, calm.")
    for quantile in (0.5, 0.95):  # sad alone, and all three
        assert "cases" not in calibration_text(replace(prediction, quantiles={"0.9": quantile}), ONE)


def timeline(*segments: tuple[float, str, bool]) -> Timeline:
    at_s, found = 0.0, []
    for length_s, emotion, unsure in segments:
        found.append(Segment(at_s, at_s + length_s, Prediction(emotion, 0.8, {emotion: 0.8}, unsure, length_s, "mine")))
        at_s += length_s
    return Timeline("a.wav", None, at_s, tuple(found), ("calm", "sad"), "mine")


def test_a_recording_is_called_after_the_emotion_that_takes_most_of_its_speech() -> None:
    assert timeline_text(timeline((6, "sad", False), (4, "calm", False))) == "mostly sad, 60 % of the speech"


def test_a_recording_in_which_no_emotion_takes_half_of_the_speech_is_called_mixed() -> None:
    thirds = timeline((4, "sad", False), (3, "calm", False), (3, "angry", False))
    assert timeline_text(thirds) == "mixed, most of all sad, 40 % of the speech"


def test_unsure_segments_count_for_no_emotion() -> None:
    assert timeline_text(timeline((6, "sad", True), (4, "calm", False))) == "mostly unsure, 60 % of the speech"
