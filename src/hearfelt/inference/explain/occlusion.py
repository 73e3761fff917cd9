"""Explain a prediction by occlusion: what changes without a stretch of time, or a band of frequencies.

Occlusion (Zeiler and Fergus 2014) shows what the prediction depends on, for this sound. It is no cause of anything in
the speaker, and effects do not add up, since several parts may carry the same information.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import Samples
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.windowing import RATE_HZ, BlockOutput, frame_powers, pooled

__all__ = ["BANDS_HZ", "WHAT_IT_SAYS", "Occlusion", "Runs", "occluded", "windows"]

Floats = npt.NDArray[np.float64]
Band = tuple[float, float]

WHAT_IT_SAYS: Final = "what changes when a part is taken away, not a cause"

HOP_S: Final = 0.1
WINDOW_HOPS: Final = 2.5  # 0.25 s at the usual hop: a long syllable
MOST_WINDOWS: Final = 60
FADE: Final = RATE_HZ // 100  # 160 samples, 10 ms: a sudden edge would be a click
_BANDS: Final = 8
_HIGHEST_HZ: Final = RATE_HZ / 2
_EDGE_HZ: Final = 25.0  # to either side of an edge a band fades; steeper would ring
_PADDED: Final = RATE_HZ // 10  # samples of silence that keep a filtered block's end from running into its beginning


def _mel_bands() -> tuple[Band, ...]:
    highest = 2595 * np.log10(1 + _HIGHEST_HZ / 700)  # O'Shaughnessy's formula
    edges = 700 * (10 ** (np.linspace(0, highest, _BANDS + 1) / 2595) - 1)
    whole = [float(round(hz)) for hz in edges]
    return tuple(pairwise(whole))


BANDS_HZ: Final = _mel_bands()
"""Eight bands from 0 to 8 kHz, equally wide on the mel scale."""


@dataclass(frozen=True, repr=False)
class Occlusion:
    """What the prediction for one sound depends on, measured by removing parts of it.

    Attributes:
        prediction: the prediction.
        log_odds: ``log(p / (1 - p))`` of its calibrated probability.
        window_s: length of a removed stretch, in seconds.
        times_s: middle of each stretch.
        time_effects: log-odds lost without that stretch; above 0 it spoke for the emotion, below 0 against it.
        bands_hz: lowest and highest frequency of each removed band.
        band_effects: log-odds lost without that band.

    Example:
        >>> answer = Prediction("sad", 0.8, {"calm": 0.2, "sad": 0.8}, False, 0.5, "hearfelt")
        >>> some = Occlusion(answer, 1.4, 0.1, (0.1, 0.3), (0.2, 0.9), ((0.0, 300.0), (300.0, 8000.0)), (0.0, 0.5))
        >>> some, some.strongest_time, some.strongest_band
        (<Occlusion of sad: 2 stretches, 2 bands>, 1, 1)
    """

    prediction: Prediction
    log_odds: float
    window_s: float
    times_s: tuple[float, ...]
    time_effects: tuple[float, ...]
    bands_hz: tuple[Band, ...]
    band_effects: tuple[float, ...]

    @property
    def emotion(self) -> str:
        """The emotion that the log-odds are of."""
        return self.prediction.emotion

    @property
    def strongest_time(self) -> int:
        """Index of the stretch with the largest effect, for or against."""
        return int(np.argmax(np.abs(self.time_effects)))

    @property
    def strongest_band(self) -> int:
        """Index of the band with the largest effect, for or against."""
        return int(np.argmax(np.abs(self.band_effects)))

    def __repr__(self) -> str:
        return f"<Occlusion of {self.emotion}: {len(self.times_s)} stretches, {len(self.bands_hz)} bands>"

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the prediction as lists and numbers for JSON."""
        return {
            "method": "occlusion",
            "says": WHAT_IT_SAYS,
            "log_odds": self.log_odds,
            "window_s": self.window_s,
            "times_s": list(self.times_s),
            "time_effects": list(self.time_effects),
            "bands_hz": [list(band) for band in self.bands_hz],
            "band_effects": list(self.band_effects),
        }


@dataclass(frozen=True, eq=False)
class Runs:
    """The network's logits for a sound as it is and with each part removed.

    Attributes:
        whole: ``(classes,)`` logits.
        without_time: ``(windows, classes)``.
        without_band: ``(bands, classes)``.
    """

    whole: Floats
    without_time: Floats
    without_band: Floats


def windows(duration_s: float) -> tuple[tuple[float, ...], float]:
    """Choose the stretches to remove: one of 0.25 s every 0.1 s; over a long sound 60 longer ones.

    Returns:
        The middle of each stretch, and how long each is; at most a quarter of the sound.

    Example:
        >>> times_s, window_s = windows(3.0)
        >>> len(times_s), window_s, times_s[0]
        (29, 0.25, 0.125)
    """
    hop_s = min(max(HOP_S, duration_s / MOST_WINDOWS), duration_s / (4 * WINDOW_HOPS))
    window_s = WINDOW_HOPS * hop_s
    count = int(np.ceil(round((duration_s - window_s) / hop_s, 6))) + 1
    return tuple(np.linspace(window_s / 2, duration_s - window_s / 2, count).tolist()), window_s


def occluded(blocks: Iterable[Samples], run: Callable[[Samples], Floats], duration_s: float) -> Runs:
    """Run a network on a sound and on all its occluded copies, block by block.

    A stretch of time only changes the blocks that it touches; their neighbours are not run again. Each copy's blocks
    are put together as the recognizer puts them together, so that every result is the answer to that copy.

    Args:
        blocks: ``(n,)`` at 16 kHz, one after another.
        run: gives the logits ``(classes,)`` of a block.
        duration_s: of all blocks together.
    """
    times_s, window_s = windows(duration_s)
    whole: list[BlockOutput] = []
    by_time: list[list[BlockOutput]] = [[] for _ in times_s]
    by_band: list[list[BlockOutput]] = [[] for _ in BANDS_HZ]
    started = 0

    def output_of(block: Samples) -> BlockOutput:
        return BlockOutput(run(block), frame_powers(block))

    for block in blocks:
        whole.append(output_of(block))
        for place, middle_s in enumerate(times_s):
            first = round((middle_s - window_s / 2) * RATE_HZ) - started
            end = round((middle_s + window_s / 2) * RATE_HZ) - started
            touched = first - FADE < len(block) and end + FADE > 0
            by_time[place].append(output_of(without_time(block, first, end)) if touched else whole[-1])
        for place, band in enumerate(BANDS_HZ):
            by_band[place].append(output_of(without_band(block, band)))
        started += len(block)
    return Runs(pooled(whole), np.stack([pooled(one) for one in by_time]), np.stack([pooled(one) for one in by_band]))


def without_time(block: Samples, first: int, end: int) -> Samples:
    """Replace a stretch of a block by silence, with fades of 10 ms on both sides.

    Args:
        block: ``(n,)``.
        first: where the stretch begins; may lie before the block.
        end: first sample behind it; may lie behind the block.

    Example:
        >>> quiet = without_time(np.sin(np.arange(1600) / 9).astype(np.float32), 400, 800)
        >>> float(abs(quiet[400:800] - quiet[400]).max()), bool(quiet[1000] == np.float32(np.sin(1000 / 9)))
        (0.0, True)
    """
    places = np.arange(len(block))
    away = np.maximum(np.maximum(first - places, places - (end - 1)), 0)  # samples from the stretch
    gain = (0.5 - 0.5 * np.cos(np.pi * np.minimum(away, FADE) / FADE)).astype(np.float32)
    mean = block.mean(dtype=np.float64).astype(np.float32)  # silence of a sound with an offset lies at the offset
    quiet: Samples = np.where(gain == 1, block, mean + (block - mean) * gain)
    return quiet


def without_band(block: Samples, band: Band) -> Samples:
    """Remove a band of frequencies from a block; everything else keeps its level and timing.

    Args:
        block: ``(n,)`` at 16 kHz.
        band: lowest and highest frequency in Hz; a band that ends at 8 kHz has no upper edge, one from 0 no lower.
    """
    size = len(block) + _PADDED
    frequencies = np.fft.rfftfreq(size, 1 / RATE_HZ)
    above = np.clip((frequencies - band[0]) / (2 * _EDGE_HZ) + 0.5, 0, 1) if band[0] > 0 else 1.0
    below = np.clip((band[1] - frequencies) / (2 * _EDGE_HZ) + 0.5, 0, 1) if band[1] < _HIGHEST_HZ else 1.0
    inside = np.minimum(above, below)
    gain = 0.5 + 0.5 * np.cos(np.pi * inside)  # 1 outside, 0 inside
    filtered = np.fft.irfft(np.fft.rfft(block, size) * gain, size)[: len(block)]
    return filtered.astype(np.float32)
