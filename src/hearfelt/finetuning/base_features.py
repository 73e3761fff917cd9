"""Features of clips by a base model: its embedding and its logits, computed once and cached."""

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

from hearfelt.audio.reader import Samples, open_audio, refuse_faults
from hearfelt.corpora.clips import Clip
from hearfelt.errors import AudioError, ModelError
from hearfelt.finetuning.graph import FEATURES, with_features_output
from hearfelt.inference.card import ModelCard
from hearfelt.inference.recognizer import Recognizer, model_path
from hearfelt.inference.session import Session
from hearfelt.inference.sound_model import SOUND_INPUT
from hearfelt.inference.windowing import BlockOutput, blocks_of, frame_powers, pooled
from hearfelt.runtime.cache import Cache, default_cache, sound_digests

__all__ = ["BaseFeatures", "BaseModel", "base_features", "load_base"]

_VERSION: Final = 1  # of the cached features
_PROBE: Final = np.sin(np.arange(1_600) / 9).astype(np.float32)  # 0.1 s of a tone


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
    """Compute the features of clips on every core; of a cached clip only the file's bytes are read.

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
    session = Session(with_features_output(base.model, base.dimensions), name=base.card.name, threads=1)

    def features_of(block: Samples) -> npt.NDArray[np.float64]:
        (features,) = session.run([FEATURES], {SOUND_INPUT: block[None]})  # (n,) -> (1, n)
        return np.asarray(features[0])

    def compute(clip: Clip) -> bytes | str:
        try:
            with open_audio(clip.sound) as reader:
                blocks = [
                    BlockOutput(features_of(block), frame_powers(block))
                    for block in blocks_of(reader, base.card.window_s)
                ]
                refuse_faults(reader)
            return pooled(blocks).astype("<f4").tobytes()
        except AudioError as error:
            return str(error)

    digests = sound_digests(clip.sound for clip in clips)
    keys = [f"base-features:{_VERSION}:{base.digest}:{digests[clip.sound]}" for clip in clips]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        kept = cache.get_many(keys)
        advance(sum(key in kept for key in keys))
        unknown = [(key, clip) for key, clip in zip(keys, clips, strict=True) if key not in kept]
        failed: dict[Clip, str] = {}
        for (key, clip), row in zip(unknown, pool.map(compute, [clip for _, clip in unknown]), strict=True):
            if isinstance(row, str):
                failed[clip] = row
            else:
                kept[key] = row
            advance(1)
    cache.put_many({key: kept[key] for key, clip in unknown if clip not in failed})
    rows = [np.frombuffer(kept[key], "<f4") for key, clip in zip(keys, clips, strict=True) if clip not in failed]
    return BaseFeatures(np.stack(rows) if rows else np.zeros((0, base.dimensions), np.float32), failed)
