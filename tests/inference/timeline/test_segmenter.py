from __future__ import annotations

import itertools
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.errors import ModelError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.timeline.segmenter import (
    CONTEXT_S,
    INTERIM_EVERY_S,
    INTERIM_WINDOW_S,
    LONGEST_S,
    LOOK_AHEAD_S,
    SMOOTHING,
    WINDOW_S,
    Segmenter,
    Smoother,
    Smoothing,
)
from hearfelt.inference.timeline.segments import InterimResult, Segment
from hearfelt.inference.windowing import RATE_HZ

CHUNK_S = 0.032
PAUSE_S = 0.384
Events = list[Segment | InterimResult]


@pytest.fixture(scope="module")
def recognizer(sound_model: Path) -> Recognizer:
    return Recognizer(sound_model, threads=1)


def followed(segmenter: Segmenter, sound: np.ndarray, size: int = RATE_HZ) -> Events:
    told: Events = []
    for start in range(0, len(sound), size):
        told += segmenter.feed(sound[start : start + size])
    return told + segmenter.finish()


def segments_of(told: Events) -> list[Segment]:
    return [one for one in told if isinstance(one, Segment)]


@pytest.fixture(scope="module")
def told(recognizer: Recognizer, talk: np.ndarray) -> Events:
    return followed(Segmenter(recognizer.window_classifier(), with_interim=True), talk)


@settings(max_examples=12, deadline=None)
@given(sizes=st.lists(st.integers(0, 30_000), max_size=40), offset=st.integers(0, 3))
def test_any_blocks_give_the_same_events(
    recognizer: Recognizer, talk: np.ndarray, told: Events, sizes: list[int], offset: int
) -> None:
    segmenter = Segmenter(recognizer.window_classifier(), with_interim=True)
    start, given_out = 0, []
    for size in [offset, *sizes]:
        given_out += segmenter.feed(talk[start : start + size])
        start += size
    assert given_out + segmenter.feed(talk[start:]) + segmenter.finish() == told


def test_segments_lie_in_speech_in_order_and_do_not_overlap(told: Events, talk: np.ndarray) -> None:
    segments = segments_of(told)
    edges = [edge for one in segments for edge in (one.start_s, one.end_s)]
    assert edges == sorted(edges)
    assert edges[0] == pytest.approx(0.5, abs=0.15)
    assert edges[-1] < len(talk) / RATE_HZ
    gaps = [after.start_s - before.end_s for before, after in pairwise(segments)]
    assert sum(gap > PAUSE_S - 0.1 for gap in gaps) == 3  # the pauses between four sentences


def test_a_segment_is_what_is_most_probable_in_it(told: Events, recognizer: Recognizer) -> None:
    for one in segments_of(told):
        assert list(one.probabilities) == list(recognizer.labels)
        assert sum(one.probabilities.values()) == pytest.approx(1)
        assert one.confidence == max(one.probabilities.values()) == one.probabilities[one.emotion]
        assert one.prediction.duration_s == pytest.approx(one.duration_s)


@pytest.mark.parametrize("known_s", [2.0, 4.3, 5.0, 6.1, 7.7, 9.0])
def test_a_segment_hangs_on_nothing_that_is_heard_two_seconds_after_it(
    recognizer: Recognizer, talk: np.ndarray, told: Events, known_s: float
) -> None:
    changed = talk.copy()
    changed[round(known_s * RATE_HZ) :] = talk[RATE_HZ : RATE_HZ + len(talk) - round(known_s * RATE_HZ)][::-1]
    latest_s = known_s - LOOK_AHEAD_S - CHUNK_S
    before = [one for one in segments_of(told) if one.end_s <= latest_s]
    after = segments_of(followed(Segmenter(recognizer.window_classifier()), changed))
    assert after[: len(before)] == before


@pytest.mark.parametrize("kind", ["silence", "noise", "nothing"])
def test_a_sound_without_speech_has_no_segments(recognizer: Recognizer, kind: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, 4 * RATE_HZ).astype(np.float32)
    sound = {"silence": noise * 0, "noise": noise, "nothing": noise[:0]}[kind]
    assert followed(Segmenter(recognizer.window_classifier(), with_interim=True), sound) == []


def test_windows_are_short_and_reach_over_no_pause(recognizer: Recognizer, talk: np.ndarray) -> None:
    windows: list[np.ndarray] = []
    window_classifier = recognizer.window_classifier()

    def answer(window: np.ndarray) -> np.ndarray:
        windows.append(window.copy())
        return window_classifier.log_probabilities(window)

    segments = segments_of(followed(Segmenter(replace(window_classifier, log_probabilities=answer)), talk))
    stretches = [[segments[0].start_s, segments[0].end_s]]
    for before, one in pairwise(segments):
        if one.start_s == before.end_s:
            stretches[-1][1] = one.end_s
        else:
            stretches.append([one.start_s, one.end_s])
    places = [window_place(talk, window) for window in windows]
    for start_s, end_s in places:
        assert end_s - start_s <= WINDOW_S
        within = [one for one in stretches if one[0] < end_s and start_s < one[1]]
        assert len(within) == 1
        assert within[0][0] - CONTEXT_S - 1e-6 <= start_s
        assert end_s <= within[0][1] + CONTEXT_S + 1e-6
    for start_s, end_s in stretches:  # each is shorter than 4 s, and so was judged as a whole in the end
        assert any(one <= start_s and other >= end_s for one, other in places)


def window_place(sound: np.ndarray, window: np.ndarray) -> tuple[float, float]:
    for start in np.flatnonzero(sound[: len(sound) - len(window) + 1] == window[0]):
        if np.array_equal(sound[start : start + len(window)], window):
            return float(start) / RATE_HZ, float(start + len(window)) / RATE_HZ
    raise AssertionError("a window that is not in the sound")


def test_the_present_is_told_twice_a_second_while_somebody_speaks(told: Events) -> None:
    nows = [one for one in told if isinstance(one, InterimResult)]
    for one in nows:
        assert 0.25 <= one.end_s - one.start_s <= INTERIM_WINDOW_S
        assert sum(one.prediction.probabilities.values()) == pytest.approx(1)
    inside = [one.end_s for one in nows if 7.0 <= one.end_s <= 8.5]  # within the third sentence
    assert inside == [7.0, 7.5, 8.0, 8.5]
    assert all(one.end_s % INTERIM_EVERY_S == 0 for one in nows if one.end_s in inside)


def test_the_present_is_first_told_within_a_second_and_a_half(recognizer: Recognizer, talk: np.ndarray) -> None:
    for begins_s in (0.5, 3.98, 10.6):
        for delay in range(0, 8_000, 1_700):  # wherever on the grid of half a second the sentence begins
            segmenter = Segmenter(recognizer.window_classifier(), with_interim=True)
            before = np.random.default_rng(1).normal(0, 1e-4, RATE_HZ + delay).astype(np.float32)
            start = round((begins_s - 0.3) * RATE_HZ)
            heard = np.concatenate([before, talk[start : start + round(1.8 * RATE_HZ)]])
            assert any(isinstance(one, InterimResult) for one in segmenter.feed(heard))


def test_a_monologue_is_divided_so_that_it_is_told_in_time(recognizer: Recognizer, talk: np.ndarray) -> None:
    sentence = talk[round(6.4 * RATE_HZ) : round(9.0 * RATE_HZ)]
    window_classifier = replace(
        recognizer.window_classifier(), log_probabilities=lambda window: np.log(np.linspace(0.2, 0.05, 8))
    )
    segments = segments_of(followed(Segmenter(window_classifier), np.tile(sentence, 20)))
    assert max(one.duration_s for one in segments) <= LONGEST_S
    assert any(after.start_s == before.end_s for before, after in pairwise(segments))


def test_what_is_held_does_not_grow(recognizer: Recognizer, talk: np.ndarray) -> None:
    segmenter = Segmenter(recognizer.window_classifier())

    def size() -> int:
        arrays = [value for held in (segmenter, segmenter._recent) for value in vars(held).values()]
        return sum(value.nbytes for value in arrays if isinstance(value, np.ndarray))

    segmenter.feed(talk)
    once = size()
    for _ in range(2):
        segmenter.feed(talk)
    assert size() <= once + 512 * 4


def by_hand(evidence: np.ndarray, smoothing: Smoothing) -> np.ndarray:
    """Each step's probabilities, by adding up every path there is: ``(steps, labels)``."""
    steps, labels = evidence.shape
    leave = 1 / (smoothing.stay + labels - 1)
    shares = np.zeros((steps, labels))
    for path in itertools.product(range(labels), repeat=steps):
        changes = np.prod([smoothing.stay * leave if a == b else leave for a, b in itertools.pairwise(path)])
        joint = changes * np.exp(smoothing.weight * sum(evidence[step, label] for step, label in enumerate(path)))
        for step, label in enumerate(path):
            shares[step, label] += joint
    return shares / shares.sum(axis=1, keepdims=True)


def test_settled_steps_are_what_adding_up_all_paths_gives() -> None:
    smoothing = Smoothing(stay=8.0, weight=0.6)
    evidence = np.log(np.random.default_rng(1).dirichlet(np.ones(3), size=5))
    smoother = Smoother(3, smoothing)
    for step, one in enumerate(evidence):
        smoother.see(one, range(step, step + 1))
    np.testing.assert_allclose([smoother.settle() for _ in evidence], by_hand(evidence, smoothing), rtol=1e-9)


def test_what_comes_after_a_step_was_settled_changes_only_later_steps() -> None:
    smoothing = Smoothing(stay=8.0, weight=0.6)
    evidence = np.log(np.random.default_rng(2).dirichlet(np.ones(3), size=3))
    smoother = Smoother(3, smoothing)
    smoother.see(evidence[0], range(0, 1))
    smoother.see(evidence[1], range(1, 2))
    first = smoother.settle()
    np.testing.assert_allclose(first, by_hand(evidence[:2], smoothing)[0])
    smoother.see(evidence[2], range(1, 2))
    np.testing.assert_allclose(smoother.settle(), by_hand(evidence, smoothing)[1])


def test_windows_over_one_step_count_as_their_mean() -> None:
    one, two = np.log([0.7, 0.3]), np.log([0.4, 0.6])
    together, mean = Smoother(2), Smoother(2)
    together.see(one, range(-3, 1))
    together.see(two, range(0, 1))
    mean.see((one + two) / 2, range(0, 1))
    np.testing.assert_allclose(together.settle(), mean.settle())


def test_a_step_that_no_window_covers_is_left_open() -> None:
    np.testing.assert_allclose(Smoother(4).settle(), np.full(4, 0.25))
    smoother = Smoother(2, Smoothing(9.0, 1.0))
    smoother.see(np.log([0.9, 0.1]), range(1, 2))
    np.testing.assert_allclose(smoother.settle(), [0.9 * 0.9 + 0.1 * 0.1, 0.9 * 0.1 + 0.1 * 0.9])


def test_one_doubtful_step_among_many_does_not_flicker() -> None:
    smoother = Smoother(2)  # with the chosen numbers
    for step in range(9):
        smoother.see(np.log([0.45, 0.55] if step == 4 else [0.9, 0.1]), range(step, step + 1))
    assert [int(np.argmax(smoother.settle())) for _ in range(9)] == [0] * 9


def test_certainty_beyond_measure_stays_a_number() -> None:
    smoother = Smoother(3)
    with np.errstate(divide="ignore"):
        smoother.see(np.log([1.0, 0.0, 0.0]), range(0, 2))
        smoother.see(np.log([0.0, 1.0, 0.0]), range(1, 3))
    shares = [smoother.settle() for _ in range(3)]
    assert np.isfinite(shares).all()
    np.testing.assert_allclose(np.sum(shares, axis=1), 1)


@pytest.mark.parametrize(("stay", "weight"), [(0.9, 1.0), (float("inf"), 1.0), (2.0, 0.0), (2.0, float("inf"))])
def test_impossible_numbers_are_refused(stay: float, weight: float) -> None:
    with pytest.raises(ModelError, match="smoothing with"):
        Smoothing(stay, weight)


def test_the_chosen_numbers_keep_a_label_rather_than_change_it() -> None:
    assert SMOOTHING.stay > 1
    assert 0 < SMOOTHING.weight <= 1
