"""Sounds without a voice, made by code: noise, tones, signals, engines, rain and notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["NOISES", "make_noise"]

Samples = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

_RATE_HZ: Final = 16_000
_SECONDS: Final = (1.0, 5.0)
_DIAL_TONES_HZ: Final = ((350.0, 440.0), (440.0, 480.0), (425.0, 425.0), (480.0, 620.0), (1400.0, 2060.0))
_KEYPAD_HZ: Final = ((697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0))


def make_noise(kind: str, generator: np.random.Generator) -> Samples:
    """Make one sound of 1 to 5 s.

    Args:
        kind: one of :data:`NOISES`.
        generator: draws everything that varies.

    Returns:
        ``(n,)`` at 16 kHz, within -1 to 1.

    Example:
        >>> samples = make_noise("rain", np.random.default_rng(0))
        >>> bool(16_000 <= len(samples) <= 80_000), bool(abs(samples).max() <= 1)
        (True, True)
    """
    times = np.arange(round(generator.uniform(*_SECONDS) * _RATE_HZ)) / _RATE_HZ
    sound = NOISES[kind](times, generator)
    level = max(float(sound.std()), 1e-9)  # rain without a drop is silent; hiss is left of it
    sound = sound + generator.normal(size=len(sound)) * level * 10 ** generator.uniform(-3.0, -1.0)
    samples: Samples = (sound / np.abs(sound).max() * 10 ** generator.uniform(-2.0, 0.0)).astype(np.float32)
    return samples


def _coloured(times: Floats, generator: np.random.Generator) -> Floats:
    """Make noise whose level falls with frequency, between two edges: from white to brown, hiss to rumble."""
    spectrum = np.fft.rfft(generator.normal(size=len(times)))
    hertz = np.fft.rfftfreq(len(times), 1 / _RATE_HZ)
    low, high = 10 ** generator.uniform(1.0, 3.0), 10 ** generator.uniform(3.0, 3.9)
    shape = np.maximum(hertz, 20.0) ** -generator.uniform(0.0, 2.0) / (1 + (low / np.maximum(hertz, 1.0)) ** 4)
    return np.asarray(np.fft.irfft(spectrum * shape / (1 + (hertz / high) ** 4), len(times)))


def _gusts(times: Floats, generator: np.random.Generator) -> Floats:
    """Make noise that swells and fades, such as wind and surf."""
    turns = np.arange(0.0, times[-1] + 1.0, 0.5)
    slow = np.interp(times, turns, generator.uniform(0.05, 1.0, len(turns)))
    return _coloured(times, generator) * slow


def _rain(times: Floats, generator: np.random.Generator) -> Floats:
    """Make many short clicks, from dripping to a shower, through a coloured noise floor."""
    drops = generator.random(len(times)) < 10 ** generator.uniform(-3.5, -1.0)
    fall = np.exp(-np.arange(400) / generator.uniform(10, 120)) * generator.normal(size=400)
    floor = _coloured(times, generator)
    sound = np.convolve(drops * generator.exponential(size=len(times)), fall)[: len(times)]
    return np.asarray(sound + floor / (floor.std() + 1e-12) * sound.std() * generator.uniform(0.0, 1.0))


def _tone(times: Floats, generator: np.random.Generator) -> Floats:
    """Make a tone or a hum with a few harmonics."""
    pitch_hz = 10 ** generator.uniform(1.7, 3.5)
    levels = generator.uniform(0.0, 1.0, generator.integers(1, 8)) ** 2
    return _harmonics(np.full(len(times), pitch_hz), levels)


def _signal(times: Floats, generator: np.random.Generator) -> Floats:
    """Make telephone signals: dial, ringing and busy tones, and keys, with pauses between."""
    if generator.random() < 0.5:
        pair = _DIAL_TONES_HZ[generator.integers(len(_DIAL_TONES_HZ))]
        period, share = generator.uniform(0.3, 4.0), generator.uniform(0.3, 1.0)
        return (np.sin(2 * np.pi * pair[0] * times) + np.sin(2 * np.pi * pair[1] * times)) * (
            times % period < period * share
        )
    keys = generator.integers((4, 3), size=(len(times) // 1600 + 1, 2))
    low, high = (np.repeat(np.take(hertz, keys[:, one]), 1600)[: len(times)] for one, hertz in enumerate(_KEYPAD_HZ))
    return (np.sin(2 * np.pi * low * times) + np.sin(2 * np.pi * high * times)) * (times % 0.2 < 0.12)


def _siren(times: Floats, generator: np.random.Generator) -> Floats:
    """Make a gliding tone: sirens, alarms, whistles."""
    middle, depth, rate = 10 ** generator.uniform(2.4, 3.3), generator.uniform(0.05, 0.6), generator.uniform(0.1, 8.0)
    swing = np.sin(2 * np.pi * rate * times)
    glide = np.sign(swing) if generator.random() < 0.3 else swing
    return _harmonics(middle * (1 + depth * glide), generator.uniform(0.0, 1.0, generator.integers(1, 6)))


def _engine(times: Floats, generator: np.random.Generator) -> Floats:
    """Make a row of pulses with an unsteady rate in noise: engines, drills, hammers."""
    rate = 10 ** generator.uniform(0.5, 2.2)
    drift = np.cumsum(generator.normal(size=len(times))) / _RATE_HZ * rate
    phase = np.cumsum(rate + drift) / _RATE_HZ
    pulses = np.exp(-(phase % 1.0) * generator.uniform(3, 40)) * generator.normal(size=len(times))
    floor = _coloured(times, generator)
    return np.asarray(pulses + floor / (floor.std() + 1e-12) * pulses.std() * generator.uniform(0.05, 1.0))


def _notes(times: Floats, generator: np.random.Generator) -> Floats:
    """Make plucked or held notes, some together: music without singing."""
    sound = np.zeros(len(times))
    for start in np.arange(0.0, times[-1], generator.uniform(0.1, 0.6)):
        for _ in range(generator.integers(1, 4)):
            own = np.maximum(times - start, 0.0)
            pitch = 55.0 * 2 ** (generator.integers(0, 48) / 12)
            envelope = np.exp(-own * generator.uniform(1.0, 8.0)) * (times >= start)
            levels = np.asarray(np.arange(1.0, 6.0) ** -generator.uniform(0.5, 2), np.float64)
            sound += _harmonics(np.full(len(times), pitch), levels) * envelope
    return sound


def _clicks(times: Floats, generator: np.random.Generator) -> Floats:
    """Make a few knocks and bangs."""
    sound = np.zeros(len(times))
    for place in generator.integers(0, len(times), generator.integers(1, 9)):
        length = min(len(times) - place, int(generator.integers(200, 8000)))
        fall = np.exp(-np.arange(length) / generator.uniform(20, 2000))
        ring = np.sin(2 * np.pi * generator.uniform(80, 3000) * np.arange(length) / _RATE_HZ)
        sound[place : place + length] += fall * (ring + generator.normal(size=length)) * generator.uniform(0.2, 1.0)
    return sound + generator.normal(size=len(times)) * 1e-3


def _harmonics(pitch_hz: Floats, levels: Floats) -> Floats:
    phase = 2 * np.pi * np.cumsum(pitch_hz) / _RATE_HZ
    below = [
        level * np.sin(number * phase) * (number * pitch_hz < _RATE_HZ / 2) for number, level in enumerate(levels, 1)
    ]
    return np.asarray(np.sum(below, axis=0) + 1e-9 * np.sin(phase))


NOISES: Final[dict[str, Callable[[Floats, np.random.Generator], Floats]]] = {
    "coloured": _coloured,
    "gusts": _gusts,
    "rain": _rain,
    "tone": _tone,
    "signal": _signal,
    "siren": _siren,
    "engine": _engine,
    "notes": _notes,
    "clicks": _clicks,
}
