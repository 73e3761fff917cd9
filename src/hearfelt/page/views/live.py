"""The Live view: the service's live page in a frame, or the way to a recording where there is no service."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

import streamlit as st

from hearfelt.page.settings import PageSettings
from hearfelt.page.style import fragment, read_static
from hearfelt.page.views import listen
from hearfelt.reports.translation import _, language, marked

__all__ = ["show"]

_NO_SERVICE: Final = marked(
    "This page runs without the service that processes the microphone live. You can record instead: a recording is"
    " processed as soon as it ends."
)


def show(settings: PageSettings) -> None:
    """Show the view.

    Args:
        settings: with the address of the live service, if there is one.
    """
    if settings.live_address is None:
        st.title(_("Live microphone not available"), anchor=False)
        st.write(_(_NO_SERVICE))
        wants_to_record = st.button(_("Record instead"), type="primary")
    else:
        frame = st.components.v2.component(
            f"hearfelt_live_{language()}",
            html=fragment("live", "frame"),
            css=read_static("live.css"),
            js=read_static("live.js"),
            isolate_styles=False,
        )
        data = {
            "address": settings.live_address,
            "theme": st.context.theme.type or "",
            "language": language(),
            "title": _("Live microphone"),
        }
        wants_to_record = frame(key="live", data=data, on_record_change=lambda: None).record
    if wants_to_record:
        st.session_state[listen.WANTS_RECORDER] = time.monotonic()
        st.switch_page(st.Page(partial(listen.show, settings), title=_("Listen"), url_path="listen", default=True))
