"""What has become known, told to those who look elsewhere or cannot see: spoken, and brought into view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from hearfelt.page.style import read_asset

__all__ = ["tell"]

_MARKUP: Final = '<p role="status"></p>'  # stays, because screen readers speak what changes in a region they know


def tell(said: Sequence[str], *, about: str, explained: str = "") -> None:
    """Say what is known, and show where it stands; at the same place of the page in every run.

    Args:
        said: sentences; screen readers speak those that are new.
        about: what they are about: when this changes, the answer is scrolled into view, and gets the focus if nothing
            else has it.
        explained: models whose reasons were asked for and found: when there is another one, they come into view
            likewise.
    """
    telling = st.components.v2.component(
        "hearfelt_telling", html=_MARKUP, js=read_asset("telling.js"), isolate_styles=False
    )
    telling(key="telling", data={"said": list(said), "about": about, "explained": explained})
