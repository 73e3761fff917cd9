from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hearfelt.errors import CorpusError, HearfeltError, ModelError
from hearfelt.evaluation.evaluate import evaluate_model
from hearfelt.evaluation.protocols import protocol_called
from hearfelt.finetuning.base_model import base_features, fit_heads, load_base
from hearfelt.finetuning.finetune import FinetunedModel, finetune
from hearfelt.finetuning.training_set import FinetuningSet, read_finetuning_set
from hearfelt.inference.doctor import check_model
from hearfelt.inference.recognizer import Recognizer

OwnFolder = Callable[..., Path]
PATTERN = r"/(\d\d) "


@pytest.fixture
def training_set(own_folder: OwnFolder) -> FinetuningSet:
    return read_finetuning_set(own_folder(), speaker_pattern=PATTERN)


@pytest.fixture
def model(training_set: FinetuningSet, sound_model: Path, tmp_path: Path) -> FinetunedModel:
    return finetune(training_set, tmp_path / "mine.onnx", base=sound_model)


def test_the_file_knows_the_labels_and_says_so(model: FinetunedModel) -> None:
    recognizer = Recognizer.load(model.path)
    assert recognizer.card == model.card
    assert recognizer.labels == ("happy", "bored_stiff", "furious")
    assert model.card.name == "mine"
    assert model.card.training_speakers[:3] == ("folder/01", "folder/02", "folder/03")
    assert model.card.training_speakers[-1] == "toy/02"  # whom the base was trained on
    assert set(model.card.corpora) == {"toy", "folder"}
    assert model.card.window_s == 2.0


def test_the_file_answers_as_the_head_does(
    model: FinetunedModel, training_set: FinetuningSet, sound_model: Path
) -> None:
    base = load_base(sound_model)
    rows = base_features(base, training_set.clips).rows
    labels = np.array([training_set.labels.index(clip.emotion) for clip in training_set.clips])
    (head,) = fit_heads(rows, labels, 3, embedding_size=16, settings=[model.validation.setting])
    recognizer = Recognizer.load(model.path)
    for index in (0, 17, 35):
        assert recognizer.logits(training_set.clips[index].path) == pytest.approx(
            head.logits(rows[index]), rel=1e-3, abs=1e-3
        )


def test_it_learns_what_the_base_does_not_know(model: FinetunedModel) -> None:
    assert model.figures["uar"] > 0.6  # by speaker; 0.33 by chance
    assert model.card.scores["cross-validation by speaker"] == model.figures
    assert model.warnings == ()
    assert len(model.evaluation) == 36
    assert len(model.evaluation.runs) == 6


def test_the_doctor_finds_it_well(model: FinetunedModel) -> None:
    health = check_model(model.path)
    assert health.ok
    assert health.difference == pytest.approx(0, abs=1e-6)


def test_speakers_that_it_was_taught_by_are_not_measured_on(model: FinetunedModel, training_set: FinetuningSet) -> None:
    with pytest.raises(CorpusError, match="would test mine on 6 of its training speakers"):
        protocol_called("by-speaker").plan(training_set.clips, card=model.card)


def test_it_can_be_measured_on_others(training_set: FinetuningSet, sound_model: Path, tmp_path: Path) -> None:
    away = "folder/06"
    clips = training_set.clips.without(speaker=away)
    digests = tuple(d for c, d in zip(training_set.clips, training_set.digests, strict=True) if c.speaker != away)
    made = finetune(FinetuningSet(clips, digests, "folder"), tmp_path / "mine.onnx", base=sound_model)
    recognizer = Recognizer.load(made.path)
    plan = protocol_called("by-speaker").plan(training_set.clips.where(speaker=away), card=recognizer.card)
    results = evaluate_model(recognizer, plan, tmp_path / "results")
    assert len(results.evaluation) == 6
    assert results.evaluation.emotions == ("happy", "bored_stiff", "furious")


def test_unknown_speakers_are_told_in_the_warnings_and_on_the_card(
    own_folder: OwnFolder, sound_model: Path, tmp_path: Path
) -> None:
    model = finetune(read_finetuning_set(own_folder()), tmp_path / "mine.onnx", base=sound_model)
    assert "speakers are unknown" in model.warnings[0]
    assert model.card.limits[0].startswith("Speakers are unknown")
    assert list(model.card.scores) == ["cross-validation by clip"]
    assert "folder/unknown" in model.card.training_speakers


def test_a_base_that_has_heard_the_clips_is_not_asked_for_its_own_answers(
    toy: Path, sound_model: Path, tmp_path: Path
) -> None:
    model = finetune(read_finetuning_set(toy), tmp_path / "mine.onnx", base=sound_model)
    assert "sound-toy was trained on toy, with 2 of the 6 speakers" in model.warnings[0]
    assert model.validation.setting.base_weight == 0
    assert model.path.stat().st_size < 2 * sound_model.stat().st_size


def test_teaching_on_top_of_what_was_taught_is_known_by_its_sounds(
    model: FinetunedModel, training_set: FinetuningSet, tmp_path: Path
) -> None:
    again = finetune(training_set, tmp_path / "again.onnx", base=model.path)
    assert "mine was trained on 36 of these 36 very sounds" in again.warnings[0]
    assert set(again.card.corpora) == {"toy", "folder", "folder 2"}


def test_the_same_lesson_gives_the_same_file(
    model: FinetunedModel, training_set: FinetuningSet, sound_model: Path, tmp_path: Path
) -> None:
    again = finetune(training_set, tmp_path / "other" / "mine.onnx", base=sound_model)
    assert again.path.read_bytes() == model.path.read_bytes()


@pytest.mark.parametrize("out", ["mine", "mine.wav"])
def test_a_name_that_is_no_model_file_is_refused(
    training_set: FinetuningSet, out: str, sound_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(HearfeltError, match=r"ends in \.onnx; mine\.onnx would be right"):
        finetune(training_set, tmp_path / out, base=sound_model)


def test_the_base_itself_is_never_replaced(model: FinetunedModel, training_set: FinetuningSet) -> None:
    before = model.path.read_bytes()
    with pytest.raises(HearfeltError, match="this is the base itself"):
        finetune(training_set, model.path, base=model.path)
    assert model.path.read_bytes() == before


def test_a_base_on_features_is_refused(training_set: FinetuningSet, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="162 features"):
        finetune(training_set, tmp_path / "mine.onnx", base="svm")
    assert not (tmp_path / "mine.onnx").exists()


def test_it_needs_neither_torch_nor_scikit_learn(own_folder: OwnFolder, sound_model: Path) -> None:
    folder = own_folder()
    code = f"""
import json, sys
from pathlib import Path
from hearfelt.finetuning.training_set import read_finetuning_set
from hearfelt.finetuning.finetune import finetune
clips = read_finetuning_set(Path({str(folder)!r}))
finetune(clips, Path({str(folder.parent / "mine.onnx")!r}), base=Path({str(sound_model)!r}))
print(json.dumps([name for name in ("torch", "sklearn", "scipy", "matplotlib") if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
