"""Clips as a small ear describes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hearfelt.corpora.clips import Clips
from hearfelt.training import student_features as described
from hearfelt.training.augmented_copies import View
from hearfelt.training.distillation import new_ear
from hearfelt.training.settings import Ear
from hearfelt.training.student_features import hear_described


def test_several_processes_describe_as_one_does_and_it_is_remembered(
    toy_clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    settings = Ear()
    ear = new_ear(settings).eval()
    wanted = [(clip, View(speed, is_worn=speed > 1)) for clip in toy_clips[:2] for speed in (1.0, 1.1)]
    heard = []
    for enough in (500, 1):  # few clips would not pay for another process
        monkeypatch.setattr(described, "_CLIPS_A_PROCESS", enough)
        monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / str(enough)))
        heard.append([row for _, _, row in hear_described(settings, ear, wanted).heard])
    np.testing.assert_allclose(heard[0], heard[1], rtol=0.01, atol=0.01)
    counts: list[int] = []
    again = hear_described(settings, ear, wanted, progress=counts.append)
    assert counts == [4]
    np.testing.assert_array_equal(heard[1], [row for _, _, row in again.heard])
