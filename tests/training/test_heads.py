"""Members: heads that learn what they are shown, and are not moved by anything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hearfelt.corpora.clips import Clip
from hearfelt.evaluation.metrics import confusion_matrix, uar
from hearfelt.training.augmented_copies import View
from hearfelt.training.frames import KEPT, Frames
from hearfelt.training.heads import Member, Taught, answer_frames, new_head, teach_member
from hearfelt.training.settings import Ensemble

CLASSES = 4
DESCRIBED = 200
SMALL = Ensemble(
    epochs=6,
    plain_epochs=8,
    batch=8,
    learning_rate=3e-3,
    large_width=16,
    small_width=8,
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
    directions = np.random.default_rng(99).normal(size=(CLASSES, sum(KEPT) + DESCRIBED))
    directions *= loudness / np.sqrt((directions**2).mean())
    heard = []
    for label in labels:
        parts = [
            (generator.normal(size=(int(generator.integers(2, 6)), len(direction))) + direction).astype(np.float16)
            for direction in np.split(directions[label], [KEPT[0], sum(KEPT)])
        ]
        heard.append((parts[0], parts[1], parts[2].mean(axis=0)))
    clips = tuple(Clip("folder", Path(), f"{place}.wav", "folder/a", str(label)) for place, label in enumerate(labels))
    return Frames(clips, (View(),) * len(labels), tuple(heard))


def with_others(frames: Frames, changed: Mapping[int, float]) -> Frames:
    """The same frames, but for some views to which a number is added."""
    heard = list(frames.heard)
    for place, added in changed.items():
        large, small, described = heard[place]
        heard[place] = large + np.float16(added), small + np.float16(added), described + np.float16(added)
    return replace(frames, heard=tuple(heard))


def member_of(*, learned: int = 16, checked: int = 12, loudness: float = 3.0) -> Member:
    """A member that learns from the first views and is checked on the next ones."""
    labels = (np.arange(learned + checked) % CLASSES).astype(np.int64)
    chances = np.where(np.arange(len(labels)) < learned, 1.0, 0.0)
    frames = frames_of(labels, loudness=loudness)
    return Member(
        frames, labels, chances, np.arange(learned, learned + checked), np.arange(learned), 4 * learned, CLASSES
    )


def same_weights(one: Taught, other: Taught) -> bool:
    theirs = other.head.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.head.state_dict().items())


@pytest.fixture(params=("attentive", "plain", "small"))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# Learning


def test_eight_clips_are_learned_by_heart(kind: str) -> None:
    """Pure noise with labels that mean nothing: nothing but memory helps."""
    member = member_of(learned=8, loudness=0.0)
    taught = teach_member(member, kind, replace(SMALL, epochs=12, plain_epochs=12), seed=0)
    learned = answer_frames(taught.head, member.frames, np.arange(8))
    assert learned.argmax(axis=1).tolist() == member.labels[:8].tolist()


def test_what_is_learned_holds_for_clips_never_heard(kind: str) -> None:
    member = member_of()
    taught = teach_member(member, kind, SMALL, seed=0)
    assert taught.logits.argmax(axis=1).tolist() == member.labels[member.checked].tolist()
    assert [row.epoch for row in taught.curve] == list(range(1, len(taught.curve) + 1))
    assert taught.curve[-1].train_loss < taught.curve[0].train_loss
    assert taught.curve[-1].validation_uar == 1.0


def test_each_kind_has_its_own_number_of_epochs(kind: str) -> None:
    taught = teach_member(member_of(learned=4, checked=4), kind, SMALL, seed=0)
    assert len(taught.curve) == taught.epoch == {"attentive": 6, "plain": 8, "small": 8}[kind]


def test_the_learning_rate_rises_and_falls(kind: str) -> None:
    rates = [row.learning_rate for row in teach_member(member_of(), kind, SMALL, seed=0).curve]
    highest = int(np.argmax(rates))
    assert highest < len(rates) / 2
    assert max(rates) <= SMALL.learning_rate
    assert (np.diff(rates[highest:]) < 0).all()
    assert rates[-1] < 0.05 * SMALL.learning_rate


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 5])
def test_however_few_steps_there_are_they_are_taken(epochs: int) -> None:
    settings = replace(SMALL, epochs=epochs, batch=32)
    taught = teach_member(member_of(learned=4, checked=4), "attentive", settings, seed=0)
    rates = [row.learning_rate for row in taught.curve]
    assert len(rates) == epochs
    assert all(0 < rate <= SMALL.learning_rate for rate in rates)


def test_mixing_and_smoothing_keep_a_head_from_being_sure(kind: str) -> None:
    member = member_of()
    bold = teach_member(member, kind, SMALL, seed=0)
    modest = teach_member(member, kind, replace(SMALL, mixup=0.4, smoothing=0.3), seed=0)
    logits = [np.exp(one.logits - one.logits.max(axis=1, keepdims=True)) for one in (bold, modest)]
    confidences = [(1 / values.sum(axis=1)).mean() for values in logits]
    assert confidences[1] < confidences[0] - 0.02
    assert modest.logits.argmax(axis=1).tolist() == member.labels[member.checked].tolist()


def test_a_head_comes_back_asleep(kind: str) -> None:
    taught = teach_member(member_of(learned=4, checked=4), kind, replace(SMALL, dropout=0.5), seed=0)
    assert not taught.head.training


# Influence


def test_the_same_seed_gives_the_same_weights(kind: str) -> None:
    settings = replace(SMALL, epochs=2, plain_epochs=2, dropout=0.4, plain_dropout=0.5, mixup=0.4)
    member = member_of()
    one = teach_member(member, kind, settings, seed=5)
    torch.manual_seed(123)  # whatever happened in between
    again, other = (teach_member(member, kind, settings, seed=seed) for seed in (5, 6))
    assert same_weights(one, again)
    np.testing.assert_array_equal(one.logits, again.logits)
    assert not same_weights(one, other)


def test_teaching_leaves_the_random_numbers_of_others_alone(kind: str) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    teach_member(member_of(learned=4, checked=4), kind, SMALL, seed=0)
    assert torch.equal(torch.rand(3), expected)


def test_what_has_no_chance_has_no_influence(kind: str) -> None:
    """Other sounds and other labels for the checked views: the weights stay as they were, bit by bit."""
    member = member_of()
    one = teach_member(member, kind, SMALL, seed=0)
    labels = member.labels.copy()
    labels[member.checked] = (labels[member.checked] + 1) % CLASSES
    frames = with_others(member.frames, dict.fromkeys(member.checked.tolist(), 7.0))
    changed = replace(member, labels=labels, frames=frames)
    other = teach_member(changed, kind, SMALL, seed=0)
    assert same_weights(one, other)
    assert not np.array_equal(one.logits, other.logits)


def test_what_has_a_chance_has_influence(kind: str) -> None:
    member = member_of()
    changed = replace(member, frames=with_others(member.frames, {0: 1.0}))
    assert not same_weights(teach_member(member, kind, SMALL, seed=0), teach_member(changed, kind, SMALL, seed=0))


def test_what_is_drawn_more_often_is_learned_better(kind: str) -> None:
    """Two labels for the very same frames: how sure the answer is, is how often each was drawn."""
    one = frames_of(np.zeros(1, np.int64))
    twice = Frames(one.clips * 2, one.views * 2, one.heard * 2)
    both = np.array([0, 1])
    member = Member(twice, both, np.array([1.0, 4.0]), both, both, 320, 2)
    answers = teach_member(member, kind, SMALL, seed=0).logits
    shares = np.exp(answers[:, 1]) / np.exp(answers).sum(axis=1)
    assert shares.tolist() == pytest.approx([0.8, 0.8], abs=0.05)


def test_a_plain_head_is_scaled_by_its_basis_alone() -> None:
    member = member_of()
    head = teach_member(member, "plain", SMALL, seed=0).head
    scaled = head.pool(*member.frames.batch(member.basis)).detach()
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(scaled.shape[1]), atol=1e-4, rtol=0)
    torch.testing.assert_close(scaled.std(dim=0, unbiased=False), torch.ones(scaled.shape[1]), atol=1e-3, rtol=0)


# The epoch


def test_the_last_epochs_weights_are_kept_unless_one_shall_be_chosen(kind: str) -> None:
    """Labels of the checked views that nothing can teach: the more is learned, the worse."""
    member = member_of(checked=40)
    member.labels[member.checked] = np.random.default_rng(0).integers(0, CLASSES, 40)
    settings = replace(SMALL, epochs=8)
    last, chosen = (teach_member(member, kind, settings, seed=2, choose=choose) for choose in (False, True))
    without_time = [[replace(row, seconds=0.0) for row in one.curve] for one in (last, chosen)]
    assert without_time[0] == without_time[1]  # choosing changes nothing in what is learned
    best = max(chosen.curve, key=lambda row: (row.validation_uar, -row.validation_loss))
    assert last.epoch == len(last.curve)
    assert chosen.epoch == best.epoch < last.epoch
    for one in (last, chosen):
        found = confusion_matrix(member.labels[member.checked], one.logits.argmax(axis=1), CLASSES)
        assert uar(found) == pytest.approx(one.curve[one.epoch - 1].validation_uar)


# Answers


def test_answers_stand_in_the_order_asked_whatever_their_lengths(kind: str) -> None:
    member = member_of()
    head = new_head(kind, SMALL, CLASSES, described=DESCRIBED).eval()
    places = np.random.default_rng(0).permutation(len(member.frames))
    together = answer_frames(head, member.frames, places)
    alone = np.concatenate([answer_frames(head, member.frames, places[row : row + 1]) for row in range(len(places))])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert answer_frames(head, member.frames, places[:0]).shape == (0, CLASSES)


def test_more_clips_than_fit_at_once_are_all_answered(kind: str) -> None:
    frames = frames_of(np.arange(150) % CLASSES)
    answers = answer_frames(new_head(kind, SMALL, CLASSES, described=DESCRIBED), frames, np.arange(150))
    assert answers.shape == (150, CLASSES)
    assert np.abs(answers).min() > 0
    assert len(np.unique(answers[:, 0])) == 150


def test_heads_are_as_large_as_the_settings_say() -> None:
    settings = replace(SMALL, hidden=24, plain_hidden=40)
    attentive, plain = (new_head(kind, settings, CLASSES, described=DESCRIBED) for kind in ("attentive", "plain"))
    assert attentive.hidden.in_features == (16 + 8) * (2 + 3)
    assert (attentive.hidden.out_features, plain.hidden.out_features) == (24, 40)
    assert plain.hidden.in_features == 2 * sum(KEPT)
    assert attentive.answer.out_features == plain.answer.out_features == CLASSES
