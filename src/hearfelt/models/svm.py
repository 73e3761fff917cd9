"""The plain baseline: a support vector machine on the 162 classic features, as a graph of matrix products."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from hearfelt.features.classic import FEATURE_NAMES
from hearfelt.models.layers import Scaler, relative_to_reference

__all__ = ["LIMITS", "SvmNetwork"]

LIMITS: Final = ("Its 162 features are means over at most 2.5 s of a clip: changes over time are not in them.",)


class SvmNetwork(nn.Module):
    """scikit-learn's ``SVC`` with an RBF kernel: the same decisions, computed by torch or ONNX Runtime.

    Each pair of emotions has a machine of its own, which votes for one of the two. An emotion's output is the
    number of its votes plus its confidence squashed into ±1/3, as scikit-learn's
    ``decision_function_shape="ovr"``; so the largest output is ``SVC(break_ties=True).predict``.

    Args:
        classes: number of emotions.
        vectors: number of support vectors.

    Example:
        >>> network = SvmNetwork(8, vectors=5).eval()
        >>> network(torch.zeros(2, 162)).shape
        torch.Size([2, 8])
    """

    takes_reference: Final = True

    vectors: Tensor
    squares: Tensor
    coefficients: Tensor
    intercepts: Tensor
    gamma: Tensor
    first: Tensor
    second: Tensor

    def __init__(self, classes: int, vectors: int) -> None:
        super().__init__()
        pairs = list(combinations(range(classes), 2))
        self.scaler = Scaler(len(FEATURE_NAMES))
        # In double precision: thousands of differences of large numbers are added up, each weighted by up to C.
        double = torch.float64
        self.register_buffer("vectors", torch.zeros(vectors, len(FEATURE_NAMES), dtype=double))
        self.register_buffer("squares", torch.zeros(vectors, dtype=double))  # of the vectors' lengths
        self.register_buffer("coefficients", torch.zeros(vectors, len(pairs), dtype=double))
        self.register_buffer("intercepts", torch.zeros(len(pairs), dtype=double))
        self.register_buffer("gamma", torch.ones((), dtype=double))
        # (pairs, classes): 1 where a class is the first, or the second, of a pair
        indices = torch.eye(classes, dtype=double)
        self.register_buffer("first", indices[[one for one, _ in pairs]])
        self.register_buffer("second", indices[[other for _, other in pairs]])

    @classmethod
    def of(cls, machine: Any, scaler: Scaler) -> SvmNetwork:
        """Copy a fitted machine.

        Args:
            machine: a fitted ``sklearn.svm.SVC`` with an RBF kernel, whose classes are 0, 1, 2, …
            scaler: what its rows were scaled with.
        """
        classes = len(machine.classes_)
        network = cls(classes, len(machine.support_vectors_))
        network.scaler.load_state_dict(scaler.state_dict())
        # scikit-learn's row c − 1 (or c) of dual_coef_ holds what a vector weighs in its pair with class c.
        class_of = np.repeat(np.arange(classes), machine.n_support_)
        coefficients = np.zeros((len(class_of), len(network.intercepts)))
        for pair, (one, other) in enumerate(combinations(range(classes), 2)):
            coefficients[class_of == one, pair] = machine.dual_coef_[other - 1, class_of == one]
            coefficients[class_of == other, pair] = machine.dual_coef_[one, class_of == other]
        # With two classes scikit-learn turns the sign of both, so that positive means the second.
        sign = -1.0 if classes == 2 else 1.0
        network.vectors.copy_(torch.from_numpy(machine.support_vectors_))
        network.squares.copy_((network.vectors**2).sum(1))
        network.coefficients.copy_(torch.from_numpy(sign * coefficients))
        network.intercepts.copy_(torch.from_numpy(sign * machine.intercept_))
        network.gamma.fill_(float(machine._gamma))
        return network

    def forward(self, features: Tensor, *reference: Tensor) -> Tensor:
        """Compute votes and confidence of each emotion.

        Args:
            features: ``(batch, 162)``, not scaled.
            reference: as :func:`hearfelt.models.layers.relative_to_reference` takes it.

        Returns:
            ``(batch, classes)``, each between −1/3 and the number of the other emotions plus 1/3.
        """
        rows = relative_to_reference(self.scaler(features), *reference).double()  # (batch, 162)
        squares = (rows * rows).sum(1, keepdim=True) + self.squares  # (batch, vectors)
        distances = (squares - 2.0 * (rows @ self.vectors.T)).clamp(min=0.0)
        decisions = torch.exp(-self.gamma * distances) @ self.coefficients + self.intercepts  # (batch, pairs)
        for_first = (decisions >= 0).to(decisions.dtype)
        votes = for_first @ self.first + (1.0 - for_first) @ self.second  # (batch, pairs) -> (batch, classes)
        confidences = decisions @ self.first - decisions @ self.second
        return (votes + confidences / (3.0 * (confidences.abs() + 1.0))).float()
