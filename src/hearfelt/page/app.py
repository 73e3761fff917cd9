"""The Streamlit app: header, navigation and style around the views."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Final

import streamlit as st
from starlette.formparsers import MultiPartParser

from hearfelt.page.settings import PageSettings, page_settings
from hearfelt.page.style import put_style, read_static
from hearfelt.page.views import listen, live, model

__all__ = ["keep_uploads_in_memory", "main"]

View = Callable[[PageSettings], None]

_GONE: Final = (
    "The connection to hearfelt is lost. If it was ended, start it again with “hearfelt app”: this page then"
    " reconnects by itself, but your sounds are gone, because they were in memory only."
)


def main() -> None:
    """Show the page; Streamlit runs this again whenever a visitor does something."""
    keep_uploads_in_memory()
    settings = page_settings()
    views = [
        _view("Listen", "listen", partial(listen.show, settings), is_first=True),
        _view("Live", "live", partial(live.show, settings)),
        _view("Model", "model", partial(model.show, settings)),
    ]
    chosen = st.navigation(views, position="hidden")
    icon = str(files("hearfelt.page") / "static" / "icon.svg")
    st.set_page_config(page_title=f"hearfelt · {chosen.title}", page_icon=icon, layout="wide")
    put_style()
    _put_header(views, chosen.title)
    chosen.run()


def keep_uploads_in_memory() -> None:
    """Stop the server beneath Streamlit from writing uploads of more than 1 MB to a temporary file.

    Streamlit refuses what is larger than its limit, ``server.maxUploadSize``.
    """
    MultiPartParser.spool_max_size = 0  # of the spool beneath: 0 means that it never goes to disk


def _view(title: str, path: str, show: Callable[[], None], *, is_first: bool = False) -> st.Page:
    return st.Page(show, title=title, url_path=path, default=is_first)


def _put_header(views: list[st.Page], chosen: str) -> None:
    with st.container(horizontal=True, key="hf-header", vertical_alignment="center"):
        st.html('<p class="hf-brand">hearfelt</p>')
        with st.container(horizontal=True, key="hf-nav"):
            for view in views:
                st.page_link(view, label=view.title)
    around = st.components.v2.component(
        "hearfelt_app", html='<p class="hf-gone" role="alert"></p>', js=read_static("app.js"), isolate_styles=False
    )
    around(key="hf-current", data={"view": chosen, "gone": _GONE})
