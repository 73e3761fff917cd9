"""Size, type and lines of every plot, and its formats: PNG, SVG, PDF.

Nothing here uses pyplot or changes matplotlib's global settings; a figure is a value, drawn with Agg, and is freed when
it is no longer referenced.
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

from hearfelt.emotions import look_of
from hearfelt.reports.theme import GRID, INK, MUTED, SURFACE, TONES
from hearfelt.runtime.files import atomic_write

__all__ = [
    "SMALL_PT",
    "TEXT_PT",
    "colours_of",
    "figure_png",
    "figure_svg",
    "headline",
    "new_figure",
    "percent_axis",
    "plain",
    "quiet",
    "save_figure",
    "whole_percent",
]

TEXT_PT: Final = 10.5
SMALL_PT: Final = 9.5
_SUFFIXES: Final = (".png", ".svg", ".pdf")
_TITLE_PER_INCH: Final = 5.5  # characters of a title for each inch of the canvas, labels at the left included
_LONGEST_LABEL: Final = 24  # characters; a longer one would push the plot off its canvas

# matplotlib brings DejaVu Sans; the others are taken where installed, for labels in other scripts.
_FAMILIES: Final = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans", "Arial Unicode MS")

# Saving needs two of matplotlib's process-wide settings, and Python's warning filter is process-wide
# too; both are changed by one thread at a time and put back.
_SAVING: Final = threading.RLock()


def new_figure(width: float, height: float) -> Figure:
    """Create an empty figure with a constrained layout, ready for Agg.

    Args:
        width: in inches; a page shows 100 CSS pixels for each where there is room.
        height: in inches.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)  # inches
    figure = Figure(figsize=(width, height), facecolor=SURFACE.light, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def quiet(axes: Axes, *, grid: str = "", frame: bool = False) -> Axes:
    """Style axes: no box, small muted ticks, an optional hairline grid.

    Args:
        axes: the axes.
        grid: ``"x"``, ``"y"``, ``"both"`` or nothing.
        frame: whether to keep a hairline box.
    """
    for side in axes.spines.values():
        side.set_visible(frame)
        side.set_color(GRID.light)
    axes.set_facecolor("none")
    axes.tick_params(length=0, labelsize=SMALL_PT, labelcolor=MUTED.light, pad=5)
    axes.set_axisbelow(True)
    for direction in ("x", "y"):
        if grid in (direction, "both"):
            axes.grid(axis=direction, color=GRID.light, linewidth=0.8)
        axis = axes.xaxis if direction == "x" else axes.yaxis
        axis.label.set(color=MUTED.light, fontsize=SMALL_PT)
    return axes


def headline(axes: Axes, title: str) -> None:
    """Add a title at the left above axes and their legend; nothing for an empty one."""
    if title:
        longest = int(axes.figure.canvas.figure.get_figwidth() * _TITLE_PER_INCH)  # axes.figure may be a part
        axes.set_title(
            plain(title, longest=longest),
            loc="left",
            color=INK.light,
            fontsize=TEXT_PT + 1,
            weight="bold",
            pad=12 if axes.get_legend() is None else 28,
        )


def plain(label: str, *, longest: int = _LONGEST_LABEL) -> str:
    """Make any text safe to draw: one line, no formula, limited length.

    matplotlib reads text between dollar signs as a formula and fails on a broken one; file and folder names
    may hold anything.

    Example:
        >>> plain("a$b$"), plain("x" * 100, longest=4)
        ('a\\\\$b\\\\$', 'xxx…')
    """
    line = "".join(character if character.isprintable() else " " for character in label)
    shown = line if len(line) <= longest else line[: longest - 1] + "…"
    return shown.replace("$", r"\$")


def whole_percent(share: float) -> str:
    """Format a share of 1 as whole per cent.

    Example:
        >>> whole_percent(0.456)
        '46 %'
    """
    return f"{share * 100:.0f} %"


def percent_axis(axis: Axis) -> None:
    """Label the ticks of an axis of shares as per cent."""
    axis.set_major_formatter(FuncFormatter(lambda share, _: whole_percent(share)))


def colours_of(labels: Iterable[str]) -> list[str]:
    """Return each label's colour."""
    return [look_of(label).colour for label in labels]


def save_figure(figure: Figure, path: Path | str, *, note: str = "") -> Path:
    """Write a figure as PNG, SVG or PDF; the file appears when it is complete.

    Args:
        figure: the figure.
        path: its suffix decides the format.
        note: plain ASCII that is stored in a PNG as it is, to say what data it was drawn from.

    Returns:
        ``path``.

    Raises:
        ValueError: if the suffix is none of ``.png``, ``.svg`` and ``.pdf``.
    """
    path = Path(path)
    suffix = path.suffix.casefold()
    if suffix not in _SUFFIXES:
        raise ValueError(f"{path}: plots are written as {', '.join(_SUFFIXES)}, not {suffix or 'without ending'}")
    with atomic_write(path, "wb") as file:
        file.write(_written(figure, suffix[1:], dpi=150, note=note))
    return path


def figure_png(figure: Figure, *, dpi: int = 150) -> bytes:
    """Return a figure as a PNG file, on the light surface."""
    return _written(figure, "png", dpi=dpi)


def figure_svg(figure: Figure) -> str:
    """Return a figure as SVG for a page, with the page's type and colours.

    Every colour of :data:`hearfelt.reports.theme.TONES` becomes a variable of the page's style sheet, so that the
    drawing follows the page's theme, and text stays text.
    Ids begin with a hash of the drawing, so that those of two drawings on one page differ.
    """
    text = _written(figure, "svg", dpi=120).decode()
    name = "plot" + hashlib.sha256(text.encode()).hexdigest()[:10]
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # The size comes from the page; the viewBox keeps the proportions.
    text = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    for tone in TONES:
        text = re.sub(f"(?<=[: ]){tone.light}(?=[;\"'])", f"var(--{tone.name})", text)
    return text.strip()


@cache
def _families() -> tuple[str, ...]:
    installed = set(font_manager.get_font_names())
    return tuple(family for family in _FAMILIES if family in installed)


@contextmanager
def _settings() -> Iterator[None]:
    text_as_text = mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "hearfelt"})
    with _SAVING, text_as_text, warnings.catch_warnings():
        # A label in a script that no installed font has shows boxes instead of letters.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support", category=UserWarning)
        yield


def _written(figure: Figure, form: str, *, dpi: int, note: str = "") -> bytes:
    for text in figure.findobj(Text):
        text.set_fontfamily(_families())
    # A date, or the program's version, would make two files of the same plot differ.
    metadata: dict[str, Any] = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[form]
    if note and form == "png":
        metadata["Comment"] = note
    buffer = io.BytesIO()
    with _settings():
        figure.savefig(buffer, format=form, dpi=dpi, metadata=metadata, transparent=form == "svg")
    return buffer.getvalue()
