from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from hearfelt.errors import ModelError
from hearfelt.inference.model import REFERENCE_INPUTS
from hearfelt.inference.recognizer import Recognizer, model_path, shipped_models
from hearfelt.inference.session import DEEPEST, LARGEST_BYTES, Session, check_graph

Change = Callable[[onnx.ModelProto], Any]


def changed(model: bytes, change: Change) -> bytes:
    proto = onnx.load_from_string(model)
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
        Session(changed(sound_model.read_bytes(), change), name="mine.onnx")
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
        Session(changed(sound_model.read_bytes(), no_text))
    with pytest.raises(ModelError):
        Session(sound_model.read_bytes().replace(b"centred", b"\xff\xff\xff\xff\xff\xff\xff"))
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="module")
def whole(sound_model: Path) -> bytes:
    return sound_model.read_bytes()


@pytest.mark.parametrize("name", shipped_models())
def test_the_shipped_files_pass(name: str) -> None:
    data = model_path(name).read_bytes()
    facts, proto = check_graph(data, name), onnx.load_from_string(data)
    assert facts.ir_version == proto.ir_version
    assert facts.opset == proto.opset_import[0].version
    assert facts.nodes >= len(proto.graph.node)


def test_what_it_finds_is_what_onnx_finds(whole: bytes) -> None:
    facts = check_graph(whole, "sound")
    assert (facts.ir_version, facts.opset, facts.nodes, facts.tensors) == (8, 17, 17, 5)


def in_a_branch(node: onnx.NodeProto) -> onnx.NodeProto:
    """Hide a node in the branches of an If."""
    branch = helper.make_graph([node], "b", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    return helper.make_node("If", ["condition"], ["z"], then_branch=branch, else_branch=branch)


def deep(levels: int) -> onnx.NodeProto:
    node = helper.make_node("Identity", ["samples"], ["y"])
    for _ in range(levels):
        node = in_a_branch(node)
    return node


def outside(proto: onnx.ModelProto, place: str) -> None:
    """Say of a tensor that its values are in another file."""
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "stranger")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    if place == "initializer":
        proto.graph.initializer.append(tensor)
    elif place == "constant":
        proto.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))
    elif place == "sparse":
        indices = numpy_helper.from_array(np.arange(4), "i")
        proto.graph.sparse_initializer.append(helper.make_sparse_tensor(tensor, indices, [9]))
    else:
        proto.graph.node.append(in_a_branch(helper.make_node("Constant", [], ["y"], value=tensor)))


def function(proto: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["x"], ["y"])
    proto.functions.append(helper.make_function("", "Mine", ["x"], ["y"], [node], [helper.make_opsetid("", 17)]))


def custom(domain: str) -> onnx.NodeProto:
    return helper.make_node("Mine", ["samples"], ["y"], domain=domain)


REFUSED: dict[str, tuple[Change, str]] = {
    "custom operator": (lambda p: p.graph.node.append(custom("evil.ops")), "needs the operator evil.ops.Mine"),
    "contrib operator": (lambda p: p.graph.node.append(custom("com.microsoft")), "needs the operator com.microsoft"),
    "preview operator": (lambda p: p.graph.node.append(custom("ai.onnx.preview")), "needs the operator ai.onnx.pre"),
    "custom operator inside": (lambda p: p.graph.node.append(in_a_branch(custom("evil"))), "needs the operator evil"),
    "function": (function, "operators of its own"),
    "training": (lambda p: p.training_info.add().algorithm.node.append(custom("evil")), "training graph"),
    **{
        f"other files, {place}": (lambda p, place=place: outside(p, place), "weights in other files")
        for place in ("initializer", "constant", "sparse", "branch")
    },
    "extra tensor": (
        lambda p: p.graph.initializer.append(numpy_helper.from_array(np.zeros(4, np.float32), "left.over")),
        "nothing uses the tensor left.over",
    ),
    "one name twice": (lambda p: p.graph.initializer.append(p.graph.initializer[0]), "two tensors are called waves"),
    "too deep": (lambda p: p.graph.node.append(deep(DEEPEST + 1)), "graphs inside graphs"),
    "no graph": (lambda p: p.ClearField("graph"), "0 graphs"),
    "odd names": (lambda p: p.graph.node.append(custom("\x1b[2J\n" + "x" * 300)), "needs the operator �"),
}


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_business_of_a_model_is_refused_before_it_is_loaded(
    change: Change, words: str, whole: bytes
) -> None:
    model = changed(whole, change)
    with pytest.raises(ModelError) as caught:
        check_graph(model, "mine.onnx")
    assert str(caught.value).startswith("mine.onnx: ")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()
    with pytest.raises(ModelError, match="mine") as again:
        Recognizer(model, name="mine.onnx")
    assert str(again.value) == str(caught.value)


def test_a_domain_that_is_only_imported_is_no_operator(whole: bytes) -> None:
    def imports(proto: onnx.ModelProto) -> None:
        proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))

    assert check_graph(changed(whole, imports), "m").opset == 17


def test_names_inside_branches_may_repeat(whole: bytes) -> None:
    def branches(proto: onnx.ModelProto) -> None:
        for number in range(2):
            value = numpy_helper.from_array(np.zeros(1, np.float32), "same")
            node = helper.make_node("Identity", ["same"], ["y"])
            output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
            branch = helper.make_graph([node], "b", [], [output], [value])
            proto.graph.node.append(
                helper.make_node("If", ["c"], [f"z{number}"], then_branch=branch, else_branch=branch)
            )

    assert check_graph(changed(whole, branches), "m").tensors == 5 + 4


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        (b"", "the file is empty"),
        (b"\x08", "cut short"),
        (b"\x3a\x05ab", "reaches beyond"),
        (b"\x08" + b"\xff" * 11, "without an end"),
        (b"\x0b\x0c", "a field of kind 3"),
        (b"\x00\x01", "a field with the number 0"),
        (b"\xba\x80\x80\x80\x10\x00", "a field with the number 536870919"),  # graph, to readers that cut it off
        (b"\x38\x01", "a number where bytes belong"),
        (b"\x0a\x01x", "bytes where a number belongs"),
        (b"\x3a\x04\x0a\x02\x22\x00" * 2, "2 graphs"),
        (b"\x3a\x05\x0a\x03\x22\x01\xff", "no text"),
        (b"\x14\x00\x00\x00ORTM" + bytes(100), "ONNX Runtime's own"),
        (b"GIF89a" * 99, "no model"),
    ],
)
def test_damage_is_named(damaged: bytes, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        check_graph(damaged, "m")


def test_a_file_of_nothing_but_tiny_parts_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hearfelt.inference.session.MOST_FIELDS", 1_000)
    with pytest.raises(ModelError, match="more than 1,000 parts"):
        check_graph(b"\x08\x01" * 2_000, "m")


@settings(max_examples=150, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_half_a_file_is_never_taken_for_a_whole_one(share: float, sound_model: Path) -> None:
    whole = sound_model.read_bytes()
    with pytest.raises(ModelError) as caught:
        Recognizer(whole[: int(share * len(whole))])
    assert "\n" not in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4))
def test_whatever_is_flipped_only_a_model_error_comes_out(flips: list[tuple[float, int]], sound_model: Path) -> None:
    whole = sound_model.read_bytes()
    # Weights are most of the file and may be any numbers; what can be misread is before and behind them.
    raw = onnx.load_from_string(whole).graph.initializer[0].raw_data
    start = whole.index(raw)
    sense = [*range(start), *range(start + len(raw), len(whole))]
    flipped = bytearray(whole)
    for share, byte in flips:
        flipped[sense[int(share * len(sense))]] = byte
    labels: tuple[str, ...] | None = None
    with contextlib.suppress(ModelError):
        labels = Recognizer(bytes(flipped)).labels
    # What still loads has lost no more than a letter of its card.
    assert labels is None or len(labels) == len(Recognizer(whole).labels)


@pytest.mark.parametrize("name", ["classic", "svm"])
def test_learned_numbers_are_counted_in_files_whose_cards_leave_it(name: str) -> None:
    data = model_path(name).read_bytes()
    stored = onnx.load_from_string(data).graph.initializer
    learned = [one for one in stored if one.data_type != TensorProto.INT64 and one.name not in REFERENCE_INPUTS]
    fractions = sum(numpy_helper.to_array(tensor).size for tensor in learned)
    assert check_graph(data, name).numbers == fractions


def test_shapes_and_what_is_only_summed_are_no_learned_numbers(whole: bytes) -> None:
    def add(proto: onnx.ModelProto) -> None:
        for tensor in ("sums", "more"):
            proto.graph.initializer.append(helper.make_tensor(tensor, TensorProto.FLOAT, [3, 5], [0.0] * 15))
        proto.graph.initializer.append(helper.make_tensor("shape", TensorProto.INT64, [7], [1] * 7))
        proto.graph.node.append(helper.make_node("ReduceSum", ["sums"], ["a"]))
        proto.graph.node.append(helper.make_node("Reshape", ["more", "shape"], ["b"]))

    assert check_graph(changed(whole, add), "m").numbers == check_graph(whole, "m").numbers + 15


def test_lengths_written_one_by_one_count_as_packed_ones_do() -> None:
    def sized(*lengths: bytes) -> bytes:
        tensor = b"".join(lengths) + b"\x10\x01\x42\x01w"  # float, called "w"
        graph = b"\x0a\x03\x0a\x01w" + b"\x2a" + bytes([len(tensor)]) + tensor
        return b"\x08\x08\x3a" + bytes([len(graph)]) + graph

    assert check_graph(sized(b"\x0a\x02\x03\x04"), "m").numbers == 12
    assert check_graph(sized(b"\x08\x03", b"\x08\x04"), "m").numbers == 12
