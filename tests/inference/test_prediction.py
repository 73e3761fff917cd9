from __future__ import annotations

import dataclasses

import pytest

from hearfelt.inference.prediction import Prediction


def test_ranks_go_from_the_most_to_the_least_probable() -> None:
    prediction = Prediction("sad", 0.5, {"calm": 0.2, "sad": 0.5, "angry": 0.3}, True, 1.0, "mine")
    assert [label for label, _ in prediction.ranked()] == ["sad", "angry", "calm"]


def test_a_prediction_cannot_be_changed() -> None:
    prediction = Prediction("sad", 1.0, {"sad": 1.0}, False, 1.0, "mine")
    with pytest.raises(dataclasses.FrozenInstanceError):
        prediction.emotion = "happy"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("confidence", "word"),
    [
        *((1.0, "very sure"), (0.9, "very sure"), (0.89, "fairly sure"), (0.7, "fairly sure")),
        *((0.5, "not very sure"), (0.49, "a guess"), (0.13, "a guess")),
    ],
)
def test_confidence_is_said_in_words(confidence: float, word: str) -> None:
    assert Prediction("sad", confidence, {"sad": confidence}, False, 1.0, "mine").in_words == word


def test_an_unsure_answer_is_called_unsure_however_probable() -> None:
    assert Prediction("sad", 0.95, {"sad": 0.95}, True, 1.0, "mine").in_words == "unsure"
