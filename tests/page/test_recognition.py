from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from hearfelt.inference.recognizer import Recognizer
from hearfelt.page import recognition
from hearfelt.page.preview import read_playable
from hearfelt.page.recognition import predict, recognizer_of
from hearfelt.page.session import LoadedSound, ReceivedFile, example_sound


class RunEnds(BaseException):
    """As Streamlit ends a run of the page: by raising where progress is reported."""


@pytest.fixture
def long_sound(monkeypatch: pytest.MonkeyPatch) -> LoadedSound:
    """More than a minute, with progress reported as often as possible."""
    monkeypatch.setattr(recognition, "_PROGRESS_EVERY_S", 1e-4)
    samples, rate_hz = soundfile.read(io.BytesIO(example_sound("even").data), dtype="float32")
    file = io.BytesIO()
    soundfile.write(file, np.resize(samples, 90 * rate_hz), rate_hz, format="WAV")
    data = file.getvalue()
    return LoadedSound(ReceivedFile("long.wav", data), read_playable(data, "long.wav", longest_s=600))


def test_progress_is_reported_while_a_sound_is_processed(long_sound: LoadedSound) -> None:
    recognizer_of("tiny")
    shares: list[float] = []
    prediction = predict("tiny", long_sound, shares.append).prediction
    assert shares
    assert all(0 <= share <= 1 for share in shares)
    own = Recognizer.load("tiny").recognize(long_sound.file.data)
    assert prediction.probabilities == pytest.approx(own.probabilities, abs=1e-5)


def test_a_prediction_is_kept_though_the_run_of_the_page_ends(long_sound: LoadedSound) -> None:
    def end(share: float) -> None:
        raise RunEnds

    with pytest.raises(RunEnds):
        predict("tiny", long_sound, end)
    kept, own = long_sound.results["tiny"].prediction, Recognizer.load("tiny").recognize(long_sound.file.data)
    assert kept.probabilities == pytest.approx(own.probabilities, abs=1e-5)
