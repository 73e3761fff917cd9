"""The ear of ``tiny``: it learns to imitate what the large ear hears, once for all folds, and then stays as it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.corpora.clips import Clip
from hearfelt.models.frontend import LogMel
from hearfelt.models.hearfelt import Whitening
from hearfelt.models.pooling import statistics
from hearfelt.models.tiny import TinyEar
from hearfelt.runtime.cache import sound_digests
from hearfelt.training.augmented_copies import View
from hearfelt.training.frames import Encoders, frames_cache, hear_frames, samples_of
from hearfelt.training.settings import Ear

__all__ = ["new_ear", "taught_ear"]

_VERSION: Final = 1  # of how it learns; raised when the same clips would give another ear
_MEL_A_FRAME: Final = 4  # the large ear gives 25 whitened frames a second, the front end 100
_RISING: Final = 0.15  # share of the steps in which the learning rate rises
_STEEPEST: Final = 2.0  # length to which a gradient is cut
_SMOOTHING: Final = 0.1
_HIDDEN_BANDS: Final = 13  # at most, in half of the stretches (Park et al. 2019, "SpecAugment")
_LOUDER: Final = 0.05  # deviation of what is added to half of them, 2 dB

Mel = npt.NDArray[np.float16]


def new_ear(settings: Ear) -> TinyEar:
    """Make an ear that has learned nothing."""
    return TinyEar(settings.width, fine=settings.fine, coarse=settings.coarse, imitated=settings.imitated)


def taught_ear(
    settings: Ear, encoders: Encoders, whitenings: tuple[Whitening, Whitening], clips: Sequence[Clip]
) -> TinyEar:
    """Teach an ear, or take the one that learned the same before.

    It hears stretches of clips and gives the whitened frames that the large ear makes of them; beside that it tells the
    clip's emotion from its states, so that they keep what matters.

    Args:
        settings: of the recipe.
        encoders: the large ear, among them.
        whitenings: of its frames.
        clips: of corpora that nobody is tested on.

    Raises:
        AudioError: if a clip cannot be read or is silent.
    """
    cache, key = frames_cache(), _key(settings, encoders, whitenings, clips)
    ear = new_ear(settings)
    kept = cache.get_many([key]).get(key)
    if kept is None:
        ear = _taught(settings, encoders, whitenings, clips)
        parts = [weight.detach().numpy().astype("<f4").tobytes() for weight in ear.state_dict().values()]
        cache.put_many({key: b"".join(parts)})
        return ear
    values = torch.from_numpy(np.frombuffer(kept, "<f4").copy())
    sizes = [weight.numel() for weight in ear.state_dict().values()]
    for weight, part in zip(ear.state_dict().values(), torch.split(values, sizes), strict=True):
        weight.copy_(part.reshape(weight.shape))
    return ear.eval()


def _key(settings: Ear, encoders: Encoders, whitenings: tuple[Whitening, Whitening], clips: Sequence[Clip]) -> str:
    made = hashlib.sha256(whitenings[0].components.numpy().tobytes()).hexdigest()
    digests = sound_digests(clip.sound for clip in clips)
    heard = [[digests[clip.sound], clip.emotion, clip.corpus] for clip in clips]
    text = json.dumps([_VERSION, asdict(settings), encoders.digest, made, heard])
    return f"tiny-ear:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _taught(
    settings: Ear, encoders: Encoders, whitenings: tuple[Whitening, Whitening], clips: Sequence[Clip]
) -> TinyEar:
    front, generator = LogMel(), np.random.default_rng(0)
    with torch.inference_mode():
        mels = [front(torch.from_numpy(samples_of(clip))[None])[0][0].half().numpy() for clip in clips]
    heard = hear_frames(encoders, whitenings, [(clip, View()) for clip in clips]).heard
    aims = [large[:, : settings.imitated] for large, _, _ in heard]
    spread = torch.from_numpy(np.concatenate([aim[::9] for aim in aims[::10]]).astype(np.float32).std(axis=0) + 1e-3)
    labels = sorted({clip.emotion for clip in clips})
    places = np.array([labels.index(clip.emotion) for clip in clips])
    chances = _chances(clips)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ear = new_ear(settings)
        judge = nn.Linear(2 * ear.numbers, len(labels))
        weights = [*ear.parameters(), *judge.parameters()]
        rate = settings.learning_rate
        optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=settings.weight_decay)
        steps = settings.epochs * max(1, len(clips) // settings.batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps + 2, pct_start=_RISING)
        for _ in range(steps):
            drawn = generator.choice(len(clips), settings.batch, p=chances)
            stretches = [_stretch(mels[place], aims[place], settings.frames, generator) for place in drawn]
            mel, aim, mask = (torch.from_numpy(np.stack(part)) for part in zip(*stretches, strict=True))
            loss = _loss(ear, judge, (mel, aim, mask, torch.from_numpy(places[drawn])), spread, settings.labelled)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(weights, _STEEPEST)
            optimizer.step()
            schedule.step()
    return ear.eval()


def _chances(clips: Sequence[Clip]) -> npt.NDArray[np.float64]:
    """Draw each corpus by the root of its size."""
    corpora = np.array([clip.corpus for clip in clips])
    chances = np.zeros(len(clips))
    for corpus in set(corpora.tolist()):
        chances[corpora == corpus] = 1.0 / np.sqrt((corpora == corpus).sum())
    normed: npt.NDArray[np.float64] = chances / chances.sum()
    return normed


def _stretch(
    mel: Mel, aim: npt.NDArray[np.float16], frames: int, generator: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Cut a stretch out of a clip: mel ``(80, 4 · frames)``, what to imitate ``(frames, k)``, and a mask."""
    whole = min(mel.shape[1] // _MEL_A_FRAME, len(aim))
    first = int(generator.integers(max(1, whole - frames + 1)))
    count = min(frames, whole - first)
    heard = np.full((len(mel), frames * _MEL_A_FRAME), mel.min(), np.float32)
    heard[:, : count * _MEL_A_FRAME] = mel[:, first * _MEL_A_FRAME : (first + count) * _MEL_A_FRAME]
    wanted, mask = np.zeros((frames, aim.shape[1]), np.float32), np.zeros(frames, np.float32)
    wanted[:count], mask[:count] = aim[first : first + count], 1.0
    if generator.random() < 0.5:
        lowest = int(generator.integers(len(mel)))
        heard[lowest : lowest + int(generator.integers(1, _HIDDEN_BANDS + 1))] = heard.mean()
    if generator.random() < 0.5:
        heard += generator.normal() * _LOUDER
    return heard, wanted, mask


def _loss(
    ear: TinyEar, judge: nn.Linear, batch: tuple[Tensor, Tensor, Tensor, Tensor], spread: Tensor, labelled: float
) -> Tensor:
    mel, aim, mask, places = batch
    states = ear(mel)
    apart = ((states[-1] - aim) ** 2 / spread).mean(dim=2)
    imitating = (apart * mask).sum() / mask.sum() / spread.mean()
    answers = judge(torch.cat([statistics(state) for state in states], dim=1))
    loss: Tensor = imitating + labelled * functional.cross_entropy(answers, places, label_smoothing=_SMOOTHING)
    return loss
