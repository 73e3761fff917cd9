from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hearfelt.errors import RecipeError
from hearfelt.training.recipe import Recipe, read_recipe, recipe_of

RECIPES = Path(__file__).parents[2] / "src" / "hearfelt" / "recipes"
LEAST = {"name": "mine", "network": "classic"}


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_of_the_project_is_read(path: Path) -> None:
    recipe = read_recipe(path)
    assert path.stem == recipe.name or path.stem.startswith(f"{recipe.name}-")
    assert recipe.description.endswith(".")
    assert recipe_of(recipe.to_dict()) == recipe


def test_classic_has_the_student_s_perturbations_and_balance() -> None:
    recipe = read_recipe(RECIPES / "classic.toml")
    assert recipe.augment.kinds == ("noise", "pitch", "stretch", "shift")
    assert recipe.augment.copies >= 1
    assert recipe.balance.smote


def test_student_is_trained_as_the_student_did() -> None:
    fit = read_recipe(RECIPES / "student.toml").fit
    assert (fit.epochs, fit.batch, fit.learning_rate, fit.weight_decay) == (350, 32, 1e-3, 1e-4)


def test_what_is_not_said_has_its_default() -> None:
    assert recipe_of({**LEAST, "fit": {"epochs": 7}}) == Recipe("mine", "classic").changed("fit", epochs=7)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"netwrok": "svm"}, "unknown key 'netwrok'; did you mean 'network'?"),
        ({"fit": {"epoch": 3}}, "unknown key 'fit.epoch'; did you mean 'epochs'?"),
        ({"augment": {"zzz": 3}}, "unknown key 'augment.zzz'; there are kinds, copies"),
        ({"fit": {"epochs": 0}}, "fit.epochs = 0; a whole number from 1 to 2000 is wanted"),
        ({"fit": {"epochs": 2.5}}, "fit.epochs = 2.5; a whole number from 1 to 2000 is wanted"),
        ({"fit": {"epochs": True}}, "fit.epochs = True; a whole number from 1 to 2000 is wanted"),
        ({"fit": {"learning_rate": 0}}, "fit.learning_rate = 0; a number above 0 to 1 is wanted"),
        ({"fit": {"learning_rate": float("nan")}}, "fit.learning_rate = nan; a number above 0 to 1 is wanted"),
        ({"fit": {"learning_rate": "fast"}}, "fit.learning_rate = 'fast'; a number above 0 to 1 is wanted"),
        ({"fit": 3}, "fit = 3; a table [fit] is wanted"),
        ({"balance": {"smote": 1}}, "balance.smote = 1; true or false is wanted"),
        ({"augment": {"kinds": ["noise", "pich"]}}, "augment.kinds: 'pich' is unknown; did you mean 'pitch'?"),
        ({"augment": {"kinds": []}}, "augment.kinds = []; a list of names is wanted"),
        ({"augment": {"kinds": "noise"}}, "augment.kinds = 'noise'; a list of names is wanted"),
        ({"network": "clasic"}, "network: 'clasic' is unknown; did you mean 'classic'?"),
        ({"network": 8}, "network = 8; text in quotes is wanted"),
        ({"name": "a/b"}, "name = 'a/b'; letters, digits"),
        ({"name": ""}, "name = ''; letters, digits"),
        ({"svm": {"c": 1.0}}, "[svm] means nothing to the network 'classic'; take it out"),
        ({"network": "svm", "fit": {"epochs": 3}}, "[fit] means nothing to the network 'svm'; take it out"),
        ({"copies": {"degraded": True}}, "[copies] means nothing to the network 'classic'; take it out"),
        ({"heads": {}}, "[heads] means nothing to the network 'classic'; take it out"),
        ({"network": "hearfelt", "fit": {}}, "[fit] means nothing to the network 'hearfelt'; take it out"),
        ({"network": "hearfelt", "augment": {"copies": 1}}, "[augment] means nothing to the network 'hearfelt'"),
        ({"network": "hearfelt", "validation": {}}, "[validation] means nothing to the network 'hearfelt'"),
        ({"network": "hearfelt", "heads": {"group": 4}}, "unknown key 'heads.group'; did you mean 'groups'?"),
        ({"network": "hearfelt", "heads": {"groups": 1}}, "heads.groups = 1; a whole number from 2 to 20"),
        ({"network": "hearfelt", "heads": {"target": 3}}, "heads.target = 3; text in quotes is wanted"),
        ({"network": "hearfelt", "copies": {"degraded": 1}}, "copies.degraded = 1; true or false is wanted"),
        (
            {"network": "hearfelt", "copies": {"speed_change": 0.5}},
            "copies.speed_change = 0.5; a number from 0 to 0.25 is wanted",
        ),
        (
            {"network": "hearfelt", "copies": {"speed_change": 0.13}},
            "copies.speed_change = 0.13; 0, 0.05, 0.1, 0.15 … leave whole",
        ),
    ],
)
def test_a_mistake_is_one_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RecipeError, match="^" + re.escape(f"mine.toml: {sentence}")) as caught:
        recipe_of({**LEAST, **change}, source="mine.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["name", "network"])
def test_name_and_network_must_be_said(missing: str) -> None:
    with pytest.raises(RecipeError, match=f"'{missing}' is missing"):
        recipe_of({key: value for key, value in LEAST.items() if key != missing})


def test_files_that_are_no_recipe_are_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there is no such recipe"):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("name = classic")
    with pytest.raises(RecipeError, match=r"broken\.toml: this is no TOML"):
        read_recipe(tmp_path / "broken.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match=r"binary\.toml: this is no TOML"):
        read_recipe(tmp_path / "binary.toml")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe(tmp_path)


@pytest.mark.parametrize("network", ["classic", "svm"])
def test_toml_comes_back_the_same(network: str, tmp_path: Path) -> None:
    recipe = recipe_of(
        {
            "name": "mine",
            "network": network,
            "description": 'with "quotes", \\, 😀\x7f and\nlines',
            "augment": {"copies": 3},
        }
    )
    (tmp_path / "mine.toml").write_text(recipe.to_toml(), encoding="utf-8")
    assert read_recipe(tmp_path / "mine.toml") == recipe


def test_the_recipe_of_a_network_that_takes_sound_comes_back_the_same(tmp_path: Path) -> None:
    recipe = recipe_of(
        {
            "name": "mine",
            "network": "hearfelt",
            "copies": {"speed_change": 0.15, "degraded": False},
            "heads": {"target": "emodb", "groups": 3, "mixup": 0, "learning_rate": 2e-3},
        }
    )
    (tmp_path / "mine.toml").write_text(recipe.to_toml(), encoding="utf-8")
    assert read_recipe(tmp_path / "mine.toml") == recipe
    assert recipe.changed("copies", degraded=True).copies.degraded
    with pytest.raises(RecipeError, match=r"\[fit\] means nothing to the network 'hearfelt'"):
        recipe.changed("fit", epochs=3)


@pytest.mark.parametrize("spread", [0, 0.05, 0.1, 0.15, 0.2, 0.25])
def test_every_spread_that_is_allowed_leaves_whole_frames(spread: float) -> None:
    recipe = recipe_of({"name": "mine", "network": "hearfelt", "copies": {"speed_change": spread}})
    for speed in (1 - recipe.copies.speed_change, 1 + recipe.copies.speed_change):
        assert speed * 160 == pytest.approx(round(speed * 160))


def test_the_order_of_kinds_decides_nothing() -> None:
    one, other = ({**LEAST, "augment": {"kinds": kinds}} for kinds in (["shift", "noise"], ["noise", "shift"]))
    assert recipe_of(one) == recipe_of(other)
