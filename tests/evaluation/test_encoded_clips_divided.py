from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from hearfelt.audio.reader import Audio
from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clips
from hearfelt.errors import AudioError, ModelError
from hearfelt.evaluation.encoded_clips import DividedModel
from hearfelt.inference.recognizer import Recognizer


@pytest.fixture(scope="module")
def clips(toy: Path) -> Clips:
    return read_corpora({"toy": toy})[:8]


@pytest.fixture
def model(reference_model: Path) -> DividedModel:
    return DividedModel(reference_model)


def test_its_predictions_are_those_of_the_file(model: DividedModel, reference_model: Path, clips: Clips) -> None:
    recognizer = Recognizer.load(reference_model, threads=1)
    encoded = [model.encode(clip.sound) for clip in clips]
    reference = model.reference(encoded[:5])
    assert reference == recognizer.reference([clip.sound for clip in clips[:5]])
    for one in (None, reference):
        for clip, probabilities in zip(clips, model.probabilities(encoded, one), strict=True):
            wanted = recognizer.recognize(clip.sound, reference=one).probabilities
            assert probabilities == pytest.approx(dict(wanted), abs=1e-5)
    alone, compared = (model.probabilities(encoded[5:6], one)[0] for one in (None, reference))
    assert alone != pytest.approx(compared, abs=1e-3)


def test_a_sound_longer_than_the_window_is_averaged_as_in_the_file(model: DividedModel, reference_model: Path) -> None:
    times_s = np.arange(5 * 16_000) / 16_000
    samples = np.sin(2 * np.pi * (200 + 150 * times_s) * times_s) * np.linspace(0.001, 0.5, len(times_s))
    sound = Audio(samples.astype(np.float32), 16_000)
    encoded = model.encode(sound)
    assert len(encoded.values) == 3
    [probabilities] = model.probabilities([encoded], None)
    wanted = Recognizer.load(reference_model, threads=1).recognize(sound).probabilities
    assert probabilities == pytest.approx(dict(wanted), abs=1e-5)
    assert model.reference([encoded]).count == 3


def test_a_difference_from_the_file_is_found(model: DividedModel, clips: Clips) -> None:
    first, second = (model.encode(clip.sound) for clip in clips[:2])
    model.check(clips[0].sound, first, None)
    with pytest.raises(ModelError, match="its parts predict otherwise than the whole"):
        model.check(clips[0].sound, second, None)


def test_a_file_without_reference_is_refused(sound_model: Path) -> None:
    with pytest.raises(ModelError, match="takes no reference recordings"):
        DividedModel(sound_model)


def test_a_file_in_which_a_reference_changes_nothing_is_refused(reference_model: Path, tmp_path: Path) -> None:
    model = onnx.load(reference_model)
    for node in model.graph.node:
        if node.name == "" and list(node.output) == ["logits"]:
            node.input[0] = "statistics"
    onnx.save(model, tmp_path / "deaf.onnx")
    with pytest.raises(ModelError, match="a reference changes nothing"):
        DividedModel(tmp_path / "deaf.onnx")


def test_what_the_second_part_needs_of_branches_and_of_the_sound_crosses(reference_model: Path, tmp_path: Path) -> None:
    """A branch inside a node uses the level of the sound, and the last node the sound itself."""
    model = onnx.load(reference_model)
    nodes = list(model.graph.node)
    branches = {
        name: helper.make_graph(
            [helper.make_node("Mul", ["plain", "level"], [name])],
            name,
            [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)],
        )
        for name in ("then", "else")
    }
    del model.graph.node[:]
    for node in nodes:
        if "logits" in node.output:
            node.output[0] = "plain"
        model.graph.node.append(node)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.extend(
        [
            helper.make_node("If", ["yes"], ["scaled"], then_branch=branches["then"], else_branch=branches["else"]),
            helper.make_node("ReduceMax", ["samples"], ["peak"], axes=[1], keepdims=1),
            helper.make_node("Add", ["scaled", "peak"], ["shifted"]),
            helper.make_node("Mul", ["shifted", "peak"], ["logits"]),
        ]
    )
    onnx.save(model, tmp_path / "branched.onnx")
    recognizer, divided = Recognizer(tmp_path / "branched.onnx", threads=1), DividedModel(tmp_path / "branched.onnx")
    times_s = np.arange(16_000) / 16_000
    sounds = [Audio(np.float32(0.3) * np.sin(2000 * k * times_s).astype(np.float32), 16_000) for k in (1, 2, 3)]
    encoded = [divided.encode(sound) for sound in sounds]
    reference = divided.reference(encoded)
    for sound, probabilities in zip(sounds, divided.probabilities(encoded, reference), strict=True):
        wanted = recognizer.recognize(sound, reference=reference).probabilities
        assert probabilities == pytest.approx(dict(wanted), abs=1e-5)


def test_a_silent_sound_is_refused(model: DividedModel) -> None:
    with pytest.raises(AudioError):
        model.encode(Audio(np.zeros(16_000, np.float32), 16_000))
