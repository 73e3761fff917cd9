"""Heads: trained on what they are given, and on nothing else; the discriminant against scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from hearfelt.corpora.clips import Clip
from hearfelt.evaluation.calibration import log_softmax
from hearfelt.evaluation.metrics import confusion_matrix, uar
from hearfelt.training.augmented_copies import Variant
from hearfelt.training.frames import WHITENED_DIMENSIONS, Frames
from hearfelt.training.heads import HeadData, TrainedHead, fit_discriminant, new_head, predict_frames, train_head
from hearfelt.training.settings import Ensemble

CLASSES = 4
FEATURES = 200
SMALL = Ensemble(
    epochs=6,
    plain_epochs=8,
    batch=8,
    learning_rate=3e-3,
    whisper_width=16,
    moonshine_width=8,
    attentions=2,
    hidden=16,
    plain_hidden=16,
    dropout=0.0,
    plain_dropout=0.0,
    mixup=0.0,
    smoothing=0.0,
)


def frames_of(labels: np.ndarray, *, seed: int = 0, loudness: float = 3.0) -> Frames:
    """Views of 2 to 5 frames in which each label has a direction of its own, under noise."""
    generator = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(size=(CLASSES, sum(WHITENED_DIMENSIONS) + FEATURES))
    directions *= loudness / np.sqrt((directions**2).mean())
    arrays = []
    for label in labels:
        parts = [
            (generator.normal(size=(int(generator.integers(2, 6)), len(direction))) + direction).astype(np.float16)
            for direction in np.split(directions[label], [WHITENED_DIMENSIONS[0], sum(WHITENED_DIMENSIONS)])
        ]
        arrays.append((parts[0], parts[1], parts[2].mean(axis=0)))
    clips = tuple(Clip("folder", Path(), f"{index}.wav", "folder/a", str(label)) for index, label in enumerate(labels))
    return Frames(clips, (Variant(),) * len(labels), tuple(arrays))


def with_others(frames: Frames, changed: Mapping[int, float]) -> Frames:
    """The same frames, but for some views to which a number is added."""
    arrays = list(frames.arrays)
    for index, added in changed.items():
        large, small, features = arrays[index]
        arrays[index] = large + np.float16(added), small + np.float16(added), features + np.float16(added)
    return replace(frames, arrays=tuple(arrays))


def data_of(*, train: int = 16, validation: int = 12, loudness: float = 3.0) -> HeadData:
    """A member that learns from the first views and is checked on the next ones."""
    labels = (np.arange(train + validation) % CLASSES).astype(np.int64)
    sampling_weights = np.where(np.arange(len(labels)) < train, 1.0, 0.0)
    frames = frames_of(labels, loudness=loudness)
    return HeadData(
        frames,
        labels,
        sampling_weights,
        np.arange(train, train + validation),
        np.arange(train),
        4 * train,
        CLASSES,
    )


def same_weights(one: TrainedHead, other: TrainedHead) -> bool:
    theirs = other.head.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.head.state_dict().items())


@pytest.fixture(params=("attentive", "plain", "small"))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# Learning


def test_eight_clips_are_learned_by_heart(kind: str) -> None:
    """Pure noise with labels that mean nothing: nothing but memory helps."""
    data = data_of(train=8, loudness=0.0)
    trained = train_head(data, kind, replace(SMALL, epochs=12, plain_epochs=12), seed=0)
    train = predict_frames(trained.head, data.frames, np.arange(8))
    assert train.argmax(axis=1).tolist() == data.labels[:8].tolist()


def test_what_is_learned_holds_for_clips_never_heard(kind: str) -> None:
    data = data_of()
    trained = train_head(data, kind, SMALL, seed=0)
    assert trained.logits.argmax(axis=1).tolist() == data.labels[data.validation].tolist()
    assert [row.epoch for row in trained.curve] == list(range(1, len(trained.curve) + 1))
    assert trained.curve[-1].train_loss < trained.curve[0].train_loss
    assert trained.curve[-1].validation_uar == 1.0


def test_each_kind_has_its_own_number_of_epochs(kind: str) -> None:
    trained = train_head(data_of(train=4, validation=4), kind, SMALL, seed=0)
    assert len(trained.curve) == trained.epoch == {"attentive": 6, "plain": 8, "small": 8}[kind]


def test_the_learning_rate_rises_and_falls(kind: str) -> None:
    rates = [row.learning_rate for row in train_head(data_of(), kind, SMALL, seed=0).curve]
    highest = int(np.argmax(rates))
    assert highest < len(rates) / 2
    assert max(rates) <= SMALL.learning_rate
    assert (np.diff(rates[highest:]) < 0).all()
    assert rates[-1] < 0.05 * SMALL.learning_rate


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 5])
def test_however_few_steps_there_are_they_are_taken(epochs: int) -> None:
    settings = replace(SMALL, epochs=epochs, batch=32)
    trained = train_head(data_of(train=4, validation=4), "attentive", settings, seed=0)
    rates = [row.learning_rate for row in trained.curve]
    assert len(rates) == epochs
    assert all(0 < rate <= SMALL.learning_rate for rate in rates)


def test_mixing_and_smoothing_keep_a_head_from_being_sure(kind: str) -> None:
    data = data_of()
    bold = train_head(data, kind, SMALL, seed=0)
    modest = train_head(data, kind, replace(SMALL, mixup=0.4, smoothing=0.3), seed=0)
    logits = [np.exp(one.logits - one.logits.max(axis=1, keepdims=True)) for one in (bold, modest)]
    confidences = [(1 / values.sum(axis=1)).mean() for values in logits]
    assert confidences[1] < confidences[0] - 0.02
    assert modest.logits.argmax(axis=1).tolist() == data.labels[data.validation].tolist()


def test_a_head_comes_back_asleep(kind: str) -> None:
    trained = train_head(data_of(train=4, validation=4), kind, replace(SMALL, dropout=0.5), seed=0)
    assert not trained.head.training


# Influence


def test_the_same_seed_gives_the_same_weights(kind: str) -> None:
    settings = replace(SMALL, epochs=2, plain_epochs=2, dropout=0.4, plain_dropout=0.5, mixup=0.4)
    data = data_of()
    one = train_head(data, kind, settings, seed=5)
    torch.manual_seed(123)  # whatever happened in between
    again, other = (train_head(data, kind, settings, seed=seed) for seed in (5, 6))
    assert same_weights(one, again)
    np.testing.assert_array_equal(one.logits, again.logits)
    assert not same_weights(one, other)


def test_teaching_leaves_the_random_numbers_of_others_alone(kind: str) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    train_head(data_of(train=4, validation=4), kind, SMALL, seed=0)
    assert torch.equal(torch.rand(3), expected)


def test_what_has_no_chance_has_no_influence(kind: str) -> None:
    """Other sounds and other labels for the checked views: the weights stay as they were, bit by bit."""
    data = data_of()
    one = train_head(data, kind, SMALL, seed=0)
    labels = data.labels.copy()
    labels[data.validation] = (labels[data.validation] + 1) % CLASSES
    frames = with_others(data.frames, dict.fromkeys(data.validation.tolist(), 7.0))
    changed = replace(data, labels=labels, frames=frames)
    other = train_head(changed, kind, SMALL, seed=0)
    assert same_weights(one, other)
    assert not np.array_equal(one.logits, other.logits)


def test_what_has_a_chance_has_influence(kind: str) -> None:
    data = data_of()
    changed = replace(data, frames=with_others(data.frames, {0: 1.0}))
    assert not same_weights(train_head(data, kind, SMALL, seed=0), train_head(changed, kind, SMALL, seed=0))


def test_what_is_drawn_more_often_is_learned_better(kind: str) -> None:
    """Two labels for the very same frames: how sure the answer is, is how often each was drawn."""
    one = frames_of(np.zeros(1, np.int64))
    twice = Frames(one.clips * 2, one.variants * 2, one.arrays * 2)
    both = np.array([0, 1])
    data = HeadData(twice, both, np.array([1.0, 4.0]), both, both, 320, 2)
    predicted = train_head(data, kind, SMALL, seed=0).logits
    shares = np.exp(predicted[:, 1]) / np.exp(predicted).sum(axis=1)
    assert shares.tolist() == pytest.approx([0.8, 0.8], abs=0.05)


def test_a_plain_head_is_scaled_by_its_basis_alone() -> None:
    data = data_of()
    head = train_head(data, "plain", SMALL, seed=0).head
    scaled = head.pool(*data.frames.batch(data.scaler_indices)).detach()
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(scaled.shape[1]), atol=1e-4, rtol=0)
    torch.testing.assert_close(scaled.std(dim=0, unbiased=False), torch.ones(scaled.shape[1]), atol=1e-3, rtol=0)


# The epoch


def test_the_last_epochs_weights_are_kept_unless_one_shall_be_chosen(kind: str) -> None:
    """Labels of the checked views that nothing can teach: the more is learned, the worse."""
    data = data_of(validation=40)
    data.labels[data.validation] = np.random.default_rng(0).integers(0, CLASSES, 40)
    settings = replace(SMALL, epochs=8)
    last, chosen = (train_head(data, kind, settings, seed=2, choose=choose) for choose in (False, True))
    without_time = [[replace(row, seconds=0.0) for row in one.curve] for one in (last, chosen)]
    assert without_time[0] == without_time[1]  # choosing changes nothing in what is learned
    best = max(chosen.curve, key=lambda row: (row.validation_uar, -row.validation_loss))
    assert last.epoch == len(last.curve)
    assert chosen.epoch == best.epoch < last.epoch
    for one in (last, chosen):
        found = confusion_matrix(data.labels[data.validation], one.logits.argmax(axis=1), CLASSES)
        assert uar(found) == pytest.approx(one.curve[one.epoch - 1].validation_uar)


# Answers


def test_answers_stand_in_the_order_asked_whatever_their_lengths(kind: str) -> None:
    data = data_of()
    head = new_head(kind, SMALL, CLASSES, features=FEATURES).eval()
    indices = np.random.default_rng(0).permutation(len(data.frames))
    together = predict_frames(head, data.frames, indices)
    alone = np.concatenate([predict_frames(head, data.frames, indices[row : row + 1]) for row in range(len(indices))])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert predict_frames(head, data.frames, indices[:0]).shape == (0, CLASSES)


def test_more_clips_than_fit_at_once_are_all_answered(kind: str) -> None:
    frames = frames_of(np.arange(150) % CLASSES)
    predicted = predict_frames(new_head(kind, SMALL, CLASSES, features=FEATURES), frames, np.arange(150))
    assert predicted.shape == (150, CLASSES)
    assert np.abs(predicted).min() > 0
    assert len(np.unique(predicted[:, 0])) == 150


def test_heads_are_as_large_as_the_settings_say() -> None:
    settings = replace(SMALL, hidden=24, plain_hidden=40)
    attentive, plain = (new_head(kind, settings, CLASSES, features=FEATURES) for kind in ("attentive", "plain"))
    assert attentive.hidden.in_features == (16 + 8) * (2 + 3)
    assert (attentive.hidden.out_features, plain.hidden.out_features) == (24, 40)
    assert plain.hidden.in_features == 2 * sum(WHITENED_DIMENSIONS)
    assert attentive.output.out_features == plain.output.out_features == CLASSES


# The discriminant


DIMENSIONS, EMOTIONS = 12, 3


def rows_of(count: int, *, seed: int = 0, apart: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of three emotions whose numbers vary together and differ in size by decades."""
    generator = np.random.default_rng(seed)
    world = np.random.default_rng(99)
    mixing = np.eye(DIMENSIONS) + 0.2 * world.normal(size=(DIMENSIONS, DIMENSIONS))
    means = apart * world.normal(size=(EMOTIONS, DIMENSIONS))
    labels = np.arange(count) % EMOTIONS
    rows = (generator.normal(size=(count, DIMENSIONS)) @ mixing + means[labels]) * np.geomspace(
        0.1, 100, DIMENSIONS
    ) + 5
    return rows.astype(np.float32), labels.astype(np.int64)


def answers(rows: np.ndarray, labels: np.ndarray, asked: np.ndarray, **options: object) -> np.ndarray:
    same = {"groups": np.zeros(len(rows), np.int64), "weights": np.ones(len(rows), np.float32)}
    made = {"classes": EMOTIONS, "shrinkage": 1e-3, **same, **options}
    groups, weights = made.pop("groups"), made.pop("weights")
    fitted = fit_discriminant(rows.copy(), labels, groups, weights, **made)  # type: ignore[arg-type]
    with torch.inference_mode():
        return fitted(torch.from_numpy(asked)).double().numpy()


def test_two_points_a_number_apart_are_told_apart_halfway() -> None:
    """Two emotions at -1 and 1 with variance 1/2 within each: the log-odds at 0 are 0, and grow with the number."""
    steps = np.array([-1, 1, -1, 1]) / np.sqrt(2)
    rows = (np.array([-1, -1, 1, 1]) + steps).astype(np.float32)[:, None]
    asked = np.array([[-1.0], [0.0], [1.0]], np.float32)
    logits = answers(rows, np.array([0, 0, 1, 1]), asked, classes=2)
    odds = logits[:, 1] - logits[:, 0]
    assert odds.tolist() == pytest.approx([-4.0, 0.0, 4.0], abs=0.02)  # 2 · distance / variance


def test_it_is_scikit_learns_discriminant_where_little_is_shrunken() -> None:
    rows, labels = rows_of(300)
    asked, _ = rows_of(50, seed=1)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", priors=[1 / EMOTIONS] * EMOTIONS).fit(rows, labels)
    mine = log_softmax(answers(rows, labels, asked, shrinkage=1e-5))
    np.testing.assert_allclose(mine, theirs.predict_log_proba(asked.astype(np.float64)), atol=0.02)


def test_with_fewer_rows_than_numbers_it_still_answers() -> None:
    means = np.random.default_rng(99).normal(size=(EMOTIONS, 200))

    def some(count: int, seed: int) -> np.ndarray:
        noise = np.random.default_rng(seed).normal(size=(count, 200))
        return (noise + means[np.arange(count) % EMOTIONS]).astype(np.float32)

    found = answers(some(30, 0), np.arange(30) % EMOTIONS, some(60, 1), shrinkage=1.0)
    assert np.isfinite(found).all()
    assert (found.argmax(axis=1) == np.arange(60) % EMOTIONS).mean() > 0.95


def test_one_clip_of_each_emotion_is_little_and_not_too_little() -> None:
    rows, labels = rows_of(EMOTIONS)
    found = answers(rows, labels, rows)
    assert np.isfinite(found).all()
    assert found.argmax(axis=1).tolist() == labels.tolist()


def test_emotions_count_as_equally_likely() -> None:
    rows, labels = rows_of(3_000)
    rare = np.flatnonzero((labels != 2) | (np.arange(len(labels)) % 30 == 2))
    asked, _ = rows_of(60, seed=1)
    often, seldom = (answers(rows[some], labels[some], asked) for some in (np.arange(3_000), rare))
    np.testing.assert_allclose(log_softmax(seldom)[:, 2].mean(), log_softmax(often)[:, 2].mean(), atol=0.35)


def test_an_emotion_without_rows_is_never_answered() -> None:
    rows, labels = rows_of(200)
    some = labels != 1
    found = answers(rows[some], labels[some], rows)
    assert np.exp(log_softmax(found))[:, 1].max() == 0.0
    assert np.isfinite(found).all()


def test_means_are_those_of_what_shall_be_answered_and_others_lend_what_is_lacking() -> None:
    """The second group says everything one step to the side, which must not move the answers to the first."""
    rows, labels = rows_of(300, apart=3.0)
    moved = rows + 7 * rows.std(axis=0)
    both, twice = np.concatenate([rows, moved]), np.concatenate([labels, labels])
    groups = np.repeat([0, 4], 300)
    asked, wanted = rows_of(90, seed=1, apart=3.0)
    weights = np.ones(600, np.float32)
    beside = answers(both, twice, asked, groups=groups, weights=weights)
    alone = answers(rows, labels, asked)
    np.testing.assert_allclose(log_softmax(beside), log_softmax(alone), atol=0.1)
    lacking = (groups == 4) | (twice != 2)
    lent = answers(both[lacking], twice[lacking], moved, groups=groups[lacking], weights=weights[lacking])
    assert (lent[labels == 2].argmax(axis=1) == 2).mean() > 0.9
    assert (alone.argmax(axis=1) == wanted).mean() > 0.8


def test_what_weighs_little_changes_the_covariance_little() -> None:
    rows, labels = rows_of(300)
    wild = rows[:60] + 50 * rows.std(axis=0) * np.random.default_rng(5).normal(size=(60, DIMENSIONS))
    both = np.concatenate([rows, wild.astype(np.float32)]), np.concatenate([labels, labels[:60]])
    groups = np.repeat([0, 1], [300, 60])
    asked, _ = rows_of(40, seed=1)
    plain = log_softmax(answers(rows, labels, asked))
    apart = {}
    for weight in (1e-6, 1.0):
        weights = np.repeat([1.0, weight], [300, 60]).astype(np.float32)
        found = log_softmax(answers(*both, asked, groups=groups, weights=weights))
        apart[weight] = np.abs(found - plain).max()
    assert apart[1e-6] < 0.2 * apart[1.0]


def test_the_rows_given_stay_as_they_are() -> None:
    rows, labels = rows_of(60)
    before = rows.copy()
    zeros = np.zeros(60, np.int64)
    fit_discriminant(rows, labels, zeros, np.ones(60, np.float32), classes=EMOTIONS, shrinkage=1.0)
    np.testing.assert_array_equal(rows, before)


def test_numbers_with_more_emphasis_are_held_back_less() -> None:
    """Two numbers say the same; the shrinkage leaves more of the one that is stretched."""
    generator = np.random.default_rng(0)
    labels = np.arange(200) % 2
    rows = (labels[:, None] + generator.normal(size=(200, 2))).astype(np.float32)
    same = np.zeros(200, np.int64), np.ones(200, np.float32)
    options = {"classes": 2, "shrinkage": 5.0}
    even, uneven = (
        fit_discriminant(rows.copy(), labels, *same, emphasis=emphasis, **options).slopes.detach().numpy()
        for emphasis in (None, np.array([4.0, 1.0], np.float32))
    )
    weights = [np.abs(one[:, 1] - one[:, 0]) for one in (even, uneven)]
    assert weights[0][0] / weights[0][1] == pytest.approx(1.0, abs=0.4)
    assert weights[1][0] > 3 * weights[1][1]
