"""Features of the distilled encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hearfelt.corpora.clips import Clips
from hearfelt.training import distillation
from hearfelt.training.augmented_copies import Variant
from hearfelt.training.distillation import extract_tiny_features, new_student
from hearfelt.training.settings import Distillation


def test_several_processes_describe_as_one_does_and_it_is_remembered(
    toy_clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    settings = Distillation(width=16, fine_blocks=1, coarse_blocks=2, dimensions=8)
    student = new_student(settings).eval()
    wanted = [(clip, Variant(speed, degraded=speed > 1)) for clip in toy_clips[:2] for speed in (1.0, 1.1)]
    arrays = []
    for enough in (500, 1):  # few clips would not pay for another process
        monkeypatch.setattr(distillation, "_CLIPS_PER_PROCESS", enough)
        monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / str(enough)))
        arrays.append([row for _, _, row in extract_tiny_features(settings, student, wanted).arrays])
    np.testing.assert_allclose(arrays[0], arrays[1], rtol=0.01, atol=0.01)
    counts: list[int] = []
    again = extract_tiny_features(settings, student, wanted, progress=counts.append)
    assert counts == [4]
    np.testing.assert_array_equal(arrays[1], [row for _, _, row in again.arrays])
