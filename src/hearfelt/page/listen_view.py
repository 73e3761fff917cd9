"""The Listen view: sounds come in, and what is heard in them is shown."""

from __future__ import annotations

import streamlit as st

from hearfelt.page.settings import PageSettings

__all__ = ["show"]


def show(settings: PageSettings) -> None:
    """Show the view.

    Args:
        settings: how large and how long a sound may be.
    """
    st.write(f"Up to {settings.upload_mb} MB")
