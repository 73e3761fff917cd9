"""Clips as the ear of ``tiny`` describes them: one row of statistics for each view, kept like frames."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hearfelt.corpora.clips import Clip
from hearfelt.models.encoders.pitch_statistics import PitchFrontEnd
from hearfelt.models.frontend import LogMel
from hearfelt.models.tiny import TinyEar, describe
from hearfelt.runtime.cache import sound_digests
from hearfelt.runtime.pool import Pool, workers_for
from hearfelt.training.augmented_copies import View, played, worn_always_alike
from hearfelt.training.distillation import new_ear
from hearfelt.training.frames import KEPT, Frames, frames_cache, samples_of
from hearfelt.training.settings import Ear

__all__ = ["SmallListener", "hear_described"]

_VERSION: Final = 1  # of what is kept; raised when descriptions change
_KEPT_AT_ONCE: Final = 512
_CLIPS_A_PROCESS: Final = 500  # starting a process takes as long as describing so many

Wanted = Sequence[tuple[Clip, View]]


class SmallListener:
    """Hears clips with a small ear and with the ear for pitch.

    Args:
        ear: that has learned.
    """

    def __init__(self, ear: TinyEar) -> None:
        self._ear, self._pitch = ear.eval(), PitchFrontEnd()
        self._fronts: dict[float, LogMel] = {}

    def hear(self, samples: npt.NDArray[np.float32], speed: float = 1.0) -> Tensor:
        """Describe a sound ``(n,)`` at 16 kHz by ``(numbers,)``."""
        front = self._fronts.setdefault(speed, LogMel(speed))
        with torch.inference_mode():
            mel, wave = front(torch.from_numpy(np.ascontiguousarray(samples))[None])
            heard = torch.from_numpy(np.ascontiguousarray(played(wave[0].numpy(), speed)))[None]
            return describe(self._ear(mel), self._pitch(heard))[0]


def hear_described(
    settings: Ear, ear: TinyEar, wanted: Wanted, *, progress: Callable[[int], None] | None = None
) -> Frames:
    """Describe clips in the ways wanted, except what was described before.

    Args:
        settings: of the ear.
        ear: that has learned.
        wanted: clips, and how each is heard.
        progress: called with the number of views just described, those remembered included.

    Returns:
        Frames without any frames: each view has its statistics alone.

    Raises:
        AudioError: if a clip cannot be read or is silent.
        HearfeltError: if two processes in a row end at the same clip.
    """
    tell = progress or (lambda _: None)
    cache, keys = frames_cache(), _keys(ear, wanted)
    kept = cache.get_many(keys)
    tell(sum(key in kept for key in keys))
    missing = [place for place, key in enumerate(keys) if key not in kept]
    fresh: dict[str, bytes] = {}
    try:
        for place, row in zip(missing, _heard(settings, ear, [wanted[place] for place in missing]), strict=True):
            kept[keys[place]] = fresh[keys[place]] = row
            if len(fresh) >= _KEPT_AT_ONCE:
                cache.put_many(fresh)
                fresh.clear()
            tell(1)
    finally:
        cache.put_many(fresh)
    nothing = tuple(np.zeros((0, numbers), np.float16) for numbers in KEPT)
    rows = tuple((nothing[0], nothing[1], np.frombuffer(kept[key], "<f2")) for key in keys)
    return Frames(tuple(clip for clip, _ in wanted), tuple(view for _, view in wanted), rows)


def _keys(ear: TinyEar, wanted: Wanted) -> list[str]:
    digest = hashlib.sha256(str(_VERSION).encode())
    for weight in ear.state_dict().values():
        digest.update(weight.numpy().tobytes())
    name = digest.hexdigest()[:16]
    digests = sound_digests(clip.sound for clip, _ in wanted)
    return [f"described:{name}:{digests[clip.sound]}:{view.speed}:{int(view.is_worn)}" for clip, view in wanted]


def _heard(settings: Ear, ear: TinyEar, wanted: Wanted) -> Iterator[bytes]:
    workers = workers_for(len(wanted), _CLIPS_A_PROCESS)
    if workers == 1:
        listener = SmallListener(ear)
        yield from (_hear_one(listener, one) for one in wanted)
        return
    state = {name: value.numpy() for name, value in ear.state_dict().items()}
    with Pool(partial(_listener, settings, state), workers) as pool:
        yield from (future.result() for future in pool.map(_hear_one, wanted))


def _listener(settings: Ear, state: dict[str, npt.NDArray[np.float32]]) -> SmallListener:
    torch.set_num_threads(1)
    ear = new_ear(settings)
    ear.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return SmallListener(ear)


def _hear_one(listener: SmallListener, one: tuple[Clip, View]) -> bytes:
    clip, view = one
    samples = samples_of(clip)
    if view.is_worn:
        samples = worn_always_alike(samples)
    return listener.hear(samples, view.speed).numpy().astype("<f2").tobytes()
