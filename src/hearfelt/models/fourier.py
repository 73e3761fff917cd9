"""Short-time Fourier transform as a convolution with windowed cosines and sines, which can be exported as a layer."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["FourierFilters"]


class FourierFilters(nn.Module):
    """Filters of a short-time Fourier transform with a periodic Hann window.

    Args:
        turns: frequencies, in turns a period.
        frame: samples of a filter.
        period: samples of a period, at least ``frame``.

    Attributes:
        turns: ``(bins, 1)``.
        samples: ``(1, frame)``, counted from 0.
        window: ``(frame,)``.
        filters: cosines, then sines, ``(2 · bins, 1, frame)``.

    Example:
        >>> FourierFilters([0, 1], 4, 4).filters[:, 0].round(decimals=2).abs().tolist()
        [[0.0, 0.5, 1.0, 0.5], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.5]]
    """

    filters: Tensor

    def __init__(self, turns: Iterable[int], frame: int, period: int) -> None:
        super().__init__()
        self.period = period
        self.turns = torch.tensor(list(turns), dtype=torch.float64)[:, None]
        self.samples = torch.arange(frame, dtype=torch.float64)[None]
        self.window = torch.hann_window(frame, periodic=True, dtype=torch.float64)
        # The product is reduced to one turn while it is whole, so that no digit is lost to a large angle.
        angles = (self.turns * self.samples).remainder(period) * (2.0 * torch.pi / period)
        filters = torch.cat([angles.cos() * self.window, angles.sin() * self.window])[:, None]
        self.register_buffer("filters", filters.to(torch.float32), persistent=False)

    def forward(self, waves: Tensor, hop: int) -> tuple[Tensor, Tensor]:
        """Filter ``(1, 1, n)``: cosine and sine parts, each ``(1, bins, frames)``."""
        cosines, sines = nn.functional.conv1d(waves, self.filters, stride=hop).chunk(2, dim=1)
        return cosines, sines
