"""Sounds for which tests/data/librosa.npz holds librosa's answers; tools/make_librosa_answers.py reads them, too."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soundfile

from hearfelt.audio.reader import audio_files, read_audio

Samples = npt.NDArray[np.float32]

RATE_HZ: Final = 22_050
CHROMA: Final = ((16_000, -0.13), (22_050, -0.5), (22_050, 0.0), (22_050, 0.49))  # sampling rate, tuning
EVERY_BIN: Final = 5  # of a chroma filter is stored
MEL_RATES_HZ: Final = (8_000, 16_000, 22_050, 48_000)
LEVEL_LENGTHS: Final = (1, 600, 2048, 2049, 30_000)
STRETCHES: Final = (0.8, 1.25)
EVERY_CLIP: Final = 20  # of RAVDESS is measured
PITCHED: Final = tuple(
    f"Audio_Speech_Actors_01-24/Actor_{actor}/03-01-{code}-01-01-01-{actor}.flac"
    for actor, code in (("01", "03"), ("02", "05"), ("12", "04"))
)


@cache
def answers() -> dict[str, npt.NDArray[Any]]:
    """What librosa computed."""
    with np.load(Path(__file__).parent / "data" / "librosa.npz", allow_pickle=False) as file:
        return dict(file)


def noise(seconds: float, rate_hz: int = RATE_HZ, seed: int = 0) -> Samples:
    generator = np.random.default_rng(seed)
    return generator.normal(0.0, 0.1, int(seconds * rate_hz)).astype(np.float32)


def tone(frequency_hz: float, seconds: float = 3.0, rate_hz: int = RATE_HZ, amplitude: float = 0.5) -> Samples:
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32)


def level_sound(length: int) -> Samples:
    sound = np.random.default_rng(0).normal(0.0, 0.1, 30_000).astype(np.float32)[:length]
    sound[: length // 3] = 0.0
    sound[length // 3 : length // 2] *= -1e-9  # around librosa's threshold of zero
    return sound


def chord(*frequencies_hz: float, seconds: float = 1.0) -> Samples:
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return sum(np.sin(2 * np.pi * frequency_hz * times) for frequency_hz in frequencies_hz).astype(np.float32) / 4  # type: ignore[union-attr]


def tuned_sound(seed: int) -> Samples:
    generator = np.random.default_rng(seed)
    frequencies_hz = generator.uniform(100, 4000, 6)
    return np.asarray(chord(*frequencies_hz) + generator.normal(0, 0.02, RATE_HZ).astype(np.float32))


def stretch_sound(toy: Path) -> Samples:
    return read_audio(audio_files(toy)[0]).samples[:20_000]


def feature_sounds(folder: Path) -> list[Path]:
    """Write noise and tones of six sampling rates to ``folder``."""
    paths = []
    for rate_hz in (8_000, 16_000, 22_050, 44_100, 48_000, 96_000):
        for name, sound in (("noise", noise(3.7, rate_hz)), ("tone", tone(523.25, 2.0, rate_hz))):
            paths.append(folder / f"{name}_{rate_hz}.wav")
            soundfile.write(paths[-1], sound, rate_hz, subtype="PCM_24")
    return paths
