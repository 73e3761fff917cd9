"""Style sheet, static files and HTML of the page."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Final

import streamlit as st

from hearfelt.reports.templating import render_macro
from hearfelt.reports.theme import style_variables
from hearfelt.reports.translation import _

__all__ = ["HAS_PLOTS", "fragment", "page_style", "put_drawing", "put_style", "read_static"]

HAS_PLOTS: Final = find_spec("matplotlib") is not None
"""Whether plots can be drawn: they need the extra ``plots``, and the page goes without."""

_DRAWING: Final = '<div class="hf-drawn"></div>'
_DRAWING_SCRIPT: Final = """\
export default function ({ parentElement, data }) {
  const place = parentElement.querySelector(".hf-drawn");
  if (place.innerHTML !== data.markup) place.innerHTML = data.markup;
}
"""


@cache
def read_static(name: str, *, package: str = "hearfelt.page") -> str:
    """Read a file of a package's folder ``static``."""
    return (files(package) / "static" / name).read_text(encoding="utf-8")


def fragment(template: str, macro: str, /, *arguments: object, **named: object) -> str:
    """Render one macro of a template of the page; every text in it is escaped, and no line breaks before a ``%``.

    Args:
        template: name of the file, without ``.html``.
        macro: name of the macro.
        arguments: of the macro.
        named: of the macro.
    """
    markup = render_macro("hearfelt.page", f"{template}.html", macro, *arguments, **named)
    return markup.replace(" %", "\u00a0%")


def page_style() -> str:
    """Return the style sheet of the page and its report: colours, faces for where no font has emoji, and the rest."""
    return style_variables() + read_static("faces.css", package="hearfelt.reports") + read_static("page.css")


def put_style() -> None:
    """Add the style sheet; once in every run of the page."""
    upload = _("Upload")  # on a button of Streamlit
    st.html(f'<style>{page_style()}:root {{ --hf-upload: "{upload}"; }}</style>')


def put_drawing(markup: str, *, key: str) -> None:
    """Show HTML with SVG, which ``st.html`` would remove; the page's style sheet applies to it.

    Args:
        markup: in which all text has been escaped.
        key: tells it from other drawings of the page.
    """
    drawing = st.components.v2.component("hearfelt_drawing", html=_DRAWING, js=_DRAWING_SCRIPT, isolate_styles=False)
    drawing(key=key, data={"markup": markup})
