"""Statistics of clips under a frozen encoder: computed once for each copy of a clip, and cached."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hearfelt.audio.reader import read_audio, refuse_silence, resample
from hearfelt.corpora.clips import Clip
from hearfelt.models.encoders.pitch_statistics import PitchFrontEnd
from hearfelt.models.encoders.weights import whisper_weights
from hearfelt.models.frontend import RATE_HZ, LogMel
from hearfelt.models.sound_network import clip_statistics
from hearfelt.runtime.cache import Cache, default_cache, sound_digests
from hearfelt.runtime.pool import Pool, workers_for
from hearfelt.training.augmented_copies import Variant, at_speed, degrade_reproducibly

__all__ = [
    "MAX_CLIP_S",
    "PUBLISHED",
    "ClipStatistics",
    "EncoderFiles",
    "Extractor",
    "MakeEncoder",
    "Wanted",
    "extract_sounds",
    "extract_statistics",
    "samples_of",
    "statistics_cache",
]

MAX_CLIP_S: Final = 14.0  # a longer training clip is cut there
_VERSION: Final = 1  # of the cached values; raised when they change
_CACHE_BATCH: Final = 256
_CLIPS_PER_PROCESS: Final = 100  # starting a process takes as long as so many clips

Wanted = Sequence[tuple[Clip, Variant]]
MakeEncoder = Callable[[], nn.Module]


@dataclass(frozen=True)
class EncoderFiles:
    """The file of the encoder's weights.

    Attributes:
        whisper: a ``.safetensors`` file; None for the published place.
    """

    whisper: Path | None = None

    def read(self) -> dict[str, Tensor]:
        """Read and check it.

        Raises:
            ModelError: if the file is not what it should be.
        """
        return whisper_weights(self.whisper)


PUBLISHED: Final = EncoderFiles()


@dataclass(frozen=True, eq=False)
class ClipStatistics:
    """Statistics of variants of clips.

    Attributes:
        clips: one for each variant, in their order.
        variants: of the clips.
        values: ``(variants, d)`` float16.
    """

    clips: tuple[Clip, ...] = field(repr=False)
    variants: tuple[Variant, ...] = field(repr=False)
    values: npt.NDArray[np.float16] = field(repr=False)

    def __len__(self) -> int:
        return len(self.clips)


class Extractor:
    """Computes the statistics of clips.

    Args:
        encoder: from log-mel frames to a list of states.
    """

    def __init__(self, encoder: nn.Module) -> None:
        self._encoder, self._pitch = encoder.eval(), PitchFrontEnd()
        self._fronts: dict[float, LogMel] = {}

    def extract(self, samples: npt.NDArray[np.float32], speed: float = 1.0) -> npt.NDArray[np.float16]:
        """Compute the statistics ``(d,)`` of a sound ``(n,)`` at 16 kHz, played at ``speed``."""
        front = self._fronts.setdefault(speed, LogMel(speed))
        with torch.inference_mode():
            mel, wave = front(torch.from_numpy(np.ascontiguousarray(samples))[None])
            played = torch.from_numpy(np.ascontiguousarray(at_speed(wave[0].numpy(), speed)))[None]
            values = clip_statistics(self._encoder(mel), self._pitch(played))[0]
        # Deviations of Whisper's few large dimensions stay far below the largest half-precision number, 65,504.
        return values.numpy().astype(np.float16)


def extract_statistics(
    make_encoder: MakeEncoder,
    wanted: Wanted,
    *,
    processes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> ClipStatistics:
    """Compute the statistics of variants of clips that are not in the cache yet, and load all.

    Args:
        make_encoder: makes the encoder; can be pickled.
        wanted: variants of clips.
        processes: number of worker processes; by default one for each core.
        progress: called with the number of variants just done, cached ones included.

    Raises:
        AudioError: if a clip cannot be read or is silent.
        HearfeltError: if two processes in a row end at the same clip.
    """
    advance = progress or (lambda _: None)
    cache, keys = statistics_cache(), _keys(make_encoder(), wanted)
    values = cache.get_many(keys)
    advance(sum(key in values for key in keys))
    missing = [index for index, key in enumerate(keys) if key not in values]
    fresh: dict[str, bytes] = {}
    try:
        for index, row in zip(
            missing, _computed(make_encoder, [wanted[one] for one in missing], processes), strict=True
        ):
            values[keys[index]] = fresh[keys[index]] = row
            if len(fresh) >= _CACHE_BATCH:
                cache.put_many(fresh)
                fresh.clear()
            advance(1)
    finally:
        cache.put_many(fresh)
    rows = np.stack([np.frombuffer(values[key], np.float16) for key in keys])
    return ClipStatistics(tuple(clip for clip, _ in wanted), tuple(variant for _, variant in wanted), rows)


def extract_sounds(make_encoder: MakeEncoder, sounds: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float16]:
    """Compute the statistics ``(sounds, d)`` of sounds ``(n,)`` at 16 kHz, and cache them."""
    encoder, cache = make_encoder(), statistics_cache()
    name = _name_of(encoder)
    keys = [f"{name}:sound:{hashlib.sha256(samples.tobytes()).hexdigest()}" for samples in sounds]
    values = cache.get_many(keys)
    extractor = Extractor(encoder)
    fresh = {
        key: extractor.extract(samples).tobytes()
        for key, samples in zip(keys, sounds, strict=True)
        if key not in values
    }
    cache.put_many(fresh)
    values = {**values, **fresh}
    return np.stack([np.frombuffer(values[key], np.float16) for key in keys])


def samples_of(clip: Clip) -> npt.NDArray[np.float32]:
    """Read a training clip: ``(n,)`` at 16 kHz, at most 14 s.

    Raises:
        AudioError: if it cannot be read or is silent.
    """
    audio = read_audio(clip.sound, strict=True)
    refuse_silence(audio)
    return resample(audio.samples, audio.rate_hz, RATE_HZ)[: int(MAX_CLIP_S * RATE_HZ)]


def statistics_cache() -> Cache:
    """Open the user's cache of statistics: beside the other one, because it may be deleted on its own."""
    usual = default_cache().path
    return Cache(usual.with_name("statistics.sqlite") if usual else None)


def _computed(make_encoder: MakeEncoder, wanted: Wanted, processes: int | None) -> Iterator[bytes]:
    workers = workers_for(len(wanted), _CLIPS_PER_PROCESS, processes)
    if workers == 1:
        extractor = Extractor(make_encoder())
        yield from (_extract_one(extractor, one) for one in wanted)
        return
    with Pool(partial(_extractor_on_one_thread, make_encoder), workers) as pool:
        yield from (future.result() for future in pool.map(_extract_one, wanted))


def _extractor_on_one_thread(make_encoder: MakeEncoder) -> Extractor:
    torch.set_num_threads(1)
    return Extractor(make_encoder())


def _extract_one(extractor: Extractor, one: tuple[Clip, Variant]) -> bytes:
    clip, variant = one
    samples = samples_of(clip)
    if variant.degraded:
        samples = degrade_reproducibly(samples)
    return extractor.extract(samples, variant.speed).tobytes()


def _keys(encoder: nn.Module, wanted: Wanted) -> list[str]:
    name, digests = _name_of(encoder), sound_digests(clip.sound for clip, _ in wanted)
    return [f"{name}:{digests[clip.sound]}:{one.speed}:{int(one.degraded)}" for clip, one in wanted]


def _name_of(encoder: nn.Module) -> str:
    digest = hashlib.sha256(str(_VERSION).encode())
    for name, weight in encoder.state_dict().items():
        digest.update(name.encode() + weight.numpy().tobytes())
    return f"statistics:{digest.hexdigest()[:16]}"
