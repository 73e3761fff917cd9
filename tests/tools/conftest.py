"""Synthetic results on the names of RAVDESS clips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.emotions import EMOTIONS
from hearfelt.evaluation.plan import Plan, emotion_code, ravdess_names
from hearfelt.evaluation.predictions import Evaluation, Row
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.results import ModelFile, Results, ResultsInfo, write_results


@pytest.fixture(scope="session")
def named_clips() -> Clips:
    """All of RAVDESS by name."""
    return Clips(
        Clip("ravdess", Path("nowhere"), f"{name}.wav", f"ravdess/{name[-2:]}", label, channel=channel)
        for channel in ("speech", "song")
        for name in ravdess_names(channel)
        for label in [EMOTIONS[int(emotion_code(name)) - 1]]
    )


@pytest.fixture(scope="session")
def make_results(named_clips: Clips) -> Callable[..., Results]:
    """Write synthetic results of a model of a given accuracy."""
    plans: dict[tuple[str, tuple[str, ...]], Plan] = {}

    def make(
        home: Path,
        protocol: str,
        name: str,
        strength: float,
        *,
        drop: tuple[str, ...] = (),
        seeds: int = 2,
        file: ModelFile | None = None,
    ) -> Results:
        if (protocol, drop) not in plans:
            plans[protocol, drop] = PROTOCOLS[protocol].plan(named_clips, drop=drop)
        plan, generator, rows = plans[protocol, drop], np.random.default_rng(2), []
        for seed in range(seeds):
            for fold in plan.folds:
                logits = generator.normal(0, 1, (len(fold.test), len(plan.emotions)))
                for clip, row in zip(fold.test, logits, strict=True):
                    row[plan.emotions.index(clip.emotion)] += strength
                    shares = tuple((np.exp(row) / np.exp(row).sum()).tolist())
                    rows.append(Row(clip.name, clip.speaker, fold.name, seed, clip.emotion, shares))
        info = ResultsInfo(plan, {"name": name}, file=file)
        return write_results(home / protocol / name, Evaluation(plan.emotions, rows), info)

    return make


@pytest.fixture(scope="session")
def ladder_results(tmp_path_factory: pytest.TempPathFactory, make_results: Callable[..., Results]) -> list[Results]:
    """Results of a weak and a strong model, on two protocols and on the ladder; tests must not change the files."""
    home = tmp_path_factory.mktemp("ladder_results")
    made = [
        make_results(home, "emobox-ravdess", "weak", 0.8),
        make_results(home, "seed-ravdess", "weak", 2.0),
    ]
    for step, weak, strong in (
        ("strangers", 0.8, 2.5),
        ("clips", 1.8, 3.0),
        ("copies", 2.0, 3.3),
        ("epoch", 2.1, None),
    ):
        file = ModelFile(13_575_523, 3_376_968)
        made.append(make_results(home, f"ladder-{step}", "weak", weak, seeds=1, file=file))
        if strong is not None:
            made.append(make_results(home, f"ladder-{step}", "strong", strong, seeds=1))
    return made
