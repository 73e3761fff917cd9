from __future__ import annotations

import pytest
import torch

from hearfelt.errors import RecipeError
from hearfelt.models.build import NETWORKS, build


@pytest.mark.parametrize("name", sorted(name for name, kind in NETWORKS.items() if kind.input != "sound"))
@pytest.mark.parametrize("classes", [2, 7, 8])
def test_every_network_has_as_many_outputs_as_classes(name: str, classes: int) -> None:
    assert build(name, classes, vectors=3).eval()(torch.zeros(4, 162)).shape == (4, classes)


def test_an_unknown_network_is_one_sentence() -> None:
    with pytest.raises(RecipeError, match="no network is called 'clasic'; there are classic, svm"):
        build("clasic", 8)


def test_a_network_that_takes_sound_is_not_built_from_nothing() -> None:
    with pytest.raises(RecipeError, match="hearfelt is not built from nothing, but from encoders"):
        build("hearfelt", 8)
