from __future__ import annotations

import re

import numpy as np
import pytest

from hearfelt.emotions import EMOTIONS
from hearfelt.evaluation.results import Results
from hearfelt.inference.card import ModelCard
from hearfelt.reports.formatting import bare, interval
from result_pages.model_card import Shipped, calibration, card_page, each_emotion, figure_on, figures_table, main_result

TRAINING_SPEAKERS = tuple(f"ravdess/{actor:02d}" for actor in range(1, 25) if actor not in (6, 13, 17, 22))
WEAK = ModelCard(
    "weak",
    "0.2.0",
    EMOTIONS,
    "sound",
    temperature=1.25,
    unsure_below=0.5,
    corpora={
        "ravdess": {"clips": 2036, "fingerprint": "x", "licence": "CC BY-NC-SA 4.0"},
        "mine": {"clips": 7, "fingerprint": "y", "licence": ""},
    },
    training_speakers=(*TRAINING_SPEAKERS, "mine/1"),
    licence="for non-commercial use only: trained on ravdess (CC BY-NC-SA 4.0)",
    description="A weak one.",
    limits=("It is weak.",),
    window_s=10,
    parameters=20_700_000,
)


@pytest.fixture(scope="module")
def page(ladder_results: list[Results]) -> str:
    others = [Shipped(ModelCard("strong", "0.2.0", EMOTIONS, "classic-162"), 900_000)]
    return card_page(Shipped(WEAK, 19_000_000), ladder_results, others=others, speeds={"weak": 306.2})


def test_the_head_says_size_speed_licences_and_the_honest_figure(page: str) -> None:
    head = page.split("## ", 1)[0]
    assert "# Model card: weak\n\nA weak one." in head
    for said in (
        "19.0 MB",
        "| 20.7 M |",
        "306 seconds of sound per second",
        "blocks of at most 10 s",
        "below 50 %",
        "MIT",
    ):
        assert said in head
    assert re.search(r"\(`emobox-ravdess`\), its recipe, trained in every fold, has a UAR of \*\*\d\d\.\d %\*\*", head)


def test_the_prohibition_in_the_european_union_is_named_with_its_article_and_its_exception(page: str) -> None:
    said = " ".join(page.split())
    assert "**at work or in education** is prohibited in the European Union: Article 5(1)(f)" in said
    assert "Regulation (EU) 2024/1689" in said
    assert "except where the system is intended for medical or safety reasons" in said


def test_weights_from_non_commercial_recordings_are_said_to_be_for_non_commercial_use(
    page: str, ladder_results: list[Results]
) -> None:
    assert "**the weights are for non-commercial use**" in page
    free = ModelCard("free", "0.2.0", EMOTIONS, "sound", licence="trained on emodb (CC0)")
    other = card_page(Shipped(free, 1), ladder_results)
    assert "non-commercial" not in other
    assert "The code is under the MIT licence." in other


def test_each_corpus_has_its_licence_and_unseen_actors_are_listed(page: str) -> None:
    assert "(https://zenodo.org/records/1188976) | CC BY-NC-SA 4.0 | 2,036 |" in page
    assert "| mine | – | 7 |" in page
    assert "Trained on 21 speakers" in page
    assert "RAVDESS actor 06, actor 13, actor 17, actor 22, so" in page


def test_limits_are_those_of_the_card_and_of_all_such_models(page: str) -> None:
    limits = page.split("## Limits")[1]
    assert "- It is weak." in limits
    for said in ("acted speech", "few sentences", "few languages"):
        assert said in limits


def test_ladder_confusions_and_confidence_are_in_it(page: str) -> None:
    assert "docs/pictures/leak-ladder.png" in page
    assert "docs/pictures/reliability.png" in page
    assert "Most frequent confusions" in page
    assert "no leakage: split by speaker" in page


def test_the_other_shipped_models_are_listed(page: str) -> None:
    assert "| `strong` | 0.9 | – | – | – | – |" in page


def test_a_model_without_any_result_has_a_card_that_says_so() -> None:
    page = card_page(Shipped(ModelCard("new", "0.2.0", ("calm", "sad"), "sound"), 5), [])
    assert "No results yet." in page
    assert "leak" not in page
    assert "## Other shipped models" not in page
    assert "| parameters |" not in page


def test_parameters_that_the_card_does_not_count_are_taken_from_its_results(ladder_results: list[Results]) -> None:
    card = ModelCard("weak", "0.2.0", EMOTIONS, "sound")
    assert "| parameters | 3.4 M |" in card_page(Shipped(card, 5), ladder_results)


def test_the_result_over_most_speakers_without_a_leak_stands_for_a_model(ladder_results: list[Results]) -> None:
    weak = [one for one in ladder_results if one.name == "weak"]
    main = main_result(list(reversed(weak)))
    assert main is not None
    assert main.protocol == "emobox-ravdess"
    leaky = [one for one in weak if one.summary["leaky"]]
    assert main_result(leaky) is None


def test_every_protocol_has_a_row_with_its_interval_and_those_without_a_leak_stand_first(
    ladder_results: list[Results],
) -> None:
    weak = [one for one in ladder_results if one.name == "weak"]
    lines = figures_table(weak[::-1]).splitlines()[2:]
    assert [line.split("`")[1] for line in lines] == ["emobox-ravdess", "seed-ravdess"]
    honest = weak[0]
    assert f"| **{bare(honest.figure('uar'))}** | {interval(honest.interval('uar'))} |" in lines[0]
    assert lines[0].endswith("| 1,440 | 24 | 2 |")
    assert "**" not in lines[1]


def test_the_main_confusions_are_those_of_the_matrix(ladder_results: list[Results]) -> None:
    evaluation = ladder_results[0].evaluation
    table, confused = each_emotion(ladder_results[0])
    assert len(table.splitlines()) == 2 + 8
    shares = evaluation.confusion / evaluation.confusion.sum(axis=1, keepdims=True)
    np.fill_diagonal(shares, 0)
    truth, answer = np.unravel_index(shares.argmax(), shares.shape)
    worst = f"{evaluation.emotions[truth]} for {evaluation.emotions[answer]} ({100 * shares.max():.0f} %)"
    assert f"clips: {worst}," in confused


def test_the_share_that_was_right_among_answers_of_one_confidence_is_counted(ladder_results: list[Results]) -> None:
    evaluation = ladder_results[0].evaluation
    among = (evaluation.confidences >= 0.7) & (evaluation.confidences < 0.8)
    words, picture = calibration(ladder_results[0])
    right = bare(float(evaluation.correct[among].mean()))
    assert f"Of {among.sum():,} predictions with a confidence of 70 % to 80 %, {right} % were correct." in words
    assert picture.endswith("](docs/pictures/reliability.png)")


def test_a_figure_that_is_not_there_is_a_dash(ladder_results: list[Results]) -> None:
    assert figure_on("emobox-ravdess", "weak", ladder_results) == bare(ladder_results[0].figure("uar"))
    assert figure_on("emobox-ravdess", "strong", ladder_results) == "–"
