"""Test clips encoded once by a divided model, and kept in a file for the next evaluation with references."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.errors import AudioError
from hearfelt.evaluation.divided_model import DividedModel, EncodedSound
from hearfelt.evaluation.results import FailedClip
from hearfelt.inference.reference import SoundStatistics
from hearfelt.runtime.files import atomic_write
from hearfelt.runtime.progress import Advance

__all__ = ["EncodedClips", "encode_clips"]

_VALUE: Final = "value/"  # before the name of a tensor in the file


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


def encode_clips(
    model: DividedModel,
    clips: Clips,
    *,
    store: Path | None = None,
    jobs: int = 1,
    progress: Advance | None = None,
) -> EncodedClips:
    """Encode clips, in threads; those that cannot be read or are silent are listed apart.

    Args:
        model: to encode with.
        clips: in their order.
        store: a file that keeps the result for the next call, or has it from the last.
        jobs: number of threads.
        progress: called with 1 after each clip.
    """
    key = f"{model.file_hash} {clips.fingerprint()}"
    if store is not None and (stored := _stored(store, key, clips)):
        if progress:
            progress(len(clips))
        return stored

    def encode(clip: Clip) -> EncodedSound | FailedClip:
        try:
            return model.encode(clip.sound)
        except AudioError as error:
            return FailedClip(clip.name, clip.speaker, str(error))
        finally:
            if progress:
                progress(1)

    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(encode, clips))
    encoded = EncodedClips(
        Clips(clip for clip, one in zip(clips, results, strict=True) if isinstance(one, EncodedSound)),
        tuple(one for one in results if isinstance(one, EncodedSound)),
        tuple(one for one in results if isinstance(one, FailedClip)),
    )
    if store is not None:
        _store(store, key, encoded)
    return encoded


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
