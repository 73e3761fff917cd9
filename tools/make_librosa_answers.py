"""Write what librosa computes for the sounds of the tests to tests/data/librosa.npz.

    python tools/make_librosa_answers.py --ravdess ~/ravdess --originals ~/originals/ravdess

Tests compare with this file, because librosa compiles its loops for a minute in every process that uses it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

import librosa
import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import audio_files, read_audio
from hearfelt.corpora.toy import write_toy

ROOT: Final = Path(__file__).parents[1]
ANSWERS: Final = ROOT / "tests" / "data" / "librosa.npz"

sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT)]

from seed_features import seed_features  # noqa: E402
from tests.reference_sounds import (  # noqa: E402
    CHROMA,
    EVERY_BIN,
    EVERY_CLIP,
    LEVEL_LENGTHS,
    MEL_RATES_HZ,
    PITCHED,
    STRETCHES,
    feature_sounds,
    level_sound,
    stretch_sound,
    tuned_sound,
)

Array = npt.NDArray[Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ravdess", type=Path, required=True, help="the folder of RAVDESS")
    parser.add_argument("--originals", type=Path, required=True, help="a folder of its clips as published, at 48 kHz")
    options = parser.parse_args()
    answers = filters() | levels() | {"tuning": tunings()} | pitches(options.ravdess) | stretches()
    answers |= {"features-made": made_features(), "features-ravdess": ravdess_features(options.ravdess, EVERY_CLIP)}
    answers["features-48-khz"] = ravdess_features(options.originals, 1)
    np.savez_compressed(ANSWERS, allow_pickle=False, **answers)
    print(
        f"{ANSWERS.name}: {len(answers)} arrays, {ANSWERS.stat().st_size / 1e3:.0f} kB, librosa {librosa.__version__}"
    )


def filters() -> dict[str, Array]:
    """Filter banks of chroma (some columns), of mel bands, and of Whisper's 80 bands."""
    found = {
        f"chroma-{rate_hz}-{tuning}": librosa.filters.chroma(sr=rate_hz, n_fft=2048, tuning=tuning)[:, ::EVERY_BIN]
        for rate_hz, tuning in CHROMA
    }
    found |= {f"mel-{rate_hz}": librosa.filters.mel(sr=rate_hz, n_fft=2048, n_mels=40) for rate_hz in MEL_RATES_HZ}
    found["mel-whisper"] = librosa.filters.mel(sr=16_000, n_fft=400, n_mels=80)
    found["mel-centres-hz"] = librosa.mel_frequencies(82, fmin=0, fmax=8_000)[1:-1]
    return found


def levels() -> dict[str, Array]:
    """Loudness and zero crossings of frames."""
    found = {}
    for length in LEVEL_LENGTHS:
        sound = level_sound(length)
        found[f"rms-{length}"] = librosa.feature.rms(y=sound)[0]
        found[f"crossings-{length}"] = librosa.feature.zero_crossing_rate(sound)[0]
    return found


def tunings() -> Array:
    """Tuning of 20 chords in noise, ``(20,)``."""
    return np.array(
        [librosa.estimate_tuning(S=np.abs(librosa.stft(tuned_sound(seed))), sr=22_050) for seed in range(20)]
    )


def pitches(ravdess: Path) -> dict[str, Array]:
    """Fundamental frequency in Hz of three voices; 0 where a frame is not voiced."""
    found = {}
    for name in PITCHED:
        audio = read_audio(ravdess / name)
        sound = librosa.resample(audio.samples, orig_sr=audio.rate_hz, target_sr=16_000)
        pitch_hz, voiced, _ = librosa.pyin(sound, fmin=60, fmax=800, sr=16_000, frame_length=1_024, hop_length=160)
        found[f"pitch-{Path(name).stem}"] = np.where(voiced, pitch_hz, 0).astype(np.float32)
    return found


def stretches() -> dict[str, Array]:
    """A toy voice, stretched."""
    with tempfile.TemporaryDirectory() as folder:
        write_toy(Path(folder))
        sound = stretch_sound(Path(folder))
    return {f"stretch-{rate}": librosa.effects.time_stretch(sound, rate=rate).astype(np.float16) for rate in STRETCHES}


def made_features() -> Array:
    """The student project's features of noise and tones at many rates, ``(sounds, 162)``."""
    with tempfile.TemporaryDirectory() as folder:
        return np.array([seed_features(path) for path in feature_sounds(Path(folder))])


def ravdess_features(folder: Path, every: int) -> Array:
    """The same of every so many clips of a folder, ``(clips, 162)``."""
    return np.array([seed_features(path) for path in audio_files(folder)[::every]])


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
