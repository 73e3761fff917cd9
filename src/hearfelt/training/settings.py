"""The tables of a recipe: what can be decided, its default, and what is allowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from hearfelt.augmentation.transforms import KINDS

__all__ = ["NETWORKS", "TABLES", "Augment", "Balance", "Ear", "Ensemble", "Fit", "Svm", "Validation", "Views"]

NETWORKS: Final = ("classic", "svm", "hearfelt", "tiny")
# Which tables mean something to which network; in another's recipe they would be a silent lie.
TABLES: Final = {
    "classic": ("augment", "balance", "fit", "validation"),
    "svm": ("augment", "balance", "svm", "validation"),
    "hearfelt": ("ensemble", "views"),
    "tiny": ("ear", "ensemble", "views"),
}


def _number(default: float, low: float, high: float, *, above: bool = False) -> Any:
    """Describe a number with its range; ``above`` leaves the lower end itself out."""
    return field(default=default, metadata={"low": low, "high": high, "above": above})


@dataclass(frozen=True)
class Augment:
    """How training clips are changed; validation and test clips never are.

    Attributes:
        kinds: which changes are drawn from.
        copies: how many changed copies stand beside each training clip.
    """

    kinds: tuple[str, ...] = field(default=tuple(KINDS), metadata={"among": tuple(KINDS)})
    copies: int = _number(0, 0, 20)


@dataclass(frozen=True)
class Balance:
    """How rare emotions are helped.

    Attributes:
        smote: whether rows are invented between neighbours until all emotions have equally many.
        neighbours: between how many nearest neighbours.
    """

    smote: bool = False
    neighbours: int = _number(5, 1, 50)


@dataclass(frozen=True)
class Fit:
    """How a network is fitted, epoch by epoch.

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
    """How the support vector machine is fitted.

    Attributes:
        c: what a training row on the wrong side costs, scikit-learn's ``C``.
        balanced: whether a row of a rare emotion costs more.
    """

    c: float = _number(10.0, 0.0, 1e6, above=True)
    balanced: bool = True


@dataclass(frozen=True)
class Validation:
    """What is taken out of the training part, to choose the epoch, the temperature and the threshold on.

    Attributes:
        speakers: share of the speakers, where the protocol divides speakers.
        clips: share of each emotion's clips, where the protocol divides clips.
    """

    speakers: float = _number(0.15, 0.0, 0.9, above=True)
    clips: float = _number(0.1, 0.0, 0.9, above=True)


@dataclass(frozen=True)
class Views:
    """How clips are heard by the ears of ``hearfelt`` and ``tiny``.

    Attributes:
        spread: training clips are also heard slower and faster by this share, a whole number of hundredths that leaves
            whole frames; 0 for as they are alone.
        worn: whether training clips of the corpus to be tested are also heard through bad microphones and lines.
    """

    spread: float = _number(0.1, 0.0, 0.25)
    worn: bool = True


@dataclass(frozen=True)
class Ear:
    """How the ear of ``tiny`` learns to imitate the large one, from corpora that are not tested.

    Attributes:
        width: numbers in a frame.
        fine: blocks at 50 frames a second.
        coarse: blocks at 25 frames a second.
        imitated: how many of the large ear's whitened numbers it imitates.
        epochs: through all clips.
        batch: stretches in a step.
        frames: frames of the large ear in a stretch, 25 a second.
        learning_rate: of AdamW, at its highest.
        weight_decay: of AdamW.
        labelled: how much knowing the emotion counts beside imitating.
    """

    width: int = _number(144, 16, 1024)
    fine: int = _number(2, 1, 12)
    coarse: int = _number(4, 2, 12)
    imitated: int = _number(256, 8, 512)
    epochs: int = _number(12, 1, 1000)
    batch: int = _number(64, 2, 1024)
    frames: int = _number(32, 4, 256)
    learning_rate: float = _number(2e-3, 0.0, 1.0, above=True)
    weight_decay: float = _number(0.02, 0.0, 1.0)
    labelled: float = _number(0.2, 0.0, 10.0)


@dataclass(frozen=True)
class Ensemble:
    """How the heads of ``hearfelt`` and ``tiny`` are taught: some for the model, and some without each group.

    These answer for the group, which tells how sure the model may be. ``tiny`` has plain heads alone, on the statistics
    that the discriminant answers from.

    Attributes:
        target: the corpus whose speech the model shall answer best; where a protocol tests another, that one.
        groups: into how many the speakers (or clips) of the corpus to be tested are divided. For each group an
            attentive and a plain head are taught without it, whose answers to it decide temperature and threshold.
        attentive: attentive heads in the model.
        plain: plain heads in the model.
        shrinkage: what is added to the discriminant's covariances, as a share of their mean.
        melody: how much more the numbers of the ear for pitch count in the discriminant than others.
        epochs: of an attentive head; the last one's weights are kept.
        plain_epochs: of a plain head, whose epochs are short.
        batch: views in a step.
        learning_rate: of AdamW, at its highest.
        weight_decay: of AdamW.
        large_width: numbers that a frame of the large ear is turned into.
        small_width: numbers that a frame of the small ear is turned into.
        attentions: ways of weighing the frames.
        hidden: width of an attentive head's layer before the answer.
        plain_hidden: the same of a plain head.
        dropout: share of what is pooled that an attentive head drops.
        plain_dropout: share of the layer before the answer that a plain head drops.
        mixup: both parameters of the beta distribution that two clips are mixed by; 0 for no mixing.
        smoothing: share of a label that is spread evenly over all.
        song: how often a clip of another channel is drawn, against one of the channel to be tested.
        worn: how often a worn copy is drawn, against a clip as it is.
        beside: views drawn from other corpora, against those from the corpus to be tested; each corpus is drawn by the
            root of its size.
    """

    target: str = "ravdess"
    groups: int = _number(4, 2, 20)
    attentive: int = _number(2, 1, 20)
    plain: int = _number(4, 1, 20)
    shrinkage: float = _number(0.5, 0.01, 1000.0)
    melody: float = _number(3.0, 0.01, 100.0)
    epochs: int = _number(10, 1, 500)
    plain_epochs: int = _number(20, 1, 500)
    batch: int = _number(64, 2, 1024)
    learning_rate: float = _number(1e-3, 0.0, 1.0, above=True)
    weight_decay: float = _number(0.02, 0.0, 1.0)
    large_width: int = _number(160, 8, 1024)
    small_width: int = _number(96, 8, 1024)
    attentions: int = _number(4, 1, 16)
    hidden: int = _number(256, 8, 2048)
    plain_hidden: int = _number(384, 8, 2048)
    dropout: float = _number(0.4, 0.0, 0.9)
    plain_dropout: float = _number(0.5, 0.0, 0.9)
    mixup: float = _number(0.4, 0.0, 10.0)
    smoothing: float = _number(0.1, 0.0, 0.9)
    song: float = _number(0.7, 0.0, 10.0)
    worn: float = _number(0.5, 0.0, 10.0)
    beside: float = _number(1.0, 0.0, 10.0)
