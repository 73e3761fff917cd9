"""The card of a trained model: all that it says about confidence comes from held-out predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.evaluation.calibration import TEMPERATURES, conformal_quantile, fit_temperature, log_softmax
from hearfelt.inference.card import ModelCard
from hearfelt.training.build_card import card_for, target_temperature
from hearfelt.training.loop import HeldOut, TrainedNetwork
from hearfelt.training.recipe import Recipe
from hearfelt.training.training_set import EncoderSource, TrainingSet

LABELS = ("neutral", "calm", "happy", "angry")
ALL = (0, 1, 2, 3)
SETTINGS = {"shrinkage": 7.0, "variety_power": 0.5, "prior_correction": 0.25}


def held_out(
    corpus: str,
    count: int,
    *,
    outside: bool,
    among: Sequence[int] = ALL,
    overconfident: float = 1.0,
    strength: float = 2.0,
    reference: float = 1.0,
    share: float = 0.0,
) -> HeldOut:
    """Predictions that are calibrated as they are, then multiplied: a temperature of that factor is right.

    Args:
        corpus: of the clips.
        count: of them.
        outside: whether the corpus was left out.
        among: labels of the corpus.
        overconfident: factor of the logits without a reference.
        strength: of the evidence.
        reference: factor of the logits with a reference.
        share: how much the clips are like the target's.
    """
    generator = np.random.default_rng(len(corpus) + count)
    logits = strength * generator.normal(size=(count, len(LABELS)))
    own = np.array(among)
    shares = np.exp(log_softmax(logits[:, own]))
    truth = own[(shares.cumsum(axis=1) < generator.random((count, 1))).sum(axis=1).clip(max=len(own) - 1)]
    return HeldOut(corpus, outside, overconfident * logits, truth, reference * logits, 0.5, np.full(count, share))


def trained(*groups: HeldOut, **changes: object) -> TrainedNetwork:
    own = [one for one in groups if not one.is_outside] or list(groups)
    made = TrainedNetwork(
        nn.Linear(3, 4),
        5,
        (),
        np.concatenate([one.logits for one in own]),
        np.concatenate([one.labels for one in own]),
        groups,
        no_speech_below=-1.5,
        unfamiliar_above=2.5,
        reference_settings=SETTINGS,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def card_of(*groups: HeldOut, **changes: object) -> ModelCard:
    clips = Clips(
        Clip(corpus, Path(), f"{emotion}.wav", f"{corpus}/{speaker}", emotion, language="de")
        for corpus in ("ravdess", "emodb")
        for speaker in "ab"
        for emotion in LABELS
    )
    source = EncoderSource(clips.where(corpus="ravdess"))
    return card_for(
        Recipe("mine", "hearfelt"), TrainingSet(LABELS, clips, Clips(), source), trained(*groups, **changes)
    )


TARGET = held_out("ravdess", 1_500, outside=False, overconfident=2.0, reference=3.0)
OUTSIDE = held_out("emodb", 1_500, outside=True, overconfident=2.0, reference=3.0)


def test_the_temperature_makes_held_out_predictions_calibrated() -> None:
    assert card_of(TARGET).temperature == pytest.approx(2.0, rel=0.1)


def test_where_corpora_were_left_out_the_logits_stay_as_they_are() -> None:
    card = card_of(TARGET, OUTSIDE)
    assert (card.temperature, card.reference["temperature"]) == (1.0, 1.0)


def test_the_temperature_of_a_full_reference_continues_that_of_the_weight_that_was_measured() -> None:
    """At a weight of 0.5 the right temperature is 3; between 2 at 0 and T at 1 it is the geometric mean of both."""
    card = card_of(TARGET)
    at_half = (card.temperature * card.reference["temperature"]) ** 0.5
    assert at_half == pytest.approx(3.0, rel=0.1)


def test_the_temperature_of_a_reference_that_never_counts_is_one_that_can_be_used() -> None:
    card = card_of(replace(TARGET, reference_weight=0.0))
    assert TEMPERATURES[0] <= card.reference["temperature"] <= TEMPERATURES[1]


def test_settings_of_references_and_thresholds_are_those_of_the_training() -> None:
    card = card_of(TARGET, OUTSIDE)
    assert {name: card.reference[name] for name in SETTINGS} == SETTINGS
    assert (card.no_speech_below, card.unfamiliar_above) == (-1.5, 2.5)


def test_sets_of_plausible_labels_contain_the_true_one_as_often_as_promised() -> None:
    card = card_of(TARGET, OUTSIDE)
    for one in (TARGET, OUTSIDE):
        probabilities = np.exp(log_softmax(one.logits / card.temperature))
        own = probabilities[np.arange(len(one.labels)), one.labels]
        assert (1 - own <= card.plausible["0.9"]).mean() == pytest.approx(0.9, abs=0.03)
    corpora = np.repeat(["ravdess", "emodb"], 1_500)
    probabilities = np.exp(log_softmax(np.concatenate([TARGET.logits, OUTSIDE.logits]) / card.temperature))
    truth = np.concatenate([TARGET.labels, OUTSIDE.labels])
    assert card.plausible["0.9"] == pytest.approx(conformal_quantile(probabilities, truth, corpora).quantile, abs=1e-3)


def test_bands_and_threshold_are_of_corpora_that_were_left_out() -> None:
    """The target is always right; what is said about sound from elsewhere is not."""
    certain = 9.0 * np.eye(4)[TARGET.labels]
    sure = replace(TARGET, logits=certain, reference_logits=certain)
    card = card_of(sure, OUTSIDE)
    bands = card.outside["bands"]
    probabilities = np.exp(log_softmax(OUTSIDE.logits / card.temperature))
    correct = probabilities.argmax(axis=1) == OUTSIDE.labels
    assert sum(answers for _, _, answers, _ in bands) == len(OUTSIDE.labels)
    assert sum(right for _, _, _, right in bands) == int(correct.sum())
    kept = probabilities.max(axis=1) >= card.unsure_below
    assert correct[kept].mean() >= 0.64
    assert kept.mean() >= 0.5


def test_without_other_corpora_there_are_no_outside_figures() -> None:
    card = card_of(TARGET)
    assert not card.outside
    assert 0 <= card.unsure_below <= 1
    assert card.temperature == pytest.approx(2.0, rel=0.1)


def test_calm_counts_as_neutral_where_a_corpus_has_no_calm() -> None:
    """Nine of ten clips are neutral and answered calm: to be scored as right, calm must count."""
    truth = np.repeat([0, 2], [900, 100])
    logits = np.where(np.arange(4) == np.where(truth == 0, 1, 2)[:, None], 4.0, 0.0)
    outside = HeldOut("emodb", True, logits, truth, logits, 0.5, np.zeros(len(truth)))
    bands = card_of(TARGET, outside).outside["bands"]
    assert sum(right for _, _, _, right in bands) == 1_000


def test_labels_that_a_corpus_lacks_are_left_out_of_its_scores() -> None:
    """Clips of two emotions, of which a third is thought most probable: it is no answer there."""
    truth = np.repeat([2, 3], 500)
    logits = 2.0 * np.eye(4)[truth]
    with_third = logits.copy()
    with_third[:, 0] = 9.0
    cards = [
        card_of(TARGET, HeldOut("emodb", True, some, truth, some, 0.5, np.zeros(len(truth))))
        for some in (logits, with_third)
    ]
    assert cards[0].outside == cards[1].outside


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_sound_like_the_targets_has_the_temperature_that_its_speakers_need(share: float) -> None:
    own = held_out("ravdess", 4_000, outside=False, overconfident=3.0, share=share)
    other = held_out("emodb", 4_000, outside=True, overconfident=1.5)
    found = target_temperature(LABELS, [own, other])
    assert found**share == pytest.approx(3.0, rel=0.05)
    np.testing.assert_allclose(own.tempered(found).logits, own.logits / found**share)
    np.testing.assert_array_equal(other.tempered(found).logits, other.logits)
    assert target_temperature(LABELS, [own]) == 1.0


def test_without_held_out_groups_validation_clips_decide() -> None:
    card = card_of(TARGET, held_out=())
    assert card.temperature == pytest.approx(fit_temperature(TARGET.logits, TARGET.labels))
    assert not card.outside
    assert not card.plausible


def test_the_card_names_clips_speakers_licences_and_limits() -> None:
    card = card_of(TARGET, OUTSIDE)
    assert card.training_speakers == ("emodb/a", "emodb/b", "ravdess/a", "ravdess/b")
    assert {corpus: facts["clips"] for corpus, facts in card.corpora.items()} == {"ravdess": 8, "emodb": 8}
    assert "non-commercial" in card.licence  # RAVDESS forbids it, so the weights do
    assert any("4 speakers" in limit for limit in card.limits)
    assert any("one language (de)" in limit for limit in card.limits)
    assert card.parameters == 3 * 4 + 4
