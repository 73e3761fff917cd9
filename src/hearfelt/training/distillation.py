"""The encoder of ``tiny``: distilled once for all folds from the frames of Whisper, then frozen, and its features."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.corpora.clips import Clip
from hearfelt.errors import HearfeltError
from hearfelt.models.encoders.pitch_statistics import PitchFrontEnd
from hearfelt.models.frontend import LogMel
from hearfelt.models.hearfelt import Whitening
from hearfelt.models.pooling import statistics
from hearfelt.models.tiny import TinyEncoder, tiny_features
from hearfelt.runtime.cache import sound_digests
from hearfelt.runtime.pool import workers_for
from hearfelt.training.augmented_copies import ORIGINAL, at_speed
from hearfelt.training.frames import (
    WHITENED_DIMENSIONS,
    Encoders,
    Frames,
    Wanted,
    Weights,
    compute_missing,
    extract_all,
    extract_frames,
    frames_cache,
    samples_of,
)
from hearfelt.training.settings import Distillation

__all__ = ["TinyExtractor", "distilled_encoder", "extract_tiny_features", "new_student"]

_VERSION: Final = 1  # of distillation; raised when the same clips would give another encoder
_FEATURES_VERSION: Final = 1  # of the cached features; raised when they change
_MEL_PER_FRAME: Final = 4  # Whisper gives 25 whitened frames a second, the front end 100
_WARMUP_SHARE: Final = 0.15  # share of the steps in which the learning rate rises
_MAX_GRADIENT_NORM: Final = 2.0
_SMOOTHING: Final = 0.1
_MAX_MASKED_BANDS: Final = 13  # in half of the segments (Park et al. 2019, "SpecAugment")
_GAIN_SD: Final = 0.05  # added to half of the segments, 2 dB
_CLIPS_PER_PROCESS: Final = 500  # starting a process takes as long as so many clips

Mel = npt.NDArray[np.float16]


def new_student(settings: Distillation) -> TinyEncoder:
    """Make an untrained encoder."""
    return TinyEncoder(
        settings.width,
        fine_blocks=settings.fine_blocks,
        coarse_blocks=settings.coarse_blocks,
        dimensions=settings.dimensions,
    )


def distilled_encoder(
    settings: Distillation, encoders: Encoders, whitenings: tuple[Whitening, Whitening], clips: Sequence[Clip]
) -> TinyEncoder:
    """Distil an encoder, or load the one that was distilled from the same clips before.

    From segments of clips it predicts the whitened frames of Whisper; a linear classifier on its states predicts the
    clip's emotion beside that, so that they keep what matters.

    Args:
        settings: of the recipe.
        encoders: Whisper among them is the teacher.
        whitenings: of their frames.
        clips: of corpora that are not tested.

    Raises:
        AudioError: if a clip cannot be read or is silent.
    """
    cache, key = frames_cache(), _key(settings, encoders, whitenings, clips)
    student = new_student(settings)
    cached = cache.get_many([key]).get(key)
    if cached is None:
        student = _distilled(settings, encoders, whitenings, clips)
        parts = [weight.detach().numpy().astype("<f4").tobytes() for weight in student.state_dict().values()]
        cache.put_many({key: b"".join(parts)})
        return student
    values = torch.from_numpy(np.frombuffer(cached, "<f4").copy())
    sizes = [weight.numel() for weight in student.state_dict().values()]
    for weight, part in zip(student.state_dict().values(), torch.split(values, sizes), strict=True):
        weight.copy_(part.reshape(weight.shape))
    return student.eval()


def _key(
    settings: Distillation, encoders: Encoders, whitenings: tuple[Whitening, Whitening], clips: Sequence[Clip]
) -> str:
    components = hashlib.sha256(whitenings[0].components.numpy().tobytes()).hexdigest()
    digests = sound_digests(clip.sound for clip in clips)
    sounds = [[digests[clip.sound], clip.emotion, clip.corpus] for clip in clips]
    text = json.dumps([_VERSION, asdict(settings), encoders.digest, components, sounds])
    return f"tiny-encoder:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _distilled(
    settings: Distillation, encoders: Encoders, whitenings: tuple[Whitening, Whitening], clips: Sequence[Clip]
) -> TinyEncoder:
    front, generator = LogMel(), np.random.default_rng(0)
    with torch.inference_mode():
        mels = [front(torch.from_numpy(samples_of(clip))[None])[0][0].half().numpy() for clip in clips]
    arrays = extract_frames(encoders, whitenings, [(clip, ORIGINAL) for clip in clips]).arrays
    targets = [whisper[:, : settings.dimensions] for whisper, _, _ in arrays]
    sampled = np.concatenate([target[::9] for target in targets[::10]]).astype(np.float32)
    scale = torch.from_numpy(sampled.std(axis=0) + 1e-3)
    labels = sorted({clip.emotion for clip in clips})
    indices = np.array([labels.index(clip.emotion) for clip in clips])
    weights = _sampling_weights(clips)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        student = new_student(settings)
        classifier = nn.Linear(2 * student.dimensions, len(labels))
        parameters = [*student.parameters(), *classifier.parameters()]
        rate = settings.learning_rate
        optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=settings.weight_decay)
        steps = settings.epochs * max(1, len(clips) // settings.batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps + 2, pct_start=_WARMUP_SHARE)
        for _ in range(steps):
            drawn = generator.choice(len(clips), settings.batch, p=weights)
            segments = [_segment(mels[index], targets[index], settings.frames, generator) for index in drawn]
            mel, target, mask = (torch.from_numpy(np.stack(part)) for part in zip(*segments, strict=True))
            batch = mel, target, mask, torch.from_numpy(indices[drawn])
            loss = _loss(student, classifier, batch, scale, settings.label_weight)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, _MAX_GRADIENT_NORM)
            optimizer.step()
            schedule.step()
    return student.eval()


def _sampling_weights(clips: Sequence[Clip]) -> npt.NDArray[np.float64]:
    """Weigh clips so that each corpus is drawn in proportion to the square root of its size."""
    corpora = np.array([clip.corpus for clip in clips])
    weights = np.zeros(len(clips))
    for corpus in set(corpora.tolist()):
        weights[corpora == corpus] = 1.0 / np.sqrt((corpora == corpus).sum())
    normed: npt.NDArray[np.float64] = weights / weights.sum()
    return normed


def _segment(
    mel: Mel, target: npt.NDArray[np.float16], frames: int, generator: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Cut a random segment: mel ``(80, 4 · frames)``, target frames ``(frames, dimensions)``, and a mask."""
    length = min(mel.shape[1] // _MEL_PER_FRAME, len(target))
    first = int(generator.integers(max(1, length - frames + 1)))
    count = min(frames, length - first)
    bands = np.full((len(mel), frames * _MEL_PER_FRAME), mel.min(), np.float32)
    bands[:, : count * _MEL_PER_FRAME] = mel[:, first * _MEL_PER_FRAME : (first + count) * _MEL_PER_FRAME]
    wanted, mask = np.zeros((frames, target.shape[1]), np.float32), np.zeros(frames, np.float32)
    wanted[:count], mask[:count] = target[first : first + count], 1.0
    if generator.random() < 0.5:
        lowest = int(generator.integers(len(mel)))
        bands[lowest : lowest + int(generator.integers(1, _MAX_MASKED_BANDS + 1))] = bands.mean()
    if generator.random() < 0.5:
        bands += generator.normal() * _GAIN_SD
    return bands, wanted, mask


def _loss(
    student: TinyEncoder,
    classifier: nn.Linear,
    batch: tuple[Tensor, Tensor, Tensor, Tensor],
    scale: Tensor,
    label_weight: float,
) -> Tensor:
    mel, target, mask, labels = batch
    states = student(mel)
    squared_error = ((states[-1] - target) ** 2 / scale).mean(dim=2)
    distance = (squared_error * mask).sum() / mask.sum() / scale.mean()
    logits = classifier(torch.cat([statistics(state) for state in states], dim=1))
    loss: Tensor = distance + label_weight * functional.cross_entropy(logits, labels, label_smoothing=_SMOOTHING)
    return loss


class TinyExtractor:
    """Computes the features of clips with the distilled encoder and the pitch front end.

    Args:
        student: the distilled encoder.
    """

    def __init__(self, student: TinyEncoder) -> None:
        self._student, self._pitch = student.eval(), PitchFrontEnd()
        self._fronts: dict[float, LogMel] = {}

    def extract(self, samples: npt.NDArray[np.float32], speed: float = 1.0) -> Tensor:
        """Compute the features ``(dimensions,)`` of a sound ``(n,)`` at 16 kHz."""
        front = self._fronts.setdefault(speed, LogMel(speed))
        with torch.inference_mode():
            mel, wave = front(torch.from_numpy(np.ascontiguousarray(samples))[None])
            played = torch.from_numpy(np.ascontiguousarray(at_speed(wave[0].numpy(), speed)))[None]
            return tiny_features(self._student(mel), self._pitch(played))[0]

    def pack(self, samples: npt.NDArray[np.float32], speed: float) -> bytes:
        """Extract as :meth:`extract`, in half precision."""
        return self.extract(samples, speed).numpy().astype("<f2").tobytes()


def extract_tiny_features(
    settings: Distillation, student: TinyEncoder, wanted: Wanted, *, progress: Callable[[int], None] | None = None
) -> Frames:
    """Compute the features of variants of clips that are not in the cache yet, and load all.

    Args:
        settings: of the encoder.
        student: the distilled encoder.
        wanted: variants of clips.
        progress: called with the number of variants just done, cached ones included.

    Returns:
        Frames without frames: each variant has its features alone.

    Raises:
        AudioError: if a clip cannot be read or is silent.
        HearfeltError: if two processes in a row end at the same clip, or features could not be cached.
    """
    weights = {name: value.numpy() for name, value in student.state_dict().items()}

    def compute(missing: Wanted) -> Iterator[bytes]:
        workers = workers_for(len(missing), _CLIPS_PER_PROCESS)
        return extract_all(partial(_tiny_extractor, settings, weights), missing, workers=workers)

    keys = _feature_keys(student, wanted)
    computed = compute_missing(keys, wanted, compute, progress=progress)
    cached = computed or frames_cache().get_many(keys)
    if any(key not in cached for key in keys):
        raise HearfeltError("features could not be cached; is the disk full? HEARFELT_CACHE names another folder")
    empty = tuple(np.zeros((0, dimensions), np.float16) for dimensions in WHITENED_DIMENSIONS)
    rows = tuple((empty[0], empty[1], np.frombuffer(cached[key], "<f2")) for key in keys)
    return Frames(tuple(clip for clip, _ in wanted), tuple(variant for _, variant in wanted), rows)


def _tiny_extractor(settings: Distillation, weights: Weights) -> TinyExtractor:
    student = new_student(settings)
    student.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return TinyExtractor(student)


def _feature_keys(student: TinyEncoder, wanted: Wanted) -> list[str]:
    digest = hashlib.sha256(str(_FEATURES_VERSION).encode())
    for weight in student.state_dict().values():
        digest.update(weight.numpy().tobytes())
    name = digest.hexdigest()[:16]
    digests = sound_digests(clip.sound for clip, _ in wanted)
    return [
        f"tiny-features:{name}:{digests[clip.sound]}:{variant.speed}:{int(variant.degraded)}"
        for clip, variant in wanted
    ]
