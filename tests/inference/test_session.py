from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hearfelt.errors import ModelError
from hearfelt.inference.session import LARGEST_BYTES, Session


def changed(model: Path, change: Any) -> bytes:
    proto = onnx.load(model)
    change(proto)
    return bytes(proto.SerializeToString())


def reshaped(proto: onnx.ModelProto) -> None:
    weights = next(one for one in proto.graph.initializer if one.name == "weights")
    values = numpy_helper.to_array(weights)
    weights.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values[:-1]), "weights"))


def lost(proto: onnx.ModelProto) -> None:
    kept = [one for one in proto.graph.initializer if one.name != "weights"]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)


def cut(proto: onnx.ModelProto) -> None:
    proto.graph.initializer[0].raw_data = proto.graph.initializer[0].raw_data[:-4]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (reshaped, "no model that can be loaded"),
        (lost, "no model that can be loaded"),
        (cut, "no model that can be loaded"),
        (lambda proto: setattr(proto.opset_import[0], "version", 999), "operators of version 999"),
        (lambda proto: setattr(proto, "ir_version", 999), "format 999"),
        (lambda proto: proto.ClearField("opset_import"), "operators of version 0"),
        (lambda proto: setattr(proto.graph.node[0], "op_type", "Mine"), "no model that can be loaded"),
    ],
    ids=["reshaped", "missing", "cut", "opset", "format", "no opset", "unknown operator"],
)
def test_a_file_that_does_not_fit_together_is_one_sentence(change: Any, words: str, sound_model: Path) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        Session(changed(sound_model, change), name="mine.onnx")
    assert str(caught.value).startswith("mine.onnx: ")
    assert "\n" not in str(caught.value)


def test_a_session_says_what_goes_in_and_out(sound_model: Path) -> None:
    session = Session(sound_model.read_bytes())
    assert session.inputs == {"samples": ("tensor(float)", 1, "n")}
    assert session.outputs == {"logits": ("tensor(float)", 1, 8), "embedding": ("tensor(float)", 1, 16)}


def test_an_input_that_the_network_cannot_take_is_a_model_error(sound_model: Path) -> None:
    with pytest.raises(ModelError, match=r"fails on an input of \(2, 3, 4\)"):
        Session(sound_model.read_bytes()).run(["logits"], {"samples": np.zeros((2, 3, 4), np.float32)})


def test_an_answer_that_is_no_number_is_a_model_error(sound_model: Path) -> None:
    samples = np.full((1, 1600), np.nan, np.float32)
    with pytest.raises(ModelError, match="not finite"):
        Session(sound_model.read_bytes()).run(["logits"], {"samples": samples})


def test_a_file_too_large_to_be_a_model_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(LARGEST_BYTES + (5 << 20))  # a hole: nothing is written
    with pytest.raises(ModelError, match="mine: 205 MiB; a model has at most 200 MiB"):
        Session(path, name="mine")


def test_a_path_and_its_bytes_are_the_same_model(sound_model: Path) -> None:
    samples = np.random.default_rng(0).normal(size=(1, 4000)).astype(np.float32)
    sessions = [Session(one, threads=1) for one in (sound_model, sound_model.read_bytes())]
    np.testing.assert_array_equal(*(one.run(["logits"], {"samples": samples}) for one in sessions))
    assert sessions[0].digest == sessions[1].digest == hashlib.sha256(sound_model.read_bytes()).hexdigest()


def test_an_empty_file_and_one_that_is_not_there_are_model_errors(tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(ModelError, match="the file is empty"):
        Session(tmp_path / "empty.onnx")
    with pytest.raises(ModelError, match="cannot be read"):
        Session(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="0 threads"):
        Session(b"", threads=0)


def test_a_bad_file_says_nothing_on_standard_output(sound_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def no_text(proto: onnx.ModelProto) -> None:
        proto.graph.node[0].op_type = "Mine"

    with pytest.raises(ModelError):
        Session(changed(sound_model, no_text))
    with pytest.raises(ModelError):
        Session(sound_model.read_bytes().replace(b"centred", b"\xff\xff\xff\xff\xff\xff\xff"))
    assert capfd.readouterr() == ("", "")
