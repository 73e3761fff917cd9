from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hearfelt.corpora.clips import Clips
from hearfelt.errors import ModelError
from hearfelt.evaluation.calibration import fit_temperature, log_softmax, threshold_for
from hearfelt.inference.recognizer import Recognizer
from hearfelt.training.dataset import Lesson
from hearfelt.training.loop import CHECKPOINT, CURVES, EpochRow
from hearfelt.training.recipe import Recipe
from hearfelt.training.trainer import BACKGROUND, RUN, Taught, key_of, teach


@pytest.fixture(scope="module")
def taught(quick: Recipe, lesson: Lesson, tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return teach(quick, lesson, tmp_path_factory.mktemp("quick"), seed=0)


def test_the_card_says_who_was_heard(taught: Taught, lesson: Lesson, toy_clips: Clips) -> None:
    card = Recognizer.load(taught.model).card
    assert card.training_speakers == tuple(sorted({*lesson.learn.clips.speakers, *lesson.validation.clips.speakers}))
    assert card.training_speakers == toy_clips.speakers  # validation speakers had their say too
    assert card.corpora["toy"]["clips"] == 96
    assert card.corpora["toy"]["fingerprint"] == toy_clips.fingerprint()
    assert card.corpora["toy"]["licence"] in card.licence


def test_the_card_carries_the_whole_recipe(taught: Taught, quick: Recipe) -> None:
    assert Recognizer.load(taught.model).card.recipe == quick.to_dict()


def test_the_baseline_names_its_weakness(taught: Taught) -> None:
    assert any("not over time" in limit for limit in Recognizer.load(taught.model).card.limits)


def test_temperature_and_threshold_come_from_validation_clips(taught: Taught, lesson: Lesson) -> None:
    recognizer = Recognizer.load(taught.model)
    clips = lesson.validation.clips
    logits = np.stack([recognizer.logits(clip.path) for clip in clips])
    places = np.array([lesson.labels.index(clip.emotion) for clip in clips])
    temperature = fit_temperature(logits, places)
    assert recognizer.card.temperature == pytest.approx(temperature, rel=1e-3)
    probabilities = np.exp(log_softmax(logits / temperature))
    correct = probabilities.argmax(axis=1) == places
    assert recognizer.card.unsure_below == pytest.approx(threshold_for(probabilities.max(axis=1), correct), abs=1e-4)
    assert taught.validation["accuracy"] == pytest.approx(correct.mean())


def test_the_background_is_of_training_clips(taught: Taught, lesson: Lesson) -> None:
    background = Recognizer.load(taught.model)._background
    assert background is not None
    assert len(background) == min(BACKGROUND, len(lesson.learn.clips))
    heard = {row.tobytes() for row in lesson.learn.features}
    assert all(row.tobytes() in heard for row in background)


def test_the_checkpoint_goes_when_the_model_is_there(taught: Taught) -> None:
    assert {path.name for path in taught.folder.iterdir()} == {"model.onnx", CURVES, RUN}


def test_what_is_finished_is_not_done_again(taught: Taught, quick: Recipe, lesson: Lesson) -> None:
    epochs: list[EpochRow] = []
    assert teach(quick, lesson, taught.folder, seed=0, on_epoch=epochs.append) == taught
    assert epochs == []


def test_a_stopped_training_ends_with_the_same_file(
    taught: Taught, quick: Recipe, lesson: Lesson, tmp_path: Path
) -> None:
    def stop(row: EpochRow) -> None:
        if row.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        teach(quick, lesson, tmp_path, seed=0, on_epoch=stop)
    assert {path.name for path in tmp_path.iterdir()} == {CHECKPOINT, CURVES}
    (tmp_path / f".{CHECKPOINT}.0a1b.part").write_bytes(b"killed while writing")
    resumed = teach(quick, lesson, tmp_path, seed=0)
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", CURVES, RUN}
    assert resumed.model.read_bytes() == taught.model.read_bytes()


def test_a_folder_of_another_training_is_refused(taught: Taught, quick: Recipe, lesson: Lesson) -> None:
    for other, seed in ((quick.changed("fit", batch=16), 0), (quick, 1)):
        with pytest.raises(ModelError, match="another recipe or from other clips; delete it, or give another folder"):
            teach(other, lesson, taught.folder, seed=seed)


def test_a_damaged_note_is_told(quick: Recipe, lesson: Lesson, tmp_path: Path) -> None:
    (tmp_path / RUN).write_text("{")
    with pytest.raises(ModelError, match=r"run\.json: cannot be read"):
        teach(quick, lesson, tmp_path, seed=0)


def test_the_key_knows_what_decides_the_weights(quick: Recipe, lesson: Lesson) -> None:
    key = key_of(quick, lesson, 0)
    louder = replace(lesson.learn, features=lesson.learn.features * 2)
    others = [
        key_of(quick.changed("fit", epochs=4), lesson, 0),
        key_of(quick, lesson, 1),
        key_of(quick, replace(lesson, learn=louder), 0),
        key_of(quick, replace(lesson, validation=lesson.learn), 0),
        key_of(quick, replace(lesson, labels=lesson.labels[::-1]), 0),
    ]
    assert key not in others
    assert len(set(others)) == len(others)
    assert key_of(replace(quick, description="In other words."), lesson, 0) == key


def test_svm_has_no_epochs_and_is_calibrated_too(plain: Recipe, lesson: Lesson, tmp_path: Path) -> None:
    taught = teach(plain, lesson, tmp_path, seed=0)
    assert taught.epoch is None
    assert json.loads((tmp_path / RUN).read_text())["epoch"] is None
    card = Recognizer.load(taught.model).card
    assert card.temperature != 1.0
    assert card.labels == lesson.labels


def test_svm_is_that_of_scikit_learn(plain: Recipe, lesson: Lesson, tmp_path: Path) -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    lesson = replace(lesson, learn=lesson.learn.of(lesson.learn.clips, copies=False))
    recognizer = Recognizer.load(teach(plain, lesson, tmp_path, seed=0).model)
    reference = make_pipeline(StandardScaler(), SVC(C=10.0, class_weight="balanced", break_ties=True))
    reference.fit(lesson.learn.features, [lesson.labels.index(clip.emotion) for clip in lesson.learn.clips])
    ours = [recognizer.recognize(clip.path).emotion for clip in lesson.validation.clips]
    assert ours == [lesson.labels[place] for place in reference.predict(lesson.validation.features)]
