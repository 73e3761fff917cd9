"""How the page looks: one style sheet made of the project's colours, and the safe way to set our own HTML."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import streamlit as st

from hearfelt.emotions import EMOTIONS
from hearfelt.reports.theme import PAGE, TONES

__all__ = ["colour_variables", "mark_of", "put_style", "read_asset"]

_TONES: Final = (PAGE, *TONES)


def colour_variables() -> str:
    """Give CSS that makes each colour of the project a variable, such as ``--emotion-sad``, light and dark."""
    light = "".join(f"--{tone.name}:{tone.light};" for tone in _TONES)
    dark = "".join(f"--{tone.name}:{tone.dark};" for tone in _TONES)
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def mark_of(emotion: str) -> str:
    """Give the CSS colour of an emotion; labels outside the eight share one.

    Example:
        >>> mark_of("sad"), mark_of("boredom")
        ('var(--emotion-sad)', 'var(--emotion-other)')
    """
    return f"var(--emotion-{emotion if emotion in EMOTIONS else 'other'})"


@cache
def read_asset(name: str) -> str:
    """Read a text file that lies beside this module."""
    return files("hearfelt.page").joinpath(name).read_text(encoding="utf-8")


def put_style() -> None:
    """Set the style sheet; once in every run of the page."""
    st.html(f"<style>{colour_variables()}{read_asset('page.css')}</style>")
