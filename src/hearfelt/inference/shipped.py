"""The models that come with the package, and where the file of a model lies."""

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
    """Name the models that come with the package, sorted."""
    weights = resources.files("hearfelt.weights")
    return tuple(sorted(item.name[:-5] for item in weights.iterdir() if item.name.endswith(".onnx")))


def model_path(model: str | Path) -> Path:
    """Find the file of a shipped model's name or of a path.

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
    raise ModelError(f"{model}: {what}; the package brings {names}, and a path to an .onnx file is fine too")
