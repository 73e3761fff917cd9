"""Frames: what the two frozen ears hear in each clip, computed once and kept, because they never learn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hearfelt.audio.reader import read_audio, refuse_silence, resample
from hearfelt.corpora.clips import Clip
from hearfelt.errors import HearfeltError
from hearfelt.models.encoders.moonshine import MoonshineEncoder
from hearfelt.models.encoders.pitch_statistics import PITCH_DIMENSIONS, PitchFrontEnd, pitch_statistics
from hearfelt.models.encoders.whisper import WhisperEncoder
from hearfelt.models.frontend import RATE_HZ, LogMel
from hearfelt.models.hearfelt import Whitening
from hearfelt.models.pooling import halved, statistics
from hearfelt.runtime.cache import Cache, default_cache, sound_digests
from hearfelt.runtime.pool import Pool, workers_for
from hearfelt.training.augmented_copies import View, played, worn_always_alike

__all__ = [
    "DESCRIBED",
    "KEPT",
    "LONGEST_S",
    "Encoders",
    "Frames",
    "Listener",
    "fit_whitenings",
    "frames_cache",
    "hear_frames",
    "keep_frames",
    "samples_of",
]

KEPT: Final = (512, 256)  # numbers a frame of each ear after whitening
DESCRIBED: Final = (
    2 * (1536 + 864) + PITCH_DIMENSIONS
)  # mean and deviation of each number of both ears' states, and melody
LONGEST_S: Final = 14.0  # what is beyond it in a training clip is not heard
_VERSION: Final = 3  # of what is kept; raised when frames change
_CLIPS_FOR_WHITENING: Final = 600
_FRAMES_A_CLIP: Final = 80
_KEPT_AT_ONCE: Final = 64
_CLIPS_A_PROCESS: Final = 100  # starting a process takes as long as hearing so many

Array = npt.NDArray[np.float16]
Heard = tuple[Array, Array, Array]


@dataclass(frozen=True, eq=False)
class Encoders:
    """The two ears' weights, small enough to hand to a process.

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


class Listener:
    """Hears clips through both ears.

    Args:
        encoders: their weights.
        whitenings: of each ear's frames; without them frames come as they are.
    """

    def __init__(self, encoders: Encoders, whitenings: tuple[Whitening, Whitening] | None = None) -> None:
        self._whisper = WhisperEncoder.of(encoders.whisper)
        self._moonshine = MoonshineEncoder.of(encoders.moonshine)
        self._pitch = PitchFrontEnd()
        self._whitenings = whitenings
        self._fronts: dict[float, LogMel] = {}

    def hear(self, samples: npt.NDArray[np.float32], speed: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        """Hear a sound ``(n,)`` at 16 kHz: frames of each ear, ``(frames, numbers)``, and statistics ``(4959,)``."""
        front = self._fronts.setdefault(speed, LogMel(speed))
        with torch.inference_mode():
            mel, wave = front(torch.from_numpy(np.ascontiguousarray(samples))[None])
            heard = torch.from_numpy(np.ascontiguousarray(played(wave[0].numpy(), speed)))[None]
            states = self._whisper(mel), self._moonshine(heard)
            described = torch.cat([*(statistics(some) for some in states), pitch_statistics(self._pitch(heard))], dim=1)
            large, small = halved(states[0]), halved(states[1])
            if self._whitenings:
                large, small = self._whitenings[0](large), self._whitenings[1](small)
        return large[0], small[0], described[0]


@dataclass(frozen=True, eq=False)
class Frames:
    """What was heard in many views of many clips.

    Attributes:
        clips: in their order; one for each view of it that was heard.
        views: how each was heard.
        heard: of each view the frames of both ears, ``(frames, numbers)``, and its statistics ``(4959,)``.
    """

    clips: tuple[Clip, ...] = field(repr=False)
    views: tuple[View, ...] = field(repr=False)
    heard: tuple[Heard, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.clips)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Frames of the large ear in each view, ``(views,)``."""
        return np.array([len(large) for large, _, _ in self.heard], np.int64)

    @property
    def numbers(self) -> int:
        """How many statistics describe a view."""
        return self.heard[0][2].size

    @cached_property
    def moments(self) -> npt.NDArray[np.float32]:
        """Mean and deviation of each number of each ear's frames, ``(views, 1536)``, computed once for all heads."""
        rows = np.zeros((len(self), 2 * sum(KEPT)), np.float32)
        for row, heard in zip(rows, self.heard, strict=True):
            parts = [statistics(torch.from_numpy(ear.astype(np.float32))[None])[0] for ear in heard[:2]]
            row[:] = torch.cat(parts).numpy()
        return rows

    def described(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Give the statistics of some views, ``(places, 4959)``."""
        return np.stack([self.heard[place][2] for place in places]).astype(np.float32)

    def batch(
        self, places: npt.NDArray[np.int64], *, device: torch.device | str = "cpu"
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Put views side by side: frames of each ear ``(batch, frames, numbers)``, and masks ``(batch, frames)``."""
        ears, masks = [], []
        for ear, numbers in enumerate(KEPT):
            parts = [self.heard[place][ear] for place in places]
            lengths = np.array([len(part) for part in parts])
            frames = torch.zeros(len(parts), int(lengths.max()), numbers)
            for row, part in enumerate(parts):
                frames[row, : len(part)] = torch.from_numpy(part.astype(np.float32))
            ears.append(frames.to(device))
            mask = (np.arange(lengths.max())[None] < lengths[:, None]).astype(np.float32)
            masks.append(torch.from_numpy(mask).to(device))
        return ears, masks


def fit_whitenings(
    encoders: Encoders, clips: Sequence[Clip], generator: np.random.Generator, *, cache: Cache | None = None
) -> tuple[Whitening, Whitening]:
    """Learn how frames are whitened, from a few hundred of the clips given, and from their sound alone.

    Args:
        encoders: the ears.
        clips: of the training part.
        generator: draws clips and frames.
        cache: where the answer is kept; the user's by default.

    Returns:
        A whitening for each ear.
    """
    chosen = generator.permutation(len(clips))[:_CLIPS_FOR_WHITENING]
    drawn = [clips[place] for place in np.sort(chosen)]
    key = _digest_of([encoders.digest, *sound_digests(clip.sound for clip in drawn).values()], "whitening")
    cache = cache or frames_cache()
    whitenings = (Whitening(1536, KEPT[0]), Whitening(864, KEPT[1]))
    if kept := cache.get_many([key]).get(key):
        values = np.frombuffer(kept, np.float32)
        for whitening in whitenings:
            for buffer in (whitening.mean, whitening.components):
                buffer.copy_(torch.from_numpy(values[: buffer.numel()].reshape(buffer.shape).copy()))
                values = values[buffer.numel() :]
        return whitenings
    listener = Listener(encoders)
    gathered: tuple[list[Any], list[Any]] = ([], [])
    for clip in drawn:
        for frames, into in zip(listener.hear(samples_of(clip))[:2], gathered, strict=True):
            rows = generator.permutation(len(frames))[:_FRAMES_A_CLIP]
            into.append(frames.numpy()[np.sort(rows)])
    for whitening, some in zip(whitenings, gathered, strict=True):
        whitening.fit(np.concatenate(some))
    values = np.concatenate([part.numpy().ravel() for one in whitenings for part in (one.mean, one.components)])
    cache.put_many({key: values.astype(np.float32).tobytes()})
    return whitenings


def keep_frames(
    encoders: Encoders,
    whitenings: tuple[Whitening, Whitening],
    wanted: Sequence[tuple[Clip, View]],
    *,
    processes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, bytes]:
    """Hear clips in the ways wanted, except what was heard before; it is remembered by the content of the file.

    Args:
        encoders: the ears.
        whitenings: of their frames.
        wanted: clips, and how each is heard.
        processes: how many work at most; by default one for each core.
        progress: called with the number of views just heard, those remembered included.

    Returns:
        What could not be kept, because the cache is off; by key.

    Raises:
        AudioError: if a clip cannot be read or is silent.
        HearfeltError: if two processes in a row end at the same clip.
    """
    tell = progress or (lambda _: None)
    cache = frames_cache()
    keys = _keys(encoders, whitenings, wanted)
    known = cache.known(keys)
    tell(sum(key in known for key in keys))
    missing = [place for place, key in enumerate(keys) if key not in known]
    heard = _hear_all(encoders, whitenings, [wanted[place] for place in missing], processes)
    fresh: dict[str, bytes] = {}
    try:
        for place, one in zip(missing, heard, strict=True):
            fresh[keys[place]] = one
            if cache.path and len(fresh) >= _KEPT_AT_ONCE:
                cache.put_many(fresh)
                fresh.clear()
            tell(1)
    finally:
        cache.put_many(fresh)
    return {} if cache.path else fresh


def hear_frames(
    encoders: Encoders, whitenings: tuple[Whitening, Whitening], wanted: Sequence[tuple[Clip, View]]
) -> Frames:
    """Hear clips in the ways wanted, as :func:`keep_frames` does, and hold all of it in memory.

    Raises:
        AudioError: if a clip cannot be read or is silent.
        HearfeltError: if the cache could not keep what was heard.
    """
    kept = keep_frames(encoders, whitenings, wanted, processes=1)
    keys = _keys(encoders, whitenings, wanted)
    kept = kept or frames_cache().get_many(keys)
    # Nothing is copied: the arrays look into the bytes, of which there are gigabytes.
    if any(key not in kept for key in keys):
        raise HearfeltError("what was heard could not be kept; is the disk full? HEARFELT_CACHE names another folder")
    heard = tuple(_unpacked(kept[key]) for key in keys)
    return Frames(tuple(clip for clip, _ in wanted), tuple(view for _, view in wanted), heard)


def _packed(heard: tuple[Tensor, Tensor, Tensor]) -> bytes:
    counts = np.array([len(one) for one in heard[:2]], "<i4").tobytes()
    # Deviations of Whisper's few loud numbers stay far below the largest half-precision number, 65,504.
    return counts + b"".join(one.numpy().astype("<f2").tobytes() for one in heard)


def _unpacked(kept: bytes) -> Heard:
    counts = np.frombuffer(kept[:8], "<i4")
    values = np.frombuffer(kept, "<f2", offset=8)
    middle, end = int(counts[0]) * KEPT[0], int(counts[0]) * KEPT[0] + int(counts[1]) * KEPT[1]
    return values[:middle].reshape(-1, KEPT[0]), values[middle:end].reshape(-1, KEPT[1]), values[end:]


def _hear_all(
    encoders: Encoders,
    whitenings: tuple[Whitening, Whitening],
    wanted: Sequence[tuple[Clip, View]],
    processes: int | None,
) -> Iterator[bytes]:
    workers = workers_for(len(wanted), _CLIPS_A_PROCESS, processes)
    if workers == 1:
        listener = Listener(encoders, whitenings)
        yield from (_hear_one(listener, one) for one in wanted)
        return
    whitened = [{"mean": one.mean, "components": one.components} for one in whitenings]
    parts = [
        {name: tensor.numpy() for name, tensor in part.items()}
        for part in (encoders.whisper, encoders.moonshine, *whitened)
    ]
    with Pool(partial(_listener, parts), workers) as pool:
        yield from (future.result() for future in pool.map(_hear_one, wanted))


def _listener(parts: list[dict[str, npt.NDArray[np.float32]]]) -> Listener:
    torch.set_num_threads(1)
    whisper, moonshine, *whitened = ({name: torch.from_numpy(one) for name, one in part.items()} for part in parts)
    whitenings = (Whitening(1536, KEPT[0]), Whitening(864, KEPT[1]))
    for whitening, tensors in zip(whitenings, whitened, strict=True):
        whitening.load_state_dict(tensors)
    return Listener(Encoders(whisper, moonshine), whitenings)


def _hear_one(listener: Listener, one: tuple[Clip, View]) -> bytes:
    clip, view = one
    samples = samples_of(clip)
    if view.is_worn:
        samples = worn_always_alike(samples)
    return _packed(listener.hear(samples, view.speed))


def samples_of(clip: Clip) -> npt.NDArray[np.float32]:
    """Read a clip as it is heard: ``(n,)`` at 16 kHz, at most 14 s.

    Raises:
        AudioError: if it cannot be read or is silent.
    """
    audio = read_audio(clip.sound, strict=True)
    refuse_silence(audio)
    return resample(audio.samples, audio.rate_hz, RATE_HZ)[: int(LONGEST_S * RATE_HZ)]


def _keys(
    encoders: Encoders, whitenings: tuple[Whitening, Whitening], wanted: Sequence[tuple[Clip, View]]
) -> list[str]:
    digests = sound_digests(clip.sound for clip, _ in wanted)
    made = [part.numpy().tobytes() for one in whitenings for part in (one.mean, one.components)]
    ears = _digest_of([encoders.digest, *(hashlib.sha256(part).hexdigest() for part in made)], "ears")
    return [f"{ears}:{digests[clip.sound]}:{view.speed}:{int(view.is_worn)}" for clip, view in wanted]


def _digest_of(parts: Sequence[str], purpose: str) -> str:
    text = "\n".join([purpose, str(_VERSION), *parts])
    return f"frames-{purpose}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def frames_cache() -> Cache:
    """Open the user's cache of frames: beside the other one, because it grows to gigabytes and may be thrown away."""
    usual = default_cache().path
    return Cache(usual.with_name("frames.sqlite") if usual else None)
