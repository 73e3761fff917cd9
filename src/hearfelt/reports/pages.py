"""Pages that stand alone: one HTML file with its words, plots, tables and sounds, and nothing from elsewhere.

A page is made of blocks. Every block escapes what it is given, so a file or folder may have any name; a page holds
no script and forbids all, and its pictures and sounds lie inside it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from hearfelt.emotions import EMOTIONS, look_of
from hearfelt.reports.figures.canvas import figure_png, figure_svg
from hearfelt.reports.theme import TONES
from hearfelt.runtime.files import atomic_write

__all__ = [
    "Block",
    "Section",
    "beside",
    "bullets",
    "card",
    "facts",
    "folded",
    "notice",
    "page",
    "picture",
    "player",
    "prose",
    "section",
    "table",
    "warning",
    "write_page",
]

_PAGE: Final = ("#f7f8fa", "#12151a")  # behind the cards, light and dark
_KIND: Final = re.compile(r"audio/[a-z0-9.+-]+")
_PIXELS_PER_INCH: Final = 100
_SMALLEST: Final = 0.54  # of a plot's width; below it a phone scrolls the plot rather than shrink its words
# No script, no font, no frame and nothing fetched, whatever a name or a label might hold.
_POLICY: Final = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; base-uri 'none'"


@dataclass(frozen=True)
class Block:
    """A finished piece of a page.

    Attributes:
        markup: HTML in which all text has been escaped.
    """

    markup: str


@dataclass(frozen=True)
class Section:
    """A part of a page that its contents list.

    Attributes:
        title: its heading, as plain text.
        body: what stands below.
    """

    title: str
    body: Block


def prose(text: str) -> Block:
    """Set paragraphs: plain text, a blank line between two, code between backticks.

    Example:
        >>> prose("Run `make demo` & look.").markup
        '<p>Run <code>make demo</code> &amp; look.</p>'
    """
    paragraphs = (part.strip() for part in re.split(r"\n\s*\n", text))
    return Block("\n".join(f"<p>{_inline(part)}</p>" for part in paragraphs if part))


def picture(figure: Figure, *, alt: str, caption: str = "", raster: bool = False) -> Block:
    """Set a plot.

    Args:
        figure: drawn into the page as SVG, whose colours go dark with it.
        alt: what the plot shows, in words, for those who don't see it.
        caption: stands below.
        raster: set it as PNG instead, on its light ground.
    """
    width = figure.get_figwidth() * _PIXELS_PER_INCH
    size = f"max-width:{width:.0f}px;min-width:{width * _SMALLEST:.0f}px"
    if raster:
        source = base64.b64encode(figure_png(figure)).decode()
        drawn = f'<img style="{size}" alt="{escape(alt)}" src="data:image/png;base64,{source}">'
    else:
        # Screen readers shall hear one picture with words, not every tick label.
        drawn = figure_svg(figure).replace("<svg", f'<svg style="{size}" role="img" aria-label="{escape(alt)}"', 1)
    below = f"<figcaption>{_inline(caption)}</figcaption>" if caption else ""
    # What scrolls has to be reachable from the keyboard.
    return Block(
        f'<figure><div class="canvas" tabindex="0" role="group" aria-label="plot">{drawn}</div>{below}</figure>'
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str | int | float]], *, caption: str = "") -> Block:
    """Set a table; the first column names its rows, columns of numbers stand at the right.

    Args:
        header: a name for each column.
        rows: as many cells each; integers get their commas, other numbers are shown as they are given.
        caption: stands above.

    Raises:
        ValueError: if a row has another number of cells than the header.

    Example:
        >>> "<td class=\\"number\\">1,440</td>" in table(["channel", "clips"], [["speech", 1440]]).markup
        True
    """
    rows = [list(row) for row in rows]
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row of {len(row)} cells under {len(header)} headings; one for each is wanted")
    right = [bool(rows) and all(_is_numeric(row[place]) for row in rows) for place in range(len(header))]

    def cell(value: str | int | float, place: int, kind: str) -> str:
        style = ' class="number"' if right[place] else ""
        scope = {"col": ' scope="col"', "row": ' scope="row"'}.get(kind, "")
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        name = "th" if kind else "td"
        return f"<{name}{style}{scope}>{escape(shown)}</{name}>"

    head = "".join(cell(name, place, "col") for place, name in enumerate(header))
    body = "\n".join(
        f"<tr>{''.join(cell(value, place, '' if place else 'row') for place, value in enumerate(row))}</tr>"
        for row in rows
    )
    above = f"<caption>{_inline(caption)}</caption>" if caption else ""
    label = escape(caption or "table")
    return Block(
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>{above}<thead><tr>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>"
    )


def bullets(items: Sequence[str], *, most: int = 200) -> Block:
    """Set a list; beyond ``most`` items their number stands for the rest.

    Example:
        >>> bullets(["a", "b", "c"], most=2).markup
        '<ul><li>a</li><li>b</li><li>and 1 more</li></ul>'
    """
    shown = [*items[:most], *([f"and {len(items) - most:,} more"] if len(items) > most else [])]
    return Block(f"<ul>{''.join(f'<li>{_inline(item)}</li>' for item in shown)}</ul>")


def facts(values: Mapping[str, str]) -> Block:
    """Set a row of large figures, each with what it counts.

    Example:
        >>> facts({"clips": "1,440"}).markup
        '<dl class="facts"><div><dt>clips</dt><dd>1,440</dd></div></dl>'
    """
    each = (f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in values.items())
    return Block(f'<dl class="facts">{"".join(each)}</dl>')


def player(sound: bytes, *, label: str, kind: str = "audio/flac") -> Block:
    """Set a player with the sound inside the page.

    Args:
        sound: a whole sound file.
        label: what one hears, for screen readers.
        kind: its media type.

    Raises:
        ValueError: if ``kind`` is no media type of sound.
    """
    if not _KIND.fullmatch(kind):
        raise ValueError(f"{kind!r} is no media type of sound; one like 'audio/flac' is wanted")
    source = base64.b64encode(sound).decode()
    return Block(
        f'<audio controls preload="metadata" aria-label="{escape(label)}" src="data:{kind};base64,{source}"></audio>'
    )


def notice(text: str, *, title: str = "") -> Block:
    """Set a box with something that a reader should know."""
    return _box("notice", text, title)


def warning(text: str, *, title: str = "Mind") -> Block:
    """Set a box with something that would mislead a reader who misses it."""
    return _box("warning", text, title)


def card(title: str, *blocks: Block, emotion: str = "") -> Block:
    """Set blocks on a card under a heading; with an emotion, its colour and emoji mark the card."""
    mark = f' style="--mark:var(--emotion-{emotion if emotion in EMOTIONS else "other"})"' if emotion else ""
    emoji = f'<span class="emoji" aria-hidden="true">{look_of(emotion).emoji}</span> ' if emotion else ""
    return Block(f'<article class="card"{mark}><h3>{emoji}{escape(title)}</h3>\n{_joined(blocks)}</article>')


def beside(*blocks: Block) -> Block:
    """Set blocks side by side where there is room, one below the other where there isn't."""
    return Block(f'<div class="beside">{_joined(blocks)}</div>')


def folded(title: str, *blocks: Block) -> Block:
    """Set blocks behind a line that opens them."""
    return Block(f"<details><summary>{escape(title)}</summary>\n{_joined(blocks)}</details>")


def section(title: str, *blocks: Block) -> Section:
    """Put blocks under a heading that the page's contents list."""
    return Section(title, Block(_joined(blocks)))


def page(title: str, *parts: Section | Block, lead: str = "") -> str:
    """Put a page together.

    Args:
        title: its heading, and its name in the browser.
        parts: sections, and blocks between them.
        lead: what it is about, in a sentence or two below the title.

    Returns:
        The whole HTML file.

    Example:
        >>> "<h1>A &lt;b&gt;</h1>" in page("A <b>", section("One", prose("Text.")))
        True
    """
    names: dict[str, int] = {}
    contents, body = [], []
    for part in parts:
        if isinstance(part, Block):
            body.append(part.markup)
            continue
        name = _anchor(part.title, names)
        contents.append(f'<li><a href="#{name}">{escape(part.title)}</a></li>')
        heading = f'<h2 id="{name}-title">{escape(part.title)}</h2>'
        body.append(f'<section id="{name}" aria-labelledby="{name}-title">\n{heading}\n{part.body.markup}\n</section>')
    listed = f'<nav aria-label="Contents"><ul>{"".join(contents)}</ul></nav>' if len(contents) > 1 else ""
    below = f'<p class="lead">{_inline(lead)}</p>' if lead else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="hearfelt {version("hearfelt")}">
<title>{escape(title)}</title>
<style>
{_style()}</style>
</head>
<body>
<a class="skip" href="#main">To the text</a>
<header>
<h1>{escape(title)}</h1>
{below}
{listed}
</header>
<main id="main">
{chr(10).join(body)}
</main>
<footer>Made by hearfelt {version("hearfelt")}. Everything on this page lies inside it; nothing is loaded.</footer>
</body>
</html>
"""


def write_page(path: Path | str, title: str, *parts: Section | Block, lead: str = "") -> Path:
    """Write a page; the file appears when it is whole.

    Args:
        path: where to; an existing file is replaced.
        title: the page's heading.
        parts: sections, and blocks between them.
        lead: what it is about.

    Returns:
        ``path``.
    """
    path = Path(path)
    text = page(title, *parts, lead=lead)
    with atomic_write(path) as file:
        file.write(text)
    return path


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _joined(blocks: Iterable[Block]) -> str:
    return "\n".join(block.markup for block in blocks)


def _box(kind: str, text: str, title: str) -> Block:
    above = f'<p class="title">{escape(title)}</p>' if title else ""
    return Block(f'<div class="{kind}" role="note">{above}{prose(text).markup}</div>')


def _is_numeric(value: str | int | float) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"[-−+]?[\d,. –±%×]*\d[\d,. –±%×]*", value) is not None


def _anchor(title: str, taken: dict[str, int]) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-") or "part"
    taken[name] = taken.get(name, 0) + 1
    return name if taken[name] == 1 else f"{name}-{taken[name]}"


def _style() -> str:
    light = "".join(f"  --{tone.name}: {tone.light};\n" for tone in TONES)
    dark = "".join(f"    --{tone.name}: {tone.dark};\n" for tone in TONES)
    return (
        f":root {{\n  --page: {_PAGE[0]};\n{light}}}\n"
        f"@media (prefers-color-scheme: dark) {{\n  :root {{\n    --page: {_PAGE[1]};\n{dark}  }}\n}}\n"
        + files("hearfelt.reports").joinpath("page.css").read_text(encoding="utf-8")
    )
