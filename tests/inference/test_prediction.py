from __future__ import annotations

import dataclasses
import json
import pickle

import pytest

from hearfelt.audio.warnings import SoundWarning
from hearfelt.inference.prediction import Prediction
from hearfelt.rows import PREDICTION


def test_ranks_go_from_the_most_to_the_least_probable() -> None:
    prediction = Prediction("sad", 0.5, {"calm": 0.2, "sad": 0.5, "angry": 0.3}, True, 1.0, "mine")
    assert [label for label, _ in prediction.ranked()] == ["sad", "angry", "calm"]


def test_a_prediction_cannot_be_changed() -> None:
    prediction = Prediction("sad", 1.0, {"sad": 1.0}, False, 1.0, "mine")
    with pytest.raises(dataclasses.FrozenInstanceError):
        prediction.emotion = "happy"  # type: ignore[misc]
    with pytest.raises(TypeError, match="cannot be changed"):
        prediction.probabilities["sad"] = 0.5  # type: ignore[index]


def test_what_it_was_made_of_may_change_afterwards() -> None:
    shares = {"sad": 1.0}
    prediction = Prediction("sad", 1.0, shares, False, 1.0, "mine")
    shares["sad"] = 0.5
    assert prediction.probabilities == {"sad": 1.0}


def test_equal_predictions_are_one_in_a_set_also_with_warnings_and_after_a_pickle() -> None:
    warning = SoundWarning("cut_short", "cut short", {"there_s": 1.0})
    one = Prediction("sad", 1.0, {"sad": 1.0}, False, 1.0, "mine", (warning,))
    assert (
        len({one, dataclasses.replace(one), pickle.loads(pickle.dumps(one)), dataclasses.replace(one, warnings=())})
        == 2
    )


def test_as_a_dictionary_it_has_the_names_of_the_schema_in_their_order() -> None:
    prediction = Prediction("sad", 1.0, {"sad": 1.0}, False, 1.0, "mine")
    assert tuple(prediction.to_dict()) == PREDICTION
    assert json.loads(json.dumps(prediction.to_dict())) == prediction.to_dict()


def test_its_repr_is_short_and_says_unsure() -> None:
    assert repr(Prediction("sad", 0.5, {"calm": 0.5, "sad": 0.5}, True, 1.0, "mine")) == "<Prediction sad 50%, unsure>"


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
