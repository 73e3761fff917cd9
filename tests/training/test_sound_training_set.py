"""The lesson: who is heard in which ways, and that changed copies of test clips come in as copies alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.training.augmented_copies import View
from hearfelt.training.recipe import Recipe, recipe_of
from hearfelt.training.sound_training_set import PUBLISHED, SoundLesson, views_of


def clips_of(corpus: str, speakers: str, channel: str = "speech") -> Clips:
    return Clips(
        Clip(
            corpus, Path(corpus), f"{channel}/{speaker}-{emotion}.wav", f"{corpus}/{speaker}", emotion, channel=channel
        )
        for speaker in speakers
        for emotion in ("calm", "angry")
    )


NEAR, SONG, FAR, TEST = (
    clips_of("ravdess", "ab"),
    clips_of("ravdess", "ab", "song"),
    clips_of("emodb", "xyz"),
    clips_of("ravdess", "c"),
)


def recipe_with(**views: object) -> Recipe:
    return recipe_of({"name": "mine", "network": "hearfelt", "views": views})


def heard(recipe: Recipe, lesson: SoundLesson, clips: Clips) -> Counter[View]:
    return Counter(view for clip, view in views_of(recipe, lesson) if clip in set(clips))


def lesson(**leaks: Clips) -> SoundLesson:
    return SoundLesson(("calm", "angry"), Clips([*NEAR, *SONG, *FAR]), NEAR, **leaks)  # type: ignore[arg-type]


def test_the_tested_corpus_is_heard_in_many_ways_and_others_once() -> None:
    recipe = recipe_with(spread=0.1, worn=True)
    many = {View(): 4, View(0.9): 4, View(1.1): 4, View(is_worn=True): 4}
    assert heard(recipe, lesson(), NEAR) == many
    assert heard(recipe, lesson(), SONG) == many
    assert heard(recipe, lesson(), FAR) == {View(): 6}


@pytest.mark.parametrize(
    ("views", "ways"),
    [
        ({"spread": 0.0, "worn": False}, {View()}),
        ({"spread": 0.0, "worn": True}, {View(), View(is_worn=True)}),
        ({"spread": 0.2, "worn": False}, {View(), View(0.8), View(1.2)}),
    ],
)
def test_a_recipe_says_in_which_ways(views: dict[str, object], ways: set[View]) -> None:
    assert set(heard(recipe_with(**views), lesson(), NEAR)) == ways


def test_of_copied_clips_only_changed_copies_are_heard() -> None:
    ways = heard(recipe_with(), lesson(copied=TEST), TEST)
    assert ways == {View(0.9): 2, View(1.1): 2, View(is_worn=True): 2}


def test_clips_that_an_epoch_is_chosen_on_are_heard_as_they_are() -> None:
    assert heard(recipe_with(), lesson(chooser=TEST), TEST) == {View(): 2}
    both = heard(recipe_with(), lesson(copied=TEST, chooser=TEST), TEST)
    assert both == {View(): 2, View(0.9): 2, View(1.1): 2, View(is_worn=True): 2}


def test_nothing_is_heard_twice() -> None:
    for made in (lesson(), lesson(copied=TEST, chooser=TEST), lesson(chooser=NEAR)):
        assert max(Counter(views_of(recipe_with(), made)).values()) == 1


def test_whoever_has_a_say_is_named() -> None:
    assert set(lesson(copied=TEST, chooser=TEST).clips) == {*NEAR, *SONG, *FAR, *TEST}
    assert len(lesson(copied=TEST, chooser=TEST).clips) == len({*NEAR, *SONG, *FAR, *TEST})
    assert "ravdess/c" in lesson(chooser=TEST).clips.speakers
    assert "ravdess/c" not in lesson().clips.speakers


def test_ears_are_the_published_ones_unless_others_are_named() -> None:
    assert lesson().ears is PUBLISHED
    assert (PUBLISHED.whisper, PUBLISHED.moonshine) == (None, None)
