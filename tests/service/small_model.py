"""Model files that tests make of a small one by saying something else on its card."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import onnx

from hearfelt.inference.card import CARD_KEY
from hearfelt.inference.recognizer import Recognizer

NO_NUMBERS = 1e-320  # a temperature at which every probability is no number, and no answer can be written


def small_model(file: Path, **changes: Any) -> str:
    """Write a model whose card differs from that of ``tiny``; its path."""
    model = onnx.load(str(resources.files("hearfelt.weights") / "tiny.onnx"))
    card = replace(Recognizer.load("tiny").card, **changes)
    for one in model.metadata_props:
        if one.key == CARD_KEY:
            one.value = card.to_json()
    onnx.save(model, file)
    return str(file)
