from __future__ import annotations

import json
from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_corpora
from hearfelt.errors import CorpusError
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.references import ReferenceOptions
from hearfelt.evaluation.single_emotions import (
    SINGLE_EMOTIONS,
    SingleEmotions,
    find_single_emotions,
    read_single_emotions,
    write_single_emotions,
)
from hearfelt.evaluation.with_references import encode_plan, write_with_references
from hearfelt.inference.recognizer import Recognizer


def test_each_emotion_is_measured_in_every_draw_against_none(reference_model: Path, toy: Path, tmp_path: Path) -> None:
    clips = read_corpora({"toy": toy}).where(emotion=("calm", "sad", "angry")).without(speaker=("toy/01", "toy/02"))
    plan = PROTOCOLS["by-speaker"].plan(clips, card=Recognizer.load(reference_model).card)
    parts, info = encode_plan(reference_model, plan, jobs=1)
    options = ReferenceOptions(4, draws=2)
    found = write_single_emotions(parts, tmp_path / "by-speaker" / "toy-reference-4-each", options, info)
    assert [(run["emotion"], run["seed"]) for run in found.content["runs"]] == [
        (None, 0),
        *((emotion, seed) for emotion in ("calm", "sad", "angry") for seed in (0, 1)),
    ]
    one = ReferenceOptions(4, draws=2, emotion="sad")
    results = write_with_references(parts, tmp_path / "by-speaker" / "sad", one, info)
    assert found.uar("sad")[1] == pytest.approx(results.figure("uar"), abs=1e-6)
    assert found.emotions == ("calm", "sad", "angry")
    assert [one.folder for one in find_single_emotions(tmp_path)] == [found.folder]


def run(fold: int, seed: int, emotion: str | None, uar: float) -> dict[str, object]:
    return {"fold": fold, "seed": seed, "emotion": emotion, "uar": uar, "ece": 0.1}


def test_changes_are_against_the_same_fold_without_a_reference() -> None:
    runs = [
        run(1, 0, None, 0.5),
        run(2, 0, None, 0.4),
        run(1, 0, "sad", 0.4),
        run(1, 1, "sad", 0.5),
        run(2, 0, "sad", 0.5),
    ]
    found = SingleEmotions(Path("x"), {"runs": [*runs, run(1, 0, "calm", 0.6)]})
    assert found.change("sad") == pytest.approx({1: -0.05, 2: 0.1})
    assert found.change("calm") == pytest.approx({1: 0.1})


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / SINGLE_EMOTIONS).write_text(json.dumps({"runs": [{"fold": 1}]}))
    with pytest.raises(CorpusError, match=r"single_emotions\.json: cannot be read"):
        read_single_emotions(tmp_path)
