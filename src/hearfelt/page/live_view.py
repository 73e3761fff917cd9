"""The Live view: the microphone, heard by the service beside the page; or a recording, where there is no service."""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from hearfelt.page import listen_view
from hearfelt.page.settings import PageSettings
from hearfelt.page.style import read_asset

__all__ = ["show"]

_MARKUP: Final = """\
<h1 class="hf-away-unseen">Live microphone</h1>
<iframe class="hf-live" title="Live microphone" allow="microphone" hidden></iframe>
<div class="hf-away" role="status" hidden>
<h2>The live service can't be reached</h2>
<p>It runs beside this page, on the computer that the page comes from, and answers only there.
A recording needs nothing but this page.</p>
<button type="button" class="hf-record">Record instead</button>
<button type="button" class="hf-again hf-quiet">Try again</button>
</div>
"""

_ALONE: Final = """\
This page runs alone here, without the service that hears a microphone while somebody speaks. A recording works as well:
it is answered as soon as it ends."""


def show(settings: PageSettings) -> None:
    """Show the view.

    Args:
        settings: of the page; they say where the live service is, or that there is none.
    """
    if settings.live_address is None:
        st.title("Not here, but you can record", anchor=False)
        st.write(_ALONE)
        wants_to_record = st.button("Record instead", type="primary")
    else:
        frame = st.components.v2.component(
            "hearfelt_live", html=_MARKUP, css=read_asset("live.css"), js=read_asset("live.js"), isolate_styles=False
        )
        data = {"address": settings.live_address, "theme": st.context.theme.type or ""}
        wants_to_record = frame(key="live", data=data, on_record_change=lambda: None).record
    if wants_to_record:
        st.switch_page(st.Page(partial(listen_view.show, settings), title="Listen", url_path="listen", default=True))
