"""The limits of interim results are chosen as their tool says, and docs/live.md says them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from choose_interim import BEGIN, END, LIMITS, PAGE, Streamed, choose, measure, words  # noqa: E402
from hearfelt.inference.timeline.segmenter import INTERIM  # noqa: E402


def test_the_page_says_the_limits_that_the_package_has() -> None:
    text = PAGE.read_text(encoding="utf-8")
    between = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    values = json.loads(LIMITS.read_text(encoding="utf-8"))
    assert " ".join(between.split()) == " ".join(words(values).split())
    assert (INTERIM.least_s, INTERIM.least_confidence) == (values["least_s"], values["least_confidence"])


def clips(sure_s: float) -> list[Streamed]:
    """Results that are wrong and confident before some seconds of speech, and right from there on."""
    wrong, right = np.log([0.9, 0.1]), np.log([0.05, 0.95])
    times_s = (0.75, 1.25, 1.75, 2.25)
    results = tuple((at_s, min(at_s, 2.0), right if at_s >= sure_s else wrong) for at_s in times_s)
    return [Streamed(1, results)] * 20


@pytest.mark.parametrize("sure_s", [0.75, 1.25])
def test_the_first_emotion_comes_as_soon_as_it_is_right(sure_s: float) -> None:
    found = measure(clips(sure_s), choose(clips(sure_s)))
    assert found["median_s"] == sure_s
    assert (found["right"], found["wrong_and_sure"], found["named_within_3_s"]) == (1.0, 0.0, 1.0)
