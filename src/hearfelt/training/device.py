"""Where a training computes."""

from __future__ import annotations

from typing import Final

import torch

from hearfelt.errors import HearfeltError

__all__ = ["DEVICES", "device_called"]

DEVICES: Final = ("auto", "cpu", "cuda")


def device_called(name: str, *, takes_sound: bool) -> str:
    """Decide where a training computes.

    Args:
        name: ``"auto"`` for a graphics card where there is one and it pays, ``"cpu"`` or ``"cuda"``.
        takes_sound: whether the network is one that takes sound; the others train in seconds and stay on the processor.

    Returns:
        ``"cpu"`` or ``"cuda"``.

    Raises:
        HearfeltError: if there is no such device here, or it is no use to the network.

    Example:
        >>> device_called("auto", takes_sound=False)
        'cpu'
    """
    if name not in DEVICES:
        raise HearfeltError(f"--device {name}: {', '.join(DEVICES)} are known")
    if name == "cuda" and not takes_sound:
        raise HearfeltError("--device cuda: only networks that take sound are trained there; leave the option out")
    if name == "cuda" and not torch.cuda.is_available():
        raise HearfeltError("--device cuda: torch finds no graphics card here; cpu or auto works")
    return "cuda" if takes_sound and name != "cpu" and torch.cuda.is_available() else "cpu"
