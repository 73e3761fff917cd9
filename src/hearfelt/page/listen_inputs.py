"""How sounds come in: sent as files, recorded here, or picked from the synthetic voices of the package."""

from __future__ import annotations

import streamlit as st

from hearfelt.page.session import Arrived, Visit, example_names, example_sound
from hearfelt.page.settings import PageSettings
from hearfelt.results.clock import time_words

__all__ = ["put_inputs"]


def put_inputs(visit: Visit, settings: PageSettings) -> None:
    """Show the three ways in. What comes waits in the visit, and every input begins empty again.

    Args:
        visit: takes in what comes.
        settings: how large and how long a sound may be.
    """
    if visit.sounds or visit.waiting:
        st.html("<h2>Another sound</h2>")
    files, voice = st.columns(2, gap="large")
    key = f"files-{visit.round}"
    files.file_uploader(
        "Send recordings",
        accept_multiple_files=True,
        max_upload_size=settings.upload_mb,
        key=key,
        on_change=lambda: _take_files(visit, key),
        help=None,
    )
    recorded = f"voice-{visit.round}"
    voice.audio_input("Record your voice", key=recorded, on_change=lambda: _take_voice(visit, recorded))
    picked = f"example-{visit.round}"
    st.pills("Or try a synthetic voice", example_names(), key=picked, on_change=lambda: _take_example(visit, picked))
    st.html(
        f'<p class="hf-small-print">Any sound or video file of up to {settings.upload_mb} MB and'
        f" {time_words(settings.longest_s)} (h:mm:ss). Sounds stay in this page's memory, are written nowhere, and are"
        " gone when you close it.</p>"
    )


def _take_files(visit: Visit, key: str) -> None:
    visit.receive(*(Arrived(file.name, file.getvalue()) for file in st.session_state[key] or ()))


def _take_voice(visit: Visit, key: str) -> None:
    if (file := st.session_state[key]) is not None:
        spoken = sum(sound.file.name.startswith("your voice") for sound in visit.sounds.values())
        visit.receive(Arrived(f"your voice {spoken + 1}" if spoken else "your voice", file.getvalue()))


def _take_example(visit: Visit, key: str) -> None:
    if name := st.session_state[key]:
        visit.receive(example_sound(name))
