"""Export a trained network as an ONNX file with its card, and check its outputs against the network.

Files are made small: weights in 8 bits, filters computed instead of stored, short names.
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from hearfelt.audio.excerpts import Excerpt
from hearfelt.audio.reader import read_audio, resample
from hearfelt.errors import ModelError, require
from hearfelt.features.classic import FEATURE_NAMES
from hearfelt.inference.card import BACKGROUND_KEY, CARD_KEY, ModelCard
from hearfelt.inference.model import LOGITS, REFERENCE_INPUTS, STATISTICS
from hearfelt.inference.onnx_runtime import onnxruntime
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.sound_model import DISTANCE, EMBEDDING, SOUND_INPUT, SPEECH
from hearfelt.models.frontend import RATE_HZ
from hearfelt.models.layers import FourierFilters
from hearfelt.runtime.files import atomic_write

__all__ = [
    "OPSET",
    "PARITY",
    "SOUND_OUTPUTS",
    "SOUND_PARITY",
    "export",
    "export_sound",
    "parity",
    "quantized",
    "replace_card",
    "with_computed_filters",
    "with_short_names",
]


OPSET: Final = 17
PARITY: Final = 1e-4  # largest difference allowed between the file's logits and the network's
SOUND_PARITY: Final = 1e-3  # of a network that takes sound: weak components of the statistics amplify rounding
SOUND_OUTPUTS: Final = (LOGITS, EMBEDDING, STATISTICS, SPEECH, DISTANCE)
"""Of a network that takes sound, in order; it may leave out some at the end, and older files give two."""

_FEATURES: Final = "features"  # the input of the other networks
_KNOWN: Final = resources.files("hearfelt.examples") / "synthetic-loud-and-pressed.flac"

Features = npt.NDArray[np.float32]


def export(network: nn.Module, card: ModelCard, background: Features, path: Path) -> None:
    """Write a network as a model file: compared with the network in full precision, then stored in 8 bits.

    Args:
        network: from ``(batch, 162)`` features, not scaled, to ``(batch, classes)`` logits. One that has
            ``takes_reference`` set takes a reference, too, and its ``scaler`` gives the statistics for one.
        card: of the file.
        background: ``(k, 162)`` features of training clips, against which predictions are explained.
        path: the file, written atomically.

    Raises:
        ModelError: if the file's outputs are not the network's, within 1e-4.
        ExtraMissingError: if onnx is not installed.
    """
    graph = _graph(network)
    apart = parity(network, graph, background)
    if not apart <= PARITY:
        raise ModelError(
            f"{path}: the exported file differs from the network by {apart:.2g}; at most {PARITY:g} is right"
        )
    entries = {
        CARD_KEY: card.to_json(),
        BACKGROUND_KEY: base64.b64encode(background.astype("<f4").tobytes()).decode("ascii"),
    }
    with atomic_write(path, "wb") as file:
        file.write(_with_metadata(quantized(graph), entries))


def export_sound(
    network: nn.Module, card: ModelCard, examples: Sequence[Path | Excerpt], path: Path, float_path: Path
) -> None:
    """Write a network that takes sound twice: in float32, compared with the network, and in 8 bits.

    The card has the file's probabilities for a bundled example, so that anyone can check a copy.

    Args:
        network: from ``(1, n)`` samples at 16 kHz to the first outputs of :data:`SOUND_OUTPUTS`, at least two; with
            statistics it takes a reference, too.
        card: of the file.
        examples: recordings on which the float file is compared with the network.
        path: the file in 8 bits, which is the model.
        float_path: the file in float32.

    Raises:
        ModelError: if the float file's outputs are not the network's, within 1e-3.
        ExtraMissingError: if onnx is not installed.
    """
    sounds = [read_audio(example) for example in examples]
    longest = round(card.window_s * RATE_HZ)
    waves = [resample(sound.samples, sound.rate_hz, RATE_HZ)[None, : longest or None] for sound in sounds]
    graph = with_computed_filters(_sound_graph(network, waves[0]), _filters_of(network))
    apart = _sound_parity(network, graph, waves)
    if not apart <= SOUND_PARITY:
        raise ModelError(
            f"{path}: the float file differs from the network by {apart:.2g}; at most {SOUND_PARITY:g} is right"
        )
    for model, index in ((graph, float_path), (with_short_names(quantized(graph)), path)):
        known = Recognizer(_with_metadata(model, {CARD_KEY: card.to_json()}), threads=1).recognize(_KNOWN.read_bytes())
        known_answer = {"example": _KNOWN.name, "probabilities": dict(known.probabilities)}
        finished = _with_metadata(model, {CARD_KEY: replace(card, known_answer=known_answer).to_json()})
        with atomic_write(index, "wb") as file:
            file.write(finished)


def _filters_of(network: nn.Module) -> list[FourierFilters]:
    return [module for module in network.modules() if isinstance(module, FourierFilters)]


def replace_card(path: Path, card: ModelCard) -> None:
    """Replace the card of a model file, such as by one with scores that were measured on the finished file.

    Graph and background stay as they are.

    Args:
        path: of the file.
        card: the new one; its labels must be those of the graph's outputs.

    Raises:
        ExtraMissingError: if onnx is not installed.
    """
    model = require("onnx", "train").load_from_string(path.read_bytes())
    for entry in model.metadata_props:
        if entry.key == CARD_KEY:
            entry.value = card.to_json()
    with atomic_write(path, "wb") as file:
        file.write(model.SerializeToString(deterministic=True))


def parity(network: nn.Module, model: bytes, features: Features) -> float:
    """Compare a file's logits with the network's: rows together, and each alone.

    Args:
        network: in torch.
        model: bytes of its file.
        features: ``(rows, 162)``; silence is added to them.

    Returns:
        The largest difference, without a reference and with one if it takes any; NaN if a logit is not finite.
    """
    rows = np.concatenate([features, np.zeros((1, len(FEATURE_NAMES)), np.float32)]).astype(np.float32)
    network.eval()
    session = _session(model)
    apart = []
    references: Sequence[Sequence[Tensor]] = ((),)
    if _takes_reference(network):
        references = ((), _some_reference(len(FEATURE_NAMES)))
    for reference in references:
        with torch.no_grad():
            wanted = network(torch.from_numpy(rows), *reference).numpy()
        given = _named(reference)
        (together,) = session.run([LOGITS], {_FEATURES: rows, **given})
        alone = np.concatenate([session.run([LOGITS], {_FEATURES: row[None], **given})[0] for row in rows])
        apart += [np.abs(together - wanted), np.abs(alone - wanted)]
    return float(np.max(apart))


def _takes_reference(network: nn.Module) -> bool:
    return bool(getattr(network, "takes_reference", False))


class _WithStatistics(nn.Module):
    """A network on features that gives the statistics of its scaler, too."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor, *reference: Tensor) -> tuple[Tensor, Tensor]:
        return self.network(features, *reference), self.network.get_submodule("scaler")(features)


def _no_reference(dimensions: int) -> tuple[Tensor, Tensor, Tensor]:
    return torch.zeros(dimensions), torch.ones(dimensions), torch.zeros(1)


def _some_reference(dimensions: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    mean, deviation = torch.randn(dimensions, generator=generator), torch.rand(dimensions, generator=generator)
    return mean, deviation, torch.tensor([0.5])


def _named(reference: Sequence[Tensor]) -> dict[str, Features]:
    return {name: tensor.numpy() for name, tensor in zip(REFERENCE_INPUTS, reference, strict=False)}


def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _with_defaults(graph: bytes, dimensions: int) -> bytes:
    """Store the values of no reference, so that the inputs need not be given."""
    onnx = require("onnx", "train")
    model = onnx.load_from_string(graph)
    for name, values in _named(_no_reference(dimensions)).items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    return bytes(model.SerializeToString(deterministic=True))


def _graph(network: nn.Module) -> bytes:
    network.eval()
    file = io.BytesIO()
    example = torch.zeros(2, len(FEATURE_NAMES))
    outputs = [LOGITS, STATISTICS] if _takes_reference(network) else [LOGITS]
    reference = _no_reference(len(FEATURE_NAMES)) if _takes_reference(network) else ()
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, but writes an LSTM as one node; the new one decomposes it.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.onnx|hearfelt")
        # The LSTM checks the width of its input, which is no part of the graph.
        warnings.filterwarnings("ignore", category=TracerWarning, module=r"torch\.nn\.modules\.rnn")
        # It warns of any LSTM with a batch that varies; the states begin as zeros of the batch's own size.
        warnings.filterwarnings("ignore", message=".*batch_size other than 1.*", category=UserWarning)
        torch.onnx.export(
            _WithStatistics(network) if reference else network,
            (example, *reference),
            file,  # type: ignore[arg-type]  # the stub forgets that an open file is fine
            dynamo=False,
            opset_version=OPSET,
            input_names=[_FEATURES, *(REFERENCE_INPUTS if reference else ())],
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in (_FEATURES, *outputs)},
        )
    return _with_defaults(file.getvalue(), len(FEATURE_NAMES)) if reference else file.getvalue()


def _with_metadata(graph: bytes, entries: dict[str, str]) -> bytes:
    onnx = require("onnx", "train")
    model = onnx.load_from_string(graph)
    for key, value in entries.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _sound_graph(network: nn.Module, example: Features) -> bytes:
    network.eval()
    file = io.BytesIO()
    wave = torch.from_numpy(example)
    with warnings.catch_warnings(), torch.no_grad():
        outputs = network(wave)
        dimensions = _dimensions(outputs)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        # Slices with steps are left for ONNX Runtime to fold.
        warnings.filterwarnings("ignore", message="Constant folding", category=UserWarning)
        # A norm checks the batch, which is always 1.
        warnings.filterwarnings("ignore", category=TracerWarning, module=r"torch\.nn\.functional")
        torch.onnx.export(
            network,
            (wave, *(_no_reference(dimensions) if dimensions else ())),
            file,  # type: ignore[arg-type]  # the stub forgets that an open file is fine
            dynamo=False,
            opset_version=OPSET,
            input_names=[SOUND_INPUT, *(REFERENCE_INPUTS if dimensions else ())],
            output_names=list(SOUND_OUTPUTS[: len(outputs)]),
            dynamic_axes={SOUND_INPUT: {1: "n"}},
        )
    return _with_defaults(file.getvalue(), dimensions) if dimensions else file.getvalue()


def _dimensions(outputs: Sequence[Tensor]) -> int:
    """Give the number of statistics; 0 for a network that takes no reference."""
    given = dict(zip(SOUND_OUTPUTS, outputs, strict=False))
    return given[STATISTICS].shape[1] if STATISTICS in given else 0


def _sound_parity(network: nn.Module, model: bytes, waves: Sequence[Features]) -> float:
    session = _session(model)
    apart = []
    references: Sequence[Sequence[Tensor]]
    for samples in map(torch.from_numpy, waves):
        with torch.no_grad():
            alone = network(samples)
            references = ((), _some_reference(_dimensions(alone))) if _dimensions(alone) else ((),)
            all_wanted = [network(samples, *reference) for reference in references]
        for reference, wanted in zip(references, all_wanted, strict=True):
            names, given = SOUND_OUTPUTS[: len(wanted)], {SOUND_INPUT: samples.numpy(), **_named(reference)}
            for mine, theirs in zip(wanted, session.run(list(names), given), strict=True):
                # Of what is far from 0, such as the logit of an impossible emotion, only some digits are compared.
                apart.append(float((np.abs(mine.numpy() - theirs) / np.maximum(1.0, np.abs(theirs))).max()))
    return float(np.max(apart))


_LARGE: Final = 20_000  # values; smaller tensors are not worth it
_EXACT: Final = ("basis", "bank")  # of the front end: errors there act as noise
_HALF: Final = ("projection", "heads", "discriminant", "speech")  # small, and every prediction depends on all of it
_HALVES: Final = {np.dtype(np.float32): np.float16, np.dtype(np.float64): np.float32}
_RANGE: Final = 127.0
_NONE: Final = -1  # a use without an axis of outputs


_TENSOR: Final = "value"  # attribute of a Constant node


def quantized(model: bytes, *, exact: tuple[str, ...] = _EXACT) -> bytes:
    """Store a model's weights in 8 bits.

    - Weights of products, convolutions and recurrent layers: 8 bits with a scale for each output.
    - Other large tensors: half precision; those in double precision, as an SVM has, float32: its votes flip with less.
    - Tensors named in ``exact`` stay as they are.

    Only storage is in 8 bits: ``inference.session`` converts the weights to float32 when it loads the file, so that
    probabilities are the same within 1e-5 on any CPU and with any number of threads.

    Args:
        model: bytes of an ONNX file.
        exact: parts of the names of weights that stay in float32.

    Returns:
        The bytes of the smaller file, with standard operators only.

    Raises:
        ExtraMissingError: if onnx is not installed.
    """
    onnx = require("onnx", "train")
    proto = onnx.load_from_string(model)
    graph = proto.graph
    outputs = _output_axes(graph)
    kept, added, nodes = [], [], []
    for weight in graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype not in _HALVES or values.size < _LARGE or any(part in weight.name for part in exact):
            kept.append(weight)
        elif values.dtype == np.float32 and weight.name in outputs and not any(part in weight.name for part in _HALF):
            axis = outputs[weight.name]
            whole, scale = _in_8_bits(values, axis)
            parts = [f"{weight.name}.{part}" for part in ("whole", "scale", "zero")]
            arrays = whole, scale, np.zeros(len(scale), np.int8)
            added += [onnx.numpy_helper.from_array(array, part) for array, part in zip(arrays, parts, strict=True)]
            nodes.append(onnx.helper.make_node("DequantizeLinear", parts, [weight.name], axis=axis))
        else:
            half = weight.name + ".half"
            added.append(onnx.numpy_helper.from_array(values.astype(_HALVES[values.dtype]), half))
            nodes.append(onnx.helper.make_node("Cast", [half], [weight.name], to=weight.data_type))
    later = list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend([*kept, *added])
    graph.node.extend([*nodes, *later])
    return bytes(proto.SerializeToString(deterministic=True))


def with_short_names(model: bytes) -> bytes:
    """Replace names inside a model by numbers, except inputs and outputs: long names take 50 kB.

    Args:
        model: bytes of an ONNX file without subgraphs.

    Raises:
        ExtraMissingError: if onnx is not installed.
    """
    proto = require("onnx", "train").load_from_string(model)
    graph = proto.graph
    kept = {one.name for one in (*graph.input, *graph.output)}
    short: dict[str, str] = {"": ""}  # an omitted input has no name

    def of(name: str) -> str:
        return name if name in kept else short.setdefault(name, f"t{len(short)}")

    for node in graph.node:
        node.name = node.doc_string = ""
        node.input[:], node.output[:] = [of(name) for name in node.input], [of(name) for name in node.output]
    for weight in graph.initializer:
        weight.name = of(weight.name)
    del graph.value_info[:]
    return bytes(proto.SerializeToString(deterministic=True))


def with_computed_filters(model: bytes, transforms: Sequence[FourierFilters]) -> bytes:
    """Replace stored filters by the few nodes that compute them from three short rows.

    ONNX Runtime folds constants once, when it loads a file; a file of 1 MB would otherwise have 3. The values differ in
    the seventh digit.

    Args:
        model: bytes of an ONNX file; filters that are not in it are ignored.
        transforms: whose filters may be in it.

    Raises:
        ExtraMissingError: if onnx is not installed.
    """
    onnx = require("onnx", "train")
    proto = onnx.load_from_string(model)
    stored = {id(one): one.filters.numpy() for one in transforms}
    nodes: list[Any] = []
    for node in proto.graph.node:
        tensor = next((one.t for one in node.attribute if one.name == _TENSOR and node.op_type == "Constant"), None)
        values = np.zeros(0) if tensor is None else onnx.numpy_helper.to_array(tensor)
        found = next((one for one in transforms if np.array_equal(values, stored[id(one)])), None)
        nodes += [node] if found is None else _computing(onnx, found, node.output[0])
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return bytes(proto.SerializeToString(deterministic=True))


def _output_axes(graph: Any) -> dict[str, int]:
    """Find the axis of outputs of every weight that only products, convolutions or recurrent layers use."""
    axes: dict[str, set[int]] = {}
    for node in graph.node:
        for index, name in enumerate(node.input):
            axis = _NONE
            if node.op_type == "Conv" and index == 1:
                axis = 0
            elif node.op_type == "LSTM" and index in (1, 2):  # (directions, outputs, inputs)
                axis = 1
            elif node.op_type in ("MatMul", "Gemm") and index == 1:
                turned = any(one.name == "transB" and one.i for one in node.attribute)
                axis = 0 if turned else 1
            axes.setdefault(name, set()).add(axis)
    return {name: min(some) for name, some in axes.items() if len(some) == 1 and _NONE not in some}


def _in_8_bits(values: Any, axis: int) -> tuple[Any, Any]:
    others = tuple(index for index in range(values.ndim) if index != axis)
    scale = np.maximum(np.abs(values).max(axis=others, keepdims=True) / _RANGE, 1e-12)
    return np.rint(values / scale).astype(np.int8), scale.ravel().astype(np.float32)


def _computing(onnx: Any, transform: FourierFilters, output: str) -> list[Any]:
    made: list[Any] = []

    def name(part: str) -> str:
        return f"{output}/{part}"

    def constant(part: str, value: object, kind: type[np.generic] = np.float32) -> None:
        tensor = onnx.numpy_helper.from_array(np.asarray(value, kind), name(part))
        made.append(onnx.helper.make_node("Constant", [], [name(part)], name=name(part), value=tensor))

    def node(kind: str, inputs: Sequence[str], part: str, **attributes: object) -> None:
        whole = name(part) if part else output
        given = [name(one) for one in inputs]
        made.append(onnx.helper.make_node(kind, given, [whole], name=f"{whole}/{kind}", **attributes))

    constant("turns", transform.turns.numpy())
    constant("samples", transform.samples.numpy())
    constant("window", transform.window.numpy())
    constant("period", float(transform.period))
    constant("radians", 2.0 * np.pi / transform.period)
    constant("axis", [1], np.int64)
    node("MatMul", ["turns", "samples"], "turned")  # whole numbers far below 2²⁴, which float32 holds exactly
    node("Mod", ["turned", "period"], "rest", fmod=1)
    node("Mul", ["rest", "radians"], "angles")
    for function in ("Cos", "Sin"):
        node(function, ["angles"], function)
        node("Mul", [function, "window"], f"{function}-windowed")
    node("Concat", ["Cos-windowed", "Sin-windowed"], "rows", axis=0)
    node("Unsqueeze", ["rows", "axis"], "")
    return made
