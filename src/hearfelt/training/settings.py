"""The tables of a recipe: settings, their defaults and their ranges."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from hearfelt.augmentation.perturbations import AUGMENTATIONS

__all__ = ["NETWORKS", "TABLES", "Augment", "Balance", "Copies", "Distillation", "Fit", "Heads", "Svm", "Validation"]

NETWORKS: Final = ("classic", "svm", "hearfelt", "tiny")
# Tables of each network; in a recipe of another network they are refused.
TABLES: Final = {
    "classic": ("augment", "balance", "fit", "validation"),
    "svm": ("augment", "balance", "svm", "validation"),
    "hearfelt": ("copies", "heads"),
    "tiny": ("copies", "distillation", "heads"),
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
        epochs: at most; the cosine schedule ends there, at a learning rate of 0.
        batch: rows in a step.
        learning_rate: of AdamW, at the start.
        weight_decay: of AdamW.
        patience: epochs without a better validation score before it stops.
        logarithms: whether the network takes mel bands and RMS as logarithms before it standardizes them.
        mixup: strength with which rows are mixed with others, the parameter of a beta distribution; 0 for none.
        smoothing: share of a target that is spread over all emotions (label smoothing).
        averaging: share of the mean so far in the running mean of the weights, at each step; it is the mean that is
            validated and exported. 0 for the last weights alone.
        final_epochs: epochs after the best one in which validation clips are trained on, too, at a learning rate that
            begins anew; temperature and threshold come from before.
    """

    epochs: int = _number(40, 1, 2000)
    batch: int = _number(32, 2, 4096)
    learning_rate: float = _number(1e-3, 0.0, 1.0, above=True)
    weight_decay: float = _number(1e-4, 0.0, 1.0)
    patience: int = _number(10, 1, 2000)
    logarithms: bool = False
    mixup: float = _number(0.0, 0.0, 10.0)
    smoothing: float = _number(0.0, 0.0, 0.9)
    averaging: float = _number(0.0, 0.0, 0.9999)
    final_epochs: int = _number(0, 0, 2000)


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
    """Augmented copies of the training clips of ``hearfelt`` and ``tiny``.

    Attributes:
        speed_change: of clips of the target corpus a copy is slower and one faster by this share, a multiple of 0.05;
            0 for none.
        degraded: whether one copy of every clip is degraded as by bad microphones and telephone lines.
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
        dimensions: number of principal components of Whisper's states that it predicts.
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
class Heads:
    """How the heads of ``hearfelt`` and ``tiny`` are trained: those of the model, and one without each held-out group.

    The latter predict their group, which calibrates the model. Groups are some speakers of the target corpus (or some
    of its clips), and every other corpus as a whole.

    Attributes:
        target: the corpus whose speakers are held out in groups; where a protocol tests another, that one.
        groups: number of groups of the target.
        count: number of heads in the model.
        components: of the projected statistics.
        hidden: width of a head's hidden layer.
        epochs: of a head; the last one's weights are kept.
        batch: variants of clips in a step.
        learning_rate: of AdamW, at its highest.
        weight_decay: of AdamW.
        dropout: of the hidden layer; that of the statistics is two fifths of it.
        mixup: both parameters of the beta distribution of mixup; 0 for none.
        smoothing: share of a label that is spread uniformly over all (label smoothing).
        target_weight: how often clips of the target corpus are drawn, against those of each other corpus.
        other_channel_weight: sampling weight of a clip of another channel, such as song, against one of the target's.
        degraded_weight: sampling weight of a degraded copy, against a clip as it is.
        speed_weight: sampling weight of a slower or faster copy.
        shrinkage_of_discriminant: added to the diagonal of the discriminant's covariance, as a share of its mean.
        discriminant_weight: factor of the discriminant's logits; 0 for none.
        setting_references: share of the samples that have a reference of their corpus and channel.
        speaker_references: share of the samples that have a reference of their speaker.
        shrinkage: so many recordings of a reference have half the weight of endless ones.
        variety_power: how much less a reference of mostly one emotion counts, when the model is used.
        prior_correction: how much rarer an emotion is made that it predicts for much of a reference, when it is used.
        reference_clips: number of recordings of the references that the temperature with a reference is fitted for.
    """

    target: str = "ravdess"
    groups: int = _number(3, 2, 20)
    count: int = _number(8, 1, 20)
    components: int = _number(512, 8, 4096)
    hidden: int = _number(256, 8, 2048)
    epochs: int = _number(16, 1, 500)
    batch: int = _number(256, 2, 4096)
    learning_rate: float = _number(1.5e-3, 0.0, 1.0, above=True)
    weight_decay: float = _number(0.02, 0.0, 1.0)
    dropout: float = _number(0.5, 0.0, 0.9)
    mixup: float = _number(0.4, 0.0, 10.0)
    smoothing: float = _number(0.1, 0.0, 0.9)
    target_weight: float = _number(2.0, 0.01, 100.0)
    other_channel_weight: float = _number(0.7, 0.0, 10.0)
    degraded_weight: float = _number(0.5, 0.0, 10.0)
    speed_weight: float = _number(1.0, 0.0, 10.0)
    shrinkage_of_discriminant: float = _number(2.0, 0.01, 1000.0)
    discriminant_weight: float = _number(0.4, 0.0, 10.0)
    setting_references: float = _number(0.35, 0.0, 1.0)
    speaker_references: float = _number(0.3, 0.0, 1.0)
    shrinkage: float = _number(5.0, 0.0, 1000.0)
    variety_power: float = _number(2.0, 0.0, 10.0)
    prior_correction: float = _number(0.25, 0.0, 1.0)
    reference_clips: int = _number(30, 1, 1000)

    @property
    def reference(self) -> dict[str, float]:
        """How much a reference counts, as :func:`hearfelt.inference.reference.reference_weight` takes it."""
        return {name: getattr(self, name) for name in ("shrinkage", "variety_power", "prior_correction")}
