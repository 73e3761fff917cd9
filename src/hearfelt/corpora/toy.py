"""The toy corpus: synthetic "voices" made in seconds, for tests and first steps.

These sounds are synthetic. They imitate what is known to carry emotion in a voice (pitch, its movement, tempo,
loudness, brightness, breath; Banse and Scherer 1996), so that a model learns something from them, and they
differ between made-up speakers, so that splits by speaker mean something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from hearfelt.corpora.base import CorpusFormat, read_names
from hearfelt.corpora.clips import Clip
from hearfelt.emotions import EMOTIONS

__all__ = ["TOY", "write_toy"]

RATE_HZ: Final = 16_000
DURATION_S: Final = 1.2
SAMPLES: Final = round(RATE_HZ * DURATION_S)  # 19,200


@dataclass(frozen=True)
class _Voice:
    """Acoustic parameters of one emotion.

    Attributes:
        pitch: times the speaker's own pitch.
        glide: semitones that the pitch moves from the first to the last sample.
        swing: semitones that the pitch moves up and down within a syllable.
        syllables_per_s: tempo.
        peak: of the whole clip, 0 to 1.
        tilt_db: loudness of each octave of harmonics under the one below; low is bright.
        breath: share of noise in the voice, 0 to 1.
    """

    pitch: float
    glide: float
    swing: float
    syllables_per_s: float
    peak: float
    tilt_db: float
    breath: float


_VOICES: Final[dict[str, _Voice]] = {
    "neutral": _Voice(1.00, -1.0, 0.3, 4.0, 0.35, 9.0, 0.05),
    "calm": _Voice(0.92, -2.0, 0.2, 2.5, 0.22, 14.0, 0.10),
    "happy": _Voice(1.40, 3.0, 2.5, 5.5, 0.60, 6.0, 0.05),
    "sad": _Voice(0.88, -5.0, 0.5, 2.0, 0.15, 16.0, 0.25),
    "angry": _Voice(1.30, -2.0, 1.5, 5.0, 0.95, 2.0, 0.15),
    "fearful": _Voice(1.70, 1.0, 1.0, 7.0, 0.40, 8.0, 0.35),
    "disgust": _Voice(0.85, -4.0, 1.5, 3.0, 0.45, 5.0, 0.45),
    "surprised": _Voice(1.30, 9.0, 1.0, 3.5, 0.65, 7.0, 0.10),
}


def write_toy(root: Path, *, speakers: int = 6, clips_each: int = 2, seed: int = 0) -> Path:
    """Write a toy corpus: ``speakers`` × 8 emotions × ``clips_each`` WAV files of 1.2 s at 16 kHz.

    A clip depends only on ``seed`` and its own name, so a larger toy contains the smaller one.

    Args:
        root: folder to write into; made when it isn't there.
        speakers: how many made-up speakers, 1 to 99; odd ones are men, as in RAVDESS.
        clips_each: how many clips each speaker has of each emotion.
        seed: another seed gives other voices.

    Returns:
        ``root``.

    Raises:
        ValueError: if ``speakers`` is outside 1–99 or ``clips_each`` under 1.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     names = sorted(path.name for path in write_toy(Path(folder), speakers=1).iterdir())
        >>> len(names), names[0]
        (16, '01_angry_1.wav')
    """
    if not 1 <= speakers <= 99:
        raise ValueError(f"{speakers} speakers; a toy corpus has 1 to 99")
    if clips_each < 1:
        raise ValueError(f"{clips_each} clips of each emotion; a toy corpus has at least 1")
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    for speaker in range(1, speakers + 1):
        for code, emotion in enumerate(EMOTIONS):
            for take in range(1, clips_each + 1):
                samples = _say(_VOICES[emotion], speaker, take=take, seed=(seed, code))
                soundfile.write(root / f"{speaker:02d}_{emotion}_{take}.wav", samples, RATE_HZ, "PCM_16")
    return root


def _say(voice: _Voice, speaker: int, *, take: int, seed: tuple[int, int]) -> NDArray[np.float32]:
    """Synthesize one clip ``(n,)``: harmonics under a syllable rhythm, and breath noise."""
    person = np.random.default_rng([seed[0], speaker])
    chance = np.random.default_rng([*seed, speaker, take])
    pitch_hz = (110 if speaker % 2 else 205) * person.uniform(0.88, 1.14) * voice.pitch
    pitch_hz *= chance.uniform(0.97, 1.03)
    tilt_db = voice.tilt_db + person.uniform(-1.0, 1.0)
    tempo = voice.syllables_per_s * chance.uniform(0.92, 1.08)
    peak = voice.peak * chance.uniform(0.92, 1.0)

    time_s = np.arange(SAMPLES) / RATE_HZ
    beat = 2 * np.pi * (tempo * time_s + chance.uniform(0, 1))  # radians; one turn is one syllable
    semitones = voice.glide * (time_s / DURATION_S - 0.5) + voice.swing * np.sin(beat)
    phase = 2 * np.pi * np.cumsum(pitch_hz * 2 ** (semitones / 12)) / RATE_HZ
    highest_hz = pitch_hz * 2 ** ((abs(voice.glide) / 2 + voice.swing) / 12)
    harmonics = np.arange(1, max(2, int(0.45 * RATE_HZ / highest_hz)))
    gains = 10 ** (-tilt_db * np.log2(harmonics) / 20)
    hum = gains @ np.sin(harmonics[:, None] * phase)  # (harmonics,) @ (harmonics, n) -> (n,)
    hiss = chance.standard_normal(SAMPLES)

    sound = (1 - voice.breath) * hum / hum.std() + voice.breath * hiss
    sound *= 0.15 + 0.85 * (0.5 - 0.5 * np.cos(beat))  # syllables
    sound *= np.minimum(1, np.minimum(time_s, DURATION_S - time_s) / 0.05)  # 50 ms in and out, no click
    return np.asarray(sound * (peak / np.abs(sound).max()), dtype=np.float32)


_SHAPE: Final = re.compile(rf"(?:^|/)(?P<speaker>\d\d)_(?P<emotion>{'|'.join(EMOTIONS)})_(?P<take>\d+)$")


def _clip_of(root: Path, name: str, match: re.Match[str]) -> Clip:
    return Clip(
        corpus="toy",
        root=root,
        name=name,
        speaker=f"toy/{match['speaker']}",
        emotion=match["emotion"],
        sex="male" if int(match["speaker"]) % 2 else "female",
        repetition=match["take"],
    )


TOY: Final = CorpusFormat(
    name="toy",
    title="synthetic voices made by hearfelt; nobody spoke them",
    licence="MIT",
    url="",
    language="",
    speakers=6,
    clips=96,
    emotions=EMOTIONS,
    hours=0.03,
    megabytes=4,
    example="01_angry_1.wav",
    shape=_SHAPE,
    parse=lambda root, names: read_names(root, names, _SHAPE, _clip_of),
)
