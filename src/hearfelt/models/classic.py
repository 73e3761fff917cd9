"""The student's CNN-BiLSTM on the 162 classic features, kept as the named baseline.

One weakness is kept on purpose, because the network is evaluated as it was designed: **its LSTM does not run over
time**. The 162 features are means over the whole clip, so they have no time axis; they are reshaped to an image of
9 × 18, and the two "steps" of the LSTM are the left and the right half of that image.

One thing is not the student's, and only where a recipe says so: energies are taken as logarithms before they are
standardized, as loudness is heard. Averaged powers span eight orders of magnitude, of which standardization alone
leaves the loudest.

It takes no reference recordings: it is trained without them, and with them it recognizes unseen speakers worse
(docs/experiments.md).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hearfelt.features.classic import FEATURE_NAMES, GROUPS
from hearfelt.models.layers import Scaler

__all__ = ["LIMITS", "ClassicNetwork", "LogScaler"]

FEATURES: Final = len(FEATURE_NAMES)  # 162
ROWS, COLUMNS = 9, 18  # the image: 9 · 18 = 162
HIDDEN: Final = 128

# channels, pool, dropout of each convolution
CONVOLUTIONS: Final = ((32, (1, 2), 0.25), (64, (1, 2), 0.25), (128, (1, 2), 0.3), (256, (1, 1), 0.3))
STEP: Final = CONVOLUTIONS[-1][0] * ROWS  # 256 · 9 = 2,304 numbers in each of the LSTM's 2 steps

ENERGIES: Final = GROUPS["mel"].start  # mel bands and RMS, which end the row
QUIETEST: Final = 1e-6  # of a mel band or RMS; below it they count alike

LIMITS: Final = (
    "Its 162 features are means over at most 2.5 s of a clip: changes over time are not in them.",
    "Its LSTM runs over two halves of the feature axis and not over time; it is kept so as the named baseline.",
)


class LogScaler(Scaler):
    """A scaler that takes the mel bands and the RMS as logarithms, of at least 1e-6.

    Example:
        >>> scaler = LogScaler(162)
        >>> scaler(torch.ones(1, 162))[0, [0, 40]].tolist()
        [1.0, 0.0]
    """

    def fit(self, rows: npt.NDArray[np.floating]) -> None:
        """Fit mean and deviation of each feature, of energies those of their logarithms."""
        super().fit(_with_logarithms(torch.from_numpy(np.asarray(rows, np.float64))).numpy())

    def forward(self, features: Tensor) -> Tensor:
        """Scale ``(batch, 162)`` to mean 0 and deviation 1 over the training part."""
        return super().forward(_with_logarithms(features))


def _with_logarithms(features: Tensor) -> Tensor:
    return torch.cat((features[:, :ENERGIES], features[:, ENERGIES:].clamp(min=QUIETEST).log()), 1)


class ClassicNetwork(nn.Module):
    """Four convolutions, a two-layer BiLSTM and three linear layers; 3.4 million weights.

    Args:
        classes: number of emotions.
        logarithms: whether energies are scaled as logarithms.

    Example:
        >>> import torch
        >>> network = ClassicNetwork(7).eval()
        >>> network(torch.zeros(2, 162)).shape
        torch.Size([2, 7])
    """

    def __init__(self, classes: int, *, logarithms: bool = False) -> None:
        super().__init__()
        self.scaler = LogScaler(FEATURES) if logarithms else Scaler(FEATURES)
        layers: list[nn.Module] = []
        before = 1
        for channels, pool, dropout in CONVOLUTIONS:
            layers += [
                nn.Conv2d(before, channels, kernel_size=3, padding=1),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
                nn.MaxPool2d(pool),
                nn.Dropout(dropout),
            ]
            before = channels
        self.convolutions = nn.Sequential(*layers)
        self.lstm = nn.LSTM(STEP, HIDDEN, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(
            nn.Linear(2 * HIDDEN, 256),
            nn.ReLU(),
            nn.BatchNorm1d(256),
            nn.Dropout(0.5),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.BatchNorm1d(128),
            nn.Dropout(0.5),
            nn.Linear(128, classes),
            nn.LogSoftmax(dim=1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Compute the log-probability of each emotion.

        Args:
            features: ``(batch, 162)``, as :func:`hearfelt.features.classic.classic_features` gives them, not scaled.

        Returns:
            ``(batch, classes)``, each row a log-softmax.
        """
        image = self.scaler(features).reshape(-1, 1, ROWS, COLUMNS)  # (batch, 162) -> (batch, 1, 9, 18)
        maps = self.convolutions(image)  # (batch, 1, 9, 18) -> (batch, 256, 9, 2)
        steps = maps.permute(0, 3, 1, 2).flatten(2)  # (batch, 256, 9, 2) -> (batch, 2, 2304)
        outputs, _ = self.lstm(steps)  # (batch, 2, 2304) -> (batch, 2, 256)
        logits: Tensor = self.head(outputs[:, -1])  # (batch, 256) -> (batch, classes)
        return logits
