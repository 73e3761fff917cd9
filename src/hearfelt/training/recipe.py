"""Recipes: all settings of a training in one TOML file, checked before the training starts.

Settings that are not in the file have their defaults.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast, get_args, get_type_hints

from hearfelt.augmentation.perturbations import AUGMENTATIONS
from hearfelt.errors import RecipeError
from hearfelt.runtime.files import path_given
from hearfelt.training.settings import (
    NETWORKS,
    TABLES,
    Augment,
    Balance,
    Copies,
    Distillation,
    Fit,
    Heads,
    Svm,
    Validation,
)

__all__ = ["Recipe", "read_recipe", "recipe_of", "recipe_path", "shipped_recipes"]


@dataclass(frozen=True)
class Recipe:
    """One experiment.

    Attributes:
        name: what the model will be called.
        network: ``"classic"``, ``"svm"``, ``"hearfelt"`` or ``"tiny"``.
        description: a sentence for readers.
        augment: augmented copies for ``classic`` and ``svm``.
        balance: oversampling of rare emotions.
        fit: how ``classic`` is trained.
        svm: how ``svm`` is trained.
        validation: what is held out of the training part.
        copies: augmented copies for ``hearfelt`` and ``tiny``.
        distillation: how the encoder of ``tiny`` is trained.
        heads: how the heads of both are trained.

    Example:
        >>> Recipe("mine", "classic").fit.batch
        32
    """

    name: str
    network: str = field(metadata={"among": NETWORKS})
    description: str = ""
    augment: Augment = field(default_factory=Augment)
    balance: Balance = field(default_factory=Balance)
    fit: Fit = field(default_factory=Fit)
    svm: Svm = field(default_factory=Svm)
    validation: Validation = field(default_factory=Validation)
    copies: Copies = field(default_factory=Copies)
    distillation: Distillation = field(default_factory=Distillation)
    heads: Heads = field(default_factory=Heads)

    @property
    def makes_copies(self) -> bool:
        """Whether it trains on augmented copies of clips."""
        if "augment" in TABLES[self.network]:
            return self.augment.copies > 0
        return self.copies.speed_change > 0 or self.copies.degraded

    def to_dict(self) -> dict[str, Any]:
        """Write the whole recipe, defaults included, without the tables that its network has no use for."""
        values: dict[str, Any] = asdict(self)
        values["augment"]["kinds"] = list(self.augment.kinds)
        return {name: value for name, value in values.items() if name not in _unused_tables(self.network)}

    def to_toml(self) -> str:
        """Write the whole recipe as the text of a file that :func:`read_recipe` reads back."""
        lines, tables = [], []
        for name, value in self.to_dict().items():
            if isinstance(value, dict):
                tables += ["", f"[{name}]", *(f"{key} = {_toml(one)}" for key, one in value.items())]
            else:
                lines.append(f"{name} = {_toml(value)}")
        return "\n".join([*lines, *tables]) + "\n"

    def changed(self, table: str, **values: Any) -> Recipe:
        """Copy the recipe with other values in one table, checked like a file.

        Raises:
            RecipeError: if a key is unknown or a value impossible.

        Example:
            >>> Recipe("mine", "classic").changed("fit", epochs=3).fit.epochs
            3
        """
        whole = self.to_dict()
        return recipe_of({**whole, table: {**whole.get(table, {}), **values}}, source=self.name)


def shipped_recipes() -> tuple[str, ...]:
    """List the recipes that ship with the package, sorted by name.

    Example:
        >>> "classic" in shipped_recipes()
        True
    """
    return tuple(sorted(item.name[:-5] for item in _folder().iterdir() if item.name.endswith(".toml")))


def recipe_path(recipe: Path | str) -> Path:
    """Find the file of a recipe, given the name of a shipped one or a path."""
    if str(recipe) in shipped_recipes():
        return Path(str(_folder() / f"{recipe}.toml"))
    return path_given(recipe)


def _folder() -> Traversable:
    return resources.files("hearfelt") / "recipes"


def read_recipe(recipe: Path | str) -> Recipe:
    """Read and check a recipe.

    Args:
        recipe: the name of a shipped one, or a TOML file.

    Raises:
        RecipeError: if it cannot be read, a key is unknown, or a value is impossible; the sentence names the
            nearest right name or the range allowed.

    Example:
        >>> read_recipe("classic").fit.epochs
        15
    """
    path = recipe_path(recipe)
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        names = ", ".join(shipped_recipes())
        raise RecipeError(
            f"{path}: there is no such recipe; the shipped ones are {names}; the path of a TOML file works too"
        ) from error
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}); give a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f'{path}: this is no TOML ({error}); a line looks like: name = "classic"') from error
    return recipe_of(values, source=str(path))


def recipe_of(values: Mapping[str, Any], *, source: str = "recipe") -> Recipe:
    """Check values as they come from TOML or from :meth:`Recipe.to_dict`, and make the recipe.

    Args:
        values: by key, tables as mappings.
        source: what messages call it.

    Raises:
        RecipeError: at the first key or value that is wrong.

    Example:
        >>> recipe_of({"name": "mine", "network": "classic", "fit": {"epochs": 3}}).fit.epochs
        3
    """
    recipe: Recipe = _read(Recipe, values, source, "")
    if not recipe.name or not all(letter.isalnum() or letter in "-_." for letter in recipe.name):
        raise RecipeError(f"{source}: name = {recipe.name!r}; letters, digits, '-', '_' and '.' make a file name")
    for table in sorted(_unused_tables(recipe.network)):
        if table in values:
            raise RecipeError(f"{source}: [{table}] means nothing to the network {recipe.network!r}; take it out")
    if (
        abs(recipe.copies.speed_change * 20 - round(recipe.copies.speed_change * 20)) > 1e-9
    ):  # a hop of 160 samples stays whole
        raise RecipeError(
            f"{source}: copies.speed_change = {recipe.copies.speed_change}; 0, 0.05, 0.1, 0.15 … leave whole frames"
        )
    # The order of the kinds must not matter: copies are drawn from them by number.
    kinds = tuple(kind for kind in AUGMENTATIONS if kind in recipe.augment.kinds)
    return replace(recipe, augment=replace(recipe.augment, kinds=kinds))


def _unused_tables(network: str) -> set[str]:
    return {name for tables in TABLES.values() for name in tables} - set(TABLES[network])


def _toml(value: object) -> str:
    # JSON writes text, numbers, lists and booleans as TOML does, but for one character that TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read(kind: type[Any], values: Mapping[str, Any], source: str, where: str) -> Any:
    """Make one dataclass from one table."""
    hints = get_type_hints(kind)
    names = [one.name for one in fields(kind)]
    for key in values:
        if key not in names:
            raise RecipeError(f"{source}: unknown key {where + key!r}; {_advice(key, names)}")
    made: dict[str, Any] = {}
    for one in fields(kind):
        key, hint = where + one.name, hints[one.name]
        if one.name not in values:
            if where == "" and one.name in ("name", "network"):
                raise RecipeError(f"{source}: {key!r} is missing; a recipe says at least its name and its network")
        elif is_dataclass(hint):
            table = values[one.name]
            if not isinstance(table, Mapping):
                raise RecipeError(f"{source}: {key} = {table!r}; a table [{key}] is wanted")
            made[one.name] = _read(cast(type[Any], hint), table, source, f"{one.name}.")
        else:
            made[one.name] = _value(hint, values[one.name], one.metadata, f"{source}: {key}")
    return kind(**made)


def _value(hint: Any, value: Any, limits: Mapping[str, Any], what: str) -> Any:
    """Check one value against its annotation and its limits."""
    if hint is bool:
        if not isinstance(value, bool):
            raise RecipeError(f"{what} = {value!r}; true or false is wanted")
        return value
    if hint in (int, float):
        return _checked_number(hint, value, limits, what)
    if get_args(hint):
        if not isinstance(value, list | tuple) or not value or not all(isinstance(one, str) for one in value):
            raise RecipeError(f"{what} = {value!r}; a list of names is wanted, such as {list(limits['among'])}")
        for one in value:
            _refuse_unknown(one, limits["among"], what)
        return tuple(value)
    if not isinstance(value, str):
        raise RecipeError(f"{what} = {value!r}; text in quotes is wanted")
    if "among" in limits:
        _refuse_unknown(value, limits["among"], what)
    return value


def _checked_number(hint: type, value: Any, limits: Mapping[str, Any], what: str) -> float:
    low, high, above = limits["low"], limits["high"], limits["above"]
    allowed = f"{'above' if above else 'from'} {low:g} to {high:g}"
    kind = "a whole number" if hint is int else "a number"
    if isinstance(value, bool) or not isinstance(value, int if hint is int else int | float):
        raise RecipeError(f"{what} = {value!r}; {kind} {allowed} is wanted")
    if not math.isfinite(value) or not low <= value <= high or (above and value == low):
        raise RecipeError(f"{what} = {value}; {kind} {allowed} is wanted")
    return int(value) if hint is int else float(value)


def _refuse_unknown(value: str, among: Collection[str], what: str) -> None:
    if value not in among:
        raise RecipeError(f"{what}: {value!r} is unknown; {_advice(value, among)}")


def _advice(name: str, among: Collection[str]) -> str:
    target_corpora = get_close_matches(name, among, n=1)
    return f"did you mean {target_corpora[0]!r}?" if target_corpora else f"there are {', '.join(among)}"
