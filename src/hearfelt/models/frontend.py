"""The front end of the sound models: level, trimming of silence, and log-mel, as layers that are exported with them.

All processing before the encoder is here, so that Python, a browser and a phone do the same. A clip can be processed as
if it were played faster or slower: frames of 360 samples with a hop of 144 are what frames of 400 with a hop of 160
would be if the clip were played at 0.9 times its speed.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.models.layers import FourierFilters

__all__ = ["BANDS", "FRAME", "HOP", "RATE_HZ", "LogMel", "mel_bank"]

RATE_HZ: Final = 16_000
FRAME: Final = RATE_HZ // 40  # 400 samples, 25 ms
HOP: Final = RATE_HZ // 100  # 160 samples, 10 ms
BANDS: Final = 80
HIGHEST_HZ: Final = 8_000.0

# Levels are powers as log10: 1 is 10 dB.
SPEECH_RANGE: Final = 2.5  # frames within 25 dB of the loudest set the level …
KEPT: Final = 3.2  # … and those beyond the first and last within 32 dB are trimmed: low noise does not move them
FLOOR: Final = 6.0  # what is 60 dB under the loudest band counts as silence; Whisper's own 80 dB would keep faint hiss
LEVEL: Final = 1.0  # mean power of the spoken frames, all bands together, after levelling
CONTEXT: Final = 10  # frames kept on either side, 0.1 s
_EPSILON: Final = 1e-14


class LogMel(nn.Module):
    """From samples to the log-mel frames that Whisper's encoder takes, at any level, with silent ends trimmed.

    The frames are Whisper's (Radford et al. 2022): periodic Hann window, 80 Slaney bands up to 8 kHz, log10 of the
    power, ``(x + 4) / 4``. Level and floor are not: they are relative to the spoken frames, so that neither gain nor a
    click nor faint noise changes much.

    Args:
        speed: factor of the clip's tempo and pitch; ``speed · 160`` must be whole.

    Example:
        >>> samples = torch.sin(torch.arange(16000) / 5)[None] * torch.hann_window(16000)
        >>> mel, wave = LogMel()(samples)
        >>> tuple(mel.shape)
        (1, 80, 100)
        >>> torch.allclose(LogMel()(samples / 100)[0], mel, atol=1e-4)
        True
    """

    bank: Tensor

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__()
        self.frame, self.hop = round(FRAME * speed), round(HOP * speed)
        self.fourier = FourierFilters(range(self.frame // 2 + 1), self.frame, self.frame)
        self.register_buffer("bank", mel_bank(self.frame), persistent=False)

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the frames of one clip.

        Args:
            samples: ``(1, n)`` at 16 kHz, any level.

        Returns:
            Log-mel ``(1, 80, frames)``, and the trimmed sound ``(1, n)`` brought to the level of the frames.
        """
        samples = _aligned(samples - samples.mean(dim=1, keepdim=True), self.hop)
        around = functional.pad(samples[:, None], (self.frame // 2, self.frame // 2), mode="reflect")
        cosines, sines = self.fourier(around, self.hop)
        power = self.bank @ (cosines * cosines + sines * sines)[:, :, :-1]  # (1, bands, frames)
        energy = power.sum(dim=1)  # (1, frames)
        loudness = (energy + 1e-12).log10()
        below_peak = loudness.max() - loudness
        is_speech = (below_peak < SPEECH_RANGE).to(energy.dtype)
        level = (energy * is_speech).sum() / is_speech.sum()
        first, end = _kept_frames(below_peak[0])
        logarithm = ((power[:, :, first:end] + _EPSILON) / (level + _EPSILON)).log10() + LEVEL
        logarithm = torch.maximum(logarithm, logarithm.max() - FLOOR)
        wave = samples[:, first * self.hop : end * self.hop] * (10.0 ** (LEVEL / 2) / (level + _EPSILON).sqrt())
        return (logarithm + 4.0) / 4.0, wave


def _aligned(samples: Tensor, hop: int) -> Tensor:
    """Pad with silence in front until the loudest sample is in the middle of a frame.

    Half a frame more or less at the beginning of a file is inaudible, but changes one prediction in twenty if frames
    are aligned to the file and not to the sound.
    """
    loudest = samples.abs().argmax(dim=1)[0]
    longer = functional.pad(samples, (hop - 1, 0))
    return longer[:, (loudest + hop - 1) % hop :]


def _kept_frames(below_peak: Tensor) -> tuple[Tensor, Tensor]:
    """Find the first frame kept and the first one after the last; tensors, so that they are part of the graph."""
    indices = torch.arange(below_peak.shape[0], device=below_peak.device)
    is_kept = below_peak < KEPT
    first = torch.where(is_kept, indices, below_peak.shape[0]).min() - CONTEXT
    end = torch.where(is_kept, indices, 0).max() + 1 + CONTEXT
    return first.clamp(min=0), end


def mel_bank(frame: int = FRAME) -> Tensor:
    """Compute Slaney's mel filters for frames of any length that stand for 25 ms: ``(80, frame // 2 + 1)``.

    Slaney, "Auditory Toolbox" (1998): linear below 1 kHz, logarithmic above, each triangle of equal area.

    Example:
        >>> bank = mel_bank()
        >>> tuple(bank.shape), bool((bank.argmax(dim=1).diff() >= 0).all())
        ((80, 201), True)
    """
    bins = torch.arange(frame // 2 + 1, dtype=torch.float64) * (RATE_HZ / FRAME)  # 40 Hz apart
    edges = _hz(torch.linspace(0.0, float(_mel(torch.tensor(HIGHEST_HZ))), BANDS + 2, dtype=torch.float64))
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = torch.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clamp(min=0.0)
    return (triangles * 2.0 / (high - low)).to(torch.float32)


def _mel(hz: Tensor) -> Tensor:
    return torch.where(hz < 1000.0, hz * 3.0 / 200.0, 15.0 + 27.0 * (hz.clamp(min=1.0) / 1000.0).log() / _LOG_STEP)


def _hz(mel: Tensor) -> Tensor:
    return torch.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * ((mel - 15.0) * _LOG_STEP / 27.0).exp())


_LOG_STEP: Final = float(torch.tensor(6.4, dtype=torch.float64).log())
