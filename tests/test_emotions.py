from __future__ import annotations

import re

import pytest

from hearfelt.emotions import EMOTIONS, in_order, look_of, standard_label


def test_the_eight_stand_in_their_fixed_order() -> None:
    assert EMOTIONS == ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")


def test_looks_are_all_different_and_colours_are_rgb() -> None:
    looks = [look_of(name) for name in EMOTIONS]
    assert len({look.emoji for look in looks}) == len({look.colour for look in looks}) == 8
    assert all(re.fullmatch(r"#[0-9a-f]{6}", look.colour) for look in looks)


@pytest.mark.parametrize(
    ("spelling", "label"),
    [("ANG", "angry"), ("fear", "fearful"), ("Pleasant Surprise", "surprised"), ("ps", "surprised"), ("Joy ", "happy")],
)
def test_spellings_of_other_corpora_become_ours(spelling: str, label: str) -> None:
    assert standard_label(spelling) == label


def test_no_spelling_means_two_emotions() -> None:
    spellings = [spelling for name in EMOTIONS for spelling in (name, *look_of(name).spellings)]
    assert len(spellings) == len(set(spellings))


def test_labels_beyond_the_eight_come_last() -> None:
    assert in_order({"boredom", "amused", "surprised", "neutral"}) == ("neutral", "surprised", "amused", "boredom")
