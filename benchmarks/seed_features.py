"""The 162 features as in the student project, with librosa; the reference for benchmarks and tests.

python benchmarks/seed_features.py OUT.npy < paths
"""

from __future__ import annotations

import sys
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt

__all__ = ["seed_features"]


def seed_features(path: Path) -> npt.NDArray[np.float32]:
    y, sr = librosa.load(path, duration=2.5, offset=0.6)
    S = np.abs(librosa.stft(y))
    parts = (
        librosa.feature.chroma_stft(S=S, sr=sr),
        librosa.feature.mfcc(y=y, sr=sr),
        librosa.feature.zero_crossing_rate(y=y),
        librosa.feature.melspectrogram(y=y, sr=sr),
        librosa.feature.rms(y=y),
    )
    return np.hstack([np.mean(part.T, axis=0) for part in parts]).astype(np.float32)


if __name__ == "__main__":
    np.save(sys.argv[1], np.array([seed_features(Path(line.rstrip("\n"))) for line in sys.stdin]))
