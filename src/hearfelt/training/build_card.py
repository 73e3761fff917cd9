"""Build the card of a trained model."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from hearfelt.corpora.catalog import CORPORA
from hearfelt.corpora.clips import Clips
from hearfelt.evaluation.calibration import fit_temperature, log_softmax, threshold_for
from hearfelt.inference.card import ModelCard
from hearfelt.models.build import NETWORKS
from hearfelt.training.loop import TrainedNetwork
from hearfelt.training.recipe import Recipe
from hearfelt.training.training_set import TrainingSet

__all__ = ["card_for"]


def card_for(recipe: Recipe, training_set: TrainingSet, trained: TrainedNetwork) -> ModelCard:
    """Build the card; temperature and threshold are fitted to held-out predictions.

    Args:
        recipe: how the network was trained.
        training_set: what it was trained on.
        trained: the network, with its held-out predictions.
    """
    kind = NETWORKS[recipe.network]
    clips, logits, labels = training_set.clips, trained.logits, trained.labels
    temperature = fit_temperature(logits, labels)
    probabilities = np.exp(log_softmax(logits / temperature))
    corpora = _corpora(clips)
    return ModelCard(
        name=recipe.name,
        version=version("hearfelt"),
        labels=training_set.labels,
        input=kind.input,
        temperature=temperature,
        unsure_below=threshold_for(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels),
        corpora=corpora,
        training_speakers=clips.speakers,
        licence=_licence(corpora),
        description=recipe.description,
        recipe=recipe.to_dict(),
        window_s=kind.window_s,
        parameters=sum(weight.numel() for weight in trained.network.parameters()),
        limits=(*kind.limits, *_limits(clips)),
    )


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
