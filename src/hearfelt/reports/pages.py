"""Pages that are one HTML file, with plots, tables and sounds inside it and without a script."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final

from markupsafe import Markup
from matplotlib.figure import Figure

from hearfelt.reports.figures.canvas import figure_svg
from hearfelt.reports.templating import render, render_macro
from hearfelt.reports.theme import style_variables
from hearfelt.runtime.files import atomic_write

__all__ = ["picture", "player", "table", "write_page"]

_PIXELS_PER_INCH: Final = 100
_SMALLEST: Final = 0.54  # of a plot's width; below it a phone scrolls the plot rather than shrink its words
_MEDIA_TYPE: Final = re.compile(r"audio/[a-z0-9.+-]+")


def write_page(path: Path | str, template: str, title: str, *, lead: str, **values: object) -> Path:
    """Write a page; the file appears when it is complete.

    Args:
        path: where to; an existing file is replaced.
        template: name of a template that extends ``page.html``.
        title: the heading of the page.
        lead: a sentence or two below it.
        values: what the template shows. All text is escaped.

    Returns:
        ``path``.
    """
    path = Path(path)
    css = (files("hearfelt.reports") / "static" / "page.css").read_text(encoding="utf-8")
    style = Markup(style_variables() + css)  # noqa: S704  # our own
    page: dict[str, object] = {
        "title": title,
        "lead": lead,
        "style": style,
        "version": version("hearfelt"),
        "contents": [],
    }
    text = render("hearfelt.reports", template, **page, **values)
    with atomic_write(path) as file:
        file.write(text)
    return path


def picture(figure: Figure, *, alt: str, caption: str = "") -> Markup:
    """Return a plot as HTML with SVG inside, whose colours are those of the page.

    Args:
        figure: the plot.
        alt: what it shows, in words, for screen readers.
        caption: shown below.
    """
    width = figure.get_figwidth() * _PIXELS_PER_INCH
    size = f"max-width:{width:.0f}px;min-width:{width * _SMALLEST:.0f}px"
    # Screen readers shall read one description, not every tick label.
    attributes = Markup('<svg style="{}" role="img" aria-label="{}"').format(size, alt)
    drawing = Markup(figure_svg(figure).replace("<svg", attributes, 1))  # noqa: S704  # matplotlib escapes text
    return render_macro("hearfelt.reports", "blocks.html", "picture", drawing, caption)


def table(header: Sequence[str], rows: Iterable[Sequence[str | int | float]], *, caption: str = "") -> Markup:
    """Return a table as HTML; the first column names its rows, columns of numbers are right-aligned.

    Args:
        header: a name for each column.
        rows: as many cells each; integers get thousands separators, other numbers are shown as they are.
        caption: shown above.

    Raises:
        ValueError: if a row has another number of cells than the header.

    Example:
        >>> '<td class="number">1,440</td>' in table(["channel", "clips"], [["speech", 1440]])
        True
    """
    rows = [list(row) for row in rows]
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row of {len(row)} cells under {len(header)} headings; give one for each")
    numeric = [bool(rows) and all(_is_numeric(row[column]) for row in rows) for column in range(len(header))]
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    return render_macro("hearfelt.reports", "blocks.html", "table", header, cells, numeric, caption)


def player(sound: bytes, *, label: str, kind: str = "audio/flac") -> Markup:
    """Return an audio player as HTML with the sound inside.

    Args:
        sound: a whole sound file.
        label: what it is, for screen readers.
        kind: its media type.

    Raises:
        ValueError: if ``kind`` is not a media type of audio.
    """
    if not _MEDIA_TYPE.fullmatch(kind):
        raise ValueError(f"{kind!r} is not a media type of audio; use one like 'audio/flac'")
    source = f"data:{kind};base64,{base64.b64encode(sound).decode()}"
    return render_macro("hearfelt.reports", "blocks.html", "player", source, label)


def _is_numeric(value: str | int | float) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"[-−+]?[\d,. –±%×]*\d[\d,. –±%×]*", value) is not None
