"""What notebooks show: waveforms and timelines as SVG, and a player."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import Final

import numpy as np
import soundfile

from hearfelt.audio.inputs import Samples

__all__ = ["WIDTH", "audio_html", "svg"]

WIDTH: Final = 600
_HEIGHT: Final = 80
_LONGEST_PLAYED_S: Final = 300  # a notebook keeps the sound: 5 minutes at 16 kHz are some 6 MB


def audio_html(samples: Samples, rate_hz: int, title: str) -> str:
    """Draw the waveform of a sound, with a player below if it lasts at most 5 minutes.

    Args:
        samples: ``(n,)`` float32, -1 to 1.
        rate_hz: samples in a second.
        title: a line of text above.

    Example:
        >>> "<svg" in audio_html(np.zeros(16_000, np.float32), 16_000, "pause")
        True
    """
    outline = f'<path d="{_outline(samples)}" fill="currentColor" opacity="0.6"/>'
    drawn = svg(outline, _HEIGHT, f"waveform of {title}")
    return f"<div><div>{escape(title)}</div>{drawn}{_player(samples, rate_hz)}</div>"


def svg(drawn: str, height: int, label: str) -> str:
    """Make an SVG image of what is drawn, at most :data:`WIDTH` wide.

    Args:
        drawn: elements of SVG.
        height: of the picture, in the same units.
        label: what it shows, for screen readers.
    """
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="100%" style="max-width:{WIDTH}px;display:block" role="img"'
        f' aria-label="{escape(label, quote=True)}" font-family="sans-serif" font-size="13" fill="currentColor">'
        f"{drawn}</svg>"
    )


def _outline(samples: Samples) -> str:
    """Draw the highest and the lowest sample of each column."""
    columns = min(WIDTH, len(samples))
    edges = np.linspace(0, len(samples), columns + 1).astype(int)[:-1]
    highest, lowest = np.maximum.reduceat(samples, edges), np.minimum.reduceat(samples, edges)
    scale = _HEIGHT / 2 / max(1e-4, float(np.abs(samples).max()))
    places = np.linspace(0, WIDTH, columns)
    above = [f"{x:.0f},{_HEIGHT / 2 - scale * y:.1f}" for x, y in zip(places, highest, strict=True)]
    below = [f"{x:.0f},{_HEIGHT / 2 - scale * y + 0.5:.1f}" for x, y in zip(places, lowest, strict=True)]
    return f"M{' '.join([*above, *reversed(below)])}Z"


def _player(samples: Samples, rate_hz: int) -> str:
    if len(samples) > _LONGEST_PLAYED_S * rate_hz:
        return ""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype="PCM_16")
    return f'<audio controls src="data:audio/wav;base64,{base64.b64encode(file.getvalue()).decode()}"></audio>'
