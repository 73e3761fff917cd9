"""Clips with the names of RAVDESS and no sound behind them, and answers made up for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.emotions import EMOTIONS
from hearfelt.evaluation.plan import emotion_code, ravdess_names
from hearfelt.evaluation.predictions import Evaluation, Row
from hearfelt.inference.card import CARD_KEY, ModelCard
from hearfelt.inference.recognizer import Recognizer


@pytest.fixture(scope="session")
def named() -> Clips:
    """All 2,452 clips of RAVDESS by name, in an order that is not the one of their names."""
    clips = []
    for channel in ("speech", "song"):
        for name in ravdess_names(channel):
            actor = name[-2:]
            emotion = EMOTIONS[int(emotion_code(name)) - 1]
            place = f"Audio_{channel.title()}_Actors_01-24/Actor_{actor}/{name}.wav"
            clips.append(Clip("ravdess", Path("nowhere"), place, f"ravdess/{actor}", emotion, channel=channel))
    return Clips([clips[place] for place in np.random.default_rng(0).permutation(len(clips))])


@pytest.fixture(scope="session")
def make_evaluation() -> Callable[..., Evaluation]:
    """Make up answers: more or less right, of so many speakers, folds and seeds."""

    def make(*, speakers: int = 6, folds: int = 2, seeds: int = 2, emotions: tuple[str, ...] = EMOTIONS) -> Evaluation:
        generator = np.random.default_rng(4)
        rows = []
        for seed in range(seeds):
            for speaker in range(speakers):
                for place, emotion in enumerate(emotions * 3):
                    logits = generator.normal(0, 1, len(emotions))
                    logits[emotions.index(emotion)] += 1.2
                    probabilities = np.exp(logits) / np.exp(logits).sum()
                    clip, who = f"{speaker:02d}/{place:02d}_{emotion}.wav", f"made/{speaker:02d}"
                    rows.append(Row(clip, who, speaker % folds + 1, seed, emotion, tuple(probabilities.tolist())))
        return Evaluation(emotions, rows)

    return make


@pytest.fixture(scope="session")
def make_recognizer() -> Callable[..., Recognizer]:
    """Make a real model with labels and training speakers as asked: one linear layer on the 162 features."""

    def make(labels: tuple[str, ...] = EMOTIONS, training_speakers: tuple[str, ...] = ()) -> Recognizer:
        weights = np.random.default_rng(0).normal(0, 0.02, (162, len(labels))).astype(np.float32)
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["features", "weights"], ["logits"])],
            "linear",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 162])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(labels)])],
            [numpy_helper.from_array(weights, "weights")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        card = ModelCard(
            "linear", "0", labels, "classic-162", training_speakers=training_speakers, recipe={"name": "linear"}
        )
        helper.set_model_props(model, {CARD_KEY: card.to_json()})
        onnx.checker.check_model(model)
        return Recognizer(model.SerializeToString(), threads=1)

    return make
