from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.results import Results
from hearfelt.reports.formatting import bare
from result_pages.ladder import LADDER, alt_text, ladder_models, ladder_section, ladder_table, scores_of


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_steps_are_the_protocols_of_the_ladder_in_order() -> None:
    assert [step.protocol for step in LADDER] == [name for name in PROTOCOLS if name.startswith("ladder-")]
    assert not PROTOCOLS[LADDER[0].protocol].leaky
    assert all(PROTOCOLS[step.protocol].leaky for step in LADDER[1:])


def test_the_best_honest_model_stands_first(ladder_results: list[Results]) -> None:
    assert list(ladder_models(ladder_results)) == ["strong", "weak"]


def test_a_step_states_the_figures_of_its_result_and_what_it_adds(ladder_results: list[Results]) -> None:
    rows = [cells(line) for line in ladder_table(ladder_models(ladder_results)).splitlines()]
    assert rows[0] == ["step", "strong: accuracy %", "strong: UAR %", "weak: accuracy %", "weak: UAR %"]
    by_protocol = {one.protocol: one for one in ladder_results if one.name == "weak"}
    first, clips = by_protocol["ladder-strangers"], by_protocol["ladder-clips"]
    assert rows[2][3] == bare(first.figure("accuracy"))
    gain = round(100 * clips.figure("uar"), 1) - round(100 * first.figure("uar"), 1)
    assert rows[3][4] == f"{bare(clips.figure('uar'))} (+{gain:.1f})"


def test_a_step_that_was_not_measured_is_a_dash(ladder_results: list[Results]) -> None:
    models = ladder_models(ladder_results)
    assert scores_of(models["strong"], "accuracy")[3] is None
    assert cells(ladder_table(models).splitlines()[-1])[1] == "–"
    assert "strong from" in alt_text(models)


def test_a_model_without_the_first_or_without_a_further_step_is_on_no_ladder(ladder_results: list[Results]) -> None:
    only_first = [one for one in ladder_results if one.protocol == "ladder-strangers"]
    no_first = [one for one in ladder_results if one.protocol in ("ladder-clips", "ladder-copies")]
    for some in (only_first, no_first, []):
        assert ladder_models(some) == {}
        assert ladder_section(some) == ""


def test_a_result_without_an_emotion_is_on_no_ladder(
    make_results: Callable[..., Results], ladder_results: list[Results], tmp_path: Path
) -> None:
    easy = make_results(tmp_path, "ladder-strangers", "easy", 3.0, drop=("neutral",), seeds=1)
    easy_step = make_results(tmp_path, "ladder-clips", "easy", 3.0, drop=("neutral",), seeds=1)
    assert "easy" not in ladder_models([*ladder_results, easy, easy_step])


def test_the_section_says_which_row_holds_for_a_new_voice(ladder_results: list[Results]) -> None:
    section = ladder_section(ladder_results)
    assert section.startswith("## The leak ladder")
    assert "**Only the first row holds for a new voice.**" in section
    assert "](pictures/leak-ladder.png)" in section


def test_the_student_s_own_way_stands_below_the_ladder_with_and_without_its_choice(
    make_results: Callable[..., Results], ladder_results: list[Results], tmp_path: Path
) -> None:
    own_way = make_results(tmp_path, "student-ravdess", "student", 2.0, seeds=2)
    assert "student" not in ladder_section(ladder_results)
    assert "last epoch" not in ladder_section([*ladder_results, own_way])
    curve = "fold,seed,epoch,validation_accuracy\n1,0,1,0.9\n1,0,2,0.4\n1,1,1,0.6\n1,1,2,0.5\n"
    (own_way.folder / "curves.csv").write_text(curve)
    rows = [cells(line) for line in ladder_section([*ladder_results, own_way]).splitlines() if "epoch, " in line]
    chosen = 100 * own_way.figure("accuracy")
    assert rows == [["the last epoch, without a choice", f"45.0 ({45 - round(chosen, 1):+.1f})".replace("-", "−")]]
