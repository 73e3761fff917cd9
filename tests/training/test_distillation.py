"""The distilled encoder: what it learns, from whom, and that it is distilled once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.models.encoders.tiny import TinyEncoder
from hearfelt.models.frontend import LogMel
from hearfelt.training import distillation
from hearfelt.training.clip_statistics import samples_of
from hearfelt.training.distillation import distilled_encoder, new_student
from hearfelt.training.settings import Distillation

SMALL = Distillation(
    width=16, fine_blocks=1, coarse_blocks=2, dimensions=8, epochs=2, batch=4, frames=8, learning_rate=1e-2
)


class Teacher(nn.Module):
    """States at the frame rates of Whisper's four layers: random mixtures of the bands of each frame."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("mixing", torch.randn(4, 80, 12, generator=generator))

    def forward(self, mel: Tensor) -> list[Tensor]:
        rates = (2, 4, 8, 8)
        pooled = [nn.functional.avg_pool1d(mel, rate).transpose(1, 2) for rate in rates]
        return [frames @ mixing for frames, mixing in zip(pooled, self.get_buffer("mixing"), strict=True)]


@pytest.fixture
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that is empty."""
    monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / "fresh"))


@pytest.fixture(scope="module")
def clips(toy_clips: Clips) -> list[Clip]:
    return list(toy_clips.where(speaker=("toy/01", "toy/02"), emotion=("calm", "angry")))


def equal(one: TinyEncoder, other: TinyEncoder) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


def test_the_student_is_as_large_as_the_settings_say() -> None:
    student = new_student(replace(SMALL, fine_blocks=3, coarse_blocks=4, width=24, dimensions=10))
    assert (len(student.fine_blocks), len(student.coarse_blocks)) == (3, 4)
    assert student.dimensions == 4 * 24 + 10


@pytest.mark.usefixtures("_fresh")
def test_an_encoder_is_distilled_once_and_is_the_same(clips: Sequence[Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    first = distilled_encoder(SMALL, Teacher, clips)
    assert not first.training
    assert not equal(first, new_student(SMALL))
    distilled = distillation._distilled
    monkeypatch.setattr(distillation, "_distilled", lambda *_: pytest.fail("distilled again"))
    torch.manual_seed(9)
    assert equal(distilled_encoder(SMALL, Teacher, clips), first)
    again = distilled(SMALL, Teacher(), clips)  # without the cache
    for one, other in zip(again.state_dict().values(), first.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.usefixtures("_fresh")
def test_it_is_distilled_again_for_another_teacher_other_clips_labels_and_settings(
    clips: Sequence[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def count(settings: Distillation, *_: object) -> TinyEncoder:
        made.append(1)
        return new_student(settings)

    monkeypatch.setattr(distillation, "_distilled", count)
    relabelled = [replace(clips[0], emotion="happy"), *clips[1:]]
    calls = [
        (SMALL, Teacher, clips),
        (SMALL, lambda: Teacher(1), clips),
        (SMALL, Teacher, clips[1:]),
        (SMALL, Teacher, relabelled),
        (replace(SMALL, epochs=3), Teacher, clips),
    ]
    for _ in range(2):
        for call in calls:
            distilled_encoder(*call)
        assert len(made) == len(calls)


@pytest.mark.usefixtures("_fresh")
def test_it_learns_what_the_teacher_computes(clips: Sequence[Clip]) -> None:
    """After more steps its last states are nearer to the principal components of the teacher's states."""
    teacher, front = Teacher(), LogMel()
    mels = [front(torch.from_numpy(samples_of(clip))[None])[0] for clip in clips]
    frames = [distillation._teacher_frames(teacher, mel) for mel in mels]
    mean, components = distillation._principal(frames, SMALL.dimensions)
    errors = []
    for epochs in (1, 40):
        student = distilled_encoder(replace(SMALL, epochs=epochs, label_weight=0.0), Teacher, clips)
        apart, spread = [], []
        with torch.inference_mode():
            for mel, own in zip(mels, frames, strict=True):
                wanted = (own - mean) @ components
                count = min(len(wanted), mel.shape[2] // 4)
                apart.append(student(mel)[-1][0, :count].numpy() - wanted[:count])
                spread.append(wanted[:count])
        errors.append(np.square(np.concatenate(apart)).mean() / np.square(np.concatenate(spread)).mean())
    assert errors[1] < 0.6
    assert errors[1] < 0.7 * errors[0]


def test_teacher_frames_stand_side_by_side_at_25_a_second() -> None:
    frames = distillation._teacher_frames(Teacher(), torch.randn(1, 80, 103))
    assert frames.shape == (24, 3 * 12)
    np.testing.assert_array_equal(frames[::2, 12:], frames[1::2, 12:])  # 12.5 a second, each twice


def test_principal_components_are_uncorrelated_and_the_largest_come_first() -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(300, 3)) @ generator.normal(size=(3, 10)) + 0.1 * generator.normal(size=(300, 10))
    mean, components = distillation._principal([(rows * 5 + 2).astype(np.float16)], 5)
    found = (rows * 5 + 2 - mean) @ components
    covariance = np.cov(found.T, bias=True)
    deviations = np.sqrt(np.diag(covariance))
    assert (np.diff(deviations) < 0).all()
    assert np.abs(covariance / np.outer(deviations, deviations) - np.eye(5)).max() < 0.05


def test_each_corpus_is_drawn_in_proportion_to_the_root_of_its_size() -> None:
    clips = [Clip(corpus, Path(), f"{n}.wav", f"{corpus}/a", "sad") for corpus, n in [("a", 0)] * 4 + [("b", 0)] * 16]
    weights = distillation._sampling_weights(clips)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[4:].sum() / weights[:4].sum() == pytest.approx(2.0)


def test_a_segment_is_cut_from_sound_and_target_at_the_same_place() -> None:
    generator = np.random.default_rng(0)
    target = np.arange(50, dtype=np.float16)[:, None].repeat(2, axis=1)
    mel = np.arange(50, dtype=np.float16).repeat(4)[None].repeat(80, axis=0)
    firsts = set()
    for _ in range(20):
        bands, wanted, mask = distillation._segment(mel, target, 8, generator)
        assert (bands.shape, wanted.shape, mask.tolist()) == ((80, 32), (8, 2), [1.0] * 8)
        shape = np.median(bands, axis=0)[::4]  # whatever band is masked, whatever the gain
        np.testing.assert_allclose(shape - shape[0], wanted[:, 0] - wanted[0, 0], atol=1e-3)
        firsts.add(float(wanted[0, 0]))
    assert len(firsts) > 5
    bands, wanted, mask = distillation._segment(mel[:, :12], target[:3], 8, generator)
    assert mask.tolist() == [1.0] * 3 + [0.0] * 5
    assert not wanted[3:].any()
