"""The way for drawings onto the page: Streamlit's own ``st.html`` takes every SVG away."""

from __future__ import annotations

from typing import Final

import streamlit as st

__all__ = ["put_drawing"]

_MARKUP: Final = '<div class="hf-drawn"></div>'
_SCRIPT: Final = """\
export default function ({ parentElement, data }) {
  const place = parentElement.querySelector(".hf-drawn");
  if (place.innerHTML !== data.markup) place.innerHTML = data.markup;
}
"""


def put_drawing(markup: str, *, key: str) -> None:
    """Set our own HTML and SVG as it is; the page's style sheet and colours hold in it.

    Args:
        markup: in which all text has been escaped: nothing else guards against what a file's name may hold.
        key: tells it from other drawings of the page.
    """
    drawn = st.components.v2.component("hearfelt_drawing", html=_MARKUP, js=_SCRIPT, isolate_styles=False)
    drawn(key=key, data={"markup": markup})
