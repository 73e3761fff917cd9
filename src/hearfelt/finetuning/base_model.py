"""The base model and its new head: features of clips, a head fitted to them, and the ONNX graph with that head.

The head is a linear discriminant in closed form, good where clips are few. Of the linear heads tried (discriminants
with a shrunken covariance, multinomial regression with a ridge) it was the better one by speaker and by likelihood,
and it needs nothing but numpy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import Samples, Sound, open_audio, refuse_faults
from hearfelt.corpora.clips import Clip
from hearfelt.errors import AudioError, ModelError, require
from hearfelt.inference.card import ModelCard
from hearfelt.inference.model import LOGITS, REFERENCE_INPUTS
from hearfelt.inference.recognizer import Recognizer, model_path
from hearfelt.inference.session import Session
from hearfelt.inference.sound_model import EMBEDDING, SOUND_INPUT
from hearfelt.inference.windowing import BlockOutput, blocks_of, frame_powers, pooled
from hearfelt.runtime.cache import Cache, default_cache, sound_digests
from hearfelt.runtime.pool import Pool, workers_for

__all__ = [
    "FEATURES",
    "SETTINGS",
    "BaseFeatures",
    "BaseModel",
    "Head",
    "Setting",
    "base_features",
    "fit_heads",
    "load_base",
    "with_features_output",
    "with_head",
    "with_metadata",
]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

FEATURES: Final = "features"  # embedding and logits of a base model, side by side
_VERSION: Final = 1  # of the cached features
_PROBE: Final = np.sin(np.arange(1_600) / 9).astype(np.float32)  # 0.1 s of a tone
_CLIPS_PER_PROCESS: Final = 20  # starting a process takes as long as computing the features of so many
_EPSILON: Final = 1e-6
_NEVER: Final = -1e4  # the logit of a label without a single clip


def with_features_output(model: bytes, dimensions: int) -> bytes:
    """Add an output :data:`FEATURES` to a base model: its embedding and its logits in one row.

    Args:
        model: bytes of the base model.
        dimensions: of both together.

    Raises:
        ExtraMissingError: if onnx is not installed.
    """
    onnx = require("onnx", "teach")
    proto = onnx.load_from_string(model)
    proto.graph.node.append(onnx.helper.make_node("Concat", [EMBEDDING, LOGITS], [FEATURES], axis=1))
    proto.graph.output.append(_output(onnx, FEATURES, dimensions))
    return _written(proto)


def with_head(model: bytes, head: Head, *, embedding_size: int) -> bytes:
    """Replace the head of a base model; parts of its graph that are needed no more are removed.

    The new logits are a product and a sum of the base's embedding, or of embedding and base logits where the head
    uses these. The embedding stays an output. A reference is no longer taken: it moves the base's logits, and the new
    head was not fitted to that.

    Args:
        model: bytes of the base model.
        head: of ``(dimensions, classes)``, the embedding's dimensions before those of the base's logits.
        embedding_size: number of dimensions of the embedding.

    Raises:
        ModelError: if the base's graph does not allow it.
        ExtraMissingError: if onnx is not installed.
    """
    onnx = require("onnx", "teach")
    proto = onnx.load_from_string(model)
    graph = proto.graph
    if any(tensor.name == LOGITS for tensor in graph.initializer):
        raise ModelError(f"the base's {LOGITS!r} are stored and not computed; another base is wanted")
    taken = _names_in(graph)
    own, rows, weights, product, offsets = (
        _free(name, taken) for name in ("base.logits", "head.rows", "head.slopes", "head.product", "head.offsets")
    )
    for node in graph.node:
        _rename(node, LOGITS, own)
    uses_base_logits = bool(head.slopes[embedding_size:].any())
    slopes = head.slopes if uses_base_logits else head.slopes[:embedding_size]
    if uses_base_logits:
        graph.node.append(onnx.helper.make_node("Concat", [EMBEDDING, own], [rows], axis=1))
    graph.node.append(onnx.helper.make_node("MatMul", [rows if uses_base_logits else EMBEDDING, weights], [product]))
    graph.node.append(onnx.helper.make_node("Add", [product, offsets], [LOGITS]))
    for name, values in ((weights, slopes), (offsets, head.offsets)):
        graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float32), name))
    _keep(graph.output, lambda one: one.name == EMBEDDING)
    graph.output.insert(0, _output(onnx, LOGITS, slopes.shape[1]))
    _keep(graph.value_info, lambda one: one.name != LOGITS)
    _keep(graph.input, lambda one: one.name not in REFERENCE_INPUTS)  # their values become constants
    _prune(graph)
    return _written(proto)


def with_metadata(model: bytes, entries: Mapping[str, str]) -> bytes:
    """Replace all metadata of a model.

    Raises:
        ExtraMissingError: if onnx is not installed.
    """
    onnx = require("onnx", "teach")
    proto = onnx.load_from_string(model)
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, dict(entries))
    return _written(proto)


def _prune(graph: Any) -> None:
    """Remove what no output needs. In a graph each node comes after those whose outputs it takes."""
    needed, kept = {one.name for one in graph.output}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= _inputs_of(node)
            kept.append(node)
    computed = {name for node in kept for name in node.output}
    _keep(graph.node, lambda node: bool(computed & set(node.output)))
    _keep(graph.initializer, lambda tensor: tensor.name in needed)
    _keep(graph.value_info, lambda one: one.name in computed)


def _keep(items: Any, wanted: Any) -> None:
    """Remove the other items of a repeated field."""
    kept = [item for item in items if wanted(item)]
    del items[:]
    items.extend(kept)


def _inputs_of(node: Any) -> set[str]:
    """Name what a node takes, also in its subgraphs, where further names of their own do no harm."""
    names = set(node.input)
    for graph in _subgraphs(node):
        names |= {one.name for one in graph.output}
        for inner in graph.node:
            names |= _inputs_of(inner)
    return names


def _subgraphs(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _rename(node: Any, old: str, new: str) -> None:
    """Rename one of a node's inputs or outputs."""
    if old in _inputs_of(node) - set(node.input):
        raise ModelError(f"the base uses its {old!r} in a graph inside its graph; another base is wanted")
    node.input[:] = [new if name == old else name for name in node.input]
    node.output[:] = [new if name == old else name for name in node.output]


def _names_in(graph: Any) -> set[str]:
    names = {name for node in graph.node for name in (*node.output, *_inputs_of(node))}
    return names | {one.name for one in (*graph.initializer, *graph.output)}


def _free(name: str, taken: set[str]) -> str:
    """Find a name that is not taken: a base may be a fine-tuned model itself."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}{number}"
    return free


def _output(onnx: Any, name: str, width: int) -> Any:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, width])


def _written(proto: Any) -> bytes:
    return bytes(proto.SerializeToString(deterministic=True))


@dataclass(frozen=True, eq=False)
class BaseModel:
    """A finished model to fine-tune.

    Attributes:
        model: its bytes.
        card: of the file.
        embedding_size: number of dimensions of its embedding.
        digest: SHA-256 of the file.
    """

    model: bytes
    card: ModelCard
    embedding_size: int
    digest: str

    @property
    def dimensions(self) -> int:
        """Number of features of a clip: the embedding, and a logit for each of the base's labels."""
        return self.embedding_size + len(self.card.labels)


@dataclass(frozen=True, eq=False)
class BaseFeatures:
    """Features of clips.

    Attributes:
        rows: ``(clips, dimensions)`` float32, a row for each clip that could be read, in order.
        failed: the other clips, each with the reason.
    """

    rows: npt.NDArray[np.float32]
    failed: dict[Clip, str]


def load_base(name: str | Path) -> BaseModel:
    """Load a model to fine-tune.

    Args:
        name: of a shipped model, or the path of a file.

    Raises:
        ModelError: if there is none, or it has no embedding.
    """
    path = model_path(name)
    recognizer = Recognizer.load(name, threads=1)
    if recognizer.card.input != "sound":
        raise ModelError(
            f"{name}: it takes 162 features and has no embedding to build on; a base that takes sound is wanted, such"
            " as hearfelt"
        )
    embedding_size = len(recognizer.embed(_PROBE, 16_000))
    model = path.read_bytes()
    return BaseModel(model, recognizer.card, embedding_size, hashlib.sha256(model).hexdigest())


def base_features(
    base: BaseModel, clips: Sequence[Clip], *, cache: Cache | None = None, progress: Callable[[int], None] | None = None
) -> BaseFeatures:
    """Compute the features of clips in processes; of a cached clip only the file's bytes are read.

    A clip at which a process dies is one that failed, and costs nothing else.

    A long clip is split and its parts averaged as in recognizing, so that a linear head gives the logits that the
    finished file will give.

    Args:
        base: whose features.
        clips: of any corpus.
        cache: where rows are stored; the user's cache by default.
        progress: called with the number of clips just done.
    """
    cache = default_cache() if cache is None else cache
    advance = progress or (lambda _: None)
    digests = sound_digests(clip.sound for clip in clips)
    keys = [f"base-features:{_VERSION}:{base.digest}:{digests[clip.sound]}" for clip in clips]
    kept = cache.get_many(keys)
    advance(sum(key in kept for key in keys))
    unknown = [(key, clip) for key, clip in zip(keys, clips, strict=True) if key not in kept]
    failed: dict[Clip, str] = {}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "base.onnx"
        file.write_bytes(with_features_output(base.model, base.dimensions))
        setup = partial(_FeatureNetwork, file, base.card.name, base.card.window_s)
        with Pool(setup, workers_for(len(unknown), _CLIPS_PER_PROCESS)) as pool:
            sounds = [(clip.name, clip.sound) for _, clip in unknown]
            rows = pool.map_sounds(_FeatureNetwork.features_of, sounds)
            for (key, clip), row in zip(unknown, rows, strict=True):
                if isinstance(row, AudioError):
                    failed[clip] = str(row)
                else:
                    kept[key] = row
                advance(1)
    cache.put_many({key: kept[key] for key, clip in unknown if clip not in failed})
    found = [np.frombuffer(kept[key], "<f4") for key, clip in zip(keys, clips, strict=True) if clip not in failed]
    return BaseFeatures(np.stack(found) if found else np.zeros((0, base.dimensions), np.float32), failed)


class _FeatureNetwork:
    """A base model with the output :data:`FEATURES`, in a process of its own."""

    def __init__(self, file: Path, name: str, window_s: float) -> None:
        self._session, self._window_s = Session(file, name=name, threads=1), window_s

    def features_of(self, sound: Sound) -> bytes:
        """Compute the features of a sound: ``(dimensions,)`` little-endian float32."""
        with open_audio(sound) as reader:
            blocks = [BlockOutput(self._run(block), frame_powers(block)) for block in blocks_of(reader, self._window_s)]
            refuse_faults(reader)
        return pooled(blocks).astype("<f4").tobytes()

    def _run(self, block: Samples) -> Floats:
        (features,) = self._session.run([FEATURES], {SOUND_INPUT: block[None]})  # (n,) -> (1, n)
        return np.asarray(features[0])


@dataclass(frozen=True)
class Setting:
    """Setting of a head, chosen by cross-validation.

    Attributes:
        shrinkage: added to the covariance's diagonal, as a share of its mean: the larger, the simpler the head.
        base_weight: factor of the base's logits beside its embedding; 0 leaves them out.
    """

    shrinkage: float
    base_weight: float


SETTINGS: Final = tuple(
    Setting(shrinkage, base_weight)
    for base_weight in (0.0, 10.0, 30.0)
    for shrinkage in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
)


@dataclass(frozen=True, eq=False)
class Head:
    """A linear head.

    Attributes:
        slopes: ``(dimensions, classes)``.
        offsets: ``(classes,)``.
    """

    slopes: Floats
    offsets: Floats

    def logits(self, rows: npt.NDArray[np.floating]) -> Floats:
        """Compute the logits ``(rows, classes)`` of ``(rows, dimensions)``."""
        logits: Floats = rows @ self.slopes + self.offsets
        return logits


def fit_heads(
    rows: npt.NDArray[np.floating],
    labels: Indices,
    classes: int,
    *,
    embedding_size: int,
    settings: Sequence[Setting] = SETTINGS,
) -> list[Head]:
    """Fit one head for each setting: linear discriminants with a shrunken covariance (Friedman 1989).

    All labels have the same prior, so that a rare one is not neglected. Differences between clips of one label are part
    of the covariance that all labels share, so they weigh little. The settings share the decomposition of the
    covariance, so that many cost hardly more than one.

    Args:
        rows: ``(rows, dimensions)``, for each clip its embedding and then the base's logits.
        labels: ``(rows,)``, indices of the true labels; one without rows is never predicted.
        classes: number of labels.
        embedding_size: number of dimensions of the embedding.
        settings: one head is fitted for each.

    Returns:
        Heads that take unscaled rows, in the order of the settings.

    Example:
        >>> rows = np.array([[0.0, 1.0], [1.0, 0.0], [9.0, 0.0], [8.0, 1.0]])
        >>> (head,) = fit_heads(rows, np.array([0, 0, 1, 1]), 2, embedding_size=2, settings=[Setting(1.0, 0.0)])
        >>> head.logits(np.array([[2.0, 0.5], [7.0, 0.5]])).argmax(axis=1).tolist()
        [0, 1]
    """
    rows = np.asarray(rows, np.float64)
    middle, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(scale > _EPSILON * np.maximum(1.0, np.abs(middle)), scale, 1.0)
    scaled = (rows - middle) / scale
    means = np.zeros((classes, rows.shape[1]))
    for label in np.unique(labels):
        means[label] = scaled[labels == label].mean(axis=0)
    centred = (scaled - means[labels]) / np.sqrt(len(rows))
    absent = ~np.isin(np.arange(classes), labels)
    heads: dict[Setting, Head] = {}
    for base_weight in dict.fromkeys(setting.base_weight for setting in settings):
        emphasis = np.concatenate([np.ones(embedding_size), np.full(rows.shape[1] - embedding_size, base_weight)])
        kept = np.flatnonzero(emphasis)
        slopes = _slopes(
            centred[:, kept] * emphasis[kept],
            means[:, kept] * emphasis[kept],
            [setting.shrinkage for setting in settings if setting.base_weight == base_weight],
        )
        for setting, some in zip((one for one in settings if one.base_weight == base_weight), slopes, strict=True):
            offsets = -0.5 * (means[:, kept] * emphasis[kept] * some).sum(axis=1)
            whole = np.zeros((rows.shape[1], classes))
            whole[kept] = (some * emphasis[kept] / scale[kept]).T
            offsets -= middle @ whole
            offsets[absent] = _NEVER
            heads[setting] = Head(whole, offsets)
    return [heads[setting] for setting in settings]


def _slopes(centred: Floats, means: Floats, shrinkages: Iterable[float]) -> Iterable[Floats]:
    """Solve for ``(classes, dimensions)`` slopes, one after another for each shrinkage.

    Args:
        centred: ``(rows, dimensions)``; its product with itself is the covariance.
        means: ``(classes, dimensions)``.
        shrinkages: as shares of the covariance's mean diagonal.
    """
    variances, directions = _decomposed(centred)
    along = means @ directions  # (classes, directions)
    least = float(np.square(centred).sum()) / centred.shape[1]
    for shrinkage in shrinkages:
        added = max(shrinkage * least, _EPSILON)
        yield (along / (variances + added)) @ directions.T + (means - along @ directions.T) / added


def _decomposed(centred: Floats) -> tuple[Floats, Floats]:
    """Decompose the covariance into variances and directions, by the smaller of its two products."""
    count, dimensions = centred.shape
    if count >= dimensions:
        variances, directions = np.linalg.eigh(centred.T @ centred)
        return np.maximum(variances, 0.0), directions
    variances, turned = np.linalg.eigh(centred @ centred.T)
    some = variances > _EPSILON * max(float(variances[-1]), _EPSILON)
    variances, turned = variances[some], turned[:, some]
    return variances, centred.T @ (turned / np.sqrt(variances))  # (dimensions, directions)
