from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from hearfelt.errors import ModelError
from hearfelt.evaluation.metrics import confusion_matrix, uar
from hearfelt.models.classic import ClassicNetwork
from hearfelt.models.svm import SvmNetwork
from hearfelt.training import loop
from hearfelt.training.loop import (
    CHECKPOINT,
    CURVES,
    Checkpoint,
    EpochRow,
    TrainedNetwork,
    _mixed,
    arrays_of,
    load_arrays,
    predict,
    read_checkpoint,
    read_curves,
    train_network,
    train_on_all,
    write_checkpoint,
)
from hearfelt.training.settings import Balance, Fit
from hearfelt.training.training_set import Rows, TrainingSet, training_rows, validation_rows

SETTINGS = Fit(epochs=4, batch=32, patience=4, mixup=0.4, smoothing=0.1, averaging=0.9)


@pytest.fixture(scope="module")
def training(training_set: TrainingSet) -> Rows:
    rows = training_rows(training_set, Balance(), np.random.default_rng(0))
    return Rows(rows.features[::2], rows.targets[::2], rows.real[::2])  # enough for what is tested, in half the time


@pytest.fixture(scope="module")
def validation(training_set: TrainingSet) -> Rows:
    return validation_rows(training_set)


@pytest.fixture(scope="module")
def trained(training: Rows, validation: Rows, tmp_path_factory: pytest.TempPathFactory) -> TrainedNetwork:
    return train_network(training, validation, SETTINGS, tmp_path_factory.mktemp("whole"), seed=7)


def _stop_after(epoch: int) -> Callable[[EpochRow], None]:
    def stop(row: EpochRow) -> None:
        if row.epoch == epoch:
            raise KeyboardInterrupt

    return stop


def _without_time(rows: tuple[EpochRow, ...]) -> list[EpochRow]:
    return [replace(row, seconds=0.0) for row in rows]


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_training_that_goes_on_is_bit_equal_to_one_that_was_not_stopped(
    epoch: int, trained: TrainedNetwork, training: Rows, validation: Rows, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_network(training, validation, SETTINGS, tmp_path, seed=7, on_epoch=_stop_after(epoch))
    torch.manual_seed(123)  # whatever the new process's random numbers are
    again: list[int] = []
    resumed = train_network(
        training, validation, SETTINGS, tmp_path, seed=7, on_epoch=lambda row: again.append(row.epoch)
    )
    assert again == list(range(epoch + 1, 5))
    assert _without_time(resumed.curves) == _without_time(trained.curves)
    assert resumed.epoch == trained.epoch
    for (name, wanted), got in zip(
        trained.network.state_dict().items(), resumed.network.state_dict().values(), strict=True
    ):
        assert torch.equal(wanted, got), name


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(
    trained: TrainedNetwork, training: Rows, validation: Rows, tmp_path: Path
) -> None:
    same = train_network(training, validation, SETTINGS, tmp_path / "same", seed=7)
    np.testing.assert_array_equal(same.logits, trained.logits)
    other = train_network(training, validation, replace(SETTINGS, epochs=1), tmp_path / "other", seed=8)
    assert other.curves[0].train_loss != trained.curves[0].train_loss


def test_a_mixed_row_lies_between_two_rows_and_so_does_its_target() -> None:
    rows, targets = torch.eye(6).repeat(50, 1), torch.eye(6).repeat(50, 1)
    torch.manual_seed(0)
    mixed, wanted = _mixed(rows, targets, 0.4)
    assert torch.equal(mixed, wanted)  # here a row is its own target
    torch.testing.assert_close(mixed.sum(dim=1), torch.ones(300))
    assert ((mixed > 0).sum(dim=1) <= 2).all()
    assert bool((mixed.max(dim=1).values >= 0.5 - 1e-6).all())
    assert bool((mixed.argmax(dim=1) == rows.argmax(dim=1)).float().mean() > 0.99)
    assert torch.equal(_mixed(rows, targets, 0.0)[0], rows)


def test_the_running_mean_of_the_weights_is_what_is_validated(training: Rows, validation: Rows, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=2, batch=4096, averaging=0.75)  # one step an epoch
    with pytest.raises(KeyboardInterrupt):
        train_network(training, validation, settings, tmp_path, seed=7, on_epoch=_stop_after(1))
    first = read_checkpoint(tmp_path / CHECKPOINT)
    trained = train_network(training, validation, settings, tmp_path, seed=7)
    second = read_checkpoint(tmp_path / CHECKPOINT)
    assert first is not None
    assert second is not None
    name = "head.8.weight"
    before, after, mean = first.under("network")[name], second.under("network")[name], second.under("average")
    np.testing.assert_allclose(mean[f"module.{name}"], 0.75 * before + 0.25 * after, rtol=1e-5, atol=1e-8)
    averaged = {key.removeprefix("module."): value for key, value in mean.items() if key.startswith("module.")}
    load_arrays(trained.network, averaged)
    logits = predict(trained.network, validation.features)
    loss = -logits[np.arange(len(validation)), validation.indices].mean()
    assert trained.curves[-1].validation_loss == pytest.approx(loss)


def test_smoothed_targets_keep_the_loss_above_their_own_entropy(
    training: Rows, validation: Rows, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, mixup=0.0, smoothing=0.5)
    trained = train_network(training, validation, settings, tmp_path, seed=7)
    true, other = 0.5 + 0.5 / 8, 0.5 / 8
    entropy = -true * math.log(true) - 7 * other * math.log(other)
    assert all(row.train_loss >= entropy for row in trained.curves)


def test_the_schedule_is_a_cosine_over_all_steps(trained: TrainedNetwork) -> None:
    rates = [row.learning_rate for row in trained.curves]
    wanted = [SETTINGS.learning_rate * (1 + math.cos(math.pi * index / 4)) / 2 for index in range(4)]
    assert rates == pytest.approx(wanted)


def test_the_best_epoch_is_that_of_the_validation_clips(trained: TrainedNetwork, validation: Rows) -> None:
    best = max(trained.curves, key=lambda row: (row.validation_uar, -row.validation_loss))
    assert trained.epoch == best.epoch
    # The weights are those of that epoch, not of the last one.
    predicted = predict(trained.network, validation.features)
    np.testing.assert_array_equal(predicted, trained.logits)
    assert uar(confusion_matrix(validation.indices, predicted.argmax(axis=1), 8)) == best.validation_uar


def test_an_earlier_epoch_stays_the_best_when_validation_gets_worse(
    training: Rows, validation: Rows, tmp_path: Path
) -> None:
    """The choice follows the validation clips, and not what is learned from."""
    turned = Rows(validation.features, np.roll(validation.targets, 3, axis=1), validation.real)
    trained = train_network(training, turned, replace(SETTINGS, epochs=6, patience=2), tmp_path, seed=7)
    losses = [row.train_loss for row in trained.curves]
    assert losses[-1] < losses[0]  # it learns …
    assert trained.epoch == len(trained.curves) - 2  # … and stops two epochs after the best on validation
    assert len(trained.curves) < 6


@pytest.mark.parametrize("stopped", [False, True])
def test_the_final_epochs_train_further_and_keep_the_last(
    stopped: bool, trained: TrainedNetwork, training: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(SETTINGS, final_epochs=2, averaging=0.0, learning_rate=1e-4)
    before = predict(trained.network, training.features)
    with monkeypatch.context() as patch:
        if stopped:
            patch.setattr(loop, "write_curves", Mock(side_effect=[None, KeyboardInterrupt]))
            with pytest.raises(KeyboardInterrupt):
                train_on_all(trained, training, settings, tmp_path, seed=7)
    further = train_on_all(trained, training, settings, tmp_path, seed=7)
    assert (further.epoch, further.curves) == (trained.epoch, trained.curves)
    assert further.logits is trained.logits  # of clips that were held out then
    np.testing.assert_array_equal(predict(trained.network, training.features), before)
    checkpoint = read_checkpoint(tmp_path / CHECKPOINT)
    assert checkpoint is not None
    assert [row["learning_rate"] for row in checkpoint.facts["curves"]] == pytest.approx([1e-4, 5e-5])
    for name, weight in checkpoint.under("network").items():
        np.testing.assert_array_equal(further.network.state_dict()[name].numpy(), weight)
    whole = train_on_all(trained, training, settings, tmp_path / "whole", seed=7)
    after = predict(further.network, training.features)
    np.testing.assert_array_equal(predict(whole.network, training.features), after)
    assert not np.allclose(after, before)


def test_of_equal_uar_the_lower_loss_is_better() -> None:
    row = EpochRow(1, 1.0, 0.5, 1.0, 0.5, 0.5, 1e-3, 1.0)
    assert row.better_than(None)
    assert not row.better_than(row)
    assert replace(row, validation_loss=0.9).better_than(row)
    assert replace(row, validation_uar=0.6, validation_loss=2.0).better_than(row)
    assert not replace(row, validation_uar=0.4, validation_loss=0.1).better_than(row)


def test_every_row_is_learned_from(training_set: TrainingSet, validation: Rows, tmp_path: Path) -> None:
    """One more row, be it a copy, changes the weights."""
    whole = training_rows(training_set, Balance(), np.random.default_rng(0))
    bent = whole.features.copy()
    bent[-1] *= 1.5  # a changed copy: the last clip's
    one = train_network(whole, validation, replace(SETTINGS, epochs=1), tmp_path / "a", seed=7)
    other = train_network(
        replace(whole, features=bent), validation, replace(SETTINGS, epochs=1), tmp_path / "b", seed=7
    )
    assert one.curves[0].train_loss != other.curves[0].train_loss


def test_the_scaler_knows_only_what_was_heard_in_training(trained: TrainedNetwork, training: Rows) -> None:
    mean = trained.network.get_submodule("scaler").get_buffer("mean")
    np.testing.assert_allclose(mean.numpy(), training.real.mean(axis=0, dtype=np.float64), rtol=1e-5, atol=1e-6)


def test_the_callers_random_numbers_and_threads_stay_as_they_were(
    training: Rows, validation: Rows, tmp_path: Path
) -> None:
    before = torch.get_rng_state()
    threads = torch.get_num_threads()
    train_network(training, validation, replace(SETTINGS, epochs=1), tmp_path, seed=7)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_curves_are_json_lines(training: Rows, validation: Rows, tmp_path: Path) -> None:
    trained = train_network(training, validation, replace(SETTINGS, epochs=2), tmp_path, seed=7)
    lines = (tmp_path / CURVES).read_text().splitlines()
    assert [EpochRow(**json.loads(line)) for line in lines] == list(trained.curves)
    assert [row["epoch"] for row in read_curves(tmp_path)] == [1, 2]
    assert read_curves(tmp_path / "nowhere") == []


def test_a_checkpoint_of_something_else_is_refused(training: Rows, validation: Rows, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    train_network(training, validation, settings, tmp_path, seed=7, key="one")
    assert (tmp_path / CHECKPOINT).is_file()
    with pytest.raises(ModelError, match="made with another recipe or other clips"):
        train_network(training, validation, settings, tmp_path, seed=7, key="other")


def test_three_rows_are_enough_for_a_batch_of_two(training: Rows, validation: Rows, tmp_path: Path) -> None:
    """A part of one row would leave batch normalization without a deviation."""
    few = Rows(training.features[:3], training.targets[:3], training.real[:3])
    trained = train_network(few, validation, replace(SETTINGS, epochs=1, batch=2), tmp_path, seed=7)
    assert np.isfinite(trained.logits).all()


def test_weights_that_explode_are_told(training: Rows, validation: Rows, tmp_path: Path) -> None:
    endless = training.features.copy()
    endless[0, 0] = np.inf  # as a row that was invented, so that the scaler doesn't meet it
    with pytest.raises(ModelError, match="a lower learning_rate is wanted"):
        train_network(replace(training, features=endless), validation, replace(SETTINGS, epochs=1), tmp_path, seed=7)


def test_it_comes_back_bit_by_bit(tmp_path: Path) -> None:
    arrays = {"network/a": np.random.default_rng(0).normal(size=(3, 4)), "random": np.arange(5, dtype=np.uint8)}
    facts = {"rate": 1e-3 / 3, "curves": [{"epoch": 1}], "key": "ü"}
    write_checkpoint(tmp_path / "c.npz", Checkpoint(arrays, facts))
    back = read_checkpoint(tmp_path / "c.npz")
    assert back is not None
    assert back.facts == facts
    np.testing.assert_array_equal(back.under("network")["a"], arrays["network/a"])
    assert back.arrays["random"].dtype == np.uint8


def test_there_may_be_none(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path / "none.npz") is None


def test_weights_come_back_bit_by_bit() -> None:
    one, other = ClassicNetwork(3), ClassicNetwork(3)
    load_arrays(other, arrays_of(one))
    for (name, wanted), got in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert (wanted == got).all(), name


def test_another_networks_weights_are_refused() -> None:
    with pytest.raises(ModelError, match="another network"):
        load_arrays(ClassicNetwork(3), arrays_of(SvmNetwork(3, 1)))


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a checkpoint ran somebody's code",))


def test_loading_runs_nobodys_code(tmp_path: Path) -> None:
    trap = np.array([_Trap()], dtype=object)
    with (tmp_path / "trap.npz").open("wb") as file:
        np.savez(file, facts=trap)
    (tmp_path / "plain.npz").write_bytes(pickle.dumps(_Trap()))
    for name in ("trap.npz", "plain.npz"):
        with pytest.raises(ModelError, match="a damaged checkpoint"):
            read_checkpoint(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"nonsense"])
def test_a_damaged_file_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "c.npz").write_bytes(content)
    with pytest.raises(ModelError, match="damaged checkpoint"):
        read_checkpoint(tmp_path / "c.npz")
