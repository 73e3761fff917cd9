from __future__ import annotations

from itertools import combinations

import pytest

from hearfelt.emotions import EMOTIONS, look_of
from hearfelt.reports.theme import (
    ACCENT,
    GRID,
    INK,
    MUTED,
    SECOND,
    SURFACE,
    THIRD,
    TONES,
    contrast,
    speaker_colours,
    style_variables,
)


@pytest.mark.parametrize("shade", ["light", "dark"])
def test_words_can_be_read_on_every_surface(shade: str) -> None:
    surface = getattr(SURFACE, shade)
    for tone in (INK, MUTED, ACCENT):
        assert contrast(getattr(tone, shade), surface) >= 4.5, tone.name


def test_lines_stand_out_from_both_surfaces() -> None:
    for tone in (ACCENT, SECOND, THIRD):
        assert contrast(tone.light, SURFACE.light) >= 3.0, tone.name
        assert contrast(tone.dark, SURFACE.dark) >= 3.0, tone.name


def test_every_emotion_stands_out_in_the_dark() -> None:
    dark = {tone.light: tone.dark for tone in TONES}
    for emotion in EMOTIONS:
        assert contrast(dark[look_of(emotion).colour], SURFACE.dark) >= 3.0, emotion


def test_no_two_tones_share_a_light_colour() -> None:
    for one, other in combinations(TONES, 2):
        assert one.light != other.light, (one.name, other.name)
        assert one.name != other.name


def test_the_grid_is_quieter_than_what_it_lies_under() -> None:
    assert contrast(GRID.light, SURFACE.light) < 1.5
    assert contrast(GRID.dark, SURFACE.dark) < 1.8


def test_fifty_speakers_have_fifty_colours_that_are_seen_on_both_surfaces() -> None:
    colours = speaker_colours(50)
    assert len(set(colours)) == 50
    assert min(contrast(colour, SURFACE.light) for colour in colours) > 1.3
    assert min(contrast(colour, SURFACE.dark) for colour in colours) > 1.3
    assert len(speaker_colours(91)) == 91


def test_every_tone_has_a_light_and_a_dark_variable() -> None:
    css = style_variables()
    light, dark = css.split("@media", 1)
    for tone in TONES:
        assert f"--{tone.name}:{tone.light};" in light
        assert dark.count(f"--{tone.name}:{tone.dark};") == 2  # where the reader prefers it, and where the page says so
