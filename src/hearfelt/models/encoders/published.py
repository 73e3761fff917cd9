"""Weights as somebody published them, and the proof that these are those.

A wrong, cut or random file never loads: names, shapes and a fingerprint of all numbers are checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hearfelt.errors import ModelError

__all__ = ["Published", "Shapes", "checked_weights", "fingerprint"]

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Published:
    """Published weights.

    Attributes:
        name: what messages call them.
        shapes: every tensor that is needed, without the prefix.
        fingerprint: of all these tensors, as :func:`fingerprint` computes it.
        prefix: what stands before the names in the published file.
        url: where it is published.
    """

    name: str
    shapes: Shapes = field(repr=False)
    fingerprint: str
    prefix: str = ""
    url: str = ""


def fingerprint(weights: Mapping[str, Tensor]) -> str:
    """Name a set of tensors by its numbers, whatever file they came in.

    Returns:
        SHA-256 over names, shapes and values rounded to float16, in the order of the names; 64 hexadecimal digits.

    Example:
        >>> one = {"a": torch.ones(2), "b": torch.zeros(1)}
        >>> fingerprint(one) == fingerprint({"b": torch.zeros(1), "a": torch.ones(2, dtype=torch.float16)})
        True
        >>> fingerprint(one) == fingerprint({"a": torch.ones(2), "b": torch.full((1,), 0.001)})
        False
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        values = weights[name].detach().to("cpu", torch.float16).contiguous()
        digest.update(f"{name} {list(values.shape)}\n".encode())
        digest.update(values.numpy().astype("<f2", copy=False).tobytes())
    return digest.hexdigest()


def checked_weights(source: Published, weights: dict[str, Tensor], where: str) -> dict[str, Tensor]:
    """Let nothing pass but the published tensors, all of them.

    Args:
        source: what is expected.
        weights: what was found, without the prefix.
        where: the file, for messages.

    Returns:
        The weights.

    Raises:
        ModelError: if a tensor is missing, unknown, of another shape or not finite, or the numbers are others.
    """
    if unknown := sorted(set(weights) - set(source.shapes)):
        raise ModelError(f"{where}: tensor {source.prefix}{unknown[0]} is none of {source.name}'s")
    for name, shape in source.shapes.items():
        if name not in weights:
            raise ModelError(f"{where}: there is no tensor {source.prefix}{name}; {source.name} has it")
        found = weights[name]
        if tuple(found.shape) != shape:
            raise ModelError(
                f"{where}: tensor {source.prefix}{name} is {list(found.shape)}; in {source.name} it is {list(shape)}"
            )
        if not bool(found.isfinite().all()):
            raise ModelError(f"{where}: tensor {source.prefix}{name} holds numbers that are not finite; get it again")
    if (found_print := fingerprint(weights)) != source.fingerprint:
        raise ModelError(
            f"{where}: the names are {source.name}'s and the numbers are not (fingerprint {found_print[:12]},"
            f" published {source.fingerprint[:12]})"
        )
    return weights
