"""Frames of the frozen encoders for each clip: computed once and cached, as the encoders are never trained."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hearfelt.audio.reader import read_audio, refuse_silence, resample
from hearfelt.corpora.clips import Clip
from hearfelt.errors import HearfeltError
from hearfelt.models.encoders.moonshine import MoonshineEncoder
from hearfelt.models.encoders.pitch_statistics import PITCH_DIMENSIONS, PitchFrontEnd, pitch_statistics
from hearfelt.models.encoders.weights import moonshine_weights, whisper_weights
from hearfelt.models.encoders.whisper import WhisperEncoder
from hearfelt.models.frontend import RATE_HZ, LogMel
from hearfelt.models.hearfelt import Whitening
from hearfelt.models.pooling import halved, statistics
from hearfelt.runtime.cache import Cache, default_cache, sound_digests
from hearfelt.runtime.pool import Pool, workers_for
from hearfelt.training.augmented_copies import Variant, at_speed, degrade_reproducibly

__all__ = [
    "FEATURE_COUNT",
    "MAX_CLIP_S",
    "PUBLISHED",
    "WHITENED_DIMENSIONS",
    "EncoderFiles",
    "Encoders",
    "Extractor",
    "FrameExtractor",
    "Frames",
    "cache_frames",
    "compute_missing",
    "extract_all",
    "extract_frames",
    "fit_whitenings",
    "frames_cache",
    "samples_of",
]

DIMENSIONS: Final = (1536, 864)  # of the states of Whisper and Moonshine
WHITENED_DIMENSIONS: Final = (512, 256)  # of their frames after whitening
FEATURE_COUNT: Final = 2 * sum(DIMENSIONS) + PITCH_DIMENSIONS  # 4,959, of a clip
MAX_CLIP_S: Final = 14.0  # a longer training clip is cut there
_VERSION: Final = 3  # of the cached values; raised when frames change
_CLIPS_FOR_WHITENING: Final = 600
_FRAMES_PER_CLIP: Final = 80
_CACHE_BATCH: Final = 64
_CLIPS_PER_PROCESS: Final = 100  # starting a process takes as long as so many clips

Array = npt.NDArray[np.float16]
ClipFrames = tuple[Array, Array, Array]
Wanted = Sequence[tuple[Clip, Variant]]
Weights = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Encoders:
    """The weights of both encoders, small enough to send to a process.

    Attributes:
        whisper: tensors as published.
        moonshine: tensors as published.
    """

    whisper: dict[str, Tensor] = field(repr=False)
    moonshine: dict[str, Tensor] = field(repr=False)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that name these weights."""
        digest = hashlib.sha256()
        for weights in (self.whisper, self.moonshine):
            for name in sorted(weights):
                digest.update(name.encode())
                digest.update(weights[name].float().numpy().tobytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class EncoderFiles:
    """Files of the encoders' weights; None for those at their published place.

    Attributes:
        whisper: a ``.safetensors`` file.
        moonshine: the ``.ort`` file or the wheel that contains it.
    """

    whisper: Path | None = None
    moonshine: Path | None = None

    def read(self) -> Encoders:
        """Read and check both.

        Raises:
            ModelError: if a file is not what it should be.
        """
        return Encoders(whisper_weights(self.whisper), moonshine_weights(self.moonshine))


PUBLISHED: Final = EncoderFiles()


class Extractor(Protocol):
    """Anything that turns samples into bytes for the cache."""

    def pack(self, samples: npt.NDArray[np.float32], speed: float) -> bytes:
        """Extract the features of a sound ``(n,)`` at 16 kHz, played at ``speed``."""


class FrameExtractor:
    """Computes frames and features of clips with both encoders.

    Args:
        encoders: their weights.
        whitenings: of the frames of each encoder; without them frames are returned as they are.
    """

    def __init__(self, encoders: Encoders, whitenings: tuple[Whitening, Whitening] | None = None) -> None:
        self._whisper = WhisperEncoder.of(encoders.whisper)
        self._moonshine = MoonshineEncoder.of(encoders.moonshine)
        self._pitch = PitchFrontEnd()
        self._whitenings = whitenings
        self._fronts: dict[float, LogMel] = {}

    def extract(self, samples: npt.NDArray[np.float32], speed: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        """Compute frames of each encoder, ``(frames, dimensions)``, and features ``(4959,)`` of ``(n,)`` at 16 kHz."""
        front = self._fronts.setdefault(speed, LogMel(speed))
        with torch.inference_mode():
            mel, wave = front(torch.from_numpy(np.ascontiguousarray(samples))[None])
            played = torch.from_numpy(np.ascontiguousarray(at_speed(wave[0].numpy(), speed)))[None]
            states = self._whisper(mel), self._moonshine(played)
            features = torch.cat([*(statistics(some) for some in states), pitch_statistics(self._pitch(played))], dim=1)
            whisper, moonshine = halved(states[0]), halved(states[1])
            if self._whitenings:
                whisper, moonshine = self._whitenings[0](whisper), self._whitenings[1](moonshine)
        return whisper[0], moonshine[0], features[0]

    def pack(self, samples: npt.NDArray[np.float32], speed: float) -> bytes:
        """Extract as :meth:`extract`, in half precision."""
        arrays = self.extract(samples, speed)
        counts = np.array([len(one) for one in arrays[:2]], "<i4").tobytes()
        # Deviations of Whisper's few large dimensions stay far below the largest half-precision number, 65,504.
        return counts + b"".join(one.numpy().astype("<f2").tobytes() for one in arrays)


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames and features of variants of clips.

    Attributes:
        clips: one for each variant, in their order.
        variants: of the clips.
        arrays: of each variant the frames of both encoders, ``(frames, dimensions)``, and its features ``(4959,)``.
    """

    clips: tuple[Clip, ...] = field(repr=False)
    variants: tuple[Variant, ...] = field(repr=False)
    arrays: tuple[ClipFrames, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.clips)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of Whisper's frames of each variant, ``(variants,)``."""
        return np.array([len(whisper) for whisper, _, _ in self.arrays], np.int64)

    @property
    def feature_count(self) -> int:
        """Number of features of a variant."""
        return self.arrays[0][2].size

    @cached_property
    def frame_statistics(self) -> npt.NDArray[np.float32]:
        """Mean and deviation of each dimension of the frames, ``(variants, 1536)``, computed once for all heads."""
        rows = np.zeros((len(self), 2 * sum(WHITENED_DIMENSIONS)), np.float32)
        for row, arrays in zip(rows, self.arrays, strict=True):
            parts = [statistics(torch.from_numpy(frames.astype(np.float32))[None])[0] for frames in arrays[:2]]
            row[:] = torch.cat(parts).numpy()
        return rows

    def features(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Select the features of some variants, ``(indices, 4959)``."""
        return np.stack([self.arrays[index][2] for index in indices]).astype(np.float32)

    def batch(
        self, indices: npt.NDArray[np.int64], *, device: torch.device | str = "cpu"
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Make a padded batch: frames of each encoder ``(batch, frames, dimensions)``, masks ``(batch, frames)``."""
        batches, masks = [], []
        for encoder, dimensions in enumerate(WHITENED_DIMENSIONS):
            parts = [self.arrays[index][encoder] for index in indices]
            lengths = np.array([len(part) for part in parts])
            frames = torch.zeros(len(parts), int(lengths.max()), dimensions)
            for row, part in enumerate(parts):
                frames[row, : len(part)] = torch.from_numpy(part.astype(np.float32))
            batches.append(frames.to(device))
            mask = (np.arange(lengths.max())[None] < lengths[:, None]).astype(np.float32)
            masks.append(torch.from_numpy(mask).to(device))
        return batches, masks


def fit_whitenings(
    encoders: Encoders, clips: Sequence[Clip], generator: np.random.Generator, *, cache: Cache | None = None
) -> tuple[Whitening, Whitening]:
    """Fit the whitening of frames to a few hundred clips, without their labels.

    Args:
        encoders: whose frames.
        clips: of the training part.
        generator: draws clips and frames.
        cache: where the result is stored; the user's by default.

    Returns:
        A whitening for each encoder.
    """
    chosen = generator.permutation(len(clips))[:_CLIPS_FOR_WHITENING]
    drawn = [clips[index] for index in np.sort(chosen)]
    key = _digest_of([encoders.digest, *sound_digests(clip.sound for clip in drawn).values()], "whitening")
    cache = cache or frames_cache()
    whitenings = _new_whitenings()
    if cached := cache.get_many([key]).get(key):
        values = np.frombuffer(cached, np.float32)
        for whitening in whitenings:
            for buffer in (whitening.mean, whitening.components):
                buffer.copy_(torch.from_numpy(values[: buffer.numel()].reshape(buffer.shape).copy()))
                values = values[buffer.numel() :]
        return whitenings
    extractor = FrameExtractor(encoders)
    rows: tuple[list[Any], list[Any]] = ([], [])
    for clip in drawn:
        for frames, into in zip(extractor.extract(samples_of(clip))[:2], rows, strict=True):
            sampled = generator.permutation(len(frames))[:_FRAMES_PER_CLIP]
            into.append(frames.numpy()[np.sort(sampled)])
    for whitening, some in zip(whitenings, rows, strict=True):
        whitening.fit(np.concatenate(some))
    values = np.concatenate([part.numpy().ravel() for one in whitenings for part in (one.mean, one.components)])
    cache.put_many({key: values.astype(np.float32).tobytes()})
    return whitenings


def cache_frames(
    encoders: Encoders,
    whitenings: tuple[Whitening, Whitening],
    wanted: Wanted,
    *,
    processes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, bytes]:
    """Compute the frames of variants of clips that are not in the cache yet, where they stand by the file's content.

    Args:
        encoders: whose frames.
        whitenings: of their frames.
        wanted: variants of clips.
        processes: number of worker processes; by default one for each core.
        progress: called with the number of variants just done, cached ones included.

    Returns:
        By key, what could not be cached because the cache is off.

    Raises:
        AudioError: if a clip cannot be read or is silent.
        HearfeltError: if two processes in a row end at the same clip.
    """
    whitened = ({"mean": one.mean, "components": one.components} for one in whitenings)
    parts = [
        {name: tensor.numpy() for name, tensor in part.items()}
        for part in (encoders.whisper, encoders.moonshine, *whitened)
    ]

    def compute(missing: Wanted) -> Iterator[bytes]:
        workers = workers_for(len(missing), _CLIPS_PER_PROCESS, processes)
        return extract_all(partial(_frame_extractor, parts), missing, workers=workers)

    return compute_missing(_keys(encoders, whitenings, wanted), wanted, compute, progress=progress)


def extract_frames(encoders: Encoders, whitenings: tuple[Whitening, Whitening], wanted: Wanted) -> Frames:
    """Compute the frames of variants of clips as :func:`cache_frames`, and load all of them.

    Raises:
        AudioError: if a clip cannot be read or is silent.
        HearfeltError: if frames could not be cached.
    """
    computed = cache_frames(encoders, whitenings, wanted, processes=1)
    keys = _keys(encoders, whitenings, wanted)
    cached = computed or frames_cache().get_many(keys)
    if any(key not in cached for key in keys):
        raise HearfeltError("frames could not be cached; is the disk full? HEARFELT_CACHE names another folder")
    # Nothing is copied: the arrays are views into the bytes, of which there are gigabytes.
    arrays = tuple(_unpacked(cached[key]) for key in keys)
    return Frames(tuple(clip for clip, _ in wanted), tuple(variant for _, variant in wanted), arrays)


def compute_missing(
    keys: Sequence[str],
    wanted: Wanted,
    compute: Callable[[Wanted], Iterator[bytes]],
    *,
    progress: Callable[[int], None] | None = None,
) -> dict[str, bytes]:
    """Compute and cache what is not in the cache of frames yet.

    Args:
        keys: of each variant.
        wanted: variants of clips.
        compute: makes the values of some of them, in their order.
        progress: called with the number of variants just done, cached ones included.

    Returns:
        By key, what could not be cached because the cache is off.
    """
    advance = progress or (lambda _: None)
    cache = frames_cache()
    known = cache.known(keys)
    advance(sum(key in known for key in keys))
    missing = [index for index, key in enumerate(keys) if key not in known]
    fresh: dict[str, bytes] = {}
    try:
        for index, value in zip(missing, compute([wanted[index] for index in missing]), strict=True):
            fresh[keys[index]] = value
            if cache.path and len(fresh) >= _CACHE_BATCH:
                cache.put_many(fresh)
                fresh.clear()
            advance(1)
    finally:
        cache.put_many(fresh)
    return {} if cache.path else fresh


def extract_all(make: Callable[[], Extractor], wanted: Wanted, *, workers: int) -> Iterator[bytes]:
    """Extract features of variants of clips, in worker processes if there are several.

    Args:
        make: makes the extractor, in each process; can be pickled.
        wanted: variants of clips.
        workers: number of worker processes; 1 for this one alone.

    Yields:
        The bytes of each, in their order.
    """
    if workers == 1:
        extractor = make()
        yield from (_extract_one(extractor, one) for one in wanted)
        return
    with Pool(partial(_on_one_thread, make), workers) as pool:
        yield from (future.result() for future in pool.map(_extract_one, wanted))


def _on_one_thread(make: Callable[[], Extractor]) -> Extractor:
    torch.set_num_threads(1)
    return make()


def _extract_one(extractor: Extractor, one: tuple[Clip, Variant]) -> bytes:
    clip, variant = one
    samples = samples_of(clip)
    if variant.degraded:
        samples = degrade_reproducibly(samples)
    return extractor.pack(samples, variant.speed)


def _frame_extractor(parts: Sequence[Weights]) -> FrameExtractor:
    whisper, moonshine, *whitened = ({name: torch.from_numpy(one) for name, one in part.items()} for part in parts)
    whitenings = _new_whitenings()
    for whitening, tensors in zip(whitenings, whitened, strict=True):
        whitening.load_state_dict(tensors)
    return FrameExtractor(Encoders(whisper, moonshine), whitenings)


def _new_whitenings() -> tuple[Whitening, Whitening]:
    whisper, moonshine = zip(DIMENSIONS, WHITENED_DIMENSIONS, strict=True)
    return Whitening(*whisper), Whitening(*moonshine)


def _unpacked(packed: bytes) -> ClipFrames:
    counts = np.frombuffer(packed[:8], "<i4")
    sizes = [int(count) * dimensions for count, dimensions in zip(counts, WHITENED_DIMENSIONS, strict=True)]
    whisper, moonshine, features = np.split(np.frombuffer(packed, "<f2", offset=8), np.cumsum(sizes))
    return whisper.reshape(-1, WHITENED_DIMENSIONS[0]), moonshine.reshape(-1, WHITENED_DIMENSIONS[1]), features


def samples_of(clip: Clip) -> npt.NDArray[np.float32]:
    """Read a training clip: ``(n,)`` at 16 kHz, at most 14 s.

    Raises:
        AudioError: if it cannot be read or is silent.
    """
    audio = read_audio(clip.sound, strict=True)
    refuse_silence(audio)
    return resample(audio.samples, audio.rate_hz, RATE_HZ)[: int(MAX_CLIP_S * RATE_HZ)]


def _keys(encoders: Encoders, whitenings: tuple[Whitening, Whitening], wanted: Wanted) -> list[str]:
    digests = sound_digests(clip.sound for clip, _ in wanted)
    parts = [part.numpy().tobytes() for one in whitenings for part in (one.mean, one.components)]
    name = _digest_of([encoders.digest, *(hashlib.sha256(part).hexdigest() for part in parts)], "encoders")
    return [f"{name}:{digests[clip.sound]}:{variant.speed}:{int(variant.degraded)}" for clip, variant in wanted]


def _digest_of(parts: Sequence[str], purpose: str) -> str:
    text = "\n".join([purpose, str(_VERSION), *parts])
    return f"frames-{purpose}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def frames_cache() -> Cache:
    """Open the user's cache of frames: beside the other one, because it grows to gigabytes and may be deleted."""
    usual = default_cache().path
    return Cache(usual.with_name("frames.sqlite") if usual else None)
