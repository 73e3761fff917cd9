"""Check that a model file fits its card: its inputs, its outputs, and a first short run."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.errors import ModelError
from hearfelt.inference.card import ModelCard
from hearfelt.inference.session import Session
from hearfelt.inference.windowing import RATE_HZ

__all__ = ["EMBEDDING", "FEATURES", "LOGITS", "SOUND_INPUT", "check_features_fit", "check_sound_fit"]

SOUND_INPUT, LOGITS, EMBEDDING = "samples", "logits", "embedding"
FEATURES: Final = 162  # of a model that takes features; their module is only loaded for such a model

_PROBE: Final = RATE_HZ // 10  # samples, 0.1 s: the shortest sound that is recognized


def check_features_fit(session: Session, card: ModelCard, name: str) -> str:
    """Check a model that takes the 162 features.

    Returns:
        Name of the output that holds its logits.

    Raises:
        ModelError: if inputs or outputs differ from its card.
    """
    inputs, outputs = session.inputs, session.outputs
    if len(inputs) != 1 or not outputs:
        raise ModelError(f"{name}: {len(inputs)} inputs and {len(outputs)} outputs; one input is wanted")
    (shape,) = inputs.values()
    output = str(next(iter(outputs)))
    if shape[-1] != FEATURES:
        raise ModelError(f"{name}: an input of {list(shape[1:])}; its card promises {FEATURES} features")
    _check_answer(session, card, name, output, np.zeros((1, FEATURES), np.float32))
    return output


def check_sound_fit(session: Session, card: ModelCard, name: str) -> None:
    """Check a model that takes sound.

    Raises:
        ModelError: if inputs or outputs differ from its card.
    """
    inputs, outputs = session.inputs, session.outputs
    if list(inputs) != [SOUND_INPUT]:
        raise ModelError(f"{name}: inputs {list(inputs)}; a model that takes sound has one, {SOUND_INPUT!r}")
    kind, *shape = inputs[SOUND_INPUT]
    fixed = [length for length in shape if isinstance(length, int)]  # the others vary
    if kind != "tensor(float)" or len(shape) != 2 or fixed not in ([], [1]) or shape[1] == 1:
        raise ModelError(f"{name}: an input of {kind} {shape}; float samples of shape (1, n), n free, are wanted")
    if missing := [output for output in (LOGITS, EMBEDDING) if output not in outputs]:
        raise ModelError(f"{name}: outputs {list(outputs)}; {missing[0]!r} is missing")
    probe = np.sin(np.arange(_PROBE) / 9).astype(np.float32)[None]  # a tone of 283 Hz
    _check_answer(session, card, name, LOGITS, probe)
    embedding = session.run(EMBEDDING, probe)
    if embedding.ndim != 2 or len(embedding) != 1:
        raise ModelError(f"{name}: an embedding of shape {embedding.shape}; (1, d) is wanted")


def _check_answer(session: Session, card: ModelCard, name: str, output: str, probe: npt.NDArray[np.float32]) -> None:
    answer = session.run(output, probe)
    if answer.shape != (1, len(card.labels)):
        raise ModelError(f"{name}: answers of shape {answer.shape}; its card names {len(card.labels)} emotions")
