"""Loads the published weights of the two encoders, and nothing but these: names, shapes and a hash are checked.

They are needed for training only: what the package ships is our own trained network. Nothing is ever unpickled.
Whisper's come as safetensors. Moonshine's were published only as 8-bit numbers in ONNX Runtime's own format, a
FlatBuffer with the schema ``ort.fbs``; only what leads to the weights is read, and nothing is run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import torch
from flatbuffers import encode, packer
from flatbuffers.table import Table
from numpy.typing import NDArray
from torch import Tensor, nn

from hearfelt.errors import DownloadError, ExtraMissingError, ModelError, require
from hearfelt.models.encoders.moonshine import MoonshineEncoder
from hearfelt.models.encoders.whisper import WhisperEncoder

__all__ = [
    "MOONSHINE_TINY",
    "WHISPER_BASE",
    "OrtFile",
    "Published",
    "fingerprint",
    "moonshine_arrays",
    "moonshine_weights",
    "read_ort",
    "whisper_weights",
]

MOONSHINE_FILE: Final = "moonshine_voice/assets/tiny-en/encoder_model.ort"
MOONSHINE_WHEEL: Final = "moonshine-voice==0.0.48"
_LARGEST_ORT: Final = 1 << 26  # 64 MiB; the real one has 13 MB
# Fields by table, counted from 0 in ort.fbs.
_SESSION_MODEL, _MODEL_GRAPH, _GRAPH_INITIALIZERS, _GRAPH_NODES = 1, 7, 0, 2
_TENSOR_NAME, _TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BYTES = 0, 2, 3, 4
_NODE_NAME, _NODE_INPUTS = 0, 8
_TYPES: Final[Mapping[int, str]] = MappingProxyType(
    {1: "<f4", 2: "|u1", 3: "|i1"}
)  # ONNX's numbers; others are left out


@dataclass(frozen=True)
class Published:
    """Published weights.

    Attributes:
        name: for messages.
        shapes: every tensor that is needed, without the prefix.
        fingerprint: of all these tensors, as :func:`fingerprint` computes it.
        prefix: what stands before the names in the published file.
        repository: on the Hugging Face Hub.
    """

    name: str
    shapes: Mapping[str, tuple[int, ...]] = field(repr=False)
    fingerprint: str
    prefix: str = ""
    repository: str = ""

    def checked(self, weights: dict[str, Tensor], where: str) -> dict[str, Tensor]:
        """Give the weights back if they are the published ones.

        Args:
            weights: what was found, without the prefix.
            where: the file, for messages.

        Raises:
            ModelError: if a tensor is missing, of another shape or not finite, or the numbers are others.
        """
        for name, shape in self.shapes.items():
            title = f"{where}: tensor {self.prefix}{name}"
            if name not in weights:
                raise ModelError(f"{title} is missing; {self.name} has it")
            if tuple(weights[name].shape) != shape:
                raise ModelError(f"{title} is {list(weights[name].shape)}; in {self.name} it is {list(shape)}")
            if not bool(weights[name].isfinite().all()):
                raise ModelError(f"{title} holds numbers that are not finite; get it again")
        if (found := fingerprint(weights)) != self.fingerprint:
            raise ModelError(
                f"{where}: the names are {self.name}'s and the numbers are not (fingerprint {found[:12]},"
                f" published {self.fingerprint[:12]})"
            )
        return weights


def fingerprint(weights: Mapping[str, Tensor]) -> str:
    """Compute a hash of a set of tensors, whatever file they came in.

    Returns:
        SHA-256 over names, shapes and values rounded to float16, in the order of the names; 64 hexadecimal digits.

    Example:
        >>> one = {"a": torch.ones(2), "b": torch.zeros(1)}
        >>> fingerprint(one) == fingerprint({"b": torch.zeros(1), "a": torch.ones(2, dtype=torch.float16)})
        True
        >>> fingerprint(one) == fingerprint({"a": torch.ones(2), "b": torch.full((1,), 0.001)})
        False
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        values = weights[name].detach().to("cpu", torch.float16).contiguous()
        digest.update(f"{name} {list(values.shape)}\n".encode())
        digest.update(values.numpy().astype("<f2", copy=False).tobytes())
    return digest.hexdigest()


def whisper_weights(path: Path | None = None, *, source: Published | None = None) -> dict[str, Tensor]:
    """Load the first four layers of Whisper base's encoder (OpenAI, MIT licence).

    Args:
        path: a ``.safetensors`` file that holds them, such as ``openai/whisper-base``'s own or an excerpt of it, or a
            folder with one such file; what else is in it is passed over. By default it comes once from the Hugging
            Face Hub, 290 MB, into the Hub's own cache; its environment variables apply, such as ``HF_ENDPOINT`` (a
            mirror), ``HF_HOME`` and ``HF_HUB_OFFLINE``.
        source: what is expected; Whisper base by default.

    Returns:
        Tensors by name, such as ``layers.0.fc1.weight``; float32, rounded to the float16 in which OpenAI published
        them, so that every copy gives the same numbers.

    Raises:
        ModelError: if the file cannot be read, or a tensor is missing, of another shape, not finite or not the
            published one.
        DownloadError: if the download did not arrive.
        ExtraMissingError: if safetensors, or huggingface_hub where it is needed, is not installed.
    """
    source = source or WHISPER_BASE
    path = _from_hub(source) if path is None else _file_in(path, "*.safetensors")
    return source.checked(_read_safetensors(path, source), str(path))


def moonshine_weights(path: Path | None = None, *, source: Published | None = None) -> dict[str, Tensor]:
    """Load the first four layers of Moonshine tiny's English encoder (Moonshine AI, MIT licence).

    They were published as 8-bit numbers inside a package, which is not imported.

    Args:
        path: the file ``encoder_model.ort``, a folder that holds it, or the package's wheel; by default it is looked
            for among the installed packages.
        source: what is expected; Moonshine tiny by default.

    Returns:
        float32 tensors by name, such as ``layers.0.q.weight``.

    Raises:
        ModelError: if the file cannot be read, or a tensor is missing, of another shape, not finite or not the
            published one.
        ExtraMissingError: if no path is given and the package is not installed.
    """
    source = source or MOONSHINE_TINY
    path = _installed_moonshine() if path is None else _file_in(path, "*.ort")
    arrays = moonshine_arrays(read_ort(_ort_content(path), name=str(path)), source.shapes)
    return source.checked({name: torch.from_numpy(array) for name, array in arrays.items()}, str(path))


@dataclass(frozen=True)
class OrtFile:
    """Weights and constants by name, and for each node, by its name, the names of its inputs."""

    tensors: Mapping[str, NDArray[Any]]
    inputs: Mapping[str, tuple[str, ...]]


def read_ort(content: bytes, *, name: str) -> OrtFile:
    """Read the tensors of a file and what its nodes are connected to.

    Args:
        content: the bytes of the file.
        name: for messages.

    Raises:
        ModelError: if it is no such file, or is damaged.
    """
    if content[4:8] != b"ORTM":
        raise ModelError(f"{name}: this is no model in ONNX Runtime's format; a file that ends in .ort is wanted")
    try:
        session = Table(content, encode.Get(packer.uoffset, content, 0))
        graph = _table(_table(session, _SESSION_MODEL), _MODEL_GRAPH)
        tensors = dict(filter(None, map(_tensor, _tables(graph, _GRAPH_INITIALIZERS))))
        inputs = {
            _text(node, _NODE_NAME): tuple(node.String(place).decode() for place in _places(node, _NODE_INPUTS))
            for node in _tables(graph, _GRAPH_NODES)
        }
    except (struct.error, ValueError, IndexError, TypeError, OverflowError) as error:
        raise ModelError(f"{name}: the file is damaged ({error}); get it again") from error
    return OrtFile(MappingProxyType(tensors), MappingProxyType(inputs))


def moonshine_arrays(model: OrtFile, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    """Find each tensor by the node that takes it: the names of the tensors themselves are numbers without meaning.

    Args:
        model: the published file.
        shapes: the tensors wanted, by our names.

    Returns:
        Arrays by our names; one that is not there is not in the answer. What was published in 8 bits is
        ``(value - zero point) * scale``.
    """
    arrays = {}
    for name, shape in shapes.items():
        node, place = _node_of(name)
        taken = model.inputs.get(node, ())
        stored = taken[place] if len(taken) > abs(place) else ""
        values = _real_numbers(model, stored)
        if values is not None:
            values = values.T if stored.endswith("_quantized") else values  # products take them the other way round
            values = values.reshape(shape) if name.startswith("groupnorm") and values.size == shape[0] else values
            arrays[name] = np.array(values, np.float32, order="C")
    return arrays


def _from_hub(source: Published) -> Path:
    hub = require("huggingface_hub", "train")
    try:
        return Path(hub.hf_hub_download(source.repository, "model.safetensors"))
    except Exception as error:  # the Hub's, httpx's or requests', by version: they share no class
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DownloadError(
            f"{source.repository}: its weights cannot be fetched ({reason}); give the path of a .safetensors file, or"
            " name a mirror of the Hugging Face Hub by HF_ENDPOINT"
        ) from error


def _file_in(path: Path, pattern: str) -> Path:
    """Take a file as it is; of a folder the only file that fits."""
    if not path.is_dir():
        return path
    found = sorted(path.glob(pattern))
    if len(found) != 1:
        raise ModelError(f"{path}: {len(found)} files {pattern} in this folder; give the path of one file")
    return found[0]


def _read_safetensors(path: Path, source: Published) -> dict[str, Tensor]:
    safetensors: Any = require("safetensors", "train")
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            there = {name.removeprefix(source.prefix): name for name in file.keys()}  # noqa: SIM118 - it is no dict
            chosen = {name: file.get_tensor(there[name]) for name in source.shapes if name in there}
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise ModelError(f"{path}: {reason}; a .safetensors file is wanted") from error
    except safetensors.SafetensorError as error:
        raise ModelError(f"{path}: this is no .safetensors file ({error})") from error
    return {name: tensor.half().float() for name, tensor in chosen.items()}


def _installed_moonshine() -> Path:
    package, _, rest = MOONSHINE_FILE.partition("/")
    found = importlib.util.find_spec(package)  # finding a package is not importing it: nothing of it runs
    for folder in (found and found.submodule_search_locations) or ():
        path = Path(folder) / rest
        if path.is_file():
            return path
    raise ExtraMissingError(
        f"moonshine-voice is not installed, whose files hold the encoder's weights: pip install {MOONSHINE_WHEEL},"
        " or give the path of its wheel"
    )


def _ort_content(path: Path) -> bytes:
    try:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                content = wheel.open(MOONSHINE_FILE).read(_LARGEST_ORT + 1)
        else:
            with path.open("rb") as file:
                content = file.read(_LARGEST_ORT + 1)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such file; the wheel of {MOONSHINE_WHEEL} is wanted") from error
    except (OSError, KeyError, zipfile.BadZipFile, RuntimeError) as error:
        raise ModelError(f"{path}: the encoder cannot be read out of it ({error}); get it again") from error
    if len(content) > _LARGEST_ORT:
        raise ModelError(f"{path}: more than {_LARGEST_ORT >> 20} MiB; the encoder has a fifth of it")
    return content


def _node_of(name: str) -> tuple[str, int]:
    """Tell which node takes a tensor, and as which input."""
    owner, _, kind = name.rpartition(".")
    if owner.startswith("conv"):
        return f"/{owner}/Conv", 1 if kind == "weight" else 2
    if owner == "groupnorm":
        return ("/groupnorm/Mul", 1) if kind == "weight" else ("/groupnorm/Add", 1)
    layer, _, part = owner.rpartition(".")
    if part in ("attention_norm", "norm"):
        norm = "input_layernorm" if part == "attention_norm" else "post_attention_layernorm"
        return f"/{layer}/{norm}/LayerNormalization", 1
    product = f"mlp/{part}" if part.startswith("fc") else f"self_attn/{part}_proj"
    return f"/{layer}/{product}/MatMul_quant", 1 if kind == "weight" else -1


def _real_numbers(model: OrtFile, stored: str) -> NDArray[Any] | None:
    if not stored.endswith("_quantized"):
        return model.tensors.get(stored)
    base = stored.removesuffix("_quantized")
    values, zero, scale = (model.tensors.get(base + ending) for ending in ("_quantized", "_zero_point", "_scale"))
    if values is None or zero is None or scale is None:
        return None
    return (values.astype(np.float32) - zero.astype(np.float32)) * scale.astype(np.float32)


def _tensor(stored: Any) -> tuple[str, NDArray[Any]] | None:
    kind = _field(stored, _TENSOR_TYPE)
    dtype = _TYPES.get(encode.Get(packer.int32, stored.Bytes, stored.Pos + kind) if kind else 0)
    if dtype is None:
        return None
    shape, start = _field(stored, _TENSOR_SHAPE), _field(stored, _TENSOR_BYTES)
    sizes = struct.unpack_from(f"<{stored.VectorLen(shape)}q", stored.Bytes, stored.Vector(shape)) if shape else ()
    count = stored.VectorLen(start) // np.dtype(dtype).itemsize if start else 0
    values = np.frombuffer(stored.Bytes, dtype, count, stored.Vector(start) if start else 0)
    return _text(stored, _TENSOR_NAME), values.reshape(sizes)


def _field(parent: Any, number: int) -> int:
    """Find a field by its number; 0 if it was left out."""
    return int(parent.Offset(4 + 2 * number))


def _table(parent: Any, number: int) -> Any:
    place = _field(parent, number)
    if not place:
        raise ValueError(f"there is no field {number} where one is needed")
    return Table(parent.Bytes, parent.Indirect(parent.Pos + place))


def _tables(parent: Any, number: int) -> Iterator[Any]:
    return (Table(parent.Bytes, parent.Indirect(place)) for place in _places(parent, number))


def _places(parent: Any, number: int) -> range:
    """Find where the entries of a list stand."""
    place = _field(parent, number)
    start = parent.Vector(place) if place else 0
    return range(start, start + 4 * (parent.VectorLen(place) if place else 0), 4)


def _text(parent: Any, number: int) -> str:
    place = _field(parent, number)
    return str(parent.String(parent.Pos + place).decode()) if place else ""


def _shapes(network: type[nn.Module]) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):  # shapes alone, no memory
        return {name: tuple(tensor.shape) for name, tensor in network().state_dict().items()}


WHISPER_BASE: Final = Published(
    "Whisper base",
    _shapes(WhisperEncoder),
    "c76c8da2b9a702ab916962adb31dc086f6252e5ca6d5d49ac1b5008bfb1da0c5",
    prefix="model.encoder.",
    repository="openai/whisper-base",
)
MOONSHINE_TINY: Final = Published(
    "Moonshine tiny", _shapes(MoonshineEncoder), "555fe4b30f6ea7d6687df3a28a23f5199387da42c827729192f853be856c6cfa"
)
