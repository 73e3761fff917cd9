"""The tables of a recipe: every default is one that could be written down."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields

import pytest

from hearfelt.models.networks import NETWORKS as KNOWN
from hearfelt.training import settings
from hearfelt.training.recipe import Recipe, recipe_of
from hearfelt.training.settings import NETWORKS, TABLES

ALL = {"augment", "balance", "distillation", "fit", "heads", "svm", "validation", "copies"}
NUMBERS = [
    pytest.param(kind, one, id=f"{kind.__name__}.{one.name}")
    for kind in (getattr(settings, name.capitalize()) for name in sorted(ALL))
    for one in fields(kind)
    if "low" in one.metadata
]


def test_every_network_that_there_is_has_its_tables() -> None:
    assert set(NETWORKS) == set(TABLES) == set(KNOWN)
    assert {table for tables in TABLES.values() for table in tables} == ALL


@pytest.mark.parametrize("network", NETWORKS)
def test_a_recipe_of_defaults_is_read_back_and_says_only_what_its_network_uses(network: str) -> None:
    recipe = Recipe("mine", network)
    assert recipe_of(recipe.to_dict()) == recipe
    assert set(recipe.to_dict()) - {"name", "network", "description"} == set(TABLES[network])


@pytest.mark.parametrize(("kind", "one"), NUMBERS)
def test_a_default_is_within_its_range(kind: type, one: Field[float]) -> None:
    low, high = one.metadata["low"], one.metadata["high"]
    assert one.default is not MISSING
    assert low <= one.default <= high
    assert not (one.metadata["above"] and one.default == low)


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_setting_is_described(name: str) -> None:
    kind = getattr(settings, name.capitalize())
    for one in fields(kind):
        assert f"        {one.name}: " in (kind.__doc__ or "")
