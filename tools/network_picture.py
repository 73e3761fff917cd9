"""Draw the network of docs/explanation/how-it-works.md, with the numbers that the code has.

    python tools/network_picture.py

All text stands in filled boxes, and lines are of a middle gray, so that the picture reads on light and dark pages.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from hearfelt.models.encoders.pitch_statistics import PITCH_DIMENSIONS
from hearfelt.models.encoders.whisper import HALVED_AFTER, LAYERS, WIDTH
from hearfelt.models.frontend import BANDS
from hearfelt.training.settings import Heads

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "network.svg"
SIZE = 830, 790
LINE, STATIC, TRAINED, GIVEN = "#8a94a0", "#dfe5ec", "#cfe6d4", "#fbe3b8"  # fixed, trained, optional
STATISTICS = 2 * WIDTH * LAYERS + PITCH_DIMENSIONS
HEADS = Heads()

# Each box: left, top, width, height, colour, lines; the first line is bold.
BOXES = {
    "sound": (210, 10, 300, 48, STATIC, ("Sound", "one channel, 16 kHz, at most 12 s at a time")),
    "mel": (20, 98, 330, 48, STATIC, ("Log-mel spectrum", f"{BANDS} bands, 100 frames a second")),
    "pitch": (450, 98, 310, 48, STATIC, ("Pitch front end", "48 lags and 5 levels, 50 frames a second")),
    "whisper": (
        20,
        186,
        330,
        84,
        STATIC,
        (
            f"Whisper base, {LAYERS} of its 6 layers, as published",
            f"{WIDTH} values for each frame; frames are",
            "averaged in pairs after layers " + " and ".join(map(str, HALVED_AFTER)) + ":",
            "50, then 25, then 12.5 frames a second",
        ),
    ),
    "statistics": (
        110,
        310,
        560,
        48,
        STATIC,
        (
            "Statistics of the clip",
            f"mean and deviation over time of all {LAYERS} layers, and of the pitch: {STATISTICS:,} numbers",
        ),
    ),
    "components": (
        20,
        398,
        330,
        48,
        TRAINED,
        ("Principal components", f"the {HEADS.components} strongest of the scaled statistics"),
    ),
    "discriminant": (
        370,
        398,
        220,
        48,
        TRAINED,
        ("Linear discriminant", "emotions of RAVDESS"),
    ),
    "reference": (
        20,
        486,
        570,
        48,
        GIVEN,
        ("Comparison with reference recordings, if there are any", "minus their mean, divided by their deviation"),
    ),
    "heads": (20, 574, 330, 48, TRAINED, (f"{HEADS.count} heads", "their log-probabilities are averaged")),
    "gate": (370, 574, 220, 48, TRAINED, ("Gate", "is the sound like RAVDESS?")),
    "speech": (640, 486, 170, 48, TRAINED, ("Speech head", "does anybody speak?")),
    "distance": (640, 574, 170, 48, STATIC, ("Distance", "from training sound")),
    "logits": (110, 662, 390, 34, STATIC, ("Logits: heads + gate × discriminant",)),
    "probabilities": (
        110,
        732,
        390,
        48,
        TRAINED,
        ("Probabilities", "softmax of the logits divided by a fitted temperature"),
    ),
    "warnings": (560, 662, 250, 34, STATIC, ("Warnings: no speech, unfamiliar",)),
}
# Corners of each line; the last one has the arrow.
LINES = (
    ((300, 58), (300, 78), (185, 78), (185, 98)),
    ((420, 58), (420, 78), (605, 78), (605, 98)),
    ((185, 146), (185, 186)),
    ((185, 270), (185, 310)),
    ((605, 146), (605, 310)),
    ((185, 358), (185, 398)),
    ((480, 358), (480, 398)),
    ((185, 446), (185, 486)),
    ((480, 446), (480, 486)),
    ((185, 534), (185, 574)),
    ((185, 622), (185, 662)),
    ((480, 534), (480, 574)),
    ((480, 622), (480, 662)),
    # Components without the reference decide about the gate, speech and distance.
    ((320, 446), (320, 466), (610, 466), (610, 510), (640, 510)),
    ((610, 510), (610, 598), (640, 598)),
    ((610, 598), (590, 598)),
    ((725, 534), (725, 554), (822, 554), (822, 640), (770, 640), (770, 662)),
    ((700, 622), (700, 662)),
    ((305, 696), (305, 732)),
)


def drawn() -> str:
    """Return the picture as SVG."""
    width, height = SIZE
    lines = "\n".join(
        f'<polyline points="{" ".join(f"{x},{y}" for x, y in corners)}" marker-end="url(#arrow)"/>' for corners in LINES
    )
    boxes = "\n".join(map(_box, BOXES.values()))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"
 aria-labelledby="title">
<title id="title">The network: from sound to probabilities</title>
<defs><marker id="arrow" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto">
<path d="M0,0 L9,4 L0,8 z" fill="{LINE}"/></marker></defs>
<g fill="none" stroke="{LINE}" stroke-width="1.5">
{lines}
</g>
<g font-family="system-ui, sans-serif" font-size="13" fill="#1b232c" text-anchor="middle">
{boxes}
</g>
</svg>
"""


def _box(box: tuple[int, int, int, int, str, tuple[str, ...]]) -> str:
    left, top, width, height, colour, texts = box
    first = top + height / 2 - 8.5 * (len(texts) - 1) + 4.5
    weights = ["600", *["400"] * len(texts)]
    rows = [
        f'<text x="{left + width / 2:g}" y="{first + 17 * row:g}" font-weight="{weight}">{escape(text)}</text>'
        for row, (text, weight) in enumerate(zip(texts, weights, strict=False))
    ]
    edge = f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="6" fill="{colour}" stroke="{LINE}"/>'
    return "\n".join([edge, *rows])


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
    print(PICTURE)
