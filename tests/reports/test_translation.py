from __future__ import annotations

import io
import threading

import numpy as np
import pytest
import soundfile
from markupsafe import Markup

from hearfelt.audio.reader import read_audio, refuse_silence
from hearfelt.audio.warnings import CODES, cut_short, damaged
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import AudioError
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.reference import Reference
from hearfelt.inference.voice_activity import speech_warnings
from hearfelt.page.preview import read_playable
from hearfelt.page.texts import length_text, prediction_text
from hearfelt.reports.translation import _, grouped, in_language, keep_language, language, sentence

TEXT = "Start over"


def _wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="wav")
    return file.getvalue()


SILENT, SHORT = _wav(np.zeros(16_000, np.float32)), _wav(np.full(100, 0.1, np.float32))
LONG = _wav(np.random.default_rng(0).normal(0, 0.1, 48_000))


def test_texts_are_english_unless_a_language_is_chosen() -> None:
    assert (_(TEXT), language()) == ("Start over", "en")
    with in_language("de"):
        assert (_(TEXT), language()) == ("Von vorn beginnen", "de")
    assert _(TEXT) == "Start over"


def test_a_text_without_a_translation_stays_english() -> None:
    with in_language("fr"):
        assert _("nobody translated this, {name}", name="a.wav") == "nobody translated this, a.wav"
        assert _("") == ""


def test_what_is_called_later_and_elsewhere_keeps_its_language() -> None:
    said: list[str] = []
    with in_language("es"):
        later = keep_language(lambda: said.append(_(TEXT)))
    thread = threading.Thread(target=later)
    thread.start()
    thread.join()
    assert said == ["Empezar de nuevo"]
    assert language() == "en"


def test_values_are_put_in_as_they_are_and_html_stays_html() -> None:
    assert _("Reading {name} …", name="{x} & <b>") == "Reading {x} & <b> …"
    assert _("{found} of {all} & more", found=Markup("<b>1</b>"), all="<2>") == "<b>1</b> of &lt;2&gt; &amp; more"


def test_thousands_are_grouped_so_that_nobody_reads_a_decimal() -> None:
    assert grouped(1440) == "1,440"
    with in_language("de"):
        assert grouped(1440) == "1\u202f440"


def test_a_prediction_is_said_in_another_language() -> None:
    prediction = Prediction("sad", 0.75, {"calm": 0.25, "sad": 0.75}, False, 2.0, "mine")
    with in_language("de"):
        assert (prediction_text(prediction), length_text(3600)) == ("Trauer, ziemlich sicher, 75 %", "1 Stunde")
        assert prediction.to_dict()["emotion"] == "sad"
    with in_language("fr"):
        assert prediction_text(prediction) == "tristesse, assez sûr, 75 %"


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_every_emotion_has_a_name_of_its_own(emotion: str) -> None:
    for code in ("de", "es", "fr"):
        with in_language(code):
            names = [_(one) for one in EMOTIONS]
            assert len(set(names)) == len(names)
            assert _(emotion)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "a.wav: Die Datei ist leer; gebraucht wird eine Tondatei"),
        (SHORT, "a.wav: 0.0062 s Ton; gebraucht werden mindestens 0.1 s"),
        (LONG, "a.wav: Dauer 0:03; diese Seite nimmt bis zu 0:02 an, hearfelt timeline jede Dauer"),
    ],
)
def test_an_error_of_the_library_is_translated_with_its_values(data: bytes, said: str) -> None:
    with pytest.raises(AudioError) as error:
        read_playable(data, "a.wav", longest_s=2)
    assert sentence(str(error.value)) == str(error.value)
    with in_language("de"):
        assert sentence(str(error.value)) == said


def test_silence_and_what_is_no_sound_are_translated() -> None:
    with pytest.raises(AudioError) as silence:
        refuse_silence(read_audio(SILENT, name="a.wav"))
    with pytest.raises(AudioError) as noise:
        read_audio(b"this is no sound", name="a.wav")
    with pytest.raises(ValueError) as reference:
        Reference.from_json("[]")
    with in_language("fr"):
        assert sentence(str(silence.value)).startswith("a.wav\u00a0: seulement du silence")
        assert sentence(str(noise.value)).startswith("a.wav\u00a0: ce n’est pas un son lisible")
        assert "ce n’est pas une référence" in sentence(f"a.json: {reference.value}")


def test_warnings_are_translated_with_their_values() -> None:
    with in_language("de"):
        assert sentence(cut_short(1.0, 2.0).text) == "abgeschnitten: 1.00 s von 2.00 s sind da"
        assert sentence(damaged(1.5).text).startswith("nach 1.50 s beschädigt")
        assert sentence(speech_warnings(0.1, 9.0)[0].text) == "es wurde wenig Sprache gefunden, in 0.1 s von 9.0 s"
        assert all(sentence(text) != text for text in CODES.values())


def test_an_unknown_sentence_stays_as_it_is() -> None:
    with in_language("de"):
        assert sentence("a.wav: something new {") == "a.wav: something new {"
