"""The player: a waveform, segments over time, a spectrogram, and a cursor over all of them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np
import streamlit as st

from hearfelt.emotions import look_of
from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.page.preview import SHORT_S, Playable
from hearfelt.page.recognition import is_explanation_due, recognizer_of
from hearfelt.page.session import LoadedSound, Visit
from hearfelt.page.style import read_static
from hearfelt.page.texts import prediction_text
from hearfelt.page.words import player_words
from hearfelt.reports.formatting import LITTLE, signed, time_words
from hearfelt.reports.theme import tone_of
from hearfelt.reports.translation import _

__all__ = ["player_assets", "player_data", "put_player", "put_sound", "sound_data"]


_PLAYER: Final = "hf-player"
_SOUND_SCRIPT: Final = read_static("sound.js")


def put_player(
    visit: Visit, sound: LoadedSound, timelines: Mapping[str, Timeline], on_correction: Callable[[], None]
) -> None:
    """Show the player of a sound; while the sound is decoded, what there is of it.

    Args:
        visit: gets the stretches that are to be recognized, and corrections.
        sound: the sound.
        timelines: by model, one ribbon each; the first colours the waveform.
        on_correction: is called after a correction was kept.
    """
    css, js = player_assets()
    component = st.components.v2.component("hearfelt_player", html='<div class="wave"></div>', css=css, js=js)
    component(
        key=_PLAYER,
        data={**player_data(sound, timelines), "plays": visit.plays, "awaits_why": _awaits_why(sound, timelines)},
        on_stretch_change=partial(_receive_stretch, visit, sound),
        on_correction_change=partial(_receive_correction, visit, sound, on_correction),
    )


def _awaits_why(sound: LoadedSound, models: Iterable[str]) -> bool:
    """Return whether an explanation over time will come: the player keeps room for it, so that nothing moves then."""
    explained = (model for model in models if recognizer_of(model).card.input == "sound")
    return any(is_explanation_due(model, sound) for model in explained)


def _receive_stretch(visit: Visit, sound: LoadedSound) -> None:
    if sent := st.session_state[_PLAYER].stretch:
        visit.take_stretch(sound, float(sent["start_s"]), float(sent["end_s"]))


def _receive_correction(visit: Visit, sound: LoadedSound, then: Callable[[], None]) -> None:
    if sent := st.session_state[_PLAYER].correction:
        visit.correct(sound, float(sent["start_s"]), float(sent["end_s"]), str(sent["emotion"]))
        then()


def put_sound(sound: LoadedSound) -> None:
    """Give a decoded sound to the browser, for :func:`put_player`: apart from it, since it may be large."""
    if sound.playable is not None:
        component = st.components.v2.component("hearfelt_sound", html="<span></span>", js=_SOUND_SCRIPT)
        component(key=f"sound-{sound.key}", data={"key": sound.key, **sound_data(sound.playable)})


def player_assets(name: str = "player") -> tuple[str, str]:
    """Return style sheet and script of the player, or of another drawing, each after those of the waveform."""
    css, js = (
        read_static(f"waveform.{kind}", package="hearfelt.reports") + read_static(f"{name}.{kind}")
        for kind in ("css", "js")
    )
    return css, js


def player_data(sound: LoadedSound, timelines: Mapping[str, Timeline]) -> dict[str, Any]:
    """Return what the player's script draws, ready for JSON.

    Args:
        sound: the sound.
        timelines: by model.
    """
    outline, levels = sound.outline, sound.playable.levels if sound.playable is not None else None
    several = len(timelines) > 1
    found = (sound.results[model].explanation for model in timelines if model in sound.results)
    explanation = next((one for one in found if isinstance(one, Occlusion)), None)
    labels = dict.fromkeys(label for timeline in timelines.values() for label in timeline.labels)
    return {
        "key": sound.key,
        "name": sound.name,
        "label": _("Waveform of {name}, {length}", name=sound.name, length=_length(sound.duration_s)),
        "duration_s": max(sound.duration_s, 0.1),
        "until_s": outline.duration_s,
        "column_s": outline.column_s,
        "low": np.round(outline.lowest.astype(float), 4).tolist(),
        "high": np.round(outline.highest.astype(float), 4).tolist(),
        "levels": levels
        if levels is None
        else {"bands": levels.shape[0], "frames": levels.shape[1], "values": _base64(levels.tobytes())},
        "ribbons": [
            {
                "title": model if several else "",
                "label": _("Segments found by {model}", model=model) if several else _("Segments"),
                "segments": [_segment(one, sound.duration_s) for one in timeline.segments],
            }
            for model, timeline in timelines.items()
        ],
        "why": None if explanation is None else _why(explanation),
        "labels": [{"value": label, "name": _(label)} for label in labels],
        "words": player_words(),
    }


def _why(occlusion: Occlusion) -> dict[str, object]:
    place = occlusion.strongest_time
    label = _(
        "Evidence for {emotion} over time; the largest contribution is {effect} around {time} s",
        emotion=_(occlusion.emotion),
        effect=signed(occlusion.time_effects[place]),
        time=f"{occlusion.times_s[place]:.1f}",
    )
    return {
        "label": label,
        "times_s": list(occlusion.times_s),
        "effects": list(occlusion.time_effects),
        "window_s": occlusion.window_s,
        "largest": max(LITTLE, *map(abs, occlusion.time_effects)),  # a small effect must not look like a large one
    }


def sound_data(playable: Playable) -> dict[str, str]:
    """Return what the player plays, ready for JSON."""
    return {"copy": _base64(playable.copy), "kind": playable.kind}


def _length(seconds: float) -> str:
    if seconds <= SHORT_S:
        return _("{count} seconds", count=f"{seconds:.1f}")
    return _("{time} long", time=time_words(seconds))


def _times(one: Segment, whole_s: float) -> str:
    if whole_s <= SHORT_S:
        return _("{start} to {end} s", start=f"{one.start_s:.1f}", end=f"{one.end_s:.1f}")
    start, end = (time_words(time_s, until_s=whole_s) for time_s in (one.start_s, one.end_s))
    return _("{start} to {end}", start=start, end=end)


def _segment(one: Segment, whole_s: float) -> dict[str, object]:
    return {
        "start_s": one.start_s,
        "end_s": one.end_s,
        "emotion": one.emotion,
        "name": _(one.emotion),
        "emoji": look_of(one.emotion).emoji,
        "mark": f"--{tone_of(one.emotion)}",
        "unsure": one.unsure,
        "text": f"{_times(one, whole_s)}: {prediction_text(one.prediction)}",
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
