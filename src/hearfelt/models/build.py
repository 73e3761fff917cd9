"""Which networks there are, and how each comes into being."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from torch import nn

from hearfelt.errors import RecipeError
from hearfelt.models import classic, hearfelt, svm
from hearfelt.models.classic import ClassicNetwork
from hearfelt.models.svm import SvmNetwork

__all__ = ["NETWORKS", "NetworkKind", "build", "kind_of"]


@dataclass(frozen=True)
class NetworkKind:
    """What the rest of hearfelt must know of a network.

    Attributes:
        name: as in a recipe.
        input: what it takes, as in a model's card.
        limits: what it cannot do, a sentence each, for the card.
        window_s: the longest stretch of sound it takes at once; 0 where that is no matter.
    """

    name: str
    input: str
    limits: tuple[str, ...]
    window_s: float = 0.0


NETWORKS: Final[Mapping[str, NetworkKind]] = MappingProxyType(
    {
        "classic": NetworkKind("classic", "classic-162", classic.LIMITS),
        "svm": NetworkKind("svm", "classic-162", svm.LIMITS),
        "hearfelt": NetworkKind("hearfelt", "sound", hearfelt.LIMITS, hearfelt.WINDOW_S),
        "tiny": NetworkKind("tiny", "sound", hearfelt.LIMITS, hearfelt.WINDOW_S),
    }
)


def kind_of(network: str) -> NetworkKind:
    """Look a network up.

    Raises:
        RecipeError: if there is none of this name.
    """
    if network not in NETWORKS:
        raise RecipeError(f"no network is called {network!r}; there are {', '.join(NETWORKS)}")
    return NETWORKS[network]


def build(network: str, classes: int, *, vectors: int = 1) -> nn.Module:
    """Make an untrained network.

    Args:
        network: ``"classic"`` or ``"svm"``.
        classes: how many emotions it tells apart.
        vectors: how many support vectors it holds; for ``"svm"`` only.

    Raises:
        RecipeError: if there is no such network, or it takes sound.

    Example:
        >>> sum(weight.numel() for weight in build("classic", 8).parameters())
        3376968
    """
    if kind_of(network).input == "sound":
        raise RecipeError(
            f"{network} is not built from nothing, but from encoders and heads that are taught one by one"
        )
    return ClassicNetwork(classes) if network == "classic" else SvmNetwork(classes, vectors)
