from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio.reader import Audio
from hearfelt.errors import AudioError, ModelError
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.recognizer import Recognizer

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
