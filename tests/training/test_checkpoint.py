from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from hearfelt.errors import ModelError
from hearfelt.models.classic import ClassicNetwork
from hearfelt.models.svm import SvmNetwork
from hearfelt.training.checkpoint import Checkpoint, arrays_of, load_arrays, read_checkpoint, write_checkpoint


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
