from __future__ import annotations

import pytest

from hearfelt.features.classic import GROUPS
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.reports.explanations import occlusion_sentence, why_sentence

ANGRY = Prediction("angry", 0.8, {"angry": 0.8, "sad": 0.2}, False, 3.0, "tiny")


def explanation(**shares: float) -> Explanation:
    return Explanation(ANGRY, 1.0, 0.0, {**dict.fromkeys(GROUPS, 0.0), **shares})


def occlusion(times: dict[int, float], bands: dict[int, float], *, windows: int = 29) -> Occlusion:
    middles = tuple(0.125 + place * 2.75 / (windows - 1) for place in range(windows))
    time_effects = tuple(times.get(place, 0.0) for place in range(windows))
    return Occlusion(
        ANGRY, 1.4, 0.25, middles, time_effects, BANDS_HZ, tuple(bands.get(place, 0.0) for place in range(8))
    )


def test_the_sentence_leaves_out_what_hardly_mattered() -> None:
    assert why_sentence(explanation(mfcc=1.0, rms=-0.05)).endswith(
        "the timbre of the voice was the strongest evidence for angry."
    )
    assert why_sentence(explanation(mfcc=1.0, rms=-0.5)).endswith("for angry; loudness against it.")


def test_the_sentence_says_so_if_nothing_was_evidence_for_the_emotion() -> None:
    assert "nothing was evidence for angry" in why_sentence(explanation(mfcc=-1.0, rms=-0.5))


@pytest.mark.parametrize(
    ("time", "band", "words"),
    [
        (1.0, 1.0, "Without 1.0 to 1.2 s it is less confident of angry, and without 2,682 to 3,934 Hz."),
        (-1.0, -1.0, "Without 1.0 to 1.2 s it is more confident of angry, and without 2,682 to 3,934 Hz."),
        (
            1.0,
            -1.0,
            "Without 1.0 to 1.2 s it is less confident of angry, and more confident without 2,682 to 3,934 Hz.",
        ),
    ],
)
def test_the_sentence_of_occlusion_says_what_changes_and_that_it_is_no_cause(
    time: float, band: float, words: str
) -> None:
    sentence = occlusion_sentence(occlusion({10: time, 3: 0.2}, {5: band, 1: 0.2}))
    assert sentence.startswith(words)
    assert sentence.endswith("not a cause.")


def test_where_hardly_anything_changes_the_sentence_says_so() -> None:
    sentence = occlusion_sentence(occlusion({10: 0.05}, {5: -0.09}))
    assert sentence.startswith("No stretch and no band alone makes it much less confident of angry. Occlusion: ")
