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
from hearfelt.reports.translation import ENGLISH, LANGUAGES, _, in_language, language, marked

__all__ = ["keep_uploads_in_memory", "main"]

_LANGUAGE: Final = "hf-language-chosen"
_QUERY: Final = "language"

View = Callable[[PageSettings], None]

_GONE: Final = marked(
    "The connection to hearfelt is lost. If it was ended, start it again with “hearfelt app”: this page then"
    " reconnects by itself, but your sounds are gone, because they were in memory only."
)


def main() -> None:
    """Show the page; Streamlit runs this again whenever a visitor does something."""
    keep_uploads_in_memory()
    with in_language(_chosen_language()):
        _show(page_settings())


def _show(settings: PageSettings) -> None:
    views = [
        _view(_("Listen"), "listen", partial(listen.show, settings), is_first=True),
        _view(_("Live"), "live", partial(live.show, settings)),
        _view(_("Model"), "model", partial(model.show, settings)),
    ]
    chosen = st.navigation(views, position="hidden")
    icon = str(files("hearfelt.page") / "static" / "icon.svg")
    st.set_page_config(page_title=f"hearfelt · {chosen.title}", page_icon=icon, layout="wide")
    put_style()
    _put_header(views, chosen.title)
    chosen.run()
    with st.container(key="hf-language"):
        label = _("Language")
        st.selectbox(label, LANGUAGES, key=_LANGUAGE, format_func=LANGUAGES.__getitem__, label_visibility="collapsed")


def keep_uploads_in_memory() -> None:
    """Stop the server beneath Streamlit from writing uploads of more than 1 MB to a temporary file.

    Streamlit refuses what is larger than its limit, ``server.maxUploadSize``.
    """
    MultiPartParser.spool_max_size = 0  # of the spool beneath: 0 means that it never goes to disk


def _chosen_language() -> str:
    """Return the language that the visitor chose, now or in the address; else that of the browser, or English.

    Streamlit drops the query at a change of view: what was chosen is written into it again.
    """
    browser = (st.context.locale or "").partition("-")[0]
    usual = browser if browser in LANGUAGES else ENGLISH
    asked = st.query_params.get(_QUERY, "")
    code = str(st.session_state.get(_LANGUAGE, asked if asked in LANGUAGES else usual))
    st.session_state[_LANGUAGE] = code
    if code != usual or asked in LANGUAGES:
        st.query_params[_QUERY] = code
    return code


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
    around(key="hf-current", data={"view": chosen, "gone": _(_GONE), "language": language()})
