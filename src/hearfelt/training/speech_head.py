"""The head that tells whether somebody speaks: logistic regression on a clip's statistics.

Sounds without a voice are made by code, and read from a folder if there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hearfelt.audio.reader import audio_files, read_audio, resample
from hearfelt.augmentation.noises import NOISES, make_noise
from hearfelt.errors import require
from hearfelt.evaluation.calibration import speech_threshold
from hearfelt.models.frontend import RATE_HZ
from hearfelt.training.augmented_copies import degrade_reproducibly
from hearfelt.training.clip_statistics import MAX_CLIP_S

__all__ = ["SpeechHead", "fit_speech_head", "noise_sounds"]

_OF_EACH_KIND: Final = 60  # sounds made by code
_COST: Final = 0.01  # scikit-learn's C: the smaller, the smoother

Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SpeechHead:
    """The fitted head.

    Attributes:
        layer: from scaled statistics to a logit.
        threshold: below it there is no speech.
    """

    layer: nn.Linear
    threshold: float


def noise_sounds(folder: Path | None = None) -> tuple[list[Rows], list[str]]:
    """Make or read sounds in which nobody speaks.

    Args:
        folder: files of real noise, each used as it is and degraded; None for noise made by code alone.

    Returns:
        The sounds, ``(n,)`` at 16 kHz, and the kind of each: a name of :data:`~hearfelt.augmentation.noises.NOISES`, or
        a file's name without the digits at its end.

    Raises:
        AudioError: if a file cannot be read.
    """
    sounds, kinds = [], []
    for kind in NOISES:
        for number in range(_OF_EACH_KIND):
            sounds.append(make_noise(kind, np.random.default_rng(number)))
            kinds.append(kind)
    for path in audio_files(folder) if folder else ():
        audio = read_audio(path)
        samples = resample(audio.samples, audio.rate_hz, RATE_HZ)[: int(MAX_CLIP_S * RATE_HZ)]
        sounds += [samples, degrade_reproducibly(samples)]
        kinds += [path.stem.rstrip("0123456789-_")] * 2
    return sounds, kinds


def fit_speech_head(speech: Rows, corpora: Sequence[str], noise: Rows, kinds: Sequence[str]) -> SpeechHead:
    """Fit the head, and choose its threshold.

    Args:
        speech: ``(clips, k)``, scaled statistics of speech.
        corpora: the corpus of each.
        noise: ``(sounds, k)``, of sounds in which nobody speaks.
        kinds: the kind of each.
    """
    regression = require("sklearn.linear_model", "train").LogisticRegression(
        C=_COST, class_weight="balanced", max_iter=1000
    )
    rows, speaks = np.concatenate([speech, noise]), np.arange(len(speech) + len(noise)) < len(speech)
    regression.fit(rows, speaks)
    layer = nn.Linear(rows.shape[1], 1)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(regression.coef_))
        layer.bias.copy_(torch.from_numpy(regression.intercept_))
    logits = regression.decision_function(rows)
    return SpeechHead(layer.eval(), speech_threshold(logits, speaks, np.array([*corpora, *kinds])))
