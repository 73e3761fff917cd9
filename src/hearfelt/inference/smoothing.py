"""A small hidden Markov model over a model's labels, so that a timeline does not flicker."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["STAY", "WEIGHT", "Smoother"]

Floats = npt.NDArray[np.float64]

STAY: Final = 0.95
WEIGHT: Final = 0.3

_LEAST: Final = -20.0  # log-probabilities below it are taken for it: one window alone must not rule a label out


class Smoother:
    """Smooths the labels of one stretch of speech, step after step, with what is known at the moment.

    Args:
        labels: how many there are.
        stay: probability that the next step has the same label; all others share the rest.
        weight: what the mean log-probability of the windows over a step is multiplied by. Windows overlap, and what
            they say is said several times, so it is below 1.
    """

    def __init__(self, labels: int, *, stay: float = STAY, weight: float = WEIGHT) -> None:
        self._leave = (1 - stay) / (labels - 1)
        self._stay = stay - self._leave
        self._weight = weight
        self._forward = np.full(labels, 1 / labels)
        self._evidence: list[Floats] = []  # of steps that are not settled: sums over windows
        self._windows: list[int] = []

    def see(self, log_probabilities: Floats, steps: range) -> None:
        """Take what a window says for the steps that it covers.

        Args:
            log_probabilities: ``(labels,)``.
            steps: counted from the first that is not settled; such as lie before it are passed over.
        """
        while len(self._evidence) < steps.stop:
            self._evidence.append(np.zeros_like(self._forward))
            self._windows.append(0)
        for step in range(max(0, steps.start), steps.stop):
            self._evidence[step] += np.maximum(log_probabilities, _LEAST)
            self._windows[step] += 1

    def settle(self) -> Floats:
        """Give the first step that is not settled its final probabilities: ``(labels,)``."""
        likelihoods = [self._likelihood(*one) for one in zip(self._evidence, self._windows, strict=True)]
        here = likelihoods[0] if likelihoods else np.ones_like(self._forward)
        backward = np.ones_like(self._forward)
        for likelihood in reversed(likelihoods[1:]):
            backward = self._moved(likelihood * backward)
            backward /= backward.sum()
        known = self._forward * here
        del self._evidence[:1], self._windows[:1]
        self._forward = self._moved(known / known.sum())
        settled: Floats = known * backward
        settled /= settled.sum()
        return settled

    def _likelihood(self, evidence: Floats, windows: int) -> Floats:
        if not windows:
            return np.ones_like(evidence)
        powers: Floats = np.exp(self._weight / windows * (evidence - evidence.max()))
        return powers

    def _moved(self, probabilities: Floats) -> Floats:
        """Go one step on; the matrix is symmetric, so that back is the same."""
        moved: Floats = self._stay * probabilities + self._leave * probabilities.sum()
        return moved
