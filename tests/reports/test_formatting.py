from __future__ import annotations

import pytest
from tests.explanation_values import explanation, occlusion

from hearfelt.reports.formatting import bare, interval, many, occlusion_sentence, percent, time_words, why_sentence


@pytest.mark.parametrize(("share", "shown"), [(0.0, "0.0"), (1.0, "100.0"), (0.74609, "74.6"), (0.00049, "0.0")])
def test_a_share_is_written_with_one_decimal(share: float, shown: str) -> None:
    assert bare(share) == shown
    assert percent(share) == f"{shown} %"


def test_an_interval_that_is_not_there_is_a_dash() -> None:
    assert interval(None) == "–"
    assert interval((0.5, 0.6123)) == "50.0–61.2"


def test_one_is_singular_and_nothing_is_not() -> None:
    assert (many(0, "clip"), many(1, "clip"), many(2_452, "clip")) == ("0 clips", "1 clip", "2,452 clips")


def test_times_are_written_as_clocks_do() -> None:
    assert [time_words(time_s) for time_s in (0, 59.4, 61, 3_599, 3_600, 36_061)] == [
        "0:00", "0:59", "1:01", "59:59", "1:00:00", "10:01:01",
    ]  # fmt: skip


def test_tenths_are_rounded_and_carried() -> None:
    assert [time_words(time_s, step_s=0.1) for time_s in (0.04, 0.05000001, 59.96)] == ["0:00.0", "0:00.1", "1:00.0"]


def test_beside_an_hour_every_time_has_hours() -> None:
    assert time_words(5, until_s=3_600) == "0:00:05"


def test_the_sentence_leaves_out_what_hardly_mattered() -> None:
    assert why_sentence(explanation(mfcc=1.0, rms=-0.05)).endswith(
        "the timbre of the voice was the strongest evidence for angry."
    )
    assert why_sentence(explanation(mfcc=1.0, rms=-0.5)).endswith("for angry; loudness against it.")


def test_the_sentence_says_so_if_nothing_was_evidence_for_the_emotion() -> None:
    assert "nothing was evidence for angry" in why_sentence(explanation(mfcc=-1.0, rms=-0.5))


@pytest.mark.parametrize(
    ("time", "band", "words"),
    [
        (1.0, 1.0, "Without 1.0 to 1.2 s it is less confident of angry, and without 2,682 to 3,934 Hz."),
        (-1.0, -1.0, "Without 1.0 to 1.2 s it is more confident of angry, and without 2,682 to 3,934 Hz."),
        (
            1.0,
            -1.0,
            "Without 1.0 to 1.2 s it is less confident of angry, and more confident without 2,682 to 3,934 Hz.",
        ),
    ],
)
def test_the_sentence_of_occlusion_says_what_changes_and_that_it_is_no_cause(
    time: float, band: float, words: str
) -> None:
    sentence = occlusion_sentence(occlusion({10: time, 3: 0.2}, {5: band, 1: 0.2}))
    assert sentence.startswith(words)
    assert sentence.endswith("not a cause.")


def test_where_hardly_anything_changes_the_sentence_says_so() -> None:
    sentence = occlusion_sentence(occlusion({10: 0.05}, {5: -0.09}))
    assert sentence.startswith("No stretch and no band alone makes it much less confident of angry. Occlusion: ")
