from __future__ import annotations

import json

import pytest

from hearfelt.errors import ModelError
from hearfelt.inference.card import ModelCard

CARD = ModelCard(
    "mine",
    "1.0",
    ("calm", "sad"),
    "classic-162",
    temperature=1.7,
    unsure_below=0.4,
    corpora={"ravdess": {"clips": 3, "fingerprint": "ab", "licence": "CC"}},
    training_speakers=("ravdess/01",),
    recipe={"fit": {"epochs": 3}},
    limits=("Acted speech only.",),
    window_s=12.5,
    parameters=1_234,
    known_answer={"example": "synthetic-neutral.flac", "probabilities": {"calm": 0.25, "sad": 0.75}},
    plausible={"0.9": 0.87},
    outside={"bands": [[0.0, 0.8, 900, 500], [0.8, 1.0, 100, 91]]},
    unfamiliar_above=3.5,
    no_speech_below=-1.5,
)


def test_a_card_is_read_back_as_it_was_written() -> None:
    assert ModelCard.from_json(CARD.to_json()) == CARD


def test_a_key_of_a_later_version_is_passed_over() -> None:
    text = json.dumps({**json.loads(CARD.to_json()), "mood": "good"})
    assert ModelCard.from_json(text) == CARD


def test_a_card_from_before_windows_known_answers_and_figures_from_outside_is_still_read() -> None:
    values = json.loads(CARD.to_json())
    for later in ("window_s", "parameters", "known_answer"):
        del values[later]
    for later in ("plausible", "outside", "unfamiliar_above", "no_speech_below"):
        del values[later]
    card = ModelCard.from_json(json.dumps(values))
    assert (card.window_s, card.parameters, card.known_answer) == (0.0, 0, {})
    assert (card.plausible, card.bands, card.unfamiliar_above, card.no_speech_below) == ({}, (), 0.0, 0.0)


def test_bands_come_as_they_were_measured() -> None:
    assert [(one.low, one.high, one.accuracy) for one in CARD.bands] == [(0.0, 0.8, 500 / 900), (0.8, 1.0, 0.91)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": ["calm"]}, "at least 2"),
        ({"labels": ["calm", "calm"]}, "different"),
        ({"labels": "calm"}, "no list"),
        ({"labels": [1, 2]}, "no list"),
        ({"input": "smell"}, "smell"),
        ({"temperature": 0}, "temperature 0"),
        ({"temperature": "hot"}, "impossible"),
        ({"temperature": 10**400}, "impossible"),
        ({"unsure_below": 2}, "unsure_below 2"),
        ({"corpora": []}, "no object"),
        ({"name": 3}, "no text"),
        ({"format": 99}, "format"),
        ({"window_s": -1}, "window_s -1"),
        ({"window_s": 0.5}, "window_s 0.5; 0 or at least 1.0"),
        ({"window_s": 1e999}, "window_s inf"),
        ({"parameters": -5}, "parameters -5"),
        ({"parameters": 1.5}, "no whole number"),
        ({"parameters": True}, "no whole number"),
        ({"plausible": {"0.9": 1.5}}, "plausible"),
        ({"plausible": {"1.5": 0.5}}, "plausible"),
        ({"plausible": {"most": 0.5}}, "plausible"),
        ({"plausible": {"0.9": "high"}}, "plausible"),
        ({"outside": {"bands": [[0.0, 0.5, 10, 5], [0.4, 1.0, 10, 5]]}}, "outside"),
        ({"outside": {"bands": [[0.5, 0.5, 10, 5]]}}, "outside"),
        ({"outside": {"bands": [[0.5, 1.0, 10, 11]]}}, "outside"),
        ({"outside": {"bands": [[0.5, 1.0, 0, 0]]}}, "outside"),
        ({"outside": {"bands": [[0.5, 1.0]]}}, "outside"),
        ({"outside": {"bands": [[0.5, 1.0, "many", 3]]}}, "outside"),
        ({"unfamiliar_above": -1}, "unfamiliar_above -1"),
        ({"no_speech_below": 1e999}, "no_speech_below inf"),
        ({"known_answer": []}, "no object"),
        ({"known_answer": {"example": "../x", "probabilities": {"calm": 0.5, "sad": 0.5}}}, "bundled clip"),
        ({"known_answer": {"probabilities": {"calm": 0.5, "sad": 0.5}}}, "bundled clip"),
        ({"known_answer": {"example": "x"}}, "a probability for each label"),
        ({"known_answer": {"example": "x", "probabilities": {"calm": 1.0}}}, "a probability for each label"),
        ({"known_answer": {"example": "x", "probabilities": {"calm": "1", "sad": 0}}}, "a probability for each"),
        ({"known_answer": {"example": "x", "probabilities": {"calm": 1.0, "sad": 0.5}}}, "adds up to 1.500"),
    ],
)
def test_an_impossible_card_is_refused(change: dict[str, object], words: str) -> None:
    text = json.dumps({**json.loads(CARD.to_json()), **change})
    with pytest.raises(ModelError, match=words):
        ModelCard.from_json(text)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', "[" * 100_000])
def test_what_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(ModelError):
        ModelCard.from_json(text)


def test_a_card_is_valid_json_without_nan() -> None:
    broken = ModelCard("mine", "1.0", ("a", "b"), "sound", scores={"p": {"uar": float("nan")}})
    with pytest.raises(ValueError, match="JSON"):
        broken.to_json()


def test_the_key_that_shipped_files_have_for_training_speakers_is_read() -> None:
    card = ModelCard("mine", "1.0", ("calm", "sad"), "sound", training_speakers=("ravdess/01",))
    assert '"training_speakers": ["ravdess/01"]' in card.to_json()
    old = card.to_json().replace("training_speakers", "heard_speakers")
    assert ModelCard.from_json(old) == card
