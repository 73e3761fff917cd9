"""The networks by name: the input, window and limits of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from hearfelt.errors import RecipeError
from hearfelt.models import classic, sound_network, svm

__all__ = ["NETWORKS", "NetworkKind", "kind_of"]


@dataclass(frozen=True)
class NetworkKind:
    """Properties of a network.

    Attributes:
        name: as in a recipe.
        input: of the network, as in a model's card.
        limits: what it cannot do, a sentence each, for the card.
        window_s: the longest sound it takes at once; 0 where there is no limit.
    """

    name: str
    input: str
    limits: tuple[str, ...]
    window_s: float = 0.0


NETWORKS: Final[Mapping[str, NetworkKind]] = MappingProxyType(
    {
        "classic": NetworkKind("classic", "classic-162", classic.LIMITS),
        "svm": NetworkKind("svm", "classic-162", svm.LIMITS),
        "hearfelt": NetworkKind("hearfelt", "sound", sound_network.LIMITS, sound_network.WINDOW_S),
        "tiny": NetworkKind("tiny", "sound", sound_network.LIMITS, sound_network.WINDOW_S),
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
