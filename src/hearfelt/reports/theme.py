"""The colours of plots and pages, each for light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hearfelt.emotions import EMOTIONS, look_of

__all__ = [
    "ACCENT",
    "GRID",
    "INK",
    "MUTED",
    "PAGE",
    "SECOND",
    "SURFACE",
    "THIRD",
    "TONES",
    "Tone",
    "contrast",
    "mark_of",
    "mixed",
    "speaker_colours",
    "style_variables",
    "tone_of",
]


@dataclass(frozen=True)
class Tone:
    """A colour for light and dark pages.

    Attributes:
        name: what style sheets call it: ``--ink``.
        light: ``#rrggbb`` on a light page and in every saved picture.
        dark: ``#rrggbb`` on a dark page.
    """

    name: str
    light: str
    dark: str


# No two light values may be equal: by them an SVG's colours are replaced with variables.
INK: Final = Tone("ink", "#1d222b", "#e9ecf1")
MUTED: Final = Tone("muted", "#59616e", "#a7afbc")
GRID: Final = Tone("grid", "#dfe3e9", "#343b47")
SURFACE: Final = Tone("surface", "#ffffff", "#1a1e25")
PAGE: Final = Tone("page", "#f7f8fa", "#12151a")  # behind surfaces; no drawing has it
ACCENT: Final = Tone("accent", "#27658f", "#7fb6de")
SECOND: Final = Tone("second", "#c9771b", "#eda94f")
THIRD: Final = Tone("third", "#7d8794", "#8e98a6")

_WANTED_CONTRAST: Final = 3.5  # WCAG 2.2 asks 3:1 of what a graphic needs to be understood


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def mixed(colour: str, other: str, share: float) -> str:
    """Mix two ``#rrggbb`` colours; ``share`` is that of the other, 0 to 1.

    Example:
        >>> mixed("#000000", "#ffffff", 0.5)
        '#808080'
    """
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(mine + (theirs - mine) * share):02x}" for mine, theirs in pairs)


def contrast(colour: str, other: str) -> float:
    """Return the contrast of two ``#rrggbb`` colours, 1 to 21, as WCAG 2.2 defines it.

    Example:
        >>> round(contrast("#000000", "#ffffff"))
        21
    """

    def luminance(hexadecimal: str) -> float:
        parts = [value / 255 for value in _channels(hexadecimal)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dim, bright = sorted((luminance(colour), luminance(other)))
    return (bright + 0.05) / (dim + 0.05)


def _for_the_dark(colour: str) -> str:
    """Lighten a colour, no further than needed for contrast with the dark surface."""
    steps = (mixed(colour, "#ffffff", step / 20) for step in range(20))
    return next(lighter for lighter in steps if contrast(lighter, SURFACE.dark) >= _WANTED_CONTRAST)


def _emotion_tones() -> tuple[Tone, ...]:
    looks = [*(look_of(name) for name in EMOTIONS), look_of("")]
    return tuple(Tone(f"emotion-{look.name or 'other'}", look.colour, _for_the_dark(look.colour)) for look in looks)


TONES: Final = (INK, MUTED, GRID, SURFACE, ACCENT, SECOND, THIRD, *_emotion_tones())


def tone_of(emotion: str) -> str:
    """Return the name of an emotion's tone; labels outside the eight share one.

    Example:
        >>> tone_of("sad"), tone_of("boredom")
        ('emotion-sad', 'emotion-other')
    """
    return f"emotion-{emotion if emotion in EMOTIONS else 'other'}"


def mark_of(emotion: str) -> str:
    """Return the CSS colour of an emotion.

    Example:
        >>> mark_of("sad")
        'var(--emotion-sad)'
    """
    return f"var(--{tone_of(emotion)})"


def style_variables() -> str:
    """Return CSS that defines each tone as a variable, such as ``--ink``.

    Dark values hold where the reader prefers them, unless ``data-theme`` of the root element says which to take.
    """
    light = "".join(f"--{tone.name}:{tone.light};" for tone in (PAGE, *TONES))
    dark = "".join(f"--{tone.name}:{tone.dark};" for tone in (PAGE, *TONES))
    return (
        f":root{{{light}}}\n"
        f'@media (prefers-color-scheme:dark){{:root:not([data-theme="light"]){{{dark}}}}}\n'
        f':root[data-theme="dark"]{{{dark}}}\n'
    )


# Ten hues that differ from their neighbours; with more speakers they repeat in other shades.
_HUES: Final = (
    "#3b6fb6", "#e0862b", "#3f9a72", "#c9493f", "#8066b3",
    "#a3734c", "#d57bb0", "#5f6b7a", "#b5a42c", "#35a3b8",
)  # fmt: skip


def speaker_colours(speakers: int) -> tuple[str, ...]:
    """Return a colour for each of many speakers; after ten, hues repeat darker and then lighter.

    Example:
        >>> len(set(speaker_colours(24)))
        24
    """
    shades = (("#000000", 0.0), ("#000000", 0.32), ("#ffffff", 0.38), ("#000000", 0.5), ("#ffffff", 0.55))
    colours = []
    for place in range(speakers):
        towards, share = shades[place // len(_HUES) % len(shades)]
        colours.append(mixed(_HUES[place % len(_HUES)], towards, share))
    return tuple(colours)
