"""Pitch front end: autocorrelations at 48 lags and levels in five bands, and their statistics over a clip."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.models.frontend import RATE_HZ
from hearfelt.models.layers import FourierFilters

__all__ = ["PITCH_DIMENSIONS", "PitchFrontEnd", "pitch_statistics"]

LAGS: Final = 48
LOWEST_HZ: Final = 62.5
HIGHEST_HZ: Final = 500.0
BAND_EDGES_HZ: Final = ((50.0, 8000.0), (50.0, 500.0), (500.0, 1500.0), (1500.0, 3500.0), (3500.0, 8000.0))
PITCH_DIMENSIONS: Final = 3 * (LAGS + len(BAND_EDGES_HZ))  # numbers that describe a clip

_FRAME: Final = 640  # 40 ms, two and a half periods of the lowest voice
_HOP: Final = 320
_POINTS: Final = 1024  # of the transform; the frame and the longest lag fit into it
_FINE: Final = 256  # bins below 4 kHz, all of which are needed for the lags …
_COARSE: Final = 4  # … and every fourth above, which is enough for a band's level
_LEAST: Final = 1e-3  # of the power of spoken frames: what lies far below it is not asked for its pitch
_FLOOR: Final = 1e-6
_SPOKEN: Final = 1.5e3  # power of a spoken frame, summed over the bins, of a sound at the level that LogMel gives it


class PitchFrontEnd(nn.Module):
    """From a levelled waveform to frames of 40 ms: autocorrelations at 48 lags, and levels in five bands.

    The autocorrelation is computed from the power below 4 kHz and divided by that of the window (Boersma 1993), so
    that a steady tone has 1 at its period. No pitch is chosen: octaves are left to the model.

    Example:
        >>> wave = torch.sin(torch.arange(16000) * (2 * torch.pi * 250 / 16000))[None]
        >>> frames = PitchFrontEnd()(wave)
        >>> tuple(frames.shape), int(frames[0, 10, 24:48].argmax()) + 24
        ((1, 25, 53), 31)
    """

    lag_basis: Tensor
    band_basis: Tensor

    def __init__(self) -> None:
        super().__init__()
        bins = torch.cat([torch.arange(3, _FINE), torch.arange(_FINE, _POINTS // 2, _COARSE)]).double()
        widths = torch.where(bins < _FINE, 1.0, float(_COARSE)).double()
        self.fourier = FourierFilters(bins.long().tolist(), _FRAME, _POINTS)
        hertz = bins * (RATE_HZ / _POINTS)
        periods = 1.0 / torch.logspace(
            torch.tensor(LOWEST_HZ).log10().item(), torch.tensor(HIGHEST_HZ).log10().item(), LAGS, dtype=torch.float64
        )
        lags = torch.cos(2.0 * torch.pi * hertz[:, None] * periods) * (bins < _FINE)[:, None]
        self.register_buffer("lag_basis", (lags / _of_window(periods * RATE_HZ)).float(), persistent=False)
        bands = torch.stack([(hertz >= low) & (hertz < high) for low, high in BAND_EDGES_HZ], dim=1)
        below = (bins < _FINE)[:, None]
        self.register_buffer("band_basis", torch.cat([bands * widths[:, None], below], dim=1).float(), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Compute the frames of one clip.

        Args:
            wave: ``(1, n)`` at 16 kHz, at the level that :class:`~hearfelt.models.frontend.LogMel` gives it.

        Returns:
            ``(1, frames, 53)``.
        """
        around = functional.pad(wave[:, None], (_FRAME // 2, _FRAME // 2), mode="reflect")
        cosines, sines = self.fourier(around, _HOP)
        power = (cosines * cosines + sines * sines)[:, :, :-1].transpose(1, 2)  # (1, frames, bins)
        levels = power @ self.band_basis / _SPOKEN  # five bands, and all that the lags are computed from
        repeats = (power / _SPOKEN) @ self.lag_basis / (levels[:, :, -1:] + _LEAST)
        loud = (levels[:, :, :-1] + _FLOOR).log10()
        frames = torch.cat([repeats, loud], dim=2)
        return functional.avg_pool1d(frames.transpose(1, 2), 2).transpose(1, 2)


def pitch_statistics(frames: Tensor) -> Tensor:
    """Summarize a clip by mean, standard deviation and mean change of its frames.

    Args:
        frames: ``(batch, frames, 53)``, at least two frames.

    Returns:
        ``(batch, 159)``.
    """
    mean = frames.mean(dim=1)
    apart = frames - mean[:, None]
    deviation = ((apart * apart).mean(dim=1) + 1e-5).sqrt()
    change = (frames[:, 1:] - frames[:, :-1]).abs().mean(dim=1)
    return torch.cat([mean, deviation, change], dim=1)


def _of_window(lags: Tensor) -> Tensor:
    """Compute the autocorrelation of the Hann window at lags ``(lags,)`` in samples, at least 0.15."""
    spectrum = torch.fft.rfft(torch.hann_window(_FRAME, dtype=torch.float64), 2 * _POINTS).abs() ** 2
    whole = torch.fft.irfft(spectrum)[:_POINTS]
    low = lags.floor().long()
    share = lags - low
    between: Tensor = (1.0 - share) * whole[low] + share * whole[low + 1]
    share_of_none: Tensor = (between / whole[0]).clamp(min=0.15)
    return share_of_none
