"""Heads: trained on what they are given and on nothing else, with references as a finished model has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from hearfelt.evaluation.metrics import confusion_matrix, uar
from hearfelt.inference.reference import (
    ReferenceBuilder,
    SoundStatistics,
    reference_weight,
    shrunken_deviation,
    variety,
)
from hearfelt.models.layers import relative_to_reference
from hearfelt.training import heads as module
from hearfelt.training.heads import HeadData, RowReference, TrainedHead, predict_statistics, train_head
from hearfelt.training.settings import Heads

CLASSES = 4
DIMENSIONS = 12
SMALL = Heads(
    epochs=8,
    batch=8,
    hidden=16,
    learning_rate=1e-2,
    dropout=0.0,
    mixup=0.0,
    smoothing=0.0,
    setting_references=0.0,
    speaker_references=0.0,
)
WITH_REFERENCES = replace(SMALL, setting_references=0.5, speaker_references=0.3, dropout=0.2, mixup=0.4, epochs=3)


def rows_of(labels: np.ndarray, *, seed: int = 0, strength: float = 3.0) -> np.ndarray:
    """Rows in which each label has a direction of its own, under noise."""
    directions = np.random.default_rng(99).normal(size=(CLASSES, DIMENSIONS))
    noise = np.random.default_rng(seed).normal(size=(len(labels), DIMENSIONS))
    return (strength * directions[labels] + noise).astype(np.float32)


def data_of(*, train: int = 32, validation: int = 12, strength: float = 3.0, per_epoch: int = 4) -> HeadData:
    """Two settings of two speakers each; the first rows are trained on, the next ones validated on."""
    labels = (np.arange(train + validation) % CLASSES).astype(np.int64)
    speakers = np.arange(len(labels), dtype=np.int64) // CLASSES % 4
    return HeadData(
        rows_of(labels, strength=strength),
        np.ones(DIMENSIONS, np.float32),
        labels,
        speakers // 2,
        speakers,
        np.ones(len(labels), np.bool_),
        np.where(np.arange(len(labels)) < train, 1.0, 0.0),
        np.arange(train, train + validation),
        per_epoch * train,
        CLASSES,
    )


def same_weights(one: TrainedHead, other: TrainedHead) -> bool:
    theirs = other.head.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.head.state_dict().items())


def predicted(trained: TrainedHead, data: HeadData) -> np.ndarray:
    return predict_statistics(trained.head, data.rows[data.validation])


# Learning


def test_eight_clips_are_learned_by_heart() -> None:
    """Pure noise with labels that mean nothing: nothing but memory helps."""
    data = data_of(train=8, strength=0.0, per_epoch=16)
    trained = train_head(data, replace(SMALL, hidden=64, epochs=30), seed=0)
    assert predict_statistics(trained.head, data.rows[:8]).argmax(axis=1).tolist() == data.labels[:8].tolist()


@pytest.mark.parametrize("settings", [SMALL, replace(WITH_REFERENCES, epochs=12)], ids=["plain", "with references"])
def test_what_is_learned_holds_for_clips_that_were_not_trained_on(settings: Heads) -> None:
    data = data_of()
    trained = train_head(data, settings, seed=0)
    assert predicted(trained, data).argmax(axis=1).tolist() == data.labels[data.validation].tolist()
    assert [row.epoch for row in trained.curve] == list(range(1, settings.epochs + 1))
    assert trained.curve[-1].train_loss < trained.curve[0].train_loss
    assert trained.curve[-1].validation_uar == 1.0
    assert not trained.head.training


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [row.learning_rate for row in train_head(data_of(), SMALL, seed=0).curve]
    highest = int(np.argmax(rates))
    assert highest < len(rates) / 2
    assert max(rates) <= SMALL.learning_rate
    assert (np.diff(rates[highest:]) < 0).all()
    assert rates[-1] < 0.05 * SMALL.learning_rate


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 5])
def test_however_few_steps_there_are_they_are_taken(epochs: int) -> None:
    trained = train_head(data_of(train=4, per_epoch=1), replace(SMALL, epochs=epochs, batch=32), seed=0)
    rates = [row.learning_rate for row in trained.curve]
    assert len(rates) == epochs
    assert all(0 < rate <= SMALL.learning_rate for rate in rates)


def test_mixing_and_smoothing_keep_a_head_from_being_sure() -> None:
    data = data_of()
    bold = train_head(data, SMALL, seed=0)
    modest = train_head(data, replace(SMALL, mixup=0.4, smoothing=0.3), seed=0)
    logits = [np.exp(one - one.max(axis=1, keepdims=True)) for one in (predicted(bold, data), predicted(modest, data))]
    confidences = [(1 / values.sum(axis=1)).mean() for values in logits]
    assert confidences[1] < confidences[0] - 0.02


def test_a_component_without_gain_is_not_listened_to() -> None:
    data = data_of()
    gains = data.gains.copy()
    gains[0] = 0.0
    trained = train_head(replace(data, gains=gains), SMALL, seed=0)
    changed = data.rows.copy()
    changed[:, 0] += 5.0
    np.testing.assert_array_equal(
        predict_statistics(trained.head, data.rows), predict_statistics(trained.head, changed)
    )


# Influence


def test_the_same_seed_gives_the_same_weights() -> None:
    data = data_of()
    one = train_head(data, WITH_REFERENCES, seed=5)
    torch.manual_seed(123)  # whatever happened in between
    again, other = (train_head(data, WITH_REFERENCES, seed=seed) for seed in (5, 6))
    assert same_weights(one, again)
    assert not same_weights(one, other)


def test_training_leaves_the_random_numbers_of_others_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    train_head(data_of(train=4), WITH_REFERENCES, seed=0)
    assert torch.equal(torch.rand(3), expected)


def test_what_is_held_out_has_no_influence_not_even_in_references() -> None:
    """Other statistics and other labels for the held-out rows: the weights stay as they were, bit by bit."""
    data = data_of()
    labels, rows = data.labels.copy(), data.rows.copy()
    labels[data.validation] = (labels[data.validation] + 1) % CLASSES
    rows[data.validation] += 7.0
    one, other = (train_head(each, WITH_REFERENCES, seed=0) for each in (data, replace(data, labels=labels, rows=rows)))
    assert same_weights(one, other)
    assert one.curve[-1].validation_loss != other.curve[-1].validation_loss


@pytest.mark.parametrize("settings", [SMALL, WITH_REFERENCES], ids=["plain", "with references"])
def test_what_is_trained_on_has_influence(settings: Heads) -> None:
    data = data_of()
    rows = data.rows.copy()
    rows[0] += 1.0
    assert not same_weights(train_head(data, settings, seed=0), train_head(replace(data, rows=rows), settings, seed=0))


def test_what_is_drawn_more_often_is_learned_better() -> None:
    """Two labels for the very same row: how sure the answer is, is how often each was drawn."""
    rows = np.repeat(rows_of(np.zeros(1, np.int64)), 2, axis=0)
    both, zeros = np.array([0, 1]), np.zeros(2, np.int64)
    weights = np.array([1.0, 4.0])
    data = HeadData(
        rows, np.ones(DIMENSIONS, np.float32), both, zeros, zeros, np.ones(2, np.bool_), weights, both, 320, 2
    )
    logits = predict_statistics(train_head(data, SMALL, seed=0).head, rows)
    shares = np.exp(logits[:, 1]) / np.exp(logits).sum(axis=1)
    assert shares.tolist() == pytest.approx([0.8, 0.8], abs=0.05)


# The epoch


def test_the_last_epochs_weights_are_kept_unless_one_shall_be_chosen() -> None:
    """Validation labels that nothing can teach: the more is learned, the worse."""
    data = data_of(validation=40)
    data.labels[data.validation] = np.random.default_rng(0).integers(0, CLASSES, 40)
    last, chosen = (train_head(data, SMALL, seed=2, choose=choose) for choose in (False, True))
    without_time = [[replace(row, seconds=0.0) for row in one.curve] for one in (last, chosen)]
    assert without_time[0] == without_time[1]  # choosing changes nothing in what is learned
    best = max(chosen.curve, key=lambda row: (row.validation_uar, -row.validation_loss))
    assert last.epoch == len(last.curve)
    assert chosen.epoch == best.epoch < last.epoch
    for one in (last, chosen):
        found = confusion_matrix(data.labels[data.validation], predicted(one, data).argmax(axis=1), CLASSES)
        assert uar(found) == pytest.approx(one.curve[one.epoch - 1].validation_uar)


# References


@pytest.mark.parametrize("count", [1, 3, 30])
def test_a_reference_normalizes_as_that_of_a_finished_model_does(count: int) -> None:
    settings = replace(SMALL, shrinkage=7.0, variety_power=0.3)
    generator = np.random.default_rng(count)
    recordings = (generator.normal(size=(count, DIMENSIONS)) * 0.7 + 2.0).astype(np.float32)
    probabilities = generator.dirichlet(np.ones(CLASSES), count)
    builder = ReferenceBuilder()
    builder.add(SoundStatistics(recordings, probabilities))
    theirs = builder.reference("mine", "0" * 16, list("abcd"))
    weight = theirs.weight(settings.reference)
    assert weight == pytest.approx(reference_weight(count, variety(probabilities), settings.reference), abs=1e-3)
    assert 0 <= weight <= count / (count + 7.0)
    mine = RowReference.of(recordings, weight)
    rows = generator.normal(size=(5, DIMENSIONS)).astype(np.float32)
    deviation = shrunken_deviation(theirs.deviation, count)
    expected = relative_to_reference(
        torch.from_numpy(rows), torch.tensor(theirs.mean), torch.from_numpy(deviation), torch.tensor([weight])
    )
    np.testing.assert_allclose(mine.applied(rows), expected.numpy(), atol=5e-3)  # the other one has 16 bits
    assert weight == 0 or np.abs(mine.applied(rows) - rows).max() > 0.01


def test_a_varied_reference_makes_its_own_recordings_usual() -> None:
    recordings = (np.random.default_rng(0).normal(size=(400, DIMENSIONS)) * 2.0 + 3.0).astype(np.float32)
    applied = RowReference.of(recordings, 1.0).applied(recordings)
    np.testing.assert_allclose(applied.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(applied.std(axis=0), 1.0, atol=0.02)


def reference_rows(data: HeadData, settings: Heads, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """List the indices of the recordings of every reference that one epoch draws."""
    index_of = {row.tobytes(): index for index, row in enumerate(data.rows)}
    made: list[list[int]] = []
    plain = RowReference.of.__func__  # type: ignore[attr-defined]

    def noted(cls: type[RowReference], rows: np.ndarray, weight: float) -> RowReference:
        made.append([index_of[row.tobytes()] for row in rows])
        assert weight == len(rows) / (len(rows) + settings.shrinkage)  # those of one emotion in full
        return plain(cls, rows, weight)

    monkeypatch.setattr(RowReference, "of", classmethod(noted))
    module._References(data, settings, np.random.default_rng(0))
    return made


def test_references_consist_of_originals_that_are_not_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_of(train=64)
    originals = np.arange(len(data.rows)) % 3 > 0
    data = replace(data, originals=originals)
    used = reference_rows(data, WITH_REFERENCES, monkeypatch)
    allowed = set(np.flatnonzero(originals & (data.sampling_weights > 0)).tolist())
    assert {index for one in used for index in one} == allowed  # all of these, and no other
    for one in used:
        assert len(set(one)) == len(one) >= 1  # no recording twice
        assert len(set(data.settings[one].tolist())) == 1


def test_references_are_few_and_many_varied_and_of_one_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_of(train=400)
    made = reference_rows(data, WITH_REFERENCES, monkeypatch)
    assert len(made) == 2 * module._COUNT["setting"] + 4 * module._COUNT["speaker"]
    counts = [len(rows) for rows in made]
    assert min(counts) <= 3
    assert max(counts) >= 50
    kinds = [len(set(data.labels[rows].tolist())) for rows in made if len(rows) >= 10]
    assert min(kinds) <= 2 < max(kinds)


@pytest.mark.parametrize(("of_setting", "of_speaker"), [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
def test_clips_are_normalized_by_a_reference_of_their_own_setting_or_speaker(
    of_setting: float, of_speaker: float
) -> None:
    """Speakers lie far apart: a row minus its own reference's mean is small, and no other's would do."""
    data = data_of(train=64, strength=0.0)
    places = 100.0 * (data.speakers if of_speaker else data.settings)[:, None]
    data = replace(data, rows=data.rows + places.astype(np.float32))
    settings = replace(SMALL, setting_references=of_setting, speaker_references=of_speaker, shrinkage=0.0)
    generator = np.random.default_rng(1)
    drawn = np.arange(64)
    applied = module._References(data, settings, generator).applied(drawn, generator).numpy()
    if of_setting or of_speaker:
        assert np.abs(applied).max() < 20.0
    else:
        np.testing.assert_array_equal(applied, data.rows[:64])


def test_a_speaker_of_whom_all_is_held_out_has_no_reference() -> None:
    """References are drawn for everybody; without recordings one changes nothing."""
    data = data_of()
    alone = replace(data, speakers=np.where(data.sampling_weights > 0, data.speakers, 4))
    settings = replace(SMALL, speaker_references=1.0)
    generator = np.random.default_rng(0)
    references = module._References(alone, settings, generator)
    applied = references.applied(data.validation, generator).numpy()
    np.testing.assert_array_equal(applied, data.rows[data.validation])
    weighed = references.applied(np.arange(8), generator).numpy()
    assert np.abs(weighed - data.rows[:8]).max() > 0.1


def test_recordings_that_are_moved_are_recognized_with_a_reference() -> None:
    """In training every setting is moved somewhere else; only who uses references can tell emotions apart."""
    labels = np.arange(480) % CLASSES
    settings_of = (np.arange(480) // 60).astype(np.int64)
    rows = rows_of(labels, strength=1.5) + 6.0 * np.random.default_rng(5).normal(size=(8, DIMENSIONS))[settings_of]
    rows = rows.astype(np.float32)
    weights = np.where(settings_of < 7, 1.0, 0.0)
    data = HeadData(
        rows,
        np.ones(DIMENSIONS, np.float32),
        labels,
        settings_of,
        settings_of,
        np.ones(480, np.bool_),
        weights,
        np.flatnonzero(settings_of == 7),
        960,
        CLASSES,
    )
    settings = replace(SMALL, setting_references=0.9, shrinkage=1.0, batch=32, hidden=32)
    head = train_head(data, settings, seed=0).head
    own = rows[settings_of == 7]
    reference = RowReference.of(own[:28], 28 / 29)
    with_reference = predict_statistics(head, reference.applied(own[28:])).argmax(axis=1)
    without = predict_statistics(head, own[28:]).argmax(axis=1)
    wanted = labels[settings_of == 7][28:]
    assert (with_reference == wanted).mean() > 0.9 > (without == wanted).mean() + 0.2
