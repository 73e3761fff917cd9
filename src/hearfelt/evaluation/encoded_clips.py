"""Test clips encoded once, and compared with many references.

The model file is divided where references come in. What comes before is computed once for each clip, and kept in a file
for the next evaluation.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import AudioReader, Sound, open_audio, refuse_silence
from hearfelt.corpora.clips import Clips
from hearfelt.errors import AudioError, ModelError, require
from hearfelt.evaluation.results import FailedClip
from hearfelt.features.classic import SEED_WINDOW, classic_features
from hearfelt.inference.model import LOGITS, REFERENCE_INPUTS, STATISTICS
from hearfelt.inference.onnx_runtime import onnxruntime
from hearfelt.inference.recognizer import load_model
from hearfelt.inference.reference import Reference, ReferenceBuilder, SoundStatistics
from hearfelt.inference.windowing import block_weights, blocks_of, frame_powers
from hearfelt.runtime.execution import Advance
from hearfelt.runtime.files import atomic_write
from hearfelt.runtime.pool import Pool, workers_for

__all__ = ["DividedModel", "EncodedClips", "EncodedSound", "encode_clips", "encoding_pool"]


_VALUE: Final = "value/"  # before the name of a tensor in the file
_CLIPS_A_PROCESS: Final = 40  # starting a process takes as long as encoding so many


@dataclass(frozen=True, eq=False)
class EncodedClips:
    """The test clips of a fold, encoded.

    Attributes:
        clips: those that have sound, in their order.
        sounds: each encoded.
        failed: clips that cannot be read or are silent.
    """

    clips: Clips
    sounds: tuple[EncodedSound, ...] = field(repr=False)
    failed: tuple[FailedClip, ...]


def encoding_pool(path: Path, clips: int, jobs: int | None = None) -> Pool:
    """Make worker processes that encode clips; they start when they are needed.

    Args:
        path: a model file that takes references.
        clips: how many there are.
        jobs: number of processes; by default one for each core.
    """
    return Pool(partial(DividedModel, path), workers_for(clips, _CLIPS_A_PROCESS, jobs))


def encode_clips(
    model: DividedModel,
    clips: Clips,
    *,
    store: Path | None = None,
    pool: Pool | None = None,
    progress: Advance | None = None,
) -> EncodedClips:
    """Encode clips; those that cannot be read or are silent are listed apart.

    Args:
        model: to encode with.
        clips: in their order.
        store: a file that keeps the result for the next call, or has it from the last.
        pool: of :func:`encoding_pool`, with the same model; by default they are encoded here.
        progress: called with 1 after each clip.
    """
    key = f"{model.file_hash} {clips.fingerprint()}"
    if store is not None and (stored := _stored(store, key, clips)):
        if progress:
            progress(len(clips))
        return stored

    known, sounds, failed = [], [], []
    for clip, result in zip(clips, _results(model, clips, pool), strict=True):
        if isinstance(result, AudioError):
            failed.append(FailedClip(clip.name, clip.speaker, str(result)))
        else:
            known.append(clip)
            sounds.append(result)
        if progress:
            progress(1)
    encoded = EncodedClips(Clips(known), tuple(sounds), tuple(failed))
    if store is not None:
        _store(store, key, encoded)
    return encoded


def _results(model: DividedModel, clips: Clips, pool: Pool | None) -> Iterator[EncodedSound | AudioError]:
    if pool is not None:
        for reply in pool.map_sounds(_encoded, ((clip.name, clip.sound) for clip in clips)):
            yield reply if isinstance(reply, AudioError) else EncodedSound.from_bytes(reply)
        return
    for clip in clips:
        try:
            yield model.encode(clip.sound)
        except AudioError as error:
            yield error


def _encoded(model: DividedModel, sound: Sound) -> bytes:
    return model.encode(sound).to_bytes()


def _store(path: Path, key: str, encoded: EncodedClips) -> None:
    """Keep encoded clips in a file, all blocks one below the other; nothing where blocks differ in shape."""
    blocks = [block for sound in encoded.sounds for block in sound.values]
    if len({tuple((name, array.shape) for name, array in block.items()) for block in blocks}) != 1:
        return
    statistics = [sound.statistics for sound in encoded.sounds]
    arrays: dict[str, npt.NDArray[Any]] = {
        "key": np.array(key),
        "failed": np.array(json.dumps([asdict(one) for one in encoded.failed])),
        "counts": np.array([len(sound.values) for sound in encoded.sounds]),
        "weights": np.concatenate([sound.weights for sound in encoded.sounds]),
        "statistics": np.concatenate([one.statistics for one in statistics]).astype(np.float32),
        "probabilities": np.concatenate([one.probabilities for one in statistics]),
        **{f"{_VALUE}{name}": np.stack([block[name] for block in blocks]) for name in blocks[0]},
    }
    with atomic_write(path, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _stored(path: Path, key: str, clips: Clips) -> EncodedClips | None:
    """Read what :func:`_store` wrote; None if it isn't there or is of another model or other clips."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = dict(file)
    except (OSError, ValueError, BadZipFile):
        return None
    if str(arrays["key"]) != key:
        return None
    failed = tuple(FailedClip(**one) for one in json.loads(str(arrays["failed"])))
    without = {(one.speaker, one.clip) for one in failed}
    names = [name for name in arrays if name.startswith(_VALUE)]
    ends = np.cumsum(arrays["counts"])
    sounds = []
    for start, end in zip(ends - arrays["counts"], ends, strict=True):
        values = tuple({name.removeprefix(_VALUE): arrays[name][k] for name in names} for k in range(start, end))
        rows = SoundStatistics(arrays["statistics"][start:end].astype(np.float64), arrays["probabilities"][start:end])
        sounds.append(EncodedSound(values, arrays["weights"][start:end], rows))
    there = Clips(clip for clip in clips if (clip.speaker, clip.name) not in without)
    return EncodedClips(there, tuple(sounds), failed)


Floats = npt.NDArray[np.float32]

TOLERANCE: Final = 1e-3  # of a probability, between the divided file and the whole one


@dataclass(frozen=True, eq=False)
class EncodedSound:
    """What the first part of a model gives for a sound; the second part needs nothing else.

    Attributes:
        values: of each block, by the name of the tensor.
        weights: ``(blocks,)``, by which the logits of the blocks are averaged.
        statistics: what the sound adds to a reference.
    """

    values: tuple[Mapping[str, Floats], ...] = field(repr=False)
    weights: npt.NDArray[np.float64] = field(repr=False)
    statistics: SoundStatistics = field(repr=False)

    def to_bytes(self) -> bytes:
        """Write it as arrays in a zip."""
        blocks = {f"{number}/{name}": array for number, one in enumerate(self.values) for name, array in one.items()}
        rows, file = self.statistics, io.BytesIO()
        np.savez(file, self.weights, rows.statistics, rows.probabilities, allow_pickle=False, **blocks)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> EncodedSound:
        """Read what :meth:`to_bytes` wrote."""
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = dict(file)
        weights, *rows = (arrays.pop(f"arr_{number}") for number in range(3))
        values: list[dict[str, Floats]] = [{} for _ in weights]
        for key, array in arrays.items():
            number, _, name = key.partition("/")
            values[int(number)][name] = array
        return cls(tuple(values), weights, SoundStatistics(*rows))


class DividedModel:
    """A model file in two parts: what doesn't depend on a reference, and what does.

    Its predictions are those of the file: :meth:`check` compares them. It may be used from several threads.

    Args:
        path: a model file that takes references.

    Attributes:
        card: of the model.

    Raises:
        ModelError: if the file takes no reference.
        ExtraMissingError: if the package onnx is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._model = load_model(path, str(path), threads=1)
        self._model.require_reference_inputs()
        self.card = self._model.card
        first, second, self._crossing = _divided(path.read_bytes(), next(iter(self._model.session.inputs)))
        self._first, self._second = _session(first), _session(second)

    @property
    def file_hash(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the model's file."""
        return self._model.file_hash

    def encode(self, sound: Sound) -> EncodedSound:
        """Run the first part on a sound.

        Raises:
            AudioError: if the sound cannot be read, is too short or silent.
        """
        with open_audio(sound) as reader:
            inputs, weights = self._inputs(reader)
        (name,) = self._model.session.inputs
        wanted = [one for one in self._crossing if one != name]
        values, statistics = [], []
        for block in inputs:
            *crossing, row = self._first.run([*wanted, STATISTICS], {name: block})
            values.append(
                {**dict(zip(wanted, crossing, strict=True)), **({name: block} if name in self._crossing else {})}
            )
            statistics.append(row[0].astype(np.float64))
        probabilities = [
            self._model.probabilities(self._logits(block, _no_reference(row)))
            for block, row in zip(values, statistics, strict=True)
        ]
        return EncodedSound(tuple(values), weights, SoundStatistics(np.stack(statistics), np.stack(probabilities)))

    def reference(self, sounds: Iterable[EncodedSound]) -> Reference:
        """Make a reference of some sounds."""
        builder = ReferenceBuilder()
        for sound in sounds:
            builder.add(sound.statistics)
        return builder.reference(self.card.name, self.file_hash, self.card.labels)

    def probabilities(self, sounds: Sequence[EncodedSound], reference: Reference | None) -> list[dict[str, float]]:
        """Compute the probabilities of all labels for each of some sounds, compared with a reference or alone."""
        model = self._model.with_reference(reference)
        answers = []
        for sound in sounds:
            given = model.reference_values or _no_reference(sound.statistics.statistics[0])
            logits = np.stack([self._logits(block, given) for block in sound.values])
            mean = logits[0] if len(logits) == 1 else np.average(logits, axis=0, weights=sound.weights)
            answers.append(dict(zip(self.card.labels, model.probabilities(mean).tolist(), strict=True)))
        return answers

    def check(self, sound: Sound, encoded: EncodedSound, reference: Reference | None) -> None:
        """Compare a prediction with the one of the whole file.

        Raises:
            ModelError: if a probability differs.
        """
        with open_audio(sound) as reader:
            wanted = self._model.with_reference(reference).recognize(reader).probabilities
        (given,) = self.probabilities([encoded], reference)
        apart = max(abs(given[label] - share) for label, share in wanted.items())
        if apart > TOLERANCE:
            raise ModelError(f"{self.card.name}: its parts predict otherwise than the whole, by {apart:.4f}")

    def _inputs(self, reader: AudioReader) -> tuple[list[Floats], npt.NDArray[np.float64]]:
        if self.card.input == "sound":
            blocks = list(blocks_of(reader, self.card.window_s))
            return [block[None] for block in blocks], block_weights([frame_powers(block) for block in blocks])
        head = SEED_WINDOW.head(reader.parts(), reader.rate_hz)
        refuse_silence(reader)
        return [classic_features(head, reader.rate_hz)[None]], np.ones(1)

    def _logits(self, values: Mapping[str, Floats], reference: Mapping[str, Floats]) -> npt.NDArray[np.float64]:
        (logits,) = self._second.run([LOGITS], {**values, **reference})
        return np.asarray(logits[0], np.float64)


def _no_reference(row: npt.NDArray[np.float64]) -> dict[str, Floats]:
    values = np.zeros(len(row), np.float32), np.ones(len(row), np.float32), np.zeros(1, np.float32)
    return dict(zip(REFERENCE_INPUTS, values, strict=True))


def _session(model: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # a part keeps tensors that it doesn't need
    options.add_session_config_entry("session.disable_quant_qdq", "1")  # as the whole file is computed
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _divided(model: bytes, sound_input: str) -> tuple[bytes, bytes, list[str]]:
    """Divide a graph into what depends on a reference and the rest.

    Args:
        model: bytes of the file.
        sound_input: name of its main input.

    Returns:
        The first part, from the main input to the statistics and whatever the second part needs; the second part, from
        these and a reference to the logits; the names of what it needs.
    """
    onnx = require("onnx", "train")
    whole = onnx.load_from_string(model)
    typed = onnx.shape_inference.infer_shapes(whole).graph
    known = {one.name: one for one in (*typed.value_info, *typed.output, *typed.input)}

    def described(name: str) -> Any:
        return known.get(name) or onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)

    of_sound, of_reference = {sound_input}, set(REFERENCE_INPUTS)
    first, second = [], []
    for node in whole.graph.node:
        used = _used(node)
        if used & of_reference:
            of_reference.update(node.output)
            second.append(node)
        else:
            if used & of_sound:
                of_sound.update(node.output)
            first.append(node)
    needed = {name for node in second for name in _used(node)} & of_sound
    if LOGITS not in of_reference or not needed:
        raise ModelError("a reference changes nothing in this model; it cannot be divided")
    constants = [node for node in first if not set(node.output) & of_sound]
    crossing = sorted(needed)
    outputs = [*(name for name in crossing if name != sound_input), *([] if STATISTICS in needed else [STATISTICS])]
    inputs = {one.name: one for one in whole.graph.input}
    return (
        _part(whole, first, [inputs[sound_input]], [described(name) for name in outputs]),
        _part(
            whole,
            [*constants, *second],
            [*(described(name) for name in crossing), *(inputs[name] for name in REFERENCE_INPUTS)],
            [described(LOGITS)],
        ),
        crossing,
    )


def _part(whole: Any, nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any]) -> bytes:
    part = type(whole)()
    part.CopyFrom(whole)
    graph = part.graph
    stored = [one for one in graph.initializer if one.name not in REFERENCE_INPUTS]
    for items, kept in (
        (graph.node, nodes),
        (graph.input, inputs),
        (graph.output, outputs),
        (graph.initializer, stored),
    ):
        kept = [type(one).FromString(one.SerializeToString()) for one in kept]
        del items[:]
        items.extend(kept)
    del graph.value_info[:]
    return bytes(part.SerializeToString())


def _used(node: Any) -> set[str]:
    """List the tensors that a node uses, those inside its branches and loops included."""
    names = set(node.input)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            names.update(name for inner in graph.node for name in _used(inner))
            names.update(one.name for one in graph.output)
    return names
