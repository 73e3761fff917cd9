from __future__ import annotations

import numpy as np
import pytest

from hearfelt.features.display import Outline
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.page.preview import Playable
from hearfelt.page.session import LoadedSound, ReceivedFile, Result
from hearfelt.page.style import fragment
from hearfelt.page.views.pair import shares_of

SAD = Prediction("sad", 0.75, {"calm": 0.25, "sad": 0.75}, False, 2.0, "tiny")
CALM = Prediction("calm", 0.75, {"calm": 0.75, "sad": 0.25}, False, 2.0, "tiny")


def lasting(seconds: float, result: Result) -> LoadedSound:
    quiet = np.zeros(2, np.float32)
    playable = Playable(Outline(quiet, quiet, seconds / 2, seconds), b"", "audio/wav", None)
    return LoadedSound(ReceivedFile("a.wav", b""), playable, results={"tiny": result})


def test_the_shares_in_a_short_sound_are_its_probabilities() -> None:
    assert list(shares_of(lasting(2.0, Result(SAD)), "tiny").items()) == [("sad", 0.75), ("calm", 0.25)]


def test_the_shares_in_a_long_sound_are_those_of_the_time_with_speech() -> None:
    segments = (Segment(0.0, 6.0, SAD), Segment(10.0, 12.0, CALM))
    timeline = Timeline("a.wav", None, 20.0, segments, ("calm", "sad"), "tiny")
    assert shares_of(lasting(20.0, Result(timeline=timeline)), "tiny") == pytest.approx({"sad": 0.75, "calm": 0.25})


def test_names_and_labels_in_a_pair_stay_text() -> None:
    shown = fragment("result", "pair", ["<i>.wav", "b.wav"], [("<b>", [0.5, 0.25])], "<u>")
    assert "<i>" not in shown
    assert "<u>" not in shown
    assert "&lt;b&gt;" in shown
