"""Checkpoints of a training as plain arrays and JSON, so that loading one cannot run code."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hearfelt.errors import ModelError
from hearfelt.runtime.files import atomic_write

__all__ = ["Checkpoint", "arrays_of", "load_arrays", "read_checkpoint", "write_checkpoint"]

_FACTS: Final = "facts"

Arrays = dict[str, npt.NDArray[Any]]


class Checkpoint:
    """The state of a training.

    Attributes:
        arrays: weights, the optimizer's moments and the state of the random numbers, by name.
        facts: everything else, as JSON.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]], facts: Mapping[str, Any]) -> None:
        self.arrays = dict(arrays)
        self.facts = dict(facts)

    def under(self, name: str) -> Arrays:
        """Select the arrays whose names begin with ``name/``, without that beginning."""
        return {key.removeprefix(f"{name}/"): value for key, value in self.arrays.items() if key.startswith(f"{name}/")}


def arrays_of(network: nn.Module) -> Arrays:
    """Copy the weights and buffers of a network."""
    return {name: tensor.detach().numpy().copy() for name, tensor in network.state_dict().items()}


def load_arrays(network: nn.Module, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Load copied weights and buffers.

    Raises:
        ModelError: if they are those of another network.
    """
    try:
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in arrays.items()})
    except RuntimeError as error:
        raise ModelError("the checkpoint is that of another network; start again in another folder") from error


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically.

    Args:
        path: the file, replaced where it exists.
        checkpoint: without an array called ``facts``.
    """
    facts = np.frombuffer(json.dumps(checkpoint.facts).encode(), np.uint8)
    with atomic_write(path, "wb") as file:
        np.savez(file, **{_FACTS: facts, **checkpoint.arrays})  # type: ignore[arg-type]


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Read a checkpoint.

    Returns:
        None where there is none.

    Raises:
        ModelError: if the file is damaged.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return Checkpoint(arrays, json.loads(arrays.pop(_FACTS).tobytes()))
    except FileNotFoundError:
        return None
    except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: a damaged checkpoint ({error}); delete it and start again") from error
