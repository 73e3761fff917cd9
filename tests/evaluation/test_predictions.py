from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hearfelt.emotions import EMOTIONS
from hearfelt.errors import CorpusError
from hearfelt.evaluation.metrics import confusion_matrix
from hearfelt.evaluation.predictions import Evaluation, Row, read_predictions, write_predictions

TWO = ("calm", "sad")
GOOD = "clip,speaker,fold,seed,label,calm,sad\na.wav,mine/a,1,0,sad,0.25,0.75\n"


def test_the_table_has_exactly_the_columns_that_others_read(
    make_evaluation: Callable[..., Evaluation], tmp_path: Path
) -> None:
    write_predictions(make_evaluation(), tmp_path / "predictions.csv")
    with (tmp_path / "predictions.csv").open(newline="") as file:
        header, *lines = list(csv.reader(file))
    assert header == ["clip", "speaker", "fold", "seed", "label", *EMOTIONS]
    assert len(lines) == 6 * 8 * 3 * 2
    assert all(len(share.partition(".")[2]) >= 6 for line in lines for share in line[5:])


def test_what_is_written_is_read_back(make_evaluation: Callable[..., Evaluation], tmp_path: Path) -> None:
    evaluation = make_evaluation()
    write_predictions(evaluation, tmp_path / "p.csv")
    again = read_predictions(tmp_path / "p.csv")
    assert [row.sort_key for row in again.rows] == [row.sort_key for row in evaluation.rows]
    assert np.abs(again.probabilities - evaluation.probabilities).max() <= 0.5e-8
    assert (again.truth == evaluation.truth).all()


def test_the_same_rows_in_any_order_make_the_same_file(
    make_evaluation: Callable[..., Evaluation], tmp_path: Path
) -> None:
    evaluation = make_evaluation()
    write_predictions(evaluation, tmp_path / "one.csv")
    write_predictions(Evaluation(evaluation.emotions, reversed(evaluation.rows)), tmp_path / "other.csv")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()


def test_the_confusions_of_seeds_and_speakers_add_up_to_the_whole(make_evaluation: Callable[..., Evaluation]) -> None:
    evaluation = make_evaluation(speakers=5, seeds=3)
    assert evaluation.confusions.shape == (3, 5, 8, 8)
    assert (evaluation.confusions.sum(axis=(0, 1)) == evaluation.confusion).all()
    one = evaluation.of(seed=2, speaker="made/04")
    assert (evaluation.confusions[2, 4] == confusion_matrix(one.truth, one.predicted, 8)).all()


def test_an_answer_is_the_most_probable_emotion_and_of_equals_the_first() -> None:
    rows = [Row("a.wav", "mine/a", 1, 0, "sad", (0.3, 0.7)), Row("b.wav", "mine/a", 1, 0, "sad", (0.5, 0.5))]
    evaluation = Evaluation(TWO, rows)
    assert evaluation.predicted.tolist() == [1, 0]
    assert evaluation.correct.tolist() == [True, False]


def test_two_corpora_may_have_a_clip_of_the_same_name() -> None:
    rows = [Row("a.wav", corpus, 1, 0, "sad", (0.3, 0.7)) for corpus in ("mine/a", "other/a")]
    assert len(Evaluation(TWO, rows)) == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "the columns are missing"),
        ("clip,speaker,fold,seed,calm,sad\n", "the columns are clip, speaker, fold, seed, calm, sad"),
        ("clip,speaker,fold,seed,label,calm\n", "one of each emotion"),
        (GOOD.splitlines()[0] + "\n", "no predictions"),
        (GOOD + "b.wav,mine/a,1,0,sad,0.25\n", "line 3: 6 fields instead of 7"),
        (GOOD + "b.wav,mine/a,one,0,sad,0.25,0.75\n", "line 3: invalid literal"),
        (GOOD + "b.wav,mine/a,1,0,sad,much,0.75\n", "line 3: could not convert"),
        (GOOD + "b.wav,mine/a,1,0,angry,0.25,0.75\n", "label 'angry'"),
        (GOOD + "b.wav,mine/a,1,0,sad,nan,0.75\n", "one of 0 to 1"),
        (GOOD + "b.wav,mine/a,1,0,sad,-0.25,1.25\n", "one of 0 to 1"),
        (GOOD + "b.wav,mine/a,1,0,sad,0.25,0.25\n", r"add up to 0\.500000"),
        (GOOD + "b.wav,mine/a,1,-1,sad,0.25,0.75\n", "none is below 0"),
        (GOOD + "a.wav,mine/a,1,0,sad,0.25,0.75\n", "predicted twice"),
        (GOOD + "b.wav,mine/a,1,1,sad,0.25,0.75\n", "seed 1 differs from the first"),
        (GOOD + "a.wav,mine/a,2,1,sad,0.25,0.75\n", "seed 1 differs from the first"),
        (GOOD + "a.wav,mine/a,1,1,calm,0.25,0.75\n", "seed 1 differs from the first"),
    ],
)
def test_a_damaged_table_is_refused_with_its_name_and_its_fault(text: str, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text(text)
    with pytest.raises(CorpusError, match=fault) as caught:
        read_predictions(path)
    assert str(path) in str(caught.value)


def test_the_good_table_of_the_faults_above_is_read(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(GOOD)
    assert read_predictions(tmp_path / "p.csv").rows == (Row("a.wav", "mine/a", 1, 0, "sad", (0.25, 0.75)),)


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"gone\.csv"):
        read_predictions(tmp_path / "gone.csv")
