from __future__ import annotations

import numpy as np
import pytest

from hearfelt.inference.timeline.voice_activity import (
    BEGINS_AT,
    CHUNK,
    GOES_ON_AT,
    MIN_PAUSE,
    PAD_AFTER,
    PAD_BEFORE,
    SHORTEST_SPEECH,
    Speech,
    SpeechFinder,
    VoiceActivity,
)
from hearfelt.inference.windowing import RATE_HZ

YES, MAYBE, NO = BEGINS_AT + 0.1, (BEGINS_AT + GOES_ON_AT) / 2, GOES_ON_AT - 0.1
SHORTEST, PAUSE = SHORTEST_SPEECH // CHUNK, MIN_PAUSE // CHUNK  # chunks


def probabilities(samples: np.ndarray) -> list[float]:
    activity = VoiceActivity()
    return [activity.probability(samples[start : start + CHUNK]) for start in range(0, len(samples) - CHUNK + 1, CHUNK)]


def stretches(given: list[float]) -> list[Speech]:
    finder = SpeechFinder()
    ended = [speech for one in given if (speech := finder.update(one)) is not None]
    rest = finder.finish()
    return ended if rest is None else [*ended, rest]


def test_a_voice_is_heard_where_it_is_and_nowhere_else(talk: np.ndarray) -> None:
    found = stretches(probabilities(talk))
    assert all(one.is_certain for one in found)
    starts_s, ends_s = [one.start / RATE_HZ for one in found], [one.end / RATE_HZ for one in found]
    assert starts_s == pytest.approx([0.5, 3.98, 6.32, 10.6], abs=0.2)
    assert ends_s == pytest.approx([3.18, 6.22, 9.1, 12.5], abs=0.5)  # the clips end with a little silence


@pytest.mark.parametrize("loudness", [0.01, 0.1, 10.0])
def test_a_quiet_recording_is_heard_as_a_loud_one(talk: np.ndarray, loudness: float) -> None:
    quiet = stretches(probabilities(talk * np.float32(loudness)))
    loud = stretches(probabilities(talk))
    assert [one.is_certain for one in quiet] == [one.is_certain for one in loud]
    for one, other in zip(quiet, loud, strict=True):
        assert (one.start, one.end) == pytest.approx((other.start, other.end), abs=CHUNK)


@pytest.mark.parametrize("kind", ["silence", "noise", "offset", "hum", "tone"])
def test_what_is_no_voice_is_no_speech(kind: str) -> None:
    time_s = np.arange(5 * RATE_HZ) / RATE_HZ
    sound = {
        "silence": np.zeros_like(time_s),
        "noise": np.random.default_rng(0).normal(0, 0.02, len(time_s)),
        "offset": np.full_like(time_s, 0.7),
        "hum": 0.1 * np.sign(np.sin(2 * np.pi * 50 * time_s)),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * time_s),
    }[kind]
    assert not [one for one in stretches(probabilities(sound.astype(np.float32))) if one.is_certain]


def test_two_sounds_heard_at_once_do_not_disturb_each_other(talk: np.ndarray) -> None:
    alone = probabilities(talk[: 3 * RATE_HZ])
    one, other = VoiceActivity(), VoiceActivity()
    together = []
    for start in range(0, 3 * RATE_HZ - CHUNK + 1, CHUNK):
        together.append(one.probability(talk[start : start + CHUNK]))
        other.probability(talk[5 * RATE_HZ + start : 5 * RATE_HZ + start + CHUNK])
    assert together == alone


def test_speech_begins_a_little_before_it_is_noticed_and_ends_with_the_last_sure_chunk() -> None:
    (found,) = stretches([NO] * 20 + [YES] * 10 + [NO] * 30)
    assert found == Speech(20 * CHUNK - PAD_BEFORE, 30 * CHUNK + PAD_AFTER, True)


def test_speech_goes_on_through_doubt_but_does_not_begin_with_it() -> None:
    assert stretches([MAYBE] * 40) == []
    (found,) = stretches([NO] * 20 + [YES] * 2 + [MAYBE] * 20 + [NO] * 30)
    assert found.end == 42 * CHUNK + PAD_AFTER


def test_doubt_after_a_pause_is_part_of_the_pause() -> None:
    (found,) = stretches([YES] * 10 + [NO] * 2 + [MAYBE] * 40)
    assert found.end == 10 * CHUNK + PAD_AFTER


def test_a_short_pause_belongs_to_the_sentence_and_a_long_one_divides() -> None:
    assert len(stretches([YES] * 20 + [NO] * (PAUSE - 1) + [YES] * 20)) == 1
    assert len(stretches([YES] * 20 + [NO] * PAUSE + [YES] * 20)) == 2


def test_a_click_is_not_believed() -> None:
    assert [one.is_certain for one in stretches([NO] * 9 + [YES] * (SHORTEST - 1) + [NO] * 30)] == [False]
    assert [one.is_certain for one in stretches([NO] * 9 + [YES] * SHORTEST + [NO] * 30)] == [True]


def test_stretches_never_overlap_and_never_begin_before_the_sound() -> None:
    generator = np.random.default_rng(4)
    for _ in range(50):
        found = stretches(np.repeat(generator.random(60), generator.integers(1, 9, 60)).tolist())
        edges = [edge for one in found for edge in (one.start, one.end)]
        assert edges == sorted(edges)
        assert not edges or edges[0] >= 0
