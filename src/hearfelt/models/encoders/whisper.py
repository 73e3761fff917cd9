"""Whisper base's encoder, its first four layers (Radford et al. 2022): from log-mel to states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from hearfelt.errors import ModelError
from hearfelt.models.frontend import BANDS
from hearfelt.models.layers import halved

__all__ = ["HALVED_AFTER", "HEADS", "LAYERS", "WIDTH", "WhisperEncoder"]

WIDTH: Final = 512
HEADS: Final = 8
LAYERS: Final = 4  # of 6 in Whisper base; the last ones only know the words
POSITIONS: Final = 1500  # 30 s at 50 frames a second
HALVED_AFTER: Final = (1, 2)  # layers after which there are half as many frames


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(WIDTH, WIDTH)
        self.k_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.v_proj = nn.Linear(WIDTH, WIDTH)
        self.out_proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, states: Tensor) -> Tensor:
        query, key, value = (
            project(states).unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )  # (batch, heads, frames, 64)
        weights = ((query * (WIDTH // HEADS) ** -0.5) @ key.transpose(2, 3)).softmax(dim=-1)
        mixed: Tensor = self.out_proj((weights @ value).transpose(1, 2).flatten(2))
        return mixed


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn = _Attention()
        self.self_attn_layer_norm = nn.LayerNorm(WIDTH)
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)
        self.final_layer_norm = nn.LayerNorm(WIDTH)

    def forward(self, states: Tensor) -> Tensor:
        states = states + self.self_attn(self.self_attn_layer_norm(states))
        changed: Tensor = self.fc2(functional.gelu(self.fc1(self.final_layer_norm(states))))
        return states + changed


class WhisperEncoder(nn.Module):
    """Four of the six encoder layers of Whisper base, without its padding to 30 s.

    Tensors are named as in Hugging Face's ``openai/whisper-base``, below ``model.encoder.``.

    Example:
        >>> import torch
        >>> [tuple(states.shape) for states in WhisperEncoder()(torch.zeros(1, 80, 100))]
        [(1, 50, 512), (1, 25, 512), (1, 12, 512), (1, 12, 512)]
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(BANDS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(POSITIONS, WIDTH)
        self.layers = nn.ModuleList(_Layer() for _ in range(LAYERS))

    @classmethod
    def of(cls, weights: Mapping[str, Tensor], *, positions: int = POSITIONS) -> WhisperEncoder:
        """Make the encoder from its published tensors.

        Args:
            weights: by name.
            positions: how many frames it shall know places for, 50 a second; the others' places are forgotten.

        Raises:
            ModelError: if a tensor is missing, unknown or of another shape.
        """
        encoder = cls()
        own = {name.removeprefix("model.encoder."): tensor.float() for name, tensor in weights.items()}
        try:
            encoder.load_state_dict(own, strict=True)
        except RuntimeError as error:
            raise ModelError(
                f"these are not Whisper base's first four layers ({str(error).splitlines()[1].strip()})"
            ) from error
        kept = encoder.embed_positions.weight.detach()[:positions].clone()
        encoder.embed_positions = nn.Embedding(positions, WIDTH, _weight=kept)
        return encoder.eval()

    def forward(self, mel: Tensor) -> list[Tensor]:
        """Compute the states of all four layers.

        After the first and the second layer every two frames are averaged, which halves the cost of what follows: for
        emotions the states are as good.

        Args:
            mel: ``(batch, 80, frames)``, 100 frames a second, at most 30 s.

        Returns:
            Of each layer ``(batch, frames, 512)``: 50, 25, 12.5 and 12.5 frames a second.
        """
        frames = functional.gelu(self.conv2(functional.gelu(self.conv1(mel)))).transpose(1, 2)
        frames = frames + self.embed_positions.weight[: frames.shape[1]]
        states = []
        for number, layer in enumerate(self.layers, 1):
            frames = layer(frames)
            states.append(frames)
            if number in HALVED_AFTER:
                frames = halved(frames)
        return states
