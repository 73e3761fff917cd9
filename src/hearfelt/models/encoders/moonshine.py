"""Moonshine tiny's encoder, its first four layers (Jeffries et al. 2024): from waveform to states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.errors import ModelError

__all__ = ["HEADS", "LAYERS", "WIDTH", "MoonshineEncoder"]

WIDTH: Final = 288
HEADS: Final = 8
LAYERS: Final = 4  # of 6
TURNED: Final = 32  # of each head's 36 numbers; the rest does not know its place
TAKEN: Final = (1, 2, 3)  # layers whose states are given out, counted from 0


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH, bias=False)
        self.q = nn.Linear(WIDTH, WIDTH, bias=False)
        self.k = nn.Linear(WIDTH, WIDTH, bias=False)
        self.v = nn.Linear(WIDTH, WIDTH, bias=False)
        self.o = nn.Linear(WIDTH, WIDTH, bias=False)
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, states: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        normed = self.attention_norm(states)
        query, key, value = (
            project(normed).unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(1, 2)
            for project in (self.q, self.k, self.v)
        )  # (batch, heads, frames, 36)
        query, key = _turned(query, cosines, sines), _turned(key, cosines, sines)
        weights = ((query * (WIDTH // HEADS) ** -0.5) @ key.transpose(2, 3)).softmax(dim=-1)
        states = states + self.o((weights @ value).transpose(1, 2).flatten(2))
        changed: Tensor = self.fc2(functional.gelu(self.fc1(self.norm(states))))
        return states + changed


class MoonshineEncoder(nn.Module):
    """Four of the six encoder layers of Moonshine tiny (English).

    Example:
        >>> tuple(MoonshineEncoder()(torch.zeros(1, 16000)).shape)
        (1, 40, 864)
    """

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(1, WIDTH, 127, stride=64, bias=False)
        self.groupnorm = nn.GroupNorm(1, WIDTH)
        self.conv2 = nn.Conv1d(WIDTH, 2 * WIDTH, 7, stride=3)
        self.conv3 = nn.Conv1d(2 * WIDTH, WIDTH, 3, stride=2)
        self.layers = nn.ModuleList(_Layer() for _ in range(LAYERS))
        steps = torch.arange(0, TURNED, 2, dtype=torch.float32) / TURNED
        self.register_buffer("frequencies", 10_000.0**-steps, persistent=False)

    @classmethod
    def of(cls, weights: Mapping[str, Tensor]) -> MoonshineEncoder:
        """Make the encoder from its published tensors.

        Raises:
            ModelError: if a tensor is missing, unknown or of another shape.
        """
        encoder = cls()
        try:
            encoder.load_state_dict({name: tensor.float() for name, tensor in weights.items()}, strict=True)
        except RuntimeError as error:
            raise ModelError(
                f"these are not Moonshine tiny's first four layers ({str(error).splitlines()[1].strip()})"
            ) from error
        return encoder.eval()

    def forward(self, wave: Tensor) -> Tensor:
        """Compute the states of layers 2, 3 and 4, side by side.

        Args:
            wave: ``(batch, n)`` at 16 kHz, at least 0.1 s.

        Returns:
            ``(batch, frames, 864)``, about 41.7 a second.
        """
        states = self.groupnorm(self.conv1(wave[:, None]).tanh())
        states = functional.gelu(self.conv3(functional.gelu(self.conv2(states)))).transpose(1, 2)
        places = torch.arange(states.shape[1], device=states.device, dtype=states.dtype)
        angles = (places[:, None] * self.frequencies)[:, :, None].expand(-1, -1, 2).flatten(1)  # (frames, 32)
        cosines, sines = angles.cos(), angles.sin()
        taken = []
        for place, layer in enumerate(self.layers):
            states = layer(states, cosines, sines)
            if place in TAKEN:
                taken.append(states)
        return torch.cat(taken, dim=2)


def _turned(states: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Apply rotary position embedding (Su et al. 2021): rotate pairs by an angle that grows with the position."""
    turning, still = states[..., :TURNED], states[..., TURNED:]
    pairs = turning.unflatten(-1, (TURNED // 2, 2))  # type: ignore[no-untyped-call]
    swapped = torch.stack([-pairs[..., 1], pairs[..., 0]], dim=-1).flatten(-2)
    return torch.cat([turning * cosines + swapped * sines, still], dim=-1)
