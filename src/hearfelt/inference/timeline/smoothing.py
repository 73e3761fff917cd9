"""Smoothing over time: a small hidden Markov model over the labels, so that a timeline does not flicker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.errors import ModelError

__all__ = ["SMOOTHING", "Smoother", "Smoothing"]

Floats = npt.NDArray[np.float64]

_LEAST: Final = -20.0  # lower log-probabilities are raised to it: one window alone must not rule a label out


@dataclass(frozen=True)
class Smoothing:
    """The two parameters of the hidden Markov model.

    Attributes:
        stay: how many times as probable it is that the next step has the label of this one as that it has any certain
            other; 1 for no memory at all.
        weight: what a step's evidence, the mean log-probability of the windows over it, is multiplied by. Neighbouring
            steps share windows, so the same evidence counts several times; a weight below 1 makes up for that.

    Raises:
        ModelError: if ``stay`` is below 1, or ``weight`` not above 0.
    """

    stay: float
    weight: float

    def __post_init__(self) -> None:
        if not 1 <= self.stay < np.inf:
            raise ModelError(f"smoothing with stay {self.stay}; 1 or more is wanted")
        if not 0 < self.weight < np.inf:
            raise ModelError(f"smoothing with weight {self.weight}; a number above 0 is wanted")


SMOOTHING: Final = Smoothing(stay=3.0, weight=0.7)
"""Chosen by ``tools/choose_smoothing.py`` on recordings made of RAVDESS actors 01, 04, 10, 11, 12, 14, 20 and 21,
with models that were not trained on them; actors 06, 13, 17 and 22, on whom timelines are measured, had no part in it.

Windows of up to 4 s that overlap do much of the smoothing before; more memory than this makes answers worse."""


class Smoother:
    """Smooths the labels of one stretch of speech, step after step, with what is known so far.

    A step is settled once and for all: its probabilities come from everything before it (the forward pass) and from
    the evidence that has come so far for itself and for the steps after it (the backward pass). The caller
    of :meth:`settle` decides how far that reaches ahead.

    Args:
        labels: number of labels.
        smoothing: the parameters.

    Example:
        >>> smoother = Smoother(2, Smoothing(stay=9.0, weight=1.0))
        >>> smoother.see(np.log([0.8, 0.2]), range(0, 2))
        >>> [smoother.settle().round(3).tolist() for _ in range(2)]
        [[0.919, 0.081], [0.919, 0.081]]
    """

    def __init__(self, labels: int, smoothing: Smoothing = SMOOTHING) -> None:
        self._leave = 1 / (smoothing.stay + labels - 1)
        self._stay = smoothing.stay * self._leave - self._leave
        self._weight = smoothing.weight
        self._before = np.full(labels, 1 / labels)  # prior of the first step that is not settled
        self._evidence: list[Floats] = []  # of the steps that are not settled: sums over windows
        self._windows: list[int] = []

    def see(self, log_probabilities: Floats, steps: range) -> None:
        """Add the evidence of a window to the steps that it covers.

        Args:
            log_probabilities: ``(labels,)``.
            steps: counted from the first that is not settled; earlier ones are ignored.
        """
        while len(self._evidence) < steps.stop:
            self._evidence.append(np.zeros_like(self._before))
            self._windows.append(0)
        for step in range(max(0, steps.start), steps.stop):
            self._evidence[step] += np.maximum(log_probabilities, _LEAST)
            self._windows[step] += 1

    def settle(self) -> Floats:
        """Give the first step that is not settled its final probabilities: ``(labels,)``."""
        likelihoods = [self._likelihood(*one) for one in zip(self._evidence, self._windows, strict=True)]
        here = likelihoods[0] if likelihoods else np.ones_like(self._before)
        after = np.ones_like(self._before)
        for likelihood in reversed(likelihoods[1:]):
            after = self._moved(likelihood * after)
            after /= after.sum()
        known = self._before * here
        del self._evidence[:1], self._windows[:1]
        self._before = self._moved(known / known.sum())
        settled: Floats = known * after
        settled /= settled.sum()
        return settled

    def _likelihood(self, evidence: Floats, windows: int) -> Floats:
        if not windows:
            return np.ones_like(evidence)
        mean = evidence / windows
        likelihood: Floats = np.exp(self._weight * (mean - mean.max()))
        return likelihood

    def _moved(self, probabilities: Floats) -> Floats:
        """Apply the transition matrix; it is symmetric, so the backward pass is the same."""
        moved: Floats = self._stay * probabilities + self._leave * probabilities.sum()
        return moved
