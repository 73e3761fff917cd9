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
from hearfelt.finetuning.base_features import describe, load_base
from hearfelt.finetuning.head import fit_heads
from hearfelt.finetuning.teach import Taught, teach
from hearfelt.finetuning.training_set import Lesson, gather
from hearfelt.inference.doctor import check_model
from hearfelt.inference.recognizer import Recognizer

OwnFolder = Callable[..., Path]
PATTERN = r"/(\d\d) "


@pytest.fixture
def lesson(own_folder: OwnFolder) -> Lesson:
    return gather(own_folder(), speaker_pattern=PATTERN)


@pytest.fixture
def taught(lesson: Lesson, sound_model: Path, tmp_path: Path) -> Taught:
    return teach(lesson, tmp_path / "mine.onnx", base=sound_model)


def test_the_file_knows_the_labels_and_says_so(taught: Taught) -> None:
    recognizer = Recognizer.load(taught.path)
    assert recognizer.card == taught.card
    assert recognizer.labels == ("happy", "bored_stiff", "furious")
    assert taught.card.name == "mine"
    assert taught.card.training_speakers[:3] == ("folder/01", "folder/02", "folder/03")
    assert taught.card.training_speakers[-1] == "toy/02"  # whom the base has heard
    assert set(taught.card.corpora) == {"toy", "folder"}
    assert taught.card.window_s == 2.0


def test_the_file_answers_as_the_head_does(taught: Taught, lesson: Lesson, sound_model: Path) -> None:
    base = load_base(sound_model)
    rows = describe(base, lesson.clips).rows
    labels = np.array([lesson.labels.index(clip.emotion) for clip in lesson.clips])
    (head,) = fit_heads(rows, labels, 3, embedded=16, settings=[taught.scored.setting])
    recognizer = Recognizer.load(taught.path)
    for place in (0, 17, 35):
        assert recognizer.logits(lesson.clips[place].path) == pytest.approx(
            head.answer(rows[place]), rel=1e-3, abs=1e-3
        )


def test_it_learns_what_the_base_does_not_know(taught: Taught) -> None:
    assert taught.figures["uar"] > 0.6  # by speaker; 0.33 by chance
    assert taught.card.scores["taught, by speaker"] == taught.figures
    assert taught.warnings == ()
    assert len(taught.evaluation) == 36
    assert len(taught.evaluation.runs) == 6


def test_the_doctor_finds_it_well(taught: Taught) -> None:
    health = check_model(taught.path)
    assert health.is_well
    assert health.difference == pytest.approx(0, abs=1e-6)


def test_speakers_that_it_was_taught_by_are_not_measured_on(taught: Taught, lesson: Lesson) -> None:
    with pytest.raises(CorpusError, match="would test mine on 6 of the speakers it has heard"):
        protocol_called("by-speaker").plan(lesson.clips, card=taught.card)


def test_it_can_be_measured_on_others(lesson: Lesson, sound_model: Path, tmp_path: Path) -> None:
    away = "folder/06"
    clips = lesson.clips.without(speaker=away)
    digests = tuple(d for c, d in zip(lesson.clips, lesson.digests, strict=True) if c.speaker != away)
    made = teach(Lesson(clips, digests, "folder"), tmp_path / "mine.onnx", base=sound_model)
    recognizer = Recognizer.load(made.path)
    plan = protocol_called("by-speaker").plan(lesson.clips.where(speaker=away), card=recognizer.card)
    results = evaluate_model(recognizer, plan, tmp_path / "results")
    assert len(results.evaluation) == 6
    assert results.evaluation.emotions == ("happy", "bored_stiff", "furious")


def test_unknown_speakers_are_told_in_the_warnings_and_on_the_card(
    own_folder: OwnFolder, sound_model: Path, tmp_path: Path
) -> None:
    taught = teach(gather(own_folder()), tmp_path / "mine.onnx", base=sound_model)
    assert "who speaks is not known" in taught.warnings[0]
    assert taught.card.limits[0].startswith("Who speaks is not known")
    assert list(taught.card.scores) == ["taught, by clip"]
    assert "folder/unknown" in taught.card.training_speakers


def test_a_base_that_has_heard_the_clips_is_not_asked_for_its_own_answers(
    toy: Path, sound_model: Path, tmp_path: Path
) -> None:
    taught = teach(gather(toy), tmp_path / "mine.onnx", base=sound_model)
    assert "sound-toy has learned from toy, where it heard 2 of the 6 speakers" in taught.warnings[0]
    assert taught.scored.setting.trust == 0
    assert taught.path.stat().st_size < 2 * sound_model.stat().st_size


def test_teaching_on_top_of_what_was_taught_is_known_by_its_sounds(
    taught: Taught, lesson: Lesson, tmp_path: Path
) -> None:
    again = teach(lesson, tmp_path / "again.onnx", base=taught.path)
    assert "mine has learned from 36 of these 36 very sounds" in again.warnings[0]
    assert set(again.card.corpora) == {"toy", "folder", "folder 2"}


def test_the_same_lesson_gives_the_same_file(taught: Taught, lesson: Lesson, sound_model: Path, tmp_path: Path) -> None:
    again = teach(lesson, tmp_path / "other" / "mine.onnx", base=sound_model)
    assert again.path.read_bytes() == taught.path.read_bytes()


@pytest.mark.parametrize("out", ["mine", "mine.wav"])
def test_a_name_that_is_no_model_file_is_refused(lesson: Lesson, out: str, sound_model: Path, tmp_path: Path) -> None:
    with pytest.raises(HearfeltError, match=r"ends in \.onnx; mine\.onnx would be right"):
        teach(lesson, tmp_path / out, base=sound_model)


def test_the_base_itself_is_never_replaced(taught: Taught, lesson: Lesson) -> None:
    before = taught.path.read_bytes()
    with pytest.raises(HearfeltError, match="this is the base itself"):
        teach(lesson, taught.path, base=taught.path)
    assert taught.path.read_bytes() == before


def test_a_base_on_features_is_refused(lesson: Lesson, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="162 features"):
        teach(lesson, tmp_path / "mine.onnx", base="svm")
    assert not (tmp_path / "mine.onnx").exists()


def test_teaching_needs_neither_torch_nor_onnx_nor_scikit_learn(own_folder: OwnFolder, sound_model: Path) -> None:
    folder = own_folder()
    code = f"""
import json, sys
from pathlib import Path
from hearfelt.finetuning.training_set import gather
from hearfelt.finetuning.teach import teach
teach(gather(Path({str(folder)!r})), Path({str(folder.parent / "mine.onnx")!r}), base=Path({str(sound_model)!r}))
print(json.dumps([name for name in ("torch", "onnx", "sklearn", "scipy", "matplotlib") if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
