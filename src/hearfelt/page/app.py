"""The page's shell: its views, how one gets from one to another, and its style."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.resources import files

import streamlit as st

from hearfelt.page import listen_view, live_view, model_view
from hearfelt.page.settings import PageSettings, page_settings
from hearfelt.page.style import put_style
from hearfelt.page.uploads import keep_uploads_in_memory

__all__ = ["main"]

View = Callable[[PageSettings], None]

_MARK_CURRENT = """\
export default function ({ data }) {
  const mark = () => {
    for (const link of document.querySelectorAll(".st-key-hf-nav a"))
      link.ariaCurrent = link.textContent.trim() === data.view ? "page" : null;
  };
  const watcher = new MutationObserver(mark); // links may be drawn anew, and then later than this
  watcher.observe(document.querySelector(".stMain"), { childList: true, subtree: true });
  mark();
  return () => watcher.disconnect();
}
"""


def main() -> None:
    """Show the page; Streamlit runs this anew whenever a visitor does something."""
    keep_uploads_in_memory()
    settings = page_settings()
    views = [
        _view("Listen", "listen", partial(listen_view.show, settings), is_first=True),
        _view("Live", "live", partial(live_view.show, settings)),
        _view("Model", "model", partial(model_view.show, settings)),
    ]
    chosen = st.navigation(views, position="hidden")
    icon = str(files("hearfelt.page").joinpath("icon.svg"))
    st.set_page_config(page_title=f"hearfelt · {chosen.title}", page_icon=icon, layout="wide")
    put_style()
    _put_header(views, chosen.title)
    chosen.run()


def _view(title: str, path: str, show: Callable[[], None], *, is_first: bool = False) -> st.Page:
    return st.Page(show, title=title, url_path=path, default=is_first)


def _put_header(views: list[st.Page], chosen: str) -> None:
    with st.container(horizontal=True, key="hf-header", vertical_alignment="center"):
        st.html('<p class="hf-brand">hearfelt</p>')
        with st.container(horizontal=True, key="hf-nav"):
            for view in views:
                st.page_link(view, label=view.title)
    mark_current = st.components.v2.component("hearfelt_current", js=_MARK_CURRENT, isolate_styles=False)
    mark_current(key="hf-current", data={"view": chosen})
