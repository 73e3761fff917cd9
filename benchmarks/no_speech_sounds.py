"""Sounds for benchmarks/no_speech.py and tools/choose_no_speech.py: synthetic ones, and words cut from clips."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import Samples, Sound, open_audio
from hearfelt.inference.voice_activity import LIMITS, Limits, SpeechCheck
from hearfelt.inference.windowing import blocks_of

Floats = npt.NDArray[np.float64]

WINDOW_S: Final = 12.0  # as in the shipped models
LENGTHS_S: Final = (0.5, 1.0, 3.0, 10.0)
RATES_HZ: Final = (8_000, 16_000, 44_100)
LEVELS_DB: Final = (-3.0, -20.0, -40.0)  # of the peak
FRAME_S: Final = 0.01
SHORTEST_S, LONGEST_S = 0.3, 0.8  # a word
PAUSE_DB: Final = -40.0  # relative to the maximum: not part of a word
BREAK_DB: Final = -15.0  # relative to the maximum: the end of a word

DTMF_HZ: Final = {
    key: (low, high)
    for low, keys in zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D"), strict=True)
    for key, high in zip(keys, (1209, 1336, 1477, 1633), strict=True)
}  # ITU-T Q.23


def speech_codes(sound: Sound, rate_hz: int | None = None, limits: Limits = LIMITS) -> set[str]:
    """The speech warnings of a recognizer.

    Raises:
        AudioError: if the sound cannot be read or is silent.
    """
    check = SpeechCheck(limits)
    with open_audio(sound, rate_hz) as reader:
        for block in blocks_of(reader, WINDOW_S):
            check.add(block)
    return {warning.code for warning in check.warnings()}


def is_for_choosing(path: Path) -> bool:
    """Whether a noise is in the half used to choose the limits."""
    return zlib.crc32(path.stem.encode()) % 2 == 0


def kind_of(path: Path) -> str:
    """The kind of sound from a name such as ``car-horn-100648-1-0-0.opus``."""
    return (
        path.stem.rstrip("0123456789-")
        if path.parent.name == "noise"
        else path.stem.partition("_")[0].rpartition("-")[0]
    )


def made_sounds(lengths_s: Sequence[float] = LENGTHS_S) -> Iterator[tuple[str, Samples, int]]:
    """Synthesize every kind of sound in every length, rate and level.

    Yields:
        Kind, samples ``(n,)``, and their rate in Hz.
    """
    for rate_hz in RATES_HZ:
        for length_s in lengths_s:
            for kind, sound in _kinds(rate_hz, length_s):
                scaled = sound / max(float(np.abs(sound).max()), 1e-9)
                for level_db in LEVELS_DB:
                    yield kind, (scaled * 10 ** (level_db / 20)).astype(np.float32), rate_hz


def _kinds(rate_hz: int, length_s: float) -> Iterator[tuple[str, Floats]]:
    time_s = np.arange(round(rate_hz * length_s)) / rate_hz
    generator = np.random.default_rng([rate_hz, round(1000 * length_s)])

    def tones(*frequencies_hz: float) -> Floats:
        total: Floats = np.sin(2 * np.pi * np.outer(frequencies_hz, time_s)).sum(axis=0)
        return total

    def pulsed(sound: Floats, on_s: float, off_s: float) -> Floats:
        return sound * (time_s % (on_s + off_s) < on_s)

    yield "dial tone", tones(350, 440)  # North America
    yield "dial tone", tones(425)  # most of Europe
    yield "dial tone", tones(350, 450)  # Britain
    yield "ring tone", pulsed(tones(440, 480), 2, 4)  # North America
    yield "ring tone", pulsed(tones(425), 1, 4)  # most of Europe
    yield "ring tone", pulsed(pulsed(tones(400, 450), 0.4, 0.2), 1, 2)  # Britain
    yield "ring tone", pulsed(np.sign(tones(20)) * tones(1000, 1300), 2, 4)  # a telephone's bell, roughly
    yield "busy tone", pulsed(tones(480, 620), 0.5, 0.5)
    yield "busy tone", pulsed(tones(425), 0.48, 0.48)
    for key, pair in DTMF_HZ.items():
        yield "DTMF", tones(*pair) if key in "159D" else pulsed(tones(*pair), 0.1, 0.1)
    dialled = generator.choice(sorted(DTMF_HZ), 200)
    number = np.zeros_like(time_s)
    for place, key in enumerate(dialled[: int(np.ceil(length_s / 0.2))]):
        number += tones(*DTMF_HZ[key]) * ((time_s >= 0.2 * place) & (time_s < 0.2 * place + 0.1))
    yield "DTMF", number
    for hz in (50, 60):
        yield "hum", tones(hz)
        yield "hum", np.sign(tones(hz))
        yield "hum", np.sum([tones(hz * harmonic) / harmonic for harmonic in range(1, 20)], axis=0)
        yield "hum", np.abs(tones(hz)) - np.mean(np.abs(tones(hz))) + 0.01 * generator.normal(size=len(time_s))
    for _ in range(4):
        yield "white noise", generator.normal(size=len(time_s))
        spectrum = np.fft.rfft(generator.normal(size=len(time_s)))
        yield "pink noise", np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), len(time_s))


def loudest_word(samples: Samples, rate_hz: int) -> Samples:
    """Cut the loudest part out of a clip: from its loudest 50 ms in both directions until it is 15 dB quieter.

    It is at least 0.3 and at most 0.8 s long.
    """
    levels_db, frame = _levels_db(samples, rate_hz)
    first = last = int(np.argmax(levels_db))
    while last - first < round(LONGEST_S / FRAME_S) - 1:
        before = levels_db[first - 1] if first else -np.inf
        after = levels_db[last + 1] if last + 1 < len(levels_db) else -np.inf
        if max(before, after) < BREAK_DB and last - first >= round(SHORTEST_S / FRAME_S) - 1:
            break
        if max(before, after) == -np.inf:
            break
        first, last = (first - 1, last) if before >= after else (first, last + 1)
    return samples[first * frame : (last + 1) * frame]


def last_word(samples: Samples, rate_hz: int) -> Samples:
    """Cut the last word out of a clip: from the quietest 50 ms between 0.3 and 0.8 s before its end."""
    levels_db, frame = _levels_db(samples, rate_hz)
    end = int(np.flatnonzero(levels_db >= PAUSE_DB)[-1]) + 1
    earliest, latest = (max(0, end - round(one / FRAME_S)) for one in (LONGEST_S, SHORTEST_S))
    start = earliest + int(np.argmin(levels_db[earliest : latest + 1]))
    return samples[start * frame : end * frame]


def _levels_db(samples: Samples, rate_hz: int) -> tuple[Floats, int]:
    """Level of each 10 ms, smoothed over 50 ms, in dB relative to the maximum."""
    frame = round(rate_hz * FRAME_S)
    powers = samples[: len(samples) // frame * frame].reshape(-1, frame).var(axis=1, dtype=np.float64)
    smooth = np.convolve(powers, np.ones(5) / 5, "same")
    return 10 * np.log10(np.maximum(smooth, 1e-12) / max(float(smooth.max()), 1e-12)), frame
