"""The report of a sound is one file that holds everything, and loads nothing."""

from __future__ import annotations

import base64
import json
import re

import pytest

from hearfelt.page.preview import read_playable
from hearfelt.page.recognition import predict
from hearfelt.page.session import Correction, LoadedSound, ReceivedFile, example_sound
from hearfelt.page.views.report import report_html


@pytest.fixture(scope="module")
def sound() -> LoadedSound:
    data = example_sound("neutral").data
    made = LoadedSound(ReceivedFile("</script><b>.flac", data), read_playable(data, "a.flac", longest_s=60))
    predict("tiny", made)
    return made


@pytest.fixture(scope="module")
def page(sound: LoadedSound) -> str:
    corrections = [Correction(sound.file.name, 0.5, 1.0, "calm"), Correction("other.wav", 0.0, 1.0, "sad")]
    return report_html(sound, ["tiny"], corrections)


def test_it_holds_the_sound_and_its_segments(page: str, sound: LoadedSound) -> None:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert sound.playable is not None
    assert base64.b64decode(data["copy"]) == sound.playable.copy
    assert data["player"]["name"] == sound.name
    assert len(data["player"]["ribbons"][0]["segments"]) == len(sound.results["tiny"].timeline.segments)  # type: ignore[union-attr]


def test_it_says_what_was_found_by_which_model_and_what_was_corrected(page: str, sound: LoadedSound) -> None:
    prediction = sound.results["tiny"].prediction
    assert prediction is not None
    assert f"{prediction.emotion}</p>" in page
    assert "<h2>Model tiny</h2>" in page
    assert "calm: &lt;/script&gt;&lt;b&gt;.flac, 0.5 to 1.0 s" in page
    assert "other.wav" not in page


def test_it_loads_nothing_and_a_name_stays_text(page: str) -> None:
    assert "</script><b>" not in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "default-src 'none'" in page
