"""The encoder of ``tiny``: distilled from the states of Whisper's layers, then frozen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.corpora.clips import Clip
from hearfelt.models.encoders.tiny import TinyEncoder
from hearfelt.models.encoders.weights import fingerprint
from hearfelt.models.frontend import LogMel
from hearfelt.models.layers import statistics
from hearfelt.runtime.cache import sound_digests
from hearfelt.training.clip_statistics import MakeEncoder, samples_of, statistics_cache
from hearfelt.training.settings import Distillation

__all__ = ["distilled_encoder", "new_student"]

_VERSION: Final = 2  # of distillation; raised when the same clips would give another encoder
_MEL_PER_FRAME: Final = 4  # the targets have 25 frames a second, the front end 100
_WARMUP_SHARE: Final = 0.15  # share of the steps in which the learning rate rises
_MAX_GRADIENT_NORM: Final = 2.0
_SMOOTHING: Final = 0.1
_MAX_MASKED_BANDS: Final = 13  # in half of the segments (Park et al. 2019, "SpecAugment")
_CLIPS_FOR_COMPONENTS: Final = 300
_GAIN_SD: Final = 0.05  # added to half of the segments, 2 dB

Mel = npt.NDArray[np.float16]


def new_student(settings: Distillation) -> TinyEncoder:
    """Make an untrained encoder."""
    return TinyEncoder(
        settings.width,
        fine_blocks=settings.fine_blocks,
        coarse_blocks=settings.coarse_blocks,
        dimensions=settings.dimensions,
    )


def distilled_encoder(settings: Distillation, make_whisper: MakeEncoder, clips: Sequence[Clip]) -> TinyEncoder:
    """Distil an encoder, or load the one that was distilled from the same clips before.

    From segments of clips it predicts principal components of Whisper's states at 25 frames a second; a linear
    classifier on its states predicts the clip's emotion beside that, so that they keep what matters.

    Args:
        settings: of the recipe.
        make_whisper: makes the teacher.
        clips: of corpora that are not tested.

    Raises:
        AudioError: if a clip cannot be read or is silent.
    """
    teacher, cache = make_whisper(), statistics_cache()
    key, student = _key(settings, teacher, clips), new_student(settings)
    cached = cache.get_many([key]).get(key)
    if cached is None:
        student = _distilled(settings, teacher, clips)
        parts = [weight.detach().numpy().astype("<f4").tobytes() for weight in student.state_dict().values()]
        cache.put_many({key: b"".join(parts)})
        return student
    values = torch.from_numpy(np.frombuffer(cached, "<f4").copy())
    sizes = [weight.numel() for weight in student.state_dict().values()]
    for weight, part in zip(student.state_dict().values(), torch.split(values, sizes), strict=True):
        weight.copy_(part.reshape(weight.shape))
    return student.eval()


def _key(settings: Distillation, teacher: nn.Module, clips: Sequence[Clip]) -> str:
    digests = sound_digests(clip.sound for clip in clips)
    sounds = [[digests[clip.sound], clip.emotion, clip.corpus] for clip in clips]
    text = json.dumps([_VERSION, asdict(settings), fingerprint(teacher.state_dict()), sounds])
    return f"tiny-encoder:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _mel(front: LogMel, clip: Clip) -> Tensor:
    """Compute the log-mel frames of a training clip: ``(1, 80, frames)``."""
    with torch.inference_mode():
        mel: Tensor = front(torch.from_numpy(samples_of(clip))[None])[0]
    return mel


def _teacher_frames(teacher: nn.Module, mel: Tensor) -> npt.NDArray[np.float16]:
    """Put the states of Whisper's last three layers side by side, at 25 frames a second: ``(frames, 1536)``."""
    with torch.inference_mode():
        _, fine, *coarse = teacher(mel)
        frames = fine.shape[1] // 2 * 2
        repeated = [states.repeat_interleave(2, dim=1)[:, :frames] for states in coarse]
        return torch.cat([fine[:, :frames], *repeated], dim=2)[0].numpy().astype(np.float16)


def _principal(frames: Sequence[npt.NDArray[np.float16]], dimensions: int) -> tuple[Any, Any]:
    """Fit principal components to frames: mean ``(1536,)``, components ``(1536, dimensions)``."""
    sampled = np.concatenate(frames).astype(np.float32)
    mean, deviation = sampled.mean(axis=0), sampled.std(axis=0) + 1e-3
    scaled = (sampled - mean) / deviation
    _, directions = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    return mean, directions[:, ::-1][:, :dimensions] / deviation[:, None]


def _distilled(settings: Distillation, teacher: nn.Module, clips: Sequence[Clip]) -> TinyEncoder:
    front, generator = LogMel(), np.random.default_rng(0)
    sampled = [
        _teacher_frames(teacher, _mel(front, clip)) for clip in clips[:: max(1, len(clips) // _CLIPS_FOR_COMPONENTS)]
    ]
    mean, components = _principal(sampled, settings.dimensions)
    mels, targets = [], []
    for clip in clips:
        mel = _mel(front, clip)
        mels.append(mel[0].half().numpy())
        targets.append(((_teacher_frames(teacher, mel) - mean) @ components).astype(np.float16))
    scale = torch.from_numpy(np.concatenate([target[::9] for target in targets[::10]]).astype(np.float32).std(axis=0))
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
            loss = _loss(student, classifier, batch, scale + 1e-3, settings.label_weight)
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
