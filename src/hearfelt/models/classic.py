"""The student's CNN-BiLSTM on the 162 classic features, kept as the named baseline.

One weakness is kept on purpose, because the network is evaluated as it was designed: **its LSTM does not run over
time**. The 162 features are means over the whole clip, so they have no time axis; they are reshaped to an image of
9 × 18, and the two "steps" of the LSTM are the left and the right half of that image.

It takes no reference recordings: it is trained without them, and with them it recognizes unseen speakers worse
(docs/experiments.md).
"""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn

from hearfelt.features.classic import FEATURE_NAMES
from hearfelt.models.layers import Scaler

__all__ = ["LIMITS", "ClassicNetwork"]

FEATURES: Final = len(FEATURE_NAMES)  # 162
ROWS, COLUMNS = 9, 18  # the image: 9 · 18 = 162
HIDDEN: Final = 128

# channels, pool, dropout of each convolution
CONVOLUTIONS: Final = ((32, (1, 2), 0.25), (64, (1, 2), 0.25), (128, (1, 2), 0.3), (256, (1, 1), 0.3))
STEP: Final = CONVOLUTIONS[-1][0] * ROWS  # 256 · 9 = 2,304 numbers in each of the LSTM's 2 steps

LIMITS: Final = (
    "Its 162 features are means over at most 2.5 s of a clip: changes over time are not in them.",
    "Its LSTM runs over two halves of the feature axis and not over time; it is kept so as the named baseline.",
)


class ClassicNetwork(nn.Module):
    """Four convolutions, a two-layer BiLSTM and three linear layers; 3.4 million weights.

    Args:
        classes: number of emotions.

    Example:
        >>> import torch
        >>> network = ClassicNetwork(7).eval()
        >>> network(torch.zeros(2, 162)).shape
        torch.Size([2, 7])
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.scaler = Scaler(FEATURES)
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
