from __future__ import annotations

import pytest

from hearfelt.errors import RecipeError
from hearfelt.models.build import NETWORKS, kind_of


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_found_by_its_name(name: str) -> None:
    assert kind_of(name).name == name


def test_an_unknown_network_is_one_sentence() -> None:
    with pytest.raises(RecipeError, match="no network is called 'clasic'; there are classic, svm"):
        kind_of("clasic")
