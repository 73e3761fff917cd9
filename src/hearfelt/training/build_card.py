"""Labelling: what is written into the card of a model that has just been trained."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from hearfelt.corpora.catalog import CORPORA
from hearfelt.corpora.clips import Clips
from hearfelt.evaluation.calibration import fit_temperature, log_softmax, threshold_for
from hearfelt.inference.card import ModelCard
from hearfelt.models.build import NETWORKS
from hearfelt.training.recipe import Recipe

__all__ = ["card_for"]


def card_for(
    recipe: Recipe,
    labels: tuple[str, ...],
    clips: Clips,
    network: nn.Module,
    held_out: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]],
) -> ModelCard:
    """Fill in the card; temperature and threshold are chosen on clips held out of the training part.

    Args:
        recipe: how it was trained.
        labels: in the order of the outputs.
        clips: all that had a say in it.
        network: what was trained.
        held_out: logits ``(clips, classes)`` for clips that were not learned from, and their places ``(clips,)``.
    """
    kind = NETWORKS[recipe.network]
    logits, places = held_out
    temperature = fit_temperature(logits, places)
    probabilities = np.exp(log_softmax(logits / temperature))
    corpora = _corpora(clips)
    return ModelCard(
        name=recipe.name,
        version=version("hearfelt"),
        labels=labels,
        input=kind.input,
        temperature=temperature,
        unsure_below=threshold_for(probabilities.max(axis=1), probabilities.argmax(axis=1) == places),
        corpora=corpora,
        training_speakers=clips.speakers,
        licence=_licence(corpora),
        description=recipe.description,
        recipe=recipe.to_dict(),
        window_s=kind.window_s,
        parameters=sum(weight.numel() for weight in network.parameters()),
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
    """Say under which licence the weights are: what the recordings forbid, they forbid too."""
    licences = {corpus: str(facts["licence"]) for corpus, facts in corpora.items() if facts["licence"]}
    origin = ", ".join(f"{corpus} ({licence})" for corpus, licence in licences.items())
    if any("NC" in licence.replace("-", " ").split() for licence in licences.values()):
        return f"for non-commercial use only: trained on {origin}"
    return f"trained on {origin}" if origin else ""


def _limits(clips: Clips) -> tuple[str, ...]:
    """Say what follows from the clips alone."""
    limits = [f"It has heard {len(clips.speakers)} speakers; other voices, rooms and microphones are new to it."]
    languages = [language for language in clips.count("language") if language]
    if len(languages) == 1:
        limits.append(f"It has heard one language ({languages[0]}).")
    if "ravdess" in clips.corpora:
        limits.append(
            "RAVDESS is acted by professionals who all say the same two sentences: everyday speech is subtler."
        )
    return tuple(limits)
