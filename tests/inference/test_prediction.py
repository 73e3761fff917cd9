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
