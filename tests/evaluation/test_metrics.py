from __future__ import annotations

import audmetric
import numpy as np
import pytest
from pyannote.core import Annotation, Timeline
from pyannote.core import Segment as Stretch
from pyannote.metrics.diarization import DiarizationErrorRate
from pyannote.metrics.identification import IdentificationErrorRate
from scipy.stats import binom
from sklearn import metrics as reference
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from hearfelt.errors import CorpusError
from hearfelt.evaluation.metrics import (
    LabelSpan,
    accuracy,
    bootstrap_by_speaker,
    confusion_matrix,
    coverage_risk,
    ece,
    figures_of,
    frame_confusion,
    frame_labels,
    lowest_class,
    macro_f1,
    per_class,
    reliability,
    risk_at,
    segment_metrics,
    uar,
)

# Four clips of "a", two of "b": one "a" is taken for "b", one "b" for "a".
PENCIL = np.array([[3, 1], [1, 1]])


def answers_of(seed: int, classes: int = 8, clips: int = 500) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(classes, size=clips)
    guess = generator.integers(classes, size=clips)
    return truth, np.where(generator.random(clips) < 0.6, truth, guess)


def test_the_figures_are_those_of_a_pencil() -> None:
    assert accuracy(PENCIL) == pytest.approx(4 / 6)
    assert uar(PENCIL) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert macro_f1(PENCIL) == pytest.approx((3 / 4 + 1 / 2) / 2)  # both F1 equal precision and recall here


def test_a_row_of_the_confusion_matrix_is_a_true_class() -> None:
    assert confusion_matrix(np.array([0, 0, 2]), np.array([1, 0, 2]), 3).tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_are_those_of_scikit_learn(seed: int) -> None:
    truth, predicted = answers_of(seed)
    confusion = confusion_matrix(truth, predicted, 8)
    assert confusion.tolist() == reference.confusion_matrix(truth, predicted).tolist()
    assert accuracy(confusion) == pytest.approx(reference.accuracy_score(truth, predicted))
    assert uar(confusion) == pytest.approx(reference.balanced_accuracy_score(truth, predicted))
    assert macro_f1(confusion) == pytest.approx(reference.f1_score(truth, predicted, average="macro"))
    precision, recall, f1, support = reference.precision_recall_fscore_support(truth, predicted)
    ours = per_class(confusion, [str(sort_key) for sort_key in range(8)])
    assert [one.precision for one in ours] == pytest.approx(precision.tolist())
    assert [one.recall for one in ours] == pytest.approx(recall.tolist())
    assert [one.f1 for one in ours] == pytest.approx(f1.tolist())
    assert [one.support for one in ours] == support.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_are_those_of_audmetric(seed: int) -> None:
    truth, predicted = answers_of(seed)
    figures = figures_of(confusion_matrix(truth, predicted, 8))
    assert figures["accuracy"] == pytest.approx(audmetric.accuracy(truth, predicted))
    assert figures["uar"] == pytest.approx(audmetric.unweighted_average_recall(truth, predicted))
    assert figures["macro_f1"] == pytest.approx(audmetric.unweighted_average_fscore(truth, predicted))


def test_guessing_one_emotion_has_a_uar_of_one_class_in_eight() -> None:
    truth = np.repeat(np.arange(8), [96, *[192] * 7])
    confusion = confusion_matrix(truth, np.full(len(truth), 1), 8)
    assert uar(confusion) == pytest.approx(1 / 8)
    assert accuracy(confusion) == pytest.approx(192 / 1440)


def test_a_class_without_clips_enters_neither_uar_nor_macro_f1_but_answers_of_it_are_wrong() -> None:
    confusion = np.array([[3, 0, 1], [0, 4, 0], [0, 0, 0]])  # nobody spoke the third; it was answered once
    assert uar(confusion) == pytest.approx((3 / 4 + 1) / 2)
    truth, predicted = [0] * 4 + [1] * 4, [0, 0, 0, 2, 1, 1, 1, 1]
    assert macro_f1(confusion) == pytest.approx(reference.f1_score(truth, predicted, labels=[0, 1], average="macro"))
    third = per_class(confusion, ["a", "b", "c"])[2]
    assert (third.precision, third.recall, third.f1, third.support) == (0.0, 0.0, 0.0, 0)


def test_the_lowest_class_is_the_one_recalled_worst_among_those_with_clips() -> None:
    figures = per_class(np.array([[1, 3, 0], [0, 4, 0], [0, 0, 0]]), ["calm", "sad", "angry"])
    assert lowest_class(figures).emotion == "calm"


def test_an_interval_over_speakers_is_that_of_the_binomial_law() -> None:
    # 24 speakers, each wholly right or wholly wrong: the share right follows a coin tossed 24 times.
    right, wrong = np.array([[5, 0], [0, 5]]), np.array([[0, 5], [5, 0]])
    confusions = np.stack([right] * 12 + [wrong] * 12)[None]
    intervals = bootstrap_by_speaker(confusions)
    assert intervals is not None
    expected = [binom.ppf(0.025, 24, 0.5) / 24, binom.ppf(0.975, 24, 0.5) / 24]
    assert list(intervals["accuracy"]) == pytest.approx(expected)
    assert list(intervals["uar"]) == pytest.approx(expected)


def test_clips_of_one_speaker_do_not_make_an_interval_narrower() -> None:
    generator = np.random.default_rng(3)
    few = generator.integers(1, 9, size=(1, 12, 4, 4))
    one, thousand = bootstrap_by_speaker(few), bootstrap_by_speaker(few * 1000)
    assert one is not None
    assert thousand is not None
    assert one["uar"] == pytest.approx(thousand["uar"])


def test_the_interval_of_several_seeds_is_about_their_mean() -> None:
    right, wrong = np.array([[5, 0], [0, 5]]), np.array([[0, 5], [5, 0]])
    seeds = np.stack([np.stack([right] * 6), np.stack([wrong] * 6)])  # one seed all right, one all wrong
    intervals = bootstrap_by_speaker(seeds)
    assert intervals is not None
    assert intervals["uar"] == (0.5, 0.5)


def test_the_draws_are_the_same_each_time() -> None:
    confusions = np.random.default_rng(0).integers(0, 9, size=(2, 10, 5, 5))
    assert bootstrap_by_speaker(confusions) == bootstrap_by_speaker(confusions)


def test_nothing_is_said_about_other_speakers_from_one() -> None:
    assert bootstrap_by_speaker(np.ones((1, 1, 2, 2))) is None


def test_a_speaker_without_some_emotions_is_no_error() -> None:
    one_sided = np.array([[[[4, 0], [0, 0]], [[0, 0], [1, 3]], [[2, 2], [2, 2]]]])
    intervals = bootstrap_by_speaker(one_sided)
    assert intervals is not None
    assert all(0 <= low <= high <= 1 for low, high in intervals.values())


def test_the_calibration_error_is_that_of_a_pencil() -> None:
    # bin (0.8, 0.867]: said 0.85 twice, right once; bin (0.333, 0.4]: said 0.4 once, right.
    assert ece(np.array([0.85, 0.85, 0.4]), np.array([True, False, True])) == pytest.approx((2 * 0.35 + 0.6) / 3)


def test_the_calibration_error_is_that_of_a_plain_loop() -> None:
    generator = np.random.default_rng(1)
    sure = generator.uniform(0.125, 1.0, 2_000)
    right = generator.random(2_000) < sure**1.3
    total = 0.0
    for low in range(15):
        inside = (sure > low / 15) & (sure <= (low + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    assert ece(sure, right) == pytest.approx(total)


def test_a_model_that_keeps_its_word_has_almost_no_calibration_error() -> None:
    generator = np.random.default_rng(2)
    sure = generator.uniform(0.2, 1.0, 100_000)
    assert ece(sure, generator.random(100_000) < sure) < 0.01


def test_certainty_and_zero_fall_into_the_outer_bins() -> None:
    groups = reliability(np.array([0.0, 1.0]), np.array([False, True]))
    assert (groups[0].count, groups[-1].count, len(groups)) == (1, 1, 15)


def test_no_answers_have_no_calibration_error() -> None:
    with pytest.raises(ValueError, match="no predictions"):
        ece(np.array([]), np.array([]))


def test_the_risk_is_that_of_a_plain_loop() -> None:
    generator = np.random.default_rng(8)
    sure = generator.random(200).round(1)
    right = generator.random(200) < sure
    curve = coverage_risk(sure, right)
    assert len(curve) == len(np.unique(sure))
    for (coverage, risk), least in zip(curve, sorted(set(sure), reverse=True), strict=True):
        kept = sure >= least
        assert (coverage, risk) == pytest.approx((kept.mean(), (~right[kept]).mean()))


def test_no_answers_have_no_curve() -> None:
    assert coverage_risk([], []).shape == (0, 2)


def test_weights_count_as_repetitions() -> None:
    sure, right = np.array([0.9, 0.8, 0.8, 0.3, 0.1]), np.array([True, True, False, False, True])
    times = np.array([3, 1, 2, 2, 0])
    repeated = np.repeat(sure, times), np.repeat(right, times)
    np.testing.assert_allclose(coverage_risk(sure, right, weights=times), coverage_risk(*repeated))
    for one, wanted in zip(reliability(sure, right, weights=times), reliability(*repeated), strict=True):
        assert (one.accuracy, one.confidence) == pytest.approx((wanted.accuracy, wanted.confidence))
    assert sum(one.count for one in reliability(sure, right, weights=times)) == 4


def test_the_risk_is_looked_up_where_enough_predictions_are_kept() -> None:
    curve = coverage_risk([0.9, 0.8, 0.8, 0.3], [True, True, False, False])
    assert [risk_at(curve, share) for share in (0.0, 0.25, 0.26, 1.0)] == pytest.approx([0, 0, 1 / 3, 0.5])


EMOTIONS = ("calm", "happy", "sad")


def drawn(generator: np.random.Generator, frames: int) -> list[LabelSpan]:
    """Segments on a grid of 10 ms with gaps between them, some of none."""
    edges = np.sort(generator.choice(frames + 1, 20, replace=False)) / 100
    pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return [LabelSpan(start, end, EMOTIONS[generator.integers(3)]) for start, end in pairs if generator.random() < 0.7]


def annotation(segments: list[LabelSpan]) -> Annotation:
    made = Annotation()
    for sort_key, one in enumerate(segments):
        made[Stretch(one.start_s, one.end_s), sort_key] = one.emotion
    return made


def figures(truth: list[LabelSpan], labels: list[LabelSpan], duration_s: float) -> dict[str, float]:
    labels = (frame_labels(some, duration_s, EMOTIONS) for some in (truth, labels))
    return segment_metrics(frame_confusion(*labels, len(EMOTIONS)))


@pytest.mark.parametrize("seed", range(8))
def test_the_error_rate_and_its_parts_are_those_of_pyannote(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truth, labels = drawn(generator, 1_000), drawn(generator, 1_000)
    ours = figures(truth, labels, 10.0)
    whole = Timeline([Stretch(0, 10)])
    theirs = IdentificationErrorRate()(annotation(truth), annotation(labels), uem=whole, detailed=True)
    assert ours["diarization_error_rate"] == pytest.approx(theirs["identification error rate"], abs=1e-9)
    for mine, yours in (("missed", "missed detection"), ("false_alarm", "false alarm"), ("confusion", "confusion")):
        assert ours[mine] == pytest.approx(theirs[yours] / theirs["total"], abs=1e-9)


def test_it_is_pyannote_s_diarization_error_rate_where_matching_labels_would_change_nothing() -> None:
    truth = [LabelSpan(0.0, 2.0, "sad"), LabelSpan(3.0, 6.0, "calm"), LabelSpan(6.5, 9.0, "happy")]
    labels = [
        LabelSpan(0.3, 2.2, "sad"),
        LabelSpan(2.9, 5.0, "calm"),
        LabelSpan(5.0, 5.8, "sad"),
        LabelSpan(7.0, 9.4, "happy"),
    ]
    theirs = DiarizationErrorRate()(annotation(truth), annotation(labels), uem=Timeline([Stretch(0, 10)]))
    assert figures(truth, labels, 10.0)["diarization_error_rate"] == pytest.approx(theirs, abs=1e-9)


def test_the_shares_of_frames_are_scikit_learn_s() -> None:
    generator = np.random.default_rng(3)
    truth, labels = generator.integers(0, 4, 500), generator.integers(0, 4, 500)
    ours = segment_metrics(frame_confusion(truth, labels, 3))
    assert ours["frame_accuracy"] == pytest.approx(accuracy_score(truth, labels))
    assert ours["frame_uar"] == pytest.approx(balanced_accuracy_score(truth, labels))
    spoken = truth < 3
    assert ours["speech_accuracy"] == pytest.approx(accuracy_score(truth[spoken], labels[spoken]))
    recalls = [np.mean(labels[truth == sort_key] == sort_key) for sort_key in range(3)]
    assert ours["speech_uar"] == pytest.approx(np.mean(recalls))


def test_saying_nothing_misses_everything_and_the_truth_errs_in_nothing() -> None:
    truth = [LabelSpan(1.0, 2.0, "sad"), LabelSpan(2.0, 4.0, "calm")]
    assert figures(truth, [], 5.0)["diarization_error_rate"] == figures(truth, [], 5.0)["missed"] == 1.0
    right = figures(truth, truth, 5.0)
    assert (right["diarization_error_rate"], right["frame_accuracy"], right["speech_uar"]) == (0.0, 1.0, 1.0)


def test_one_long_answer_is_all_false_alarm_where_nobody_speaks() -> None:
    truth, labels = [LabelSpan(4.0, 5.0, "sad")], [LabelSpan(0.0, 10.0, "sad")]
    assert figures(truth, labels, 10.0) == pytest.approx(
        {
            "frame_accuracy": 0.1,
            "frame_uar": 0.5,
            "diarization_error_rate": 9.0,
            "missed": 0.0,
            "false_alarm": 9.0,
            "confusion": 0.0,
            "speech_accuracy": 1.0,
            "speech_uar": 1.0,
        }
    )


def test_a_frame_belongs_to_what_holds_in_its_middle() -> None:
    labels = [
        LabelSpan(0.004, 0.016, "calm"),
        LabelSpan(0.016, 0.0251, "sad"),
        LabelSpan(0.049, 0.9, "happy"),
    ]
    assert frame_labels(labels, 0.06, EMOTIONS).tolist() == [0, 0, 2, 3, 3, 1]


def test_times_that_were_written_with_decimals_fall_into_the_same_frames() -> None:
    exact = [LabelSpan(one / 100, (one + 1) / 100, "sad") for one in range(0, 3_000, 2)]
    written = [LabelSpan(float(f"{s.start_s:.4f}"), float(f"{s.end_s:.4f}"), s.emotion) for s in exact]
    labels = frame_labels(written, 30.0, EMOTIONS)
    assert labels[::2].tolist() == [2] * 1_500
    assert labels[1::2].tolist() == [3] * 1_500


@pytest.mark.parametrize(
    ("segments", "fault"),
    [
        ([LabelSpan(0.0, 1.0, "sad"), LabelSpan(0.5, 2.0, "calm")], "two segments at 0.500 s"),
        ([LabelSpan(1.0, 0.5, "sad")], "the end after the start"),
        ([LabelSpan(-1.0, 0.5, "sad")], "from 0 s on"),
        ([LabelSpan(0.0, 0.5, "bored")], "a segment of 'bored'"),
    ],
)
def test_segments_that_cannot_be_are_refused(segments: list[LabelSpan], fault: str) -> None:
    with pytest.raises(CorpusError, match=fault):
        frame_labels(segments, 3.0, EMOTIONS)


def test_an_error_rate_over_no_speech_is_refused() -> None:
    with pytest.raises(CorpusError, match="no frame of speech"):
        figures([], [LabelSpan(0.0, 1.0, "sad")], 1.0)
