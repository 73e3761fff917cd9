from __future__ import annotations

import io
import logging
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from hearfelt.emotions import EMOTIONS
from hearfelt.errors import ModelError
from hearfelt.inference.card import CARD_KEY, ModelCard
from hearfelt.inference.recognizer import Recognizer
from hearfelt.models.classic import ClassicNetwork
from hearfelt.models.layers import FourierFilters, Scaler, relative_to_reference
from hearfelt.models.svm import SvmNetwork
from hearfelt.training.export import OPSET, export, quantized, replace_card, with_computed_filters, with_short_names
from hearfelt.training.loop import one_thread

CARD = ModelCard("mine", "1.0", EMOTIONS, "classic-162", temperature=1.5, training_speakers=("ravdess/07",))
BACKGROUND = np.random.default_rng(0).normal(size=(5, 162)).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> ClassicNetwork:
    torch.manual_seed(0)
    made = ClassicNetwork(8)
    made.scaler.fit(BACKGROUND * 3.0 + 1.0)
    return made


@pytest.fixture(scope="module")
def path(network: ClassicNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "m.onnx"
    export(network, CARD, BACKGROUND, path)
    return path


def test_the_card_and_the_background_are_inside(path: Path) -> None:
    recognizer = Recognizer.load(path)
    assert recognizer.card == replace(CARD, parameters=recognizer.card.parameters)
    assert recognizer.card.parameters > 3_000_000  # counted in the graph, since the card leaves it
    np.testing.assert_array_equal(recognizer._model._background, BACKGROUND)


def test_it_is_one_file_of_a_current_opset(path: Path) -> None:
    assert [item.name for item in path.parent.iterdir()] == ["m.onnx"]
    model = onnx.load(path)
    assert model.opset_import[0].version == OPSET >= 17
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    assert [value.name for value in model.graph.input] == ["features"]
    assert [value.name for value in model.graph.output] == ["logits"]


def test_the_same_network_gives_the_same_bytes(network: ClassicNetwork, path: Path, tmp_path: Path) -> None:
    export(network, CARD, BACKGROUND, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()


def test_nothing_of_the_machine_is_in_the_file(path: Path) -> None:
    content = path.read_bytes()
    for index in (Path(__file__).parents[2], Path.home(), Path(torch.__file__).parent):
        assert str(index).encode() not in content


def test_exporting_leaves_dropout_asleep(network: ClassicNetwork, path: Path) -> None:
    kinds = {node.op_type for node in onnx.load(path).graph.node}
    assert "Dropout" not in kinds
    assert "LSTM" in kinds
    network.train()
    with one_thread(), torch.no_grad():
        first, second = network(torch.from_numpy(BACKGROUND)), network(torch.from_numpy(BACKGROUND))
    assert not torch.equal(first, second)


class _Unfaithful(nn.Module):
    """A network whose traced graph forgets something: the branch that the example did not take."""

    takes_reference = True

    def __init__(self) -> None:
        super().__init__()
        self.scaler = Scaler(162)

    def forward(self, features: Tensor, *reference: Tensor) -> Tensor:
        rows = relative_to_reference(features, *reference)[:, :8]
        return rows if torch.jit.is_tracing() else rows + 2e-4


def test_a_file_that_differs_from_its_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"differs from the network by 0\.0002; at most 0\.0001"):
        export(_Unfaithful(), CARD, BACKGROUND, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


class _NotANumber(_Unfaithful):
    def forward(self, features: Tensor, *reference: Tensor) -> Tensor:
        return relative_to_reference(features, *reference)[:, :8] / 0.0 * 0.0


def test_answers_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="differs from the network by nan"):
        export(_NotANumber(), CARD, BACKGROUND, tmp_path / "m.onnx")


def test_the_cards_key_is_the_one_that_readers_look_for(path: Path) -> None:
    keys = {entry.key for entry in onnx.load(path).metadata_props}
    assert CARD_KEY in keys


def test_another_card_leaves_the_answers_and_the_background_alone(path: Path, tmp_path: Path) -> None:
    scored, card = tmp_path / "scored.onnx", replace(CARD, scores={"by-speaker": {"uar": 0.5}})
    scored.write_bytes(path.read_bytes())
    replace_card(scored, card)
    before, after = Recognizer.load(path), Recognizer.load(scored)
    assert after.card == replace(card, parameters=before.card.parameters)
    np.testing.assert_array_equal(after._model._background, before._model._background)
    sound = np.sin(np.arange(32_000) / 20).astype(np.float32)
    np.testing.assert_array_equal(after.logits(sound, 16_000), before.logits(sound, 16_000))


BANDS, WIDTH, CLASSES = 64, 160, 8
WEIGHTS = {
    "front.basis": (2 * BANDS, 1, 400),
    "front.bank": (BANDS, 2 * BANDS),
    "encoder.conv.weight": (WIDTH, BANDS, 5),
    "encoder.places": (200, WIDTH),
    "encoder.first": (WIDTH, 2 * WIDTH),
    "encoder.second": (2 * WIDTH, WIDTH),
    "encoder.bias": (WIDTH,),
    "projection.components": (WIDTH, WIDTH),
    "head.weight": (CLASSES, WIDTH),
    "head.bias": (CLASSES,),
}
EXACT = ("front.basis", "front.bank")


def model(*, seed: int = 0) -> bytes:
    """A little of everything that the network has: filters, mel, a convolution, places, products, an answer."""
    generator = np.random.default_rng(seed)
    values = {name: generator.normal(size=shape) / np.sqrt(np.prod(shape[1:]) or 1) for name, shape in WEIGHTS.items()}
    values["front.bank"] = np.abs(values["front.bank"])
    values["encoder.conv.weight"] *= np.geomspace(0.01, 1, WIDTH)[:, None, None]  # some channels are much quieter
    values["encoder.places"] *= 0.1
    nodes = [
        helper.make_node("Unsqueeze", ["samples", "one"], ["channel"]),
        helper.make_node("Conv", ["channel", "front.basis"], ["waves"], strides=[160]),
        helper.make_node("Mul", ["waves", "waves"], ["powers"]),
        helper.make_node("MatMul", ["front.bank", "powers"], ["mel"]),
        helper.make_node("Conv", ["mel", "encoder.conv.weight"], ["convolved"], pads=[2, 2]),
        helper.make_node("Transpose", ["convolved"], ["frames"], perm=[0, 2, 1]),
        helper.make_node("Shape", ["frames"], ["count"], start=1, end=2),
        helper.make_node("Slice", ["encoder.places", "zero", "count", "zero"], ["places"]),
        helper.make_node("Add", ["frames", "places"], ["placed"]),
        helper.make_node("MatMul", ["placed", "encoder.first"], ["wide"]),
        helper.make_node("Tanh", ["wide"], ["bent"]),
        helper.make_node("MatMul", ["bent", "encoder.second"], ["narrow"]),
        helper.make_node("Add", ["narrow", "encoder.bias"], ["states"]),
        helper.make_node("MatMul", ["states", "projection.components"], ["white"]),
        helper.make_node("ReduceMean", ["white"], ["embedding"], axes=[1], keepdims=0),
        helper.make_node("Gemm", ["embedding", "head.weight", "head.bias"], ["logits"], transB=1),
    ]
    tensors = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in values.items()]
    tensors += [numpy_helper.from_array(np.array([index], np.int64), name) for name, index in (("zero", 0), ("one", 1))]
    graph = helper.make_graph(
        [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes],
        "little",
        [helper.make_tensor_value_info("samples", TensorProto.FLOAT, [1, "n"])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, CLASSES]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, WIDTH]),
        ],
        tensors,
    )
    for index, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{index}"
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


@pytest.fixture(scope="module")
def before() -> bytes:
    return model()


@pytest.fixture(scope="module")
def after(before: bytes) -> bytes:
    return quantized(before)


def answers(made: bytes, n: int = 16_000, seed: int = 0) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
    samples = np.random.default_rng(seed).normal(size=(1, n)).astype(np.float32)
    return [np.asarray(one) for one in session.run(["logits", "embedding"], {"samples": samples})]


def tensors(made: bytes) -> dict[str, np.ndarray]:
    graph = onnx.load_from_string(made).graph
    return {one.name: numpy_helper.to_array(one) for one in graph.initializer}


@pytest.mark.parametrize("n", [1_600, 16_000, 31_111])
def test_answers_are_within_a_twentieth_of_their_spread(before: bytes, after: bytes, n: int) -> None:
    for wanted, found in zip(answers(before, n), answers(after, n), strict=True):
        spread = float(wanted.std())
        assert spread > 0
        assert np.abs(found - wanted).max() < 0.05 * spread


def test_other_sounds_have_other_answers(after: bytes) -> None:
    one, other = answers(after)[0], answers(after, seed=1)[0]
    assert np.abs(one - other).max() > 0.01 * one.std()


def test_the_file_is_about_a_third_where_nothing_has_to_stay_exact(before: bytes) -> None:
    assert len(quantized(before, exact=())) < 0.35 * len(before)


def test_only_standard_operators_stand_in_it(after: bytes) -> None:
    made = onnx.load_from_string(after)
    onnx.checker.check_model(made)
    assert {node.domain for node in made.graph.node} <= {"", "ai.onnx"}
    assert [(one.domain, one.version) for one in made.opset_import] == [("", 17)]


def test_inputs_and_outputs_keep_their_names_and_shapes(before: bytes, after: bytes) -> None:
    graphs = [onnx.load_from_string(made).graph for made in (before, after)]
    assert list(graphs[0].input) == list(graphs[1].input)
    assert list(graphs[0].output) == list(graphs[1].output)


def test_the_front_end_stays_as_it_is(before: bytes, after: bytes) -> None:
    was, made = tensors(before), tensors(after)
    for name in EXACT:
        assert made[name].dtype == np.float32
        np.testing.assert_array_equal(made[name], was[name])
    graph = onnx.load_from_string(after).graph
    assert [node.op_type for node in graph.node if set(node.input) & set(EXACT)] == ["Conv", "MatMul"]


def test_large_weights_of_products_have_a_scale_for_each_output(before: bytes, after: bytes) -> None:
    was, made = tensors(before), tensors(after)
    for name, axis in (("encoder.first", 1), ("encoder.second", 1)):
        scale = made[f"{name}.scale"]
        assert scale.shape == (was[name].shape[axis],)
        assert (np.abs(made[f"{name}.whole"] * scale - was[name]) <= 0.5001 * scale).all()
    kinds = Counter(node.op_type for node in onnx.load_from_string(after).graph.node)
    assert kinds["DequantizeLinear"] == 3  # these and the kernels; the small answer stays as it is


def test_kernels_have_a_scale_for_each_channel(before: bytes, after: bytes) -> None:
    was, made = tensors(before)["encoder.conv.weight"], tensors(after)
    whole, scale = made["encoder.conv.weight.whole"], made["encoder.conv.weight.scale"]
    assert (whole.dtype, scale.shape) == (np.int8, (WIDTH,))
    back = whole * scale[:, None, None]
    assert (np.abs(back - was) <= 0.5001 * scale[:, None, None]).all()
    assert np.abs(whole).reshape(WIDTH, -1).max(axis=1).min() == 127  # quiet channels lose nothing by loud ones


def test_what_else_is_large_has_half_precision_and_what_is_small_all(before: bytes, after: bytes) -> None:
    was, made = tensors(before), tensors(after)
    for name in ("encoder.places", "projection.components"):  # the latter is multiplied, but behind the encoder
        assert made[f"{name}.half"].dtype == np.float16
        np.testing.assert_allclose(made[f"{name}.half"], was[name], rtol=1e-3, atol=1e-6)
    for name in ("encoder.bias", "head.bias"):
        np.testing.assert_array_equal(made[name], was[name])


@pytest.mark.parametrize("name", ["encoder.second", "head.weight", "encoder.conv", "encoder.places", "projection"])
def test_what_is_named_stays_exact(before: bytes, name: str) -> None:
    was, made = tensors(before), tensors(quantized(before, exact=(*EXACT, name)))
    (whole,) = [weight for weight in was if name in weight]
    np.testing.assert_array_equal(made[whole], was[whole])


def test_a_channel_of_zeros_stays_one(before: bytes) -> None:
    made = onnx.load_from_string(before)
    for tensor in made.graph.initializer:
        if tensor.name == "encoder.conv.weight":
            values = numpy_helper.to_array(tensor).copy()
            values[3] = 0.0
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    content = bytes(made.SerializeToString())
    for wanted, found in zip(answers(content), answers(quantized(content)), strict=True):
        assert np.isfinite(found).all()
        assert np.abs(found - wanted).max() < 0.05 * wanted.std()


def test_the_same_model_gives_the_same_bytes(before: bytes, after: bytes) -> None:
    assert quantized(before) == after


def test_it_says_nothing_and_leaves_the_log_alone(before: bytes, caplog: pytest.LogCaptureFixture) -> None:
    handlers = list(logging.getLogger().handlers)
    quantized(before)
    assert caplog.records == []
    assert logging.getLogger().handlers == handlers


def test_short_names_make_a_smaller_file_that_says_the_same(after: bytes) -> None:
    short = with_short_names(after)
    onnx.checker.check_model(onnx.load_from_string(short))
    assert len(short) < len(after)
    for wanted, found in zip(answers(after), answers(short), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_recurrent_network_is_stored_in_8_bits(path: Path) -> None:
    graph = onnx.load_from_string(path.read_bytes()).graph
    kinds = {one.name: numpy_helper.to_array(one).dtype for one in graph.initializer}
    weights = {name for node in graph.node if node.op_type == "LSTM" for name in node.input[1:3]}
    assert len(weights) == 4
    assert {kinds[f"{name}.whole"] for name in weights} == {np.dtype(np.int8)}


def test_large_weights_in_double_precision_become_single_ones(tmp_path: Path) -> None:
    machine = SvmNetwork(8, vectors=200).eval()
    machine.vectors.normal_(generator=torch.Generator().manual_seed(0))
    export(machine, CARD, BACKGROUND, tmp_path / "svm.onnx")
    graph = onnx.load_from_string((tmp_path / "svm.onnx").read_bytes()).graph
    kinds = {numpy_helper.to_array(one).dtype.name for one in graph.initializer if np.prod(one.dims) >= 20_000}
    assert kinds == {"float32"}


# Computed filters


class Powers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fourier = FourierFilters(range(64), 256, 512)

    def forward(self, samples: Tensor) -> Tensor:
        cosines, sines = self.fourier(samples[:, None], 128)
        return cosines * cosines + sines * sines


@pytest.fixture(scope="module")
def stored() -> tuple[Powers, bytes]:
    network, file = Powers().eval(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 4_000),),
            file,
            dynamo=False,
            opset_version=17,
            input_names=["samples"],
            output_names=["powers"],
        )
    return network, file.getvalue()


def powers(model: bytes) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    samples = np.random.default_rng(0).normal(size=(1, 4_000)).astype(np.float32)
    return np.asarray(session.run(["powers"], {"samples": samples})[0])


def test_the_file_is_much_smaller_and_says_the_same(stored: tuple[Powers, bytes]) -> None:
    network, model = stored
    computed = with_computed_filters(model, [network.fourier])
    onnx.checker.check_model(onnx.load_from_string(computed))
    assert len(computed) < 0.1 * len(model)
    np.testing.assert_allclose(powers(computed), powers(model), rtol=1e-3, atol=1e-4)


def test_other_filters_are_left_alone(stored: tuple[Powers, bytes]) -> None:
    _, model = stored
    same = with_computed_filters(model, [FourierFilters(range(64), 256, 511)])
    assert len(same) == pytest.approx(len(model), rel=0.01)
    np.testing.assert_array_equal(powers(same), powers(model))
