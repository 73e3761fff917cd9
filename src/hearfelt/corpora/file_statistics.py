"""Statistics of sound files (length, rate, level, hash), computed once and cached by content."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from hearfelt.audio.excerpts import Excerpt
from hearfelt.audio.inputs import name_of
from hearfelt.audio.reader import SILENCE_DB, Audio, read_audio
from hearfelt.errors import AudioError
from hearfelt.runtime.cache import Cache, default_cache, sound_digests
from hearfelt.runtime.pool import Pool, workers_for
from hearfelt.runtime.worker import is_worker

__all__ = ["AlsoComputed", "FileStatistics", "statistics_of_files"]

_VERSION = 2  # of what is remembered; raised when the facts change
_FILES_A_PROCESS: Final = 100  # starting a process takes as long as measuring so many
CLIPPED_AT = 0.999  # of full scale; 16-bit sound ends at 0.99997


@dataclass(frozen=True)
class FileStatistics:
    """Statistics of one file, or of a part of one.

    Attributes:
        duration_s: length in seconds.
        rate_hz: sampling rate as stored.
        channels: channels as stored.
        peak_db: largest swing around the mean, in dB of full scale.
        rms_db: effective level, in dB of full scale.
        clipped_share: share of samples at full scale, 0 to 1.
        digest: names the sound as decoded; equal for copies in whatever container.
        error: one sentence if the file cannot be used, and then nothing else is known.
    """

    duration_s: float = 0.0
    rate_hz: int = 0
    channels: int = 0
    peak_db: float = -200.0
    rms_db: float = -200.0
    clipped_share: float = 0.0
    digest: str = ""
    error: str = ""

    @property
    def is_silent(self) -> bool:
        """Whether the peak is below -80 dB."""
        return not self.error and self.peak_db < SILENCE_DB


@dataclass(frozen=True, eq=False)
class AlsoComputed:
    """Something else to compute of sounds while they are decoded.

    Attributes:
        function: a function of a module; nothing if it cannot compute it.
        wanted: for which sounds.
        results: of those that had to be decoded.
    """

    function: Callable[[Audio], bytes]
    wanted: Collection[Path | Excerpt]
    results: dict[Path | Excerpt, bytes] = field(default_factory=dict, init=False)


def statistics_of_files(
    sounds: Iterable[Path | Excerpt],
    *,
    cache: Cache | None = None,
    also: AlsoComputed | None = None,
    processes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[Path | Excerpt, FileStatistics]:
    """Compute the statistics of sounds; what is in the cache is not decoded again.

    Many files are decoded by worker processes, so that one that crashes a decoder costs that file only.

    Args:
        sounds: files, and parts of files.
        cache: where facts are kept; the user's cache by default.
        also: what else is computed of those that have to be decoded.
        processes: how many work at most; by default one for each core.
        progress: called with the number of files just done.

    Returns:
        The facts of each sound, in the order given. One that cannot be read has an ``error``.
    """
    cache = default_cache() if cache is None else cache
    keys = {sound: digest and f"file_statistics:{_VERSION}:{digest}" for sound, digest in sound_digests(sounds).items()}
    tell = progress or (lambda _: None)
    kept = cache.get_many(key for key in keys.values() if key)
    known = {sound: FileStatistics(**json.loads(kept[key])) for sound, key in keys.items() if key in kept}
    tell(len(known))
    unknown = [sound for sound in keys if sound not in known]
    found = {}
    for sound, (facts, result) in zip(unknown, _measured(unknown, also, processes), strict=True):
        found[sound] = facts
        if also is not None and result:
            also.results[sound] = result
        tell(1)
    # An error's sentence names the file, so it must not be handed to a copy elsewhere.
    new = {keys[sound]: json.dumps(asdict(facts)).encode() for sound, facts in found.items() if not facts.error}
    cache.put_many(new)
    return {sound: known.get(sound) or found[sound] for sound in keys}


def _measured(
    sounds: list[Path | Excerpt], also: AlsoComputed | None, processes: int | None
) -> Iterator[tuple[FileStatistics, bytes]]:
    """Give what was computed of each sound: few are decoded here, many in processes."""
    tasks = ((name_of(one), (one, also.function if also and one in also.wanted else None)) for one in sounds)
    if len(sounds) < _FILES_A_PROCESS or is_worker():
        yield from (_computed(*task) for _, task in tasks)
        return
    with Pool(None, workers_for(len(sounds), _FILES_A_PROCESS, processes)) as pool:
        for reply in pool.map_sounds(_packed, tasks):
            if isinstance(reply, AudioError):
                yield FileStatistics(error=str(reply)), b""
            else:
                facts, _, result = reply.partition(b"\n")
                yield FileStatistics(**json.loads(facts)), result


def _packed(_: None, task: tuple[Path | Excerpt, Callable[[Audio], bytes] | None]) -> bytes:
    facts, result = _computed(*task)
    return json.dumps(asdict(facts)).encode() + b"\n" + result


def _computed(sound: Path | Excerpt, also: Callable[[Audio], bytes] | None) -> tuple[FileStatistics, bytes]:
    try:
        audio = read_audio(sound, strict=True)
    except AudioError as error:
        return FileStatistics(error=str(error)), b""
    return _facts(audio), b"" if also is None else also(audio)


def _facts(audio: Audio) -> FileStatistics:
    rms = math.sqrt(float(np.mean(np.square(audio.samples, dtype=np.float64))))
    return FileStatistics(
        duration_s=audio.duration_s,
        rate_hz=audio.rate_hz,
        channels=audio.channels,
        peak_db=audio.peak_db,
        rms_db=20 * math.log10(max(rms, 1e-10)),
        clipped_share=float(np.mean(np.abs(audio.samples) >= CLIPPED_AT)),
        digest=audio.digest(),
    )
