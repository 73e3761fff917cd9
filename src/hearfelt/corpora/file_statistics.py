"""Statistics of sound files (length, rate, level, hash), computed once and cached by content."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from hearfelt.audio.excerpts import Excerpt
from hearfelt.audio.reader import SILENCE_DB, Audio, read_audio
from hearfelt.errors import AudioError
from hearfelt.runtime.cache import Cache, default_cache, sound_digests

__all__ = ["FileStatistics", "measure_files"]

_VERSION = 2  # of what is remembered; raised when the facts change
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


def measure_files(
    sounds: Iterable[Path | Excerpt],
    *,
    cache: Cache | None = None,
    decoded: Callable[[Path | Excerpt, Audio], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[Path | Excerpt, FileStatistics]:
    """Compute the statistics of sounds; what is in the cache is not decoded again.

    Args:
        sounds: files, and parts of files.
        cache: where facts are kept; the user's cache by default.
        decoded: called in a thread with each sound that had to be decoded, for those who need it as well.
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
    # Decoding happens in C and leaves the interpreter free, so threads use every core.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for sound, facts in zip(unknown, pool.map(lambda sound: _facts(sound, decoded), unknown), strict=True):
            found[sound] = facts
            tell(1)
    # An error's sentence names the file, so it must not be handed to a copy elsewhere.
    new = {keys[sound]: json.dumps(asdict(facts)).encode() for sound, facts in found.items() if not facts.error}
    cache.put_many(new)
    return {sound: known.get(sound) or found[sound] for sound in keys}


def _facts(sound: Path | Excerpt, decoded: Callable[[Path | Excerpt, Audio], None] | None) -> FileStatistics:
    try:
        audio = read_audio(sound, strict=True)
    except AudioError as error:
        return FileStatistics(error=str(error))
    if decoded is not None:
        decoded(sound, audio)
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
