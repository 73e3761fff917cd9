from __future__ import annotations

from dataclasses import replace

import pytest

from hearfelt.evaluation.metrics import Reliability
from hearfelt.inference.prediction import SURE_WORDS, Prediction
from hearfelt.inference.recognizer import shipped_models
from hearfelt.page.calibration_text import sure_span, what_sure_means
from hearfelt.reports.shipped_scores import Measured, Measurement, read_measured

BINS = tuple(Reliability(k / 10, (k + 1) / 10, 0 if k == 9 else 5 * k, 0.0, 0.3) for k in range(10))
ONE = Measurement(
    "mine", "unheard", "strangers", False, True, 0.6, None, 0.55, 0.2, 240, 4, 1, ("calm", "sad"), ((1, 0), (0, 1)),
    BINS,
)  # fmt: skip


def answer(confidence: float, *, unsure: bool = False) -> Prediction:
    return Prediction("sad", confidence, {"calm": 1 - confidence, "sad": confidence}, unsure, 2.0, "mine")


def test_how_often_such_answers_were_right_is_what_was_measured() -> None:
    said = what_sure_means(answer(0.6), ONE)  # 25 answers from 50 to 60 %, 30 from 60 to 70 %, 30 % of them right
    assert said == (
        "In a test with 4 voices that it had not heard, 16 of 55 answers as sure as this one (50 to 70 %) were right:"
        " 30 %, fewer than it claims."
    )


def test_what_keeps_its_word_is_not_said_to_claim_too_much() -> None:
    honest = replace(ONE, reliability=tuple(replace(one, accuracy=0.62) for one in BINS))
    assert what_sure_means(answer(0.6), honest).endswith("were right: 62 %.")


def test_too_few_answers_tell_nothing() -> None:
    assert "it gave no answer as sure as this one (90 to 100 %): too few" in what_sure_means(answer(0.95), ONE)
    few = replace(ONE, reliability=(*BINS[:9], Reliability(0.9, 1.0, 13, 0.95, 0.7)))
    said = what_sure_means(answer(0.95), few)
    assert "only 13 answers as sure as this one (90 to 100 %): too few" in said
    assert "right: " not in said


def test_a_recipe_is_not_taken_for_the_file_that_answers() -> None:
    assert "4 voices that models trained as it was had not heard" in what_sure_means(
        answer(0.6), replace(ONE, very_file=False)
    )


def test_a_model_that_nobody_measured_promises_nothing() -> None:
    assert what_sure_means(answer(0.8), None) == "How often such answers are right was not measured."


def test_an_unsure_answer_and_a_guess_are_called_so_first() -> None:
    assert what_sure_means(answer(0.55, unsure=True), ONE).startswith("This is too little to rely on")
    assert what_sure_means(answer(0.4), ONE).startswith("The other emotions together are more probable")


def test_every_confidence_lies_in_the_span_of_its_word() -> None:
    for least, word in SURE_WORDS:
        low, high = sure_span(least)
        assert low == least < high
        assert answer((low + high) / 2).in_words == word


@pytest.mark.parametrize("name", shipped_models())
def test_every_shipped_model_is_believed_by_its_own_file_on_strangers(name: str) -> None:
    one = read_measured().for_strangers(name)
    assert one is not None
    assert (one.model, one.very_file, one.leaky) == (name, True, False)
    for low, _ in SURE_WORDS:
        count, share = one.right_between(*sure_span(low))
        said = what_sure_means(answer(low + 0.05), one)
        assert "too few" in said if count < 20 else f"{round(count * share)} of {count} answers" in said


def test_a_leaky_figure_is_never_what_an_answer_is_believed_by() -> None:
    folds, leaky = replace(ONE, very_file=False), replace(ONE, leaky=True)
    assert Measured((leaky,)).for_strangers("mine") is None
    assert Measured((leaky, folds)).for_strangers("mine") == folds
    assert Measured((leaky, folds, ONE)).for_strangers("mine") == ONE
