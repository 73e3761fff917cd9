"""Build the card of a trained model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hearfelt.corpora.catalog import CORPORA
from hearfelt.corpora.clips import Clips
from hearfelt.evaluation.calibration import (
    TEMPERATURES,
    confidence_bands,
    conformal_quantile,
    fit_temperature,
    log_softmax,
    threshold_for,
    unsure_threshold,
)
from hearfelt.inference.card import ModelCard
from hearfelt.models.networks import NETWORKS
from hearfelt.training.loop import HeldOut, TrainedNetwork
from hearfelt.training.recipe import Recipe
from hearfelt.training.training_set import TrainingSet

__all__ = ["card_for"]

_IMPOSSIBLE: Final = -1e4  # logit of a label that a corpus does not have


def card_for(recipe: Recipe, training_set: TrainingSet, trained: TrainedNetwork) -> ModelCard:
    """Build the card; all that is said about confidence is fitted to held-out predictions.

    Args:
        recipe: how the network was trained.
        training_set: what it was trained on.
        trained: the network, with its held-out predictions.
    """
    kind = NETWORKS[recipe.network]
    clips = training_set.clips
    corpora = _corpora(clips)
    confidence = _confidence(training_set.labels, trained) if trained.held_out else _plain_confidence(trained)
    return ModelCard(
        name=recipe.name,
        version=version("hearfelt"),
        labels=training_set.labels,
        input=kind.input,
        **confidence,
        corpora=corpora,
        training_speakers=clips.speakers,
        licence=_licence(corpora),
        description=recipe.description,
        recipe=recipe.to_dict(),
        window_s=kind.window_s,
        parameters=sum(weight.numel() for weight in trained.network.parameters()),
        limits=(*kind.limits, *_limits(clips)),
    )


def target_temperature(labels: Sequence[str], held_out: Sequence[HeldOut]) -> float:
    """Fit the temperature of sound like the target's, whose discriminant adds to the logits of such sound alone.

    Args:
        labels: of the network.
        held_out: predictions for the target's speakers, and for corpora that were left out.

    Returns:
        The temperature; 1 where one kind is missing: the temperature of the whole network is fitted then.
    """
    own = [one for one in held_out if not one.is_outside]
    if not own or len(own) == len(held_out):
        return 1.0
    scored = [_Scored.of(labels, one) for one in own]
    logits, truth = (np.concatenate([getattr(one, name) for one in scored]) for name in ("logits", "labels"))
    share = float(np.mean(np.concatenate([one.target_share for one in own])))
    return float(fit_temperature(logits, truth) ** (1.0 / max(share, 0.1)))


def _plain_confidence(trained: TrainedNetwork) -> dict[str, Any]:
    """Fit temperature and threshold to validation clips."""
    temperature = fit_temperature(trained.logits, trained.labels)
    probabilities = np.exp(log_softmax(trained.logits / temperature))
    correct = probabilities.argmax(axis=1) == trained.labels
    return {"temperature": temperature, "unsure_below": threshold_for(probabilities.max(axis=1), correct)}


def _confidence(labels: Sequence[str], trained: TrainedNetwork) -> dict[str, Any]:
    """Fit to predictions for held-out speakers of the target and for corpora that were left out, all corpora alike.

    Where corpora were left out, the logits stay as they are. A temperature fitted to four corpora was between 0.8 and
    1.35, and the fifth corpus was then calibrated worse (docs/experiments.md).
    """
    groups = [_Scored.of(labels, one) for one in trained.held_out]
    corpora = np.array([one.kind for one, group in zip(trained.held_out, groups, strict=True) for _ in group.labels])
    outside = np.array(
        [one.is_outside for one, group in zip(trained.held_out, groups, strict=True) for _ in group.labels]
    )
    truth = np.concatenate([group.labels for group in groups])
    logits, with_reference = (
        np.concatenate([getattr(one, name) for one in groups]) for name in ("logits", "reference")
    )
    temperature = at_full_weight = 1.0
    if not outside.any():
        even = _evenly(corpora)
        temperature = fit_temperature(logits[even], truth[even])
        weight = float(np.mean([one.reference_weight for one in trained.held_out]))
        at_weight = fit_temperature(with_reference[even], truth[even])
        at_full_weight = (at_weight / temperature ** (1.0 - weight)) ** (1.0 / max(weight, 0.1))
    probabilities = np.exp(log_softmax(logits / temperature))
    confidences, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    settings = trained.reference_settings
    found: dict[str, Any] = {
        "temperature": temperature,
        "reference": {**settings, "temperature": float(np.clip(at_full_weight, *TEMPERATURES))},
        "plausible": {"0.9": conformal_quantile(probabilities, truth, corpora).quantile},
        "no_speech_below": trained.no_speech_below,
        "unfamiliar_above": trained.unfamiliar_above,
    }
    if not outside.any():
        return {**found, "unsure_below": threshold_for(confidences, correct)}
    threshold = unsure_threshold(confidences[outside], correct[outside], corpora[outside], confidences[~outside])
    bands = confidence_bands(confidences[outside], correct[outside])
    return {
        **found,
        "unsure_below": threshold.threshold,
        "outside": {"bands": [[band.low, band.high, band.answers, band.right] for band in bands]},
    }


@dataclass(frozen=True, eq=False)
class _Scored:
    """Held-out predictions as they are scored: over the labels of their own corpus alone.

    Attributes:
        logits: ``(clips, classes)``; where the corpus has no calm, calm counts as neutral.
        reference: the same with references.
        labels: ``(clips,)``.
    """

    logits: npt.NDArray[np.float64]
    reference: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]

    @classmethod
    def of(cls, labels: Sequence[str], one: HeldOut) -> _Scored:
        own = np.isin(np.arange(len(labels)), one.labels)
        scored = []
        for logits in (log_softmax(one.logits), log_softmax(one.reference_logits)):
            if {"calm", "neutral"} <= set(labels) and not own[calm := labels.index("calm")]:
                neutral = labels.index("neutral")
                logits[:, neutral] = np.logaddexp(logits[:, neutral], logits[:, calm])
            scored.append(np.where(own, logits, _IMPOSSIBLE))
        return cls(scored[0], scored[1], one.labels)


def _evenly(corpora: npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
    """Choose equally many clips of each corpus, spread over it."""
    members = [np.flatnonzero(corpora == corpus) for corpus in np.unique(corpora)]
    fewest = min(len(own) for own in members)
    return np.concatenate([own[np.linspace(0, len(own) - 1, fewest).astype(int)] for own in members])


def _corpora(clips: Clips) -> dict[str, dict[str, Any]]:
    parts = {corpus: clips.where(corpus=corpus) for corpus in clips.corpora}
    return {
        corpus: {
            "clips": len(own),
            "fingerprint": own.fingerprint(),
            "licence": CORPORA[corpus].licence if corpus in CORPORA else "",
        }
        for corpus, own in parts.items()
    }


def _licence(corpora: Mapping[str, Mapping[str, Any]]) -> str:
    """State the licence of the weights: what the recordings forbid, the weights forbid too."""
    licences = {corpus: str(facts["licence"]) for corpus, facts in corpora.items() if facts["licence"]}
    origin = ", ".join(f"{corpus} ({licence})" for corpus, licence in licences.items())
    if any("NC" in licence.replace("-", " ").split() for licence in licences.values()):
        return f"for non-commercial use only: trained on {origin}"
    return f"trained on {origin}" if origin else ""


def _limits(clips: Clips) -> tuple[str, ...]:
    """List limits that follow from the training clips."""
    limits = [f"Trained on {len(clips.speakers)} speakers; voices, rooms and microphones unlike theirs are new to it."]
    languages = [language for language in clips.count("language") if language]
    if len(languages) == 1:
        limits.append(f"Trained on one language ({languages[0]}).")
    if "ravdess" in clips.corpora:
        limits.append(
            "RAVDESS is acted by professionals who all say the same two sentences: everyday speech is subtler."
        )
    return tuple(limits)
