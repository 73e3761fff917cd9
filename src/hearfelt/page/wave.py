"""The player of the page: a wave, what was heard in it when, its spectrogram, and a cursor over all of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from hearfelt.emotions import EMOTIONS, look_of
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.page.answer_markup import said_of
from hearfelt.page.preview import SHORT_S, Playable
from hearfelt.page.session import OneSound
from hearfelt.page.style import read_asset
from hearfelt.results.clock import time_words

__all__ = ["player_data", "put_player"]


def put_player(sound: OneSound, timelines: Mapping[str, Timeline]) -> None:
    """Show the player of a sound.

    Args:
        sound: the sound.
        timelines: by the model that heard them, one ribbon each; the first colours the wave.
    """
    component = st.components.v2.component(
        "hearfelt_wave", html='<div class="wave"></div>', css=read_asset("wave.css"), js=read_asset("wave.js")
    )
    component(key="wave", data=player_data(sound.key, sound.file.name, sound.playable, timelines))


def player_data(key: str, name: str, playable: Playable, timelines: Mapping[str, Timeline]) -> dict[str, Any]:
    """Give what the player's JavaScript draws and plays, ready for JSON.

    Args:
        key: another one means another sound.
        name: what the sound is called.
        playable: its outline and copy.
        timelines: by the model that heard them.
    """
    found, levels = playable.outline, playable.levels
    several = len(timelines) > 1
    return {
        "key": key,
        "name": name,
        "said": f"Waveform of {name}, {_lasting(found.duration_s)}",
        "duration_s": found.duration_s,
        "low": np.round(found.lowest.astype(float), 4).tolist(),
        "high": np.round(found.highest.astype(float), 4).tolist(),
        "levels": levels
        if levels is None
        else {"bands": levels.shape[0], "frames": levels.shape[1], "values": _text(levels.tobytes())},
        "ribbons": [
            {
                "title": model if several else "",
                "segments": [_segment(one, found.duration_s) for one in timeline.segments],
            }
            for model, timeline in timelines.items()
        ],
        "copy": _text(playable.copy),
        "kind": playable.kind,
    }


def _lasting(seconds: float) -> str:
    return f"{seconds:.1f} seconds" if seconds <= SHORT_S else f"{time_words(seconds)} long"


def _span(one: Segment, whole_s: float) -> str:
    if whole_s <= SHORT_S:
        return f"{one.start_s:.1f} to {one.end_s:.1f} s"
    return f"{time_words(one.start_s, until_s=whole_s)} to {time_words(one.end_s, until_s=whole_s)}"


def _segment(one: Segment, whole_s: float) -> dict[str, object]:
    return {
        "start_s": one.start_s,
        "end_s": one.end_s,
        "emotion": one.emotion,
        "emoji": look_of(one.emotion).emoji,
        "mark": f"emotion-{one.emotion if one.emotion in EMOTIONS else 'other'}",
        "unsure": one.unsure,
        "said": f"{_span(one, whole_s)}: {said_of(one.prediction)}",
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
