"""What ships is what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.evaluation.metrics import METRICS
from hearfelt.evaluation.predictions import Evaluation
from hearfelt.evaluation.results import Results, read_results
from hearfelt.inference.recognizer import Recognizer, shipped_models

RESULTS = Path(__file__).parents[2] / "results" / "unheard-ravdess"


def results_of(name: str) -> Results:
    return read_results(RESULTS / name)


@pytest.mark.parametrize("name", shipped_models())
def test_the_scores_in_a_card_are_those_of_its_results(name: str) -> None:
    scores = Recognizer.load(name, threads=1).card.scores
    assert scores["unheard-ravdess"] == pytest.approx({m: results_of(name).figure(m) for m in METRICS}, abs=1e-6)


@pytest.mark.parametrize("name", shipped_models())
def test_nobody_it_was_measured_on_was_heard(name: str) -> None:
    evaluation: Evaluation = results_of(name).evaluation
    tested = set(evaluation.speakers)
    assert tested == {f"ravdess/{actor}" for actor in ("06", "13", "17", "22")}
    assert not tested & set(Recognizer.load(name, threads=1).card.training_speakers)


@pytest.mark.parametrize("name", shipped_models())
def test_the_shipped_file_still_gives_the_committed_answers(name: str, ravdess: Path) -> None:
    recognizer, evaluation = Recognizer.load(name, threads=1), results_of(name).evaluation
    for row in evaluation.rows[::16]:
        wanted = dict(zip(evaluation.emotions, row.probabilities, strict=True))
        assert recognizer.recognize(ravdess / row.clip).probabilities == pytest.approx(wanted, abs=1e-3)
