from __future__ import annotations

import numpy as np
import pytest
from pyannote.core import Annotation, Timeline
from pyannote.core import Segment as Stretch
from pyannote.metrics.diarization import DiarizationErrorRate
from pyannote.metrics.identification import IdentificationErrorRate
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from hearfelt.errors import CorpusError
from hearfelt.evaluation.diarization import LabelSpan, frame_confusion, frame_labels, segment_metrics

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
