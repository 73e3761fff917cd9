"""Draw the faces that stand for emoji where no font has any, and write them as a style sheet with a font in it.

python tools/make_faces.py [--out src/hearfelt/reports/static/faces.css]
"""

from __future__ import annotations

import argparse
import base64
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from hearfelt.emotions import EMOTIONS, look_of

HERE: Final = Path(__file__).parents[1]
EM: Final = 1_000
LINE: Final = 64  # width of a drawn line
MIDDLE: Final = (500.0, 360.0)
SIGNS: Final = "🔹🔇🎙🔒🔌🐢⏳🔑⏹⚠"  # other than faces: one mark for all

Point = tuple[float, float]
Pen = TTGlyphPen


def circle(pen: Pen, middle: Point, radius: float, *, squeezed: float = 1.0, is_hole: bool = False) -> None:
    """Draw a disc, or a hole in one; ``squeezed`` is its width by its height."""
    count, away = 8, radius / math.cos(math.pi / 8)
    turn = -1 if not is_hole else 1

    def at(step: float, length: float) -> Point:
        angle = turn * step * 2 * math.pi / count
        return middle[0] + squeezed * length * math.cos(angle), middle[1] + length * math.sin(angle)

    pen.moveTo(at(0, radius))
    for step in range(count):
        pen.qCurveTo(at(step + 0.5, away), at(step + 1, radius))
    pen.closePath()


def line(pen: Pen, *points: Point) -> None:
    """Draw a line through two points, or a curve from the first to the last that is drawn towards the second."""
    (x0, y0), (x1, y1) = points[0], points[-1]
    long = math.hypot(x1 - x0, y1 - y0)
    dx, dy = -(y1 - y0) / long * LINE / 2, (x1 - x0) / long * LINE / 2
    pen.moveTo((x0 + dx, y0 + dy))
    if len(points) == 3:
        pen.qCurveTo((points[1][0] + dx, points[1][1] + dy), (x1 + dx, y1 + dy))
        pen.lineTo((x1 - dx, y1 - dy))
        pen.qCurveTo((points[1][0] - dx, points[1][1] - dy), (x0 - dx, y0 - dy))
    else:
        pen.lineTo((x1 + dx, y1 + dy))
        pen.lineTo((x1 - dx, y1 - dy))
        pen.lineTo((x0 - dx, y0 - dy))
    pen.closePath()


def mouth(width: float, bend: float, y: float = 190) -> Callable[[Pen], None]:
    return lambda pen: line(pen, (500 - width, y), (500, y + 2 * bend), (500 + width, y))


def eyes(pen: Pen) -> None:
    for x in (350.0, 650.0):
        circle(pen, (x, 450), 58)


def arcs(bend: float) -> Callable[[Pen], None]:
    return lambda pen: [line(pen, (x - 80, 440), (x, 440 + bend), (x + 80, 440)) for x in (350, 650)] and None


def brows(inner: float, outer: float) -> Callable[[Pen], None]:
    def draw(pen: Pen) -> None:
        line(pen, (270, outer), (430, inner))
        line(pen, (570, inner), (730, outer))

    return draw


def laugh(pen: Pen) -> None:
    pen.moveTo((280, 260))
    pen.lineTo((720, 260))
    pen.qCurveTo((690, 60), (500, 60))
    pen.qCurveTo((310, 60), (280, 260))
    pen.closePath()


def opened(radius: float, squeezed: float) -> Callable[[Pen], None]:
    return lambda pen: circle(pen, (500, 170), radius, squeezed=squeezed)


def tear(pen: Pen) -> None:
    circle(pen, (350, 300), 50, squeezed=0.8)


def waves(pen: Pen) -> None:
    for x, bend in ((310, 90), (437, -90), (563, 90)):
        line(pen, (x, 190), (x + 63, 190 + bend), (x + 127, 190))


FACES: Final[dict[str, Sequence[Callable[[Pen], None]]]] = {
    "neutral": (eyes, lambda pen: line(pen, (330, 190), (670, 190))),
    "calm": (arcs(-90), mouth(150, -50)),
    "happy": (arcs(110), laugh),
    "sad": (eyes, mouth(160, 60, 140), tear),
    "angry": (eyes, brows(510, 590), mouth(150, 60, 140)),
    "fearful": (eyes, brows(620, 560), opened(100, 1.5)),
    "disgust": (arcs(60), waves),
    "surprised": (eyes, opened(110, 0.9)),
}


def face(parts: Sequence[Callable[[Pen], None]]) -> Pen:
    pen = TTGlyphPen(None)
    circle(pen, MIDDLE, 460)
    circle(pen, MIDDLE, 460 - LINE, is_hole=True)
    for part in parts:
        part(pen)
    return pen


def mark(pen: Pen) -> None:
    pen.moveTo((500, 610))
    for point in ((750, 360), (500, 110), (250, 360)):
        pen.lineTo(point)
    pen.closePath()


def font() -> bytes:
    """Build the font; every face is a glyph at its emoji's code point."""
    assert set(FACES) == set(EMOTIONS)
    glyphs = {name: face(parts).glyph() for name, parts in FACES.items()}
    other = TTGlyphPen(None)
    mark(other)
    glyphs = {".notdef": TTGlyphPen(None).glyph(), "mark": other.glyph(), **glyphs}
    builder = FontBuilder(EM, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap(
        {**{ord(sign): "mark" for sign in SIGNS}, **{ord(look_of(name).emoji): name for name in FACES}}
    )
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (EM, 0)))
    builder.setupHorizontalHeader(ascent=860, descent=-140)
    builder.setupNameTable({"familyName": "hearfelt faces", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=860, sTypoDescender=-140, usWinAscent=860, usWinDescent=140)
    builder.setupPost(keepGlyphNames=False)
    builder.setupHead(unitsPerEm=EM, created=0, modified=0)
    builder.font.recalcTimestamp = False
    builder.font.flavor = "woff"
    file = io.BytesIO()
    builder.save(file)
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=HERE / "src/hearfelt/reports/static/faces.css")
    data = base64.b64encode(font()).decode()
    text = "/* Drawn faces for where no font has emoji. Generated by tools/make_faces.py. */\n"
    text += f'@font-face {{ font-family: "hearfelt faces"; src: url(data:font/woff;base64,{data}); }}\n'
    parser.parse_args().out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
