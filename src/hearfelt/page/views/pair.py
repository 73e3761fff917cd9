"""Two sounds side by side: waves on one time axis, segments, the share of each emotion, and the difference in words."""

from __future__ import annotations

from typing import Final

import streamlit as st

from hearfelt.page.player import player_assets, player_data
from hearfelt.page.recognition import predict
from hearfelt.page.session import LoadedSound, Visit
from hearfelt.page.style import fragment
from hearfelt.page.texts import difference_text
from hearfelt.reports.translation import _

__all__ = ["put_pair", "shares_of"]

_OTHER: Final = "hf-pair"
_NONE: Final = ""
_LEAST: Final = 0.01  # an emotion with less in both sounds is left out
_WAVES: Final = '<p class="name"></p><div class="wave"></div>' * 2
_DRAWN: Final = ("label", "until_s", "column_s", "low", "high", "ribbons")


def put_pair(visit: Visit, model: str, names: dict[str, str]) -> None:
    """Let the visitor choose a sound to put beside the one that is shown, and show both.

    Args:
        visit: with two sounds or more.
        model: name of the one whose results are shown.
        names: of the sounds, by key.
    """
    others = [_NONE, *(key for key in visit.sounds if key != visit.chosen)]
    if st.session_state.get(_OTHER) not in others:
        st.session_state.pop(_OTHER, None)
    label = _("Put beside {name}", name=names[visit.chosen])
    key = st.selectbox(label, others, format_func=lambda key: names.get(key, _("no other sound")), key=_OTHER)
    if not key:
        return
    sounds = [visit.sounds[visit.chosen], visit.sounds[key]]
    titles = [names[sound.key] for sound in sounds]
    for sound in sounds:
        if not sound.is_long:
            predict(model, sound)
    waiting = [name for name, sound in zip(titles, sounds, strict=True) if not sound.is_answered(model)]
    if waiting:
        st.html(fragment("result", "small_print", _("{name} is still being read.", name=waiting[0])))
        return
    _put_waves(sounds, titles, model)
    shares = [shares_of(sound, model) for sound in sounds]
    labels = sorted({*shares[0], *shares[1]}, key=lambda label: -max(one.get(label, 0.0) for one in shares))
    rows = [(label, [one.get(label, 0.0) for one in shares]) for label in labels]
    rows = [row for row in rows if max(row[1]) >= _LEAST]
    st.html(fragment("result", "pair", titles, rows, difference_text(titles, shares)))


def shares_of(sound: LoadedSound, model: str) -> dict[str, float]:
    """Return the share of each emotion: of the time with speech in a long sound, else its probability.

    Args:
        sound: answered by the model.
        model: its name.

    Returns:
        By label, the largest first; nothing if there is no speech.
    """
    result = sound.results[model]
    if sound.is_long and result.timeline is not None:
        return {name: seconds / result.timeline.speech_s for name, seconds in result.timeline.durations().items()}
    if result.prediction is None or result.prediction.has_no_speech:
        return {}
    return dict(result.prediction.ranked())


def _put_waves(sounds: list[LoadedSound], names: list[str], model: str) -> None:
    css, js = player_assets("pair")
    drawn = []
    for sound, name in zip(sounds, names, strict=True):
        timeline = sound.results[model].timeline
        data = player_data(sound, {model: timeline} if timeline is not None else {})
        drawn.append({"name": name, **{field: data[field] for field in _DRAWN}})
    component = st.components.v2.component("hearfelt_pair", html=_WAVES, css=css, js=js)
    component(key="hf-pair-waves", data={"sounds": drawn, "longest_s": max(sound.duration_s for sound in sounds)})
