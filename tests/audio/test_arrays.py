from __future__ import annotations

import numpy as np
import pytest
import torch

from hearfelt.audio.arrays import with_rate
from hearfelt.audio.reader import read_audio
from hearfelt.errors import AudioError

TWO = np.stack([np.linspace(-0.5, 0.5, 4_000), np.zeros(4_000)]).astype(np.float32)  # (channels, n)


@pytest.mark.parametrize(
    "sound",
    [
        (8_000, TWO),
        (TWO, 8_000),
        (8_000, TWO.T),
        (TWO.T, 8_000.0),
        (torch.from_numpy(TWO), 8_000),
        (8_000, torch.from_numpy(TWO.T.copy()).requires_grad_()),
        {"array": TWO, "sampling_rate": 8_000},
        {"raw": TWO, "sampling_rate": 8_000},
    ],
    ids=["SciPy", "torchaudio", "Gradio", "soundfile", "tensor", "gradient", "datasets", "transformers"],
)
def test_samples_that_come_with_their_rate_are_the_same_sound(sound: object) -> None:
    audio = read_audio(sound)  # type: ignore[arg-type]
    assert (audio.rate_hz, audio.channels) == (8_000, 2)
    np.testing.assert_allclose(audio.samples, TWO.mean(axis=0), atol=1e-6)


def test_a_tensor_is_samples() -> None:
    expected = read_audio(TWO, 8_000).samples
    np.testing.assert_array_equal(read_audio(torch.from_numpy(TWO), 8_000).samples, expected)


@pytest.mark.parametrize(
    ("sound", "rate_hz", "fault"),
    [
        ((8_000, TWO), 16_000, "16000 Hz for samples at 8000 Hz"),
        ((TWO,), None, "a pair of samples and their rate"),
        ((8_000, 16_000), None, "a pair of samples and their rate"),
        ({"path": "a.wav"}, None, "a mapping with path; array and sampling_rate are wanted"),
        (torch.zeros(4_000, dtype=torch.bfloat16), 8_000, "bfloat16"),
    ],
)
def test_what_is_no_sound_is_refused(sound: object, rate_hz: int | None, fault: str) -> None:
    with pytest.raises(AudioError, match=fault):
        read_audio(sound, rate_hz)  # type: ignore[arg-type]


def test_everything_else_is_left_alone() -> None:
    assert with_rate("a.wav", None) == ("a.wav", None)
