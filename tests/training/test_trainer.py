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
from hearfelt.training.loop import CHECKPOINT, CURVES, EpochRow
from hearfelt.training.recipe import Recipe
from hearfelt.training.trainer import BACKGROUND, RUN, TrainedModel, train_model
from hearfelt.training.training_set import TrainingSet


@pytest.fixture(scope="module")
def trained(quick: Recipe, training_set: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    return train_model(quick, training_set, tmp_path_factory.mktemp("quick"), seed=0)


def test_the_card_lists_the_speakers(trained: TrainedModel, training_set: TrainingSet, toy_clips: Clips) -> None:
    card = Recognizer.load(trained.path).card
    assert card.training_speakers == tuple(sorted({*training_set.train.speakers, *training_set.validation.speakers}))
    assert card.training_speakers == toy_clips.speakers  # validation speakers included
    assert card.corpora["toy"]["clips"] == 96
    assert card.corpora["toy"]["fingerprint"] == toy_clips.fingerprint()
    assert card.corpora["toy"]["licence"] in card.licence


def test_the_card_carries_the_whole_recipe(trained: TrainedModel, quick: Recipe) -> None:
    assert Recognizer.load(trained.path).card.recipe == quick.to_dict()


def test_the_baseline_names_its_weakness(trained: TrainedModel) -> None:
    assert any("not over time" in limit for limit in Recognizer.load(trained.path).card.limits)


def test_temperature_and_threshold_come_from_validation_clips(trained: TrainedModel, training_set: TrainingSet) -> None:
    recognizer = Recognizer.load(trained.path)
    clips = training_set.validation
    logits = np.stack([recognizer.logits(clip.path) for clip in clips])
    indices = np.array([training_set.labels.index(clip.emotion) for clip in clips])
    temperature = fit_temperature(logits, indices)
    assert recognizer.card.temperature == pytest.approx(temperature, rel=1e-2)  # the file is in 8 bits
    probabilities = np.exp(log_softmax(logits / temperature))
    correct = probabilities.argmax(axis=1) == indices
    assert recognizer.card.unsure_below == pytest.approx(threshold_for(probabilities.max(axis=1), correct), abs=1e-2)
    assert trained.validation["accuracy"] == pytest.approx(correct.mean())


def test_the_background_is_of_training_clips(trained: TrainedModel, training_set: TrainingSet) -> None:
    background = Recognizer.load(trained.path)._model._background
    assert background is not None
    assert len(background) == min(BACKGROUND, len(training_set.train))
    features = {row.tobytes() for row in training_set.clip_features.of(training_set.train).features}
    assert all(row.tobytes() in features for row in background)


def test_the_checkpoint_goes_when_the_model_is_there(trained: TrainedModel) -> None:
    assert {path.name for path in trained.folder.iterdir()} == {"model.onnx", CURVES, RUN}


def test_validation_clips_are_trained_on_in_the_final_epochs_alone(
    trained: TrainedModel, quick: Recipe, training_set: TrainingSet, tmp_path: Path
) -> None:
    recipe = quick.changed("fit", final_epochs=1)
    folder = tmp_path / "final"
    final = train_model(recipe, training_set, folder, seed=0)
    assert final.validation == trained.validation  # from before
    assert {path.name for path in folder.iterdir()} == {"model.onnx", CURVES, RUN}
    clip = training_set.validation[0].path
    before, after = Recognizer.load(trained.path), Recognizer.load(final.path)
    assert after.card.temperature == before.card.temperature
    assert np.abs(after.logits(clip) - before.logits(clip)).max() > 1e-3


def test_validation_clips_that_are_test_clips_are_never_trained_on(
    trained: TrainedModel, quick: Recipe, training_set: TrainingSet, tmp_path: Path
) -> None:
    chosen_on_test = replace(training_set, validates_on_test=True)
    final = train_model(quick.changed("fit", final_epochs=1), chosen_on_test, tmp_path / "test", seed=0)
    clip = training_set.validation[0].path
    np.testing.assert_array_equal(Recognizer.load(final.path).logits(clip), Recognizer.load(trained.path).logits(clip))


def test_what_is_finished_is_not_done_again(trained: TrainedModel, quick: Recipe, training_set: TrainingSet) -> None:
    epochs: list[EpochRow] = []
    assert train_model(quick, training_set, trained.folder, seed=0, on_epoch=epochs.append) == trained
    assert epochs == []


def test_a_stopped_training_ends_with_the_same_file(
    trained: TrainedModel, quick: Recipe, training_set: TrainingSet, tmp_path: Path
) -> None:
    def stop(row: EpochRow) -> None:
        if row.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_model(quick, training_set, tmp_path, seed=0, on_epoch=stop)
    assert {path.name for path in tmp_path.iterdir()} == {CHECKPOINT, CURVES}
    (tmp_path / f".{CHECKPOINT}.0a1b.part").write_bytes(b"killed while writing")
    resumed = train_model(quick, training_set, tmp_path, seed=0)
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", CURVES, RUN}
    assert resumed.path.read_bytes() == trained.path.read_bytes()


def test_a_folder_of_another_training_is_refused(
    trained: TrainedModel, quick: Recipe, training_set: TrainingSet
) -> None:
    for other, seed in ((quick.changed("fit", batch=16), 0), (quick, 1)):
        with pytest.raises(ModelError, match="another recipe or from other clips; delete it, or give another folder"):
            train_model(other, training_set, trained.folder, seed=seed)


def test_a_damaged_note_is_told(quick: Recipe, training_set: TrainingSet, tmp_path: Path) -> None:
    (tmp_path / RUN).write_text("{")
    with pytest.raises(ModelError, match=r"run\.json: cannot be read"):
        train_model(quick, training_set, tmp_path, seed=0)


def test_svm_has_no_epochs_and_is_calibrated_too(plain: Recipe, training_set: TrainingSet, tmp_path: Path) -> None:
    trained = train_model(plain, training_set, tmp_path, seed=0)
    assert trained.epoch is None
    assert json.loads((tmp_path / RUN).read_text())["epoch"] is None
    card = Recognizer.load(trained.path).card
    assert card.temperature != 1.0
    assert card.labels == training_set.labels


def test_svm_is_that_of_scikit_learn(plain: Recipe, training_set: TrainingSet, tmp_path: Path) -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    features = training_set.clip_features
    training_set = replace(training_set, features=replace(features, copies=features.copies[:, :0]))
    recognizer = Recognizer.load(train_model(plain, training_set, tmp_path, seed=0).path)
    reference = make_pipeline(StandardScaler(), SVC(C=10.0, class_weight="balanced", break_ties=True))
    labels = [training_set.labels.index(clip.emotion) for clip in training_set.train]
    reference.fit(features.of(training_set.train).features, labels)
    ours = [recognizer.recognize(clip.path).emotion for clip in training_set.validation]
    theirs = reference.predict(features.of(training_set.validation).features)
    assert ours == [training_set.labels[index] for index in theirs]
