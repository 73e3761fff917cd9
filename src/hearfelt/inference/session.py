"""One model file in ONNX Runtime: checked before it is loaded, with one-sentence errors."""

from __future__ import annotations

import functools
import mmap
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.errors import ModelError
from hearfelt.inference.graph_check import GraphFacts, check_graph
from hearfelt.inference.onnx_runtime import onnxruntime
from hearfelt.runtime.cache import file_digest

__all__ = ["LARGEST_BYTES", "PROVIDER", "Session"]

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
