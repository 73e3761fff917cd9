"""The models that ship with the package, and the path of a model's file."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Final

from hearfelt.errors import ModelError
from hearfelt.runtime.files import path_given

__all__ = ["DEFAULT_MODEL", "model_path", "shipped_models"]

DEFAULT_MODEL: Final = "hearfelt"


def shipped_models() -> tuple[str, ...]:
    """List the models that ship with the package, sorted by name."""
    weights = resources.files("hearfelt.weights")
    return tuple(sorted(item.name[:-5] for item in weights.iterdir() if item.name.endswith(".onnx")))


def model_path(model: str | Path) -> Path:
    """Find the file of a model, given the name of a shipped one or a path.

    Raises:
        ModelError: if there is neither.
    """
    if isinstance(model, str) and model in shipped_models():
        return Path(str(resources.files("hearfelt.weights") / f"{model}.onnx"))
    path = path_given(model)
    if path.is_file():
        return path
    names = ", ".join(shipped_models())
    looks_like_path = isinstance(model, Path) or os.sep in model or model.endswith(".onnx")
    what = "there is no such model file" if looks_like_path else "there is no model of this name"
    raise ModelError(f"{model}: {what}; the shipped models are {names}; the path of an .onnx file works too")
