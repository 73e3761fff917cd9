from __future__ import annotations

import base64
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hearfelt.audio.reader import read_audio, resample
from hearfelt.inference.card import BACKGROUND_KEY, CARD_KEY, ModelCard

LABELS = ("calm", "sad", "angry")
ModelMaker = Callable[..., bytes]


@pytest.fixture(scope="session")
def tiny_model() -> ModelMaker:
    """Makes a tiny real model file: one linear layer on the 162 features, with any card and outputs."""

    def make(
        card: ModelCard | str | None = None, *, outputs: int = len(LABELS), features: int = 162, background: str = ""
    ) -> bytes:
        generator = np.random.default_rng(0)
        scale = np.concatenate([np.full(12, 1.0), np.full(20, 0.01), [3.0], np.full(128, 0.01), [5.0]])[:features]
        weights = (generator.normal(size=(features, outputs)) * scale[:, None]).astype(np.float32)
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["features", "weights"], ["logits"])],
            "tiny",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", features])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", outputs])],
            [numpy_helper.from_array(weights, "weights")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        card = ModelCard("tiny", "0", LABELS, "classic-162", unsure_below=0.5) if card is None else card
        if card:
            text = card if isinstance(card, str) else card.to_json()
            helper.set_model_props(model, {CARD_KEY: text, BACKGROUND_KEY: background or _background()})
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())

    return make


def _background() -> str:
    values = np.random.default_rng(1).normal(size=(8, 162)).astype("<f4")
    return base64.b64encode(values.tobytes()).decode()


@pytest.fixture(scope="session")
def talk() -> np.ndarray:
    """13 s at 16 kHz in which a synthetic voice says four sentences in a quiet room: ``(n,)`` float32."""
    generator = np.random.default_rng(3)
    parts = [np.zeros(8_000)]
    for name, pause_s in (("neutral", 0.8), ("happy", 0.1), ("sad", 1.5), ("fearful", 0.6)):
        audio = read_audio(Path(str(resources.files("hearfelt.examples") / f"synthetic-{name}.flac")))
        around = round(0.35 * audio.rate_hz)  # the room's noise before and after the sentence
        parts += [resample(audio.samples[around:-around], audio.rate_hz, 16_000), np.zeros(round(16_000 * pause_s))]
    sound = np.concatenate(parts)
    return (sound + generator.normal(0, 1e-4, len(sound))).astype(np.float32)
