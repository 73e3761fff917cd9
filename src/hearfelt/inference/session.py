"""One model file in ONNX Runtime: checked by its bytes before it is loaded, with one-sentence errors.

ONNX Runtime runs what a file says. A speech model needs no operators from outside the standard, which may be anything;
no weights in other files, whose names the file chooses; and no tensors that nothing uses. All of these are found here,
in the bytes, without the package ``onnx``, before a session is made.

The format is Protocol Buffers: a message is a row of fields, each a number (shifted left by three, with the kind of
value in the low bits) and a value (https://protobuf.dev/programming-guides/encoding). The numbers are those of
onnx.proto3 in the ONNX project; they never change.
"""

from __future__ import annotations

import functools
import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.errors import ModelError
from hearfelt.inference.onnx_runtime import onnxruntime
from hearfelt.runtime.cache import file_digest

__all__ = ["LARGEST_BYTES", "PROVIDER", "GraphFacts", "Session", "check_graph"]

Floats = npt.NDArray[np.float64]

PROVIDER: Final = "CPUExecutionProvider"  # the same answers everywhere
LARGEST_BYTES: Final = 200 * 2**20  # far above any model of ours; a larger file is a mistake or an attack


class Session:
    """A loaded model; may be used from several threads.

    Args:
        model: the bytes of an ONNX file, or its path. By its path a file is never in memory as bytes.
        name: used in messages.
        threads: threads for one answer; by default ONNX Runtime decides.

    Attributes:
        metadata: texts in the file, by key.
        inputs: type and shape of each input that has to be given, by name; a variable length is a text.
        optional_inputs: the same of inputs that have a value in the file.
        outputs: the same of the outputs.
        numbers: how many learned numbers are stored in the file.

    Raises:
        ModelError: if it is no model, cannot be read, needs more than standard operators, or is inconsistent.
    """

    def __init__(self, model: bytes | Path, *, name: str = "model", threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise ModelError(f"{threads} threads; 1 or more is wanted")
        facts = _checked(model, name)
        self._name, self._model = name, model if isinstance(model, Path) else sha256(model).hexdigest()
        self.numbers = facts.numbers
        try:
            self._session = onnxruntime.InferenceSession(
                model, _options(threads), providers=[PROVIDER], enable_fallback=0
            )
            self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
            self.inputs = {one.name: _described(one) for one in self._session.get_inputs()}
            self.optional_inputs = {one.name: _described(one) for one in self._session.get_overridable_initializers()}
            self.outputs = {one.name: _described(one) for one in self._session.get_outputs()}
        except Exception as error:  # ONNX Runtime has a dozen classes for a bad file and no common one
            needs = f"operators of version {facts.opset}, format {facts.ir_version}"
            raise ModelError(f"{name}: this is no model that can be loaded ({needs}: {_reason(error)})") from error

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the file, 64 hexadecimal digits."""
        return file_digest(self._model) if isinstance(self._model, Path) else self._model

    def run(self, outputs: Sequence[str], inputs: Mapping[str, npt.NDArray[np.float32]]) -> list[Floats]:
        """Compute some outputs in one run.

        Args:
            outputs: their names.
            inputs: values by name; those with a value in the file may be left out.

        Raises:
            ModelError: if the network fails, or an output is not finite.
        """
        given = {name: np.ascontiguousarray(values) for name, values in inputs.items()}
        try:
            results = self._session.run(list(outputs), given)
        except Exception as error:
            shape = next(iter(given.values())).shape
            raise ModelError(f"{self._name}: it fails on an input of {shape} ({_reason(error)})") from error
        computed = [np.asarray(one, np.float64) for one in results]
        if not all(np.isfinite(one).all() for one in computed):
            raise ModelError(f"{self._name}: its output is not finite; the file is damaged, or not fit for this sound")
        return computed


def _checked(model: bytes | Path, name: str) -> GraphFacts:
    if isinstance(model, bytes):
        _refuse_too_large(len(model), name)
        return check_graph(model, name)
    try:
        with model.open("rb") as file:
            size = file.seek(0, 2)
            _refuse_too_large(size, name)
            # Only the pages between the large tensors are touched.
            return check_graph(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) if size else b"", name)
    except OSError as error:
        raise ModelError(f"{model}: cannot be read ({error.strerror})") from error


def _refuse_too_large(size: int, name: str) -> None:
    if size > LARGEST_BYTES:
        raise ModelError(f"{name}: {size >> 20} MiB; a model has at most {LARGEST_BYTES >> 20} MiB")


def _options(threads: int | None) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, not printed
    options.add_session_config_entry("session.load_model_format", "ONNX")  # whatever the bytes pretend to be
    # Weights of 8 bits become float32 once, at loading. Otherwise ONNX Runtime computes products in 8 bits, and its
    # kernels for that differ by processor and number of threads: probabilities of one clip differ by 0.002 and more.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    # Threads that wait sleep. Spinning, they take the cores from those that compute: an answer on two threads of a busy
    # machine took twice the time of one thread.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    return options


def _described(one: onnxruntime.NodeArg) -> tuple[object, ...]:
    return (one.type, *one.shape)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


STANDARD_DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml"})
DEEPEST: Final = 16  # graphs inside attributes of nodes inside graphs; ours have at most 2
MOST_FIELDS: Final = 2_000_000  # read one by one, in seconds; our files have a few thousand
_HIGHEST_NUMBER: Final = (1 << 29) - 1  # of a field; other readers cut larger ones off and would see another field
_WRONG: Final = "the file was put together wrongly"
_RUNTIME_FORMAT: Final = b"ORTM"  # at byte 4 of ONNX Runtime's own format, which is no message at all

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5  # kinds of value

# Field numbers of the messages that are looked into.
_MODEL: Final = {"ir_version": 1, "graph": 7, "opset_import": 8, "training_info": 20, "functions": 25}
_OPSET: Final = {"domain": 1, "version": 2}
_GRAPH: Final = {"node": 1, "initializer": 5, "input": 11, "output": 12, "sparse_initializer": 15}
_NODE: Final = {"input": 1, "op_type": 4, "attribute": 5, "domain": 7}
_ATTRIBUTE: Final = {"t": 5, "g": 6, "tensors": 10, "graphs": 11, "sparse_tensor": 22, "sparse_tensors": 23}
_SPARSE: Final = {"values": 1, "indices": 2}
_TENSOR: Final = {"dims": 1, "data_type": 2, "name": 8, "external_data": 13, "data_location": 14}
_VALUE: Final = {"name": 1}

# Kinds of numbers that can be learned: float, uint8, int8, float16, double, bfloat16. Other whole numbers are shapes.
_LEARNABLE: Final = frozenset({1, 2, 3, 10, 11, 16})


@dataclass
class GraphFacts:
    """What was found in a model file.

    Attributes:
        ir_version: version of the format.
        opset: version of the standard operators; 0 if the file names none.
        nodes: how many operators there are, those in subgraphs included.
        tensors: how many stored tensors there are.
        numbers: how many numbers were learned, as far as a file tells: all in stored tensors of fractions or of bytes
            (as quantized weights are), each counted where it is stored. An SVM's support vectors are learned numbers,
            and so are the means and scales of a scaler or a normalization. Not counted are values of optional inputs,
            shapes and other whole
            numbers, constants inside nodes, and a tensor of which the graph only takes sums, such as the squares of an
            SVM's support vectors, which are there already.
    """

    ir_version: int = 0
    opset: int = 0
    nodes: int = 0
    tensors: int = 0
    numbers: int = 0
    _stored: set[str] = field(default_factory=set, repr=False)
    _optional: set[str] = field(default_factory=set, repr=False)  # inputs of the graph
    _used: set[str] = field(default_factory=set, repr=False)
    _weighing: set[str] = field(default_factory=set, repr=False)  # used by anything but a sum
    _sizes: dict[str, int] = field(default_factory=dict, repr=False)


def check_graph(model: bytes | memoryview, name: str) -> GraphFacts:
    """Refuse a model file that is cut short, brings operators of its own, or points to other files.

    Args:
        model: the whole file; large tensors in it are stepped over and not touched.
        name: used in messages.

    Returns:
        What was found.

    Raises:
        ModelError: if the bytes are no ONNX model or were cut short; if an operator is none of the standard's, or is
            defined in the file; if weights are said to be in another file; if a stored tensor is used by nothing or
            two have one name.

    Example:
        >>> check_graph(b"", "empty.onnx")
        Traceback (most recent call last):
            ...
        hearfelt.errors.ModelError: empty.onnx: this is no model, the file is empty; an .onnx file is wanted
    """
    if not len(model):
        raise ModelError(f"{name}: this is no model, the file is empty; an .onnx file is wanted")
    if bytes(model[4:8]) == _RUNTIME_FORMAT:
        raise ModelError(f"{name}: this is no model in the format ONNX, but in one of ONNX Runtime's own")
    walker = _Walker(memoryview(model), name)
    facts = walker.model()
    if lost := sorted(facts._stored - facts._used):
        raise ModelError(f"{name}: nothing uses the tensor {_short(lost[0])}; {_WRONG}")
    facts.numbers = sum(facts._sizes[tensor] for tensor in (facts._stored & facts._weighing) - facts._optional)
    return facts


class _Walker:
    """Reads the messages of one file, each only as deep as needed."""

    def __init__(self, data: memoryview, name: str) -> None:
        self._data = data.cast("B")
        self._name = name
        self._left = MOST_FIELDS
        self._facts = GraphFacts()

    def model(self) -> GraphFacts:
        graphs = 0
        for number, value in self._fields(0, len(self._data)):
            if number == _MODEL["ir_version"]:
                self._facts.ir_version = self._number(value)
            elif number == _MODEL["opset_import"]:
                self._opset(self._part(value))
            elif number == _MODEL["graph"]:
                graphs += 1
                self._graph(self._part(value), 0)
            elif number == _MODEL["functions"]:
                raise ModelError(f"{self._name}: it defines operators of its own; only those of the standard are run")
            elif number == _MODEL["training_info"]:
                raise ModelError(f"{self._name}: it holds a training graph; a model for recognizing is wanted")
        if graphs != 1:
            raise self._damaged(f"{graphs} graphs")
        return self._facts

    def _opset(self, span: tuple[int, int]) -> None:
        domain, version = "", 0
        for number, value in self._fields(*span):
            if number == _OPSET["domain"]:
                domain = self._text(value)
            elif number == _OPSET["version"]:
                version = self._number(value)
        if domain in ("", "ai.onnx"):
            self._facts.opset = max(self._facts.opset, version)

    def _graph(self, span: tuple[int, int], depth: int) -> None:
        if depth > DEEPEST:
            raise self._damaged(f"graphs inside graphs, more than {DEEPEST} deep")
        stored: set[str] = set()
        for number, value in self._fields(*span):
            if number == _GRAPH["node"]:
                self._node(self._part(value), depth)
            elif number == _GRAPH["initializer"]:
                tensor, size = self._tensor(self._part(value))
                if tensor in stored:
                    raise ModelError(f"{self._name}: two tensors are called {_short(tensor)}; {_WRONG}")
                stored.add(tensor)
                self._facts._sizes[tensor] = self._facts._sizes.get(tensor, 0) + size  # branches may share a name
            elif number == _GRAPH["sparse_initializer"]:
                self._sparse(self._part(value))
            elif number in (_GRAPH["input"], _GRAPH["output"]):
                names = self._facts._used if number == _GRAPH["output"] else self._facts._optional
                for inner, text in self._fields(*self._part(value)):
                    if inner == _VALUE["name"]:
                        names.add(self._text(text))
        self._facts._stored |= stored

    def _node(self, span: tuple[int, int], depth: int) -> None:
        operator, domain = "", ""
        inputs: set[str] = set()
        for number, value in self._fields(*span):
            if number == _NODE["op_type"]:
                operator = self._text(value)
            elif number == _NODE["domain"]:
                domain = self._text(value)
                if domain not in STANDARD_DOMAINS:
                    break
            elif number == _NODE["input"]:
                inputs.add(self._text(value))
            elif number == _NODE["attribute"]:
                self._attribute(self._part(value), depth)
        if domain not in STANDARD_DOMAINS:
            raise ModelError(
                f"{self._name}: it needs the operator {_short(domain)}.{_short(operator)}; only those of the ONNX"
                " standard are run"
            )
        self._facts.nodes += 1
        self._facts._used |= inputs
        if operator != "ReduceSum":
            self._facts._weighing |= inputs

    def _attribute(self, span: tuple[int, int], depth: int) -> None:
        for number, value in self._fields(*span):
            if number in (_ATTRIBUTE["t"], _ATTRIBUTE["tensors"]):
                self._tensor(self._part(value))
            elif number in (_ATTRIBUTE["g"], _ATTRIBUTE["graphs"]):
                self._graph(self._part(value), depth + 1)
            elif number in (_ATTRIBUTE["sparse_tensor"], _ATTRIBUTE["sparse_tensors"]):
                self._sparse(self._part(value))

    def _sparse(self, span: tuple[int, int]) -> None:
        for number, value in self._fields(*span):
            if number in (_SPARSE["values"], _SPARSE["indices"]):
                self._tensor(self._part(value))

    def _tensor(self, span: tuple[int, int]) -> tuple[str, int]:
        """Read a tensor; give its name, and how many learned numbers are in it."""
        tensor, kind = "", 0
        lengths: list[int] = []
        for number, value in self._fields(*span):
            if number == _TENSOR["name"]:
                tensor = self._text(value)
            elif number == _TENSOR["dims"]:
                lengths += [value] if isinstance(value, int) else self._packed(value)
            elif number == _TENSOR["data_type"]:
                kind = self._number(value)
            elif number == _TENSOR["external_data"] or (number == _TENSOR["data_location"] and self._number(value)):
                raise ModelError(f"{self._name}: it keeps weights in other files; a model has to be one file")
        self._facts.tensors += 1
        return tensor, prod(lengths) if kind in _LEARNABLE else 0

    def _fields(self, place: int, end: int) -> Iterator[tuple[int, int | tuple[int, int]]]:
        """Give each field's number and value: a whole number, or the start and end of its bytes."""
        while place < end:
            self._spend()
            key, place = self._varint(place, end)
            number, kind = key >> 3, key & 7
            value: int | tuple[int, int]
            if kind == _VARINT:
                value, place = self._varint(place, end)
            elif kind in (_BYTES, _EIGHT, _FOUR):
                length = 8 if kind == _EIGHT else 4
                if kind == _BYTES:
                    length, place = self._varint(place, end)
                value, place = (place, place + length), place + length
            else:
                raise self._damaged(f"a field of kind {kind}")
            if place > end:
                raise self._damaged("a part that reaches beyond its end")
            if not 0 < number <= _HIGHEST_NUMBER:
                raise self._damaged(f"a field with the number {number}")
            yield number, value

    def _spend(self) -> None:
        """Count one more field, and give up on a file with too many."""
        self._left -= 1
        if self._left < 0:
            raise self._damaged(f"more than {MOST_FIELDS:,} parts")

    def _varint(self, place: int, end: int) -> tuple[int, int]:
        if place < end and (byte := self._data[place]) < 0x80:  # nearly all
            return byte, place + 1
        value = 0
        for shift in range(0, 70, 7):  # at most ten bytes
            if place >= end:
                raise self._damaged("it ends in the middle of a number")
            byte = self._data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, place
        raise self._damaged("a number without an end")

    def _packed(self, span: tuple[int, int]) -> list[int]:
        """Read packed whole numbers."""
        place, end = span
        numbers: list[int] = []
        while place < end:
            self._spend()
            number, place = self._varint(place, end)
            numbers.append(number)
        return numbers

    def _number(self, value: int | tuple[int, int]) -> int:
        if not isinstance(value, int):
            raise self._damaged("bytes where a number belongs")
        return value

    def _part(self, value: int | tuple[int, int]) -> tuple[int, int]:
        if isinstance(value, int):
            raise self._damaged("a number where bytes belong")
        return value

    def _text(self, value: int | tuple[int, int]) -> str:
        start, end = self._part(value)
        try:
            return str(self._data[start:end], "utf-8")
        except UnicodeDecodeError:
            raise self._damaged("a name that is no text") from None

    def _damaged(self, what: str) -> ModelError:
        return ModelError(f"{self._name}: this is no model, or it was cut short ({what}); load an undamaged copy")


def _short(text: str, longest: int = 60) -> str:
    shown = "".join(character if character.isprintable() else "�" for character in text)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
