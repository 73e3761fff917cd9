from __future__ import annotations

import numpy as np

from hearfelt.evaluation.results import Results
from hearfelt.reports.formatting import bare, interval
from result_pages.model_card_figures import calibration, each_emotion, figure_on, figures_table, main_result


def test_the_result_over_most_speakers_without_a_leak_stands_for_a_model(climbed: list[Results]) -> None:
    weak = [one for one in climbed if one.name == "weak"]
    main = main_result(list(reversed(weak)))
    assert main is not None
    assert main.protocol == "emobox-ravdess"
    leaky = [one for one in weak if one.summary["leaky"]]
    assert main_result(leaky) is None


def test_every_protocol_has_a_row_with_its_interval_and_those_without_a_leak_stand_first(
    climbed: list[Results],
) -> None:
    weak = [one for one in climbed if one.name == "weak"]
    lines = figures_table(weak[::-1]).splitlines()[2:]
    assert [line.split("`")[1] for line in lines] == ["emobox-ravdess", "seed-ravdess"]
    honest = weak[0]
    assert f"| **{bare(honest.figure('uar'))}** | {interval(honest.interval('uar'))} |" in lines[0]
    assert lines[0].endswith("| 1,440 | 24 | 2 |")
    assert "**" not in lines[1]


def test_the_main_confusions_are_those_of_the_matrix(climbed: list[Results]) -> None:
    evaluation = climbed[0].evaluation
    table, confused = each_emotion(climbed[0])
    assert len(table.splitlines()) == 2 + 8
    shares = evaluation.confusion / evaluation.confusion.sum(axis=1, keepdims=True)
    np.fill_diagonal(shares, 0)
    truth, answer = np.unravel_index(shares.argmax(), shares.shape)
    worst = f"{evaluation.emotions[truth]} for {evaluation.emotions[answer]} ({100 * shares.max():.0f} %)"
    assert f"clips: {worst}," in confused


def test_the_share_that_was_right_among_answers_of_one_confidence_is_counted(climbed: list[Results]) -> None:
    evaluation = climbed[0].evaluation
    among = (evaluation.confidences >= 0.7) & (evaluation.confidences < 0.8)
    words, picture = calibration(climbed[0])
    right = bare(float(evaluation.correct[among].mean()))
    assert f"Of {among.sum():,} answers given with a confidence of 70 % to 80 %, {right} % were right." in words
    assert picture.endswith("](docs/pictures/reliability.png)")


def test_a_figure_that_is_not_there_is_a_dash(climbed: list[Results]) -> None:
    assert figure_on("emobox-ravdess", "weak", climbed) == bare(climbed[0].figure("uar"))
    assert figure_on("emobox-ravdess", "strong", climbed) == "–"
