"""What a base makes of clips: its embedding and its own answers, heard once and remembered."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import open_audio, refuse_faults
from hearfelt.corpora.clips import Clip
from hearfelt.errors import AudioError, ModelError
from hearfelt.finetuning.graph import DESCRIBED, with_description
from hearfelt.inference.card import ModelCard
from hearfelt.inference.recognizer import Recognizer, model_path
from hearfelt.inference.session import Session
from hearfelt.inference.windowing import BlockOutput, blocks_of, frame_powers, pooled
from hearfelt.runtime.cache import Cache, default_cache, sound_digests

__all__ = ["Base", "Described", "describe", "load_base"]

_VERSION: Final = 1  # of what is remembered
_PROBE: Final = np.sin(np.arange(1_600) / 9).astype(np.float32)  # 0.1 s of a tone


@dataclass(frozen=True, eq=False)
class Base:
    """A finished model to teach on top of.

    Attributes:
        model: its bytes.
        card: what it says of itself.
        embedded: how many numbers its embedding has.
        digest: names the file by its content.
    """

    model: bytes
    card: ModelCard
    embedded: int
    digest: str

    @property
    def numbers(self) -> int:
        """How many numbers describe a clip: the embedding, and a logit for each of the base's labels."""
        return self.embedded + len(self.card.labels)


@dataclass(frozen=True, eq=False)
class Described:
    """What came of listening.

    Attributes:
        rows: ``(clips, numbers)`` float32, a row for each clip that the base could hear, in order.
        failed: the other clips, each with the reason.
    """

    rows: npt.NDArray[np.float32]
    failed: dict[Clip, str]


def load_base(name: str | Path) -> Base:
    """Load a model to teach on top of.

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
    embedded = len(recognizer.embed(_PROBE, 16_000))
    model = path.read_bytes()
    return Base(model, recognizer.card, embedded, hashlib.sha256(model).hexdigest())


def describe(
    base: Base, clips: Sequence[Clip], *, cache: Cache | None = None, progress: Callable[[int], None] | None = None
) -> Described:
    """Let a base listen to clips, on every core; what it heard before costs only reading the file's bytes.

    A long clip is divided and its parts averaged as in recognizing, so that a linear head answers a clip exactly as
    the finished file will.

    Args:
        base: which model.
        clips: what to hear.
        cache: where rows are kept; the user's cache by default.
        progress: called with the number of clips just heard.
    """
    cache = default_cache() if cache is None else cache
    tell = progress or (lambda _: None)
    session = Session(with_description(base.model, base.numbers), name=base.card.name, threads=1)

    def heard(clip: Clip) -> bytes | str:
        try:
            with open_audio(clip.sound) as reader:
                blocks = [
                    BlockOutput(session.run(DESCRIBED, block[None])[0], frame_powers(block))  # (n,) -> (1, n)
                    for block in blocks_of(reader, base.card.window_s)
                ]
                refuse_faults(reader)
            return pooled(blocks).astype("<f4").tobytes()
        except AudioError as error:
            return str(error)

    digests = sound_digests(clip.sound for clip in clips)
    keys = [f"described:{_VERSION}:{base.digest}:{digests[clip.sound]}" for clip in clips]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        kept = cache.get_many(keys)
        tell(sum(key in kept for key in keys))
        unknown = [(key, clip) for key, clip in zip(keys, clips, strict=True) if key not in kept]
        failed: dict[Clip, str] = {}
        for (key, clip), row in zip(unknown, pool.map(heard, [clip for _, clip in unknown]), strict=True):
            if isinstance(row, str):
                failed[clip] = row
            else:
                kept[key] = row
            tell(1)
    cache.put_many({key: kept[key] for key, clip in unknown if clip not in failed})
    rows = [np.frombuffer(kept[key], "<f4") for key, clip in zip(keys, clips, strict=True) if clip not in failed]
    return Described(np.stack(rows) if rows else np.zeros((0, base.numbers), np.float32), failed)
