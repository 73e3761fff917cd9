from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio.reader import Audio
from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import AudioError, ModelError
from hearfelt.inference.prediction import SURE_WORDS, Band, Prediction, sure_words
from hearfelt.inference.recognizer import Recognizer
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


BANDS = (Band(0.0, 0.4, 50, 20), Band(0.4, 0.6, 100, 55), Band(0.6, 0.8, 100, 69), Band(0.8, 0.9, 100, 75))
TOP = Band(0.9, 1.0, 100, 91)


def said(confidence: float, *bands: Band, codes: tuple[str, ...] = ()) -> str:
    warnings = tuple(SoundWarning(code, code) for code in codes)
    return Prediction("sad", confidence, {"sad": confidence}, False, 1.0, "mine", warnings, outside=bands).in_words


def test_a_word_is_said_where_it_was_true_outside_too() -> None:
    assert sure_words((*BANDS, TOP)) == (
        (0.9, "very sure"), (0.8, "fairly sure"), (0.5, "not very sure"), (0.0, "a guess"),
    )  # fmt: skip
    assert [said(one, *BANDS, TOP) for one in (0.95, 0.85, 0.75, 0.45)] == [
        "very sure", "fairly sure", "not very sure", "a guess",
    ]  # fmt: skip


def test_a_word_that_was_nowhere_true_is_never_said() -> None:
    assert sure_words((*BANDS, Band(0.9, 1.0, 100, 88))) == (
        (0.8, "fairly sure"), (0.5, "not very sure"), (0.0, "a guess"),
    )  # fmt: skip
    assert said(1.0, Band(0.0, 1.0, 100, 20)) == "a guess"


def test_a_word_needs_all_bands_from_there_on() -> None:
    bands = Band(0.7, 0.8, 100, 75), Band(0.8, 0.9, 100, 60), Band(0.9, 1.0, 100, 95)
    assert [said(one, *bands) for one in (0.75, 0.85, 0.95)] == ["not very sure", "not very sure", "very sure"]


def test_without_figures_from_outside_the_words_are_those_of_the_probability() -> None:
    assert sure_words() == SURE_WORDS


def test_of_an_unfamiliar_sound_nobody_is_sure() -> None:
    assert [said(one, TOP, codes=("unfamiliar",)) for one in (1.0, 0.6, 0.4)] == [
        "not very sure", "not very sure", "a guess",
    ]  # fmt: skip


SHARES = {"calm": 0.25, "sad": 0.5, "angry": 0.1875, "happy": 0.0625}


def test_plausible_labels_are_those_that_the_quantile_allows_the_most_probable_first() -> None:
    prediction = Prediction("sad", 0.5, SHARES, False, 1.0, "mine", quantiles={"0.9": 0.8125, "0.8": 0.8, "0.5": 0.1})
    assert prediction.plausible() == ("sad", "calm", "angry")
    assert prediction.plausible(0.8) == ("sad", "calm")
    assert prediction.plausible(0.5) == ("sad",)  # never empty
    assert prediction.plausible_sets() == {"0.9": ("sad", "calm", "angry"), "0.8": ("sad", "calm"), "0.5": ("sad",)}


def test_a_coverage_that_was_not_measured_is_refused_with_those_that_were() -> None:
    with pytest.raises(ModelError, match=r"mine: it has no quantile for a coverage of 0\.9; it has none"):
        Prediction("sad", 0.5, SHARES, False, 1.0, "mine").plausible()
    with pytest.raises(ModelError, match=r"0\.9; it has 0\.8, 0\.5"):
        Prediction("sad", 0.5, SHARES, False, 1.0, "mine", quantiles={"0.8": 0.5, "0.5": 0.5}).plausible()


RATE = 16_000


@pytest.fixture(scope="module")
def recognizer(sound_model: Path) -> Recognizer:
    return Recognizer(sound_model, threads=1)


def voice(pitch_hz: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * pitch_hz * np.arange(RATE) / RATE)).astype(np.float32)


def test_a_table_has_the_predictions_by_file(recognizer: Recognizer, tmp_path: Path) -> None:
    audformat = pytest.importorskip("audformat")
    path = tmp_path / "a.wav"
    soundfile.write(path, voice(200), RATE)
    sounds = [path, tmp_path / "none.wav", Audio(voice(300), RATE, name="b"), (RATE, voice(400))]
    table = recognizer.recognize_many(sounds, errors="return").to_frame()
    assert list(table.index) == [str(path), str(tmp_path / "none.wav"), "b", "sound"]
    assert audformat.is_filewise_index(table.index)
    alone = recognizer.recognize(path)
    assert table.loc[str(path), list(recognizer.labels)].to_dict() == pytest.approx(dict(alone.probabilities))
    assert table["emotion"].iloc[2] == recognizer.recognize(voice(300), RATE).emotion
    assert "no such file" in table["error"].iloc[1]
    assert table["error"].isna().tolist() == [True, False, True, True]


def test_a_table_holds_what_was_not_taken_before(recognizer: Recognizer) -> None:
    many = recognizer.recognize_many([(RATE, voice(200)), (RATE, voice(300))], workers=2)
    assert isinstance(next(many), Prediction)
    assert len(many.to_frame()) == 1


def test_without_sounds_a_table_has_its_columns(recognizer: Recognizer) -> None:
    table = recognizer.recognize_many([]).to_frame()
    assert len(table) == 0
    assert set(recognizer.labels) < set(table.columns)


def test_a_table_stops_at_an_error_if_asked_to(recognizer: Recognizer) -> None:
    with pytest.raises(AudioError):
        recognizer.recognize_many([b"no sound"]).to_frame()


def test_a_recognizer_is_released_at_the_end_of_its_block(sound_model: Path) -> None:
    with Recognizer(sound_model, threads=1) as recognizer:
        recognizer.recognize(voice(200), RATE)
    with pytest.raises(ModelError, match="was closed"):
        recognizer.recognize(voice(200), RATE)
    recognizer.close()
    assert recognizer.labels
