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
    heard_speakers=("ravdess/01",),
    recipe={"fit": {"epochs": 3}},
    limits=("Acted speech only.",),
)


def test_a_card_is_read_back_as_it_was_written() -> None:
    assert ModelCard.from_json(CARD.to_json()) == CARD


def test_a_key_of_a_later_version_is_passed_over() -> None:
    text = json.dumps({**json.loads(CARD.to_json()), "mood": "good"})
    assert ModelCard.from_json(text) == CARD


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
        ({"unsure_below": 2}, "unsure_below 2"),
        ({"corpora": []}, "no object"),
        ({"name": 3}, "no text"),
        ({"format": 99}, "format"),
    ],
)
def test_an_impossible_card_is_refused(change: dict[str, object], words: str) -> None:
    text = json.dumps({**json.loads(CARD.to_json()), **change})
    with pytest.raises(ModelError, match=words):
        ModelCard.from_json(text)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}'])
def test_what_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(ModelError):
        ModelCard.from_json(text)


def test_a_card_is_valid_json_without_nan() -> None:
    broken = ModelCard("mine", "1.0", ("a", "b"), "sound", scores={"p": {"uar": float("nan")}})
    with pytest.raises(ValueError, match="JSON"):
        broken.to_json()
