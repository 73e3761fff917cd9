"""The tables of a recipe: settings, their defaults and their ranges."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from hearfelt.augmentation.perturbations import AUGMENTATIONS

__all__ = ["NETWORKS", "TABLES", "Augment", "Balance", "Copies", "Distillation", "Ensemble", "Fit", "Svm", "Validation"]

NETWORKS: Final = ("classic", "svm", "hearfelt", "tiny")
# Tables of each network; in a recipe of another network they are refused.
TABLES: Final = {
    "classic": ("augment", "balance", "fit", "validation"),
    "svm": ("augment", "balance", "svm", "validation"),
    "hearfelt": ("copies", "ensemble"),
    "tiny": ("copies", "distillation", "ensemble"),
}


def _number(default: float, low: float, high: float, *, above: bool = False) -> Any:
    """Describe a number with its range; ``above`` leaves the lower end itself out."""
    return field(default=default, metadata={"low": low, "high": high, "above": above})


@dataclass(frozen=True)
class Augment:
    """Augmented copies of training clips; validation and test clips have none.

    Attributes:
        kinds: kinds of perturbations that are drawn.
        copies: number of copies of each training clip.
    """

    kinds: tuple[str, ...] = field(default=tuple(AUGMENTATIONS), metadata={"among": tuple(AUGMENTATIONS)})
    copies: int = _number(0, 0, 20)


@dataclass(frozen=True)
class Balance:
    """Oversampling of rare emotions.

    Attributes:
        smote: whether rows are added between neighbours (SMOTE) until all emotions have equally many.
        neighbours: number of nearest neighbours.
    """

    smote: bool = False
    neighbours: int = _number(5, 1, 50)


@dataclass(frozen=True)
class Fit:
    """How ``classic`` is trained, epoch by epoch.

    Attributes:
        epochs: at most; the cosine schedule ends there.
        batch: rows in a step.
        learning_rate: of AdamW, at the start.
        weight_decay: of AdamW.
        patience: epochs without a better validation score before it stops.
    """

    epochs: int = _number(40, 1, 2000)
    batch: int = _number(32, 2, 4096)
    learning_rate: float = _number(1e-3, 0.0, 1.0, above=True)
    weight_decay: float = _number(1e-4, 0.0, 1.0)
    patience: int = _number(10, 1, 2000)


@dataclass(frozen=True)
class Svm:
    """How the support vector machine is trained.

    Attributes:
        c: cost of a training row on the wrong side, scikit-learn's ``C``.
        balanced: whether a row of a rare emotion costs more.
    """

    c: float = _number(10.0, 0.0, 1e6, above=True)
    balanced: bool = True


@dataclass(frozen=True)
class Validation:
    """What is held out of the training part, to choose the epoch, the temperature and the threshold on.

    Attributes:
        speakers: share of the speakers, where the protocol splits by speaker.
        clips: share of each emotion's clips, where the protocol splits by clip.
    """

    speakers: float = _number(0.15, 0.0, 0.9, above=True)
    clips: float = _number(0.1, 0.0, 0.9, above=True)


@dataclass(frozen=True)
class Copies:
    """Augmented copies of the training clips of ``hearfelt`` and ``tiny``, of the target's corpora alone.

    Attributes:
        speed_change: a copy is slower and one faster by this share, a multiple of 0.05; 0 for none.
        degraded: whether one copy is degraded as by bad microphones and telephone lines.
    """

    speed_change: float = _number(0.1, 0.0, 0.25)
    degraded: bool = True


@dataclass(frozen=True)
class Distillation:
    """How the encoder of ``tiny`` is distilled from that of Whisper, on corpora that are not tested.

    Attributes:
        width: channels of a frame.
        fine_blocks: blocks at 50 frames a second.
        coarse_blocks: blocks at 25 frames a second.
        dimensions: number of Whisper's whitened dimensions that it predicts.
        epochs: through all clips.
        batch: segments in a step.
        frames: Whisper's frames in a segment, 25 a second.
        learning_rate: of AdamW, at its highest.
        weight_decay: of AdamW.
        label_weight: of the emotion's loss, against the distance from Whisper's frames.
    """

    width: int = _number(144, 16, 1024)
    fine_blocks: int = _number(2, 1, 12)
    coarse_blocks: int = _number(4, 2, 12)
    dimensions: int = _number(256, 8, 512)
    epochs: int = _number(12, 1, 1000)
    batch: int = _number(64, 2, 1024)
    frames: int = _number(32, 4, 256)
    learning_rate: float = _number(2e-3, 0.0, 1.0, above=True)
    weight_decay: float = _number(0.02, 0.0, 1.0)
    label_weight: float = _number(0.2, 0.0, 10.0)


@dataclass(frozen=True)
class Ensemble:
    """How the heads of ``hearfelt`` and ``tiny`` are trained: those of the model, and further ones without each group.

    The further ones predict the held-out group, which calibrates the model. ``tiny`` has plain heads alone, on the
    features that the discriminant has too.

    Attributes:
        target: the corpus that the model is meant for; where a protocol tests another, that one.
        groups: number of groups of the target's speakers (or clips). For each group an attentive and a plain head are
            trained without it; their predictions for it give temperature and threshold.
        attentive_heads: number of attentive heads in the model.
        plain_heads: number of plain heads in the model.
        shrinkage: added to the diagonal of the discriminant's covariance, as a share of its mean.
        pitch_weight: factor of the pitch statistics in the discriminant.
        epochs: of an attentive head; the last one's weights are kept.
        plain_epochs: of a plain head, whose epochs are short.
        batch: variants of clips in a step.
        learning_rate: of AdamW, at its highest.
        weight_decay: of AdamW.
        whisper_width: width to which a frame of Whisper is projected.
        moonshine_width: width to which a frame of Moonshine is projected.
        attentions: number of attention maps over the frames.
        hidden: width of an attentive head's hidden layer.
        plain_hidden: width of a plain head's hidden layer.
        dropout: of an attentive head's pooled features.
        plain_dropout: of a plain head's hidden layer.
        mixup: both parameters of the beta distribution of mixup; 0 for none.
        smoothing: share of a label that is spread uniformly over all (label smoothing).
        other_channel_weight: sampling weight of a clip of another channel, such as song, against one of the target's.
        degraded_weight: sampling weight of a degraded copy, against a clip as it is.
        auxiliary_weight: sampling weight of all auxiliary corpora together, against the target's corpora; each corpus
            is drawn in proportion to the square root of its size.
    """

    target: str = "ravdess"
    groups: int = _number(4, 2, 20)
    attentive_heads: int = _number(2, 1, 20)
    plain_heads: int = _number(4, 1, 20)
    shrinkage: float = _number(0.5, 0.01, 1000.0)
    pitch_weight: float = _number(3.0, 0.01, 100.0)
    epochs: int = _number(10, 1, 500)
    plain_epochs: int = _number(20, 1, 500)
    batch: int = _number(64, 2, 1024)
    learning_rate: float = _number(1e-3, 0.0, 1.0, above=True)
    weight_decay: float = _number(0.02, 0.0, 1.0)
    whisper_width: int = _number(160, 8, 1024)
    moonshine_width: int = _number(96, 8, 1024)
    attentions: int = _number(4, 1, 16)
    hidden: int = _number(256, 8, 2048)
    plain_hidden: int = _number(384, 8, 2048)
    dropout: float = _number(0.4, 0.0, 0.9)
    plain_dropout: float = _number(0.5, 0.0, 0.9)
    mixup: float = _number(0.4, 0.0, 10.0)
    smoothing: float = _number(0.1, 0.0, 0.9)
    other_channel_weight: float = _number(0.7, 0.0, 10.0)
    degraded_weight: float = _number(0.5, 0.0, 10.0)
    auxiliary_weight: float = _number(1.0, 0.0, 10.0)
